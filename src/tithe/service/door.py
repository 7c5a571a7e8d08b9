"""The way in for browsers: a link that works once becomes a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response

from tithe.service.access import KEPT_S
from tithe.service.pages import render
from tithe.service.state import house_of

if TYPE_CHECKING:
    from tithe.service.access import Access

router = APIRouter(include_in_schema=False)


@router.get("/")
async def first(request: Request) -> Response:
    """The labelling page of the only project, or a list of several."""
    projects = [live.project.id for live in house_of(request).all()]
    if len(projects) == 1:
        return Response(status_code=303, headers={"Location": _home(request)})
    return render("projects.html", projects=[live.info() for live in house_of(request).all()])


@router.get("/open")
async def by_link(request: Request, token: Annotated[str, Query(max_length=500)] = "") -> Response:
    """What the printed link leads to."""
    return _opened(request, token)


@router.post("/open")
async def by_form(request: Request) -> Response:
    """The form of the closed door."""
    said = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=5)
    return _opened(request, said.get("token", [""])[0])


def closed(detail: str, status: int = 401) -> Response:
    """What a stranger sees: what to do, and a form for a token."""
    return render("closed.html", status, detail=detail)


def _home(request: Request) -> str:
    """Where a person begins: the page of the only project, or the list."""
    projects = house_of(request).all()
    return f"/p/{projects[0].project.id}/label" if len(projects) == 1 else "/"


def _opened(request: Request, token: str) -> Response:
    access: Access = request.app.state.access
    value = access.redeem(token)
    if value is None:
        return closed("This link was used before, or is not one of this server.")
    # No redirect: after a click in another site (a terminal in the browser, say) the browser would follow it without
    # the strict cookie. From a page of ours it goes on with it.
    response = render("opened.html", to=_home(request))
    response.set_cookie(access.cookie, value, max_age=KEPT_S, httponly=True, samesite="strict", path="/")
    return response
