"""The API's reference: OpenAPI as JSON, and a page of it that needs no network and no script."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from tithe.service.pages import render
from tithe.service.problems import Problem

router = APIRouter(include_in_schema=False)

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "The token of `--token` or TITHE_TOKEN; for scripts."},
    "page": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "For pages: the cookie of the printed link, and with each change the page's own token.",
    },
}


def complete(app: FastAPI) -> None:
    """Adds to the app's OpenAPI what FastAPI cannot see: how to log in, and what errors look like."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        said = plain()
        said["components"]["securitySchemes"] = _SCHEMES
        said["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        for path, methods in said["paths"].items():
            for operation in methods.values():
                operation["security"] = [] if path == "/healthz" else [{"token": []}, {"page": []}]
        return said

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI's own way to extend it


@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    """The whole API, for programs."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """The whole API, for people."""
    return render("docs.html", api=request.app.openapi(), name_of=_name_of)


def _name_of(schema: dict[str, Any]) -> str:
    """A schema in a few words.

    >>> _name_of({"type": "array", "items": {"$ref": "#/components/schemas/Item"}})
    'list of Item'
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_name_of(one) for one in schema[key]))
    if "enum" in schema or "const" in schema:
        return " | ".join(map(repr, schema.get("enum", [schema.get("const")])))
    if schema.get("type") == "array":
        return f"list of {_name_of(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
