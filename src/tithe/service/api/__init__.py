"""The API, below `/api/v1`: one file for each part of the work."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from tithe.service.problems import MEDIA_TYPE

_SAID = {
    401: "Nobody is logged in.",
    403: "Another site sent the request, or X-CSRF-Token is missing.",
    404: "There is no such project, item or version.",
    409: "Another change came before.",
    413: "The request is too large.",
    422: "The request does not fit; `field` says where.",
    503: "The database cannot be read or written; try again.",
}


def _problem(said: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": said, "content": {MEDIA_TYPE: {"schema": schema}}}


def router() -> APIRouter:
    """All of the API."""
    from tithe.service.api import answers, items, models, project

    whole = APIRouter(prefix="/api/v1", responses={status: _problem(said) for status, said in _SAID.items()})
    for part in (project, answers, items, models):
        whole.include_router(part.router)
    return whole
