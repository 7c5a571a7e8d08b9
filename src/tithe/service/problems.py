"""Errors as problem JSON (RFC 9457): {type, title, status, detail, field}, with the words of the error tree."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from tithe.errors import (
    ConfigError,
    ConflictError,
    DataError,
    LabelError,
    LockedError,
    StoreError,
    TitheError,
    UnknownItemError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUS: dict[type[Exception], int] = {  # the first that fits
    UnknownItemError: 404,
    UnknownNameError: 404,
    ConflictError: 409,
    LockedError: 409,
    LabelError: 422,
    ConfigError: 422,
    DataError: 422,
    StoreError: 503,
    TitheError: 500,
}
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, and what to do."""

    type: str = Field(description="The kind of error, as a URI.", examples=["urn:tithe:label-error"])
    title: str = Field(description="The kind of error in words.")
    status: int = Field(description="The status of the response.")
    detail: str = Field(description="What is wrong, what was given, what to do.")
    field: str | None = Field(description="The field of the request that is wrong, where it is one.")


class Refused(HTTPException):
    """A request that HTTP itself refuses: no login, too large, a forged form.

    An HTTPException, because FastAPI makes a 400 of any other that is raised while it reads a body.
    """

    def __init__(self, status: int, detail: str, *, kind: str = "", headers: Mapping[str, str] | None = None) -> None:
        """`kind` is the type's last part; else that of the status."""
        super().__init__(status, detail, dict(headers or {}))
        self.kind = kind or _kebab(HTTPStatus(status).phrase)


def problem(status: int, kind: str, detail: str, field: str | None = None, **headers: str) -> JSONResponse:
    """A response with a problem in it."""
    body = Problem(type=f"urn:tithe:{kind}", title=HTTPStatus(status).phrase, status=status, detail=detail, field=field)
    return JSONResponse(body.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def of_refusal(refusal: Refused) -> JSONResponse:
    """A refusal as a response."""
    return problem(refusal.status_code, refusal.kind, refusal.detail, **dict(refusal.headers or {}))


def install(app: FastAPI) -> None:
    """Every error of this app becomes a problem, those of FastAPI too."""

    def on_tithe(request: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
        return problem(status, _kebab(type(error).__name__), str(error), getattr(error, "field", None))

    def on_refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return of_refusal(error)

    def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        detail, field = _first_fault(error.errors())
        return problem(422, "invalid-request", detail, field)

    def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        allowed = dict(error.headers or {})
        detail = f"{request.method} {request.url.path}: {error.detail}; GET /openapi.json lists what there is"
        return problem(error.status_code, _kebab(HTTPStatus(error.status_code).phrase), detail, **allowed)

    def on_other(request: Request, error: Exception) -> JSONResponse:
        # Its traceback goes to the server's log, never to the caller.
        return problem(500, "fault", f"a fault of tithe ({type(error).__name__}); the terminal of the server says more")

    for kind, handler in (
        (TitheError, on_tithe),
        (Refused, on_refused),
        (RequestValidationError, on_invalid),
        (HTTPException, on_http),
        (Exception, on_other),
    ):
        app.add_exception_handler(kind, handler)


def _first_fault(found: Any) -> tuple[str, str | None]:
    """One sentence for what FastAPI found, and the name of the field."""
    first = found[0]
    # ("body", "label", "list[str]", 0): the first part is where, further ones may be types of a union.
    path = [str(part) for part in first["loc"][1:]]
    field = path[0] if path and first["type"] != "json_invalid" else None
    given = first.get("input")
    shown = "" if given is None or isinstance(given, dict | list) or first["type"] == "missing" else repr(given)
    said = f"{first['msg'].removeprefix('Value error, ')}" + (f"; given {shown[:60]}" if shown else "")
    return (f"{field}: {said}" if field else f"the {first['loc'][0]}: {said}"), field


def _kebab(name: str) -> str:
    """A class's name or a phrase as a word of a URI.

    >>> _kebab("UnknownItemError"), _kebab("Not Found")
    ('unknown-item-error', 'not-found')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|\s+", "-", name).lower()
