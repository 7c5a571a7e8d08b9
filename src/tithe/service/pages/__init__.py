"""The pages. One file here is one page: it says `page = Page(...)`, and a template has what it shows.

    # pages/items.py
    page = Page("items", "Items", order=20)          # GET /p/{project}/items shows templates/items.html

A template extends `base.html` and knows `project` (`Live.info()`), `page` (its name), `pages` ((name, href, title) of
each, for the navigation), `static(path)` (a URL with a content hash), `csrf`, `live_status` (of when the page was
drawn, as JSON), and what `more` of its page adds. A file with requests of its own beside the page has a `router` as
well; its paths stand below `/p/{project}`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tithe.service.state import here, house_of, session_of
from tithe.service.static import url

if TYPE_CHECKING:
    from tithe.service.live import Live


@dataclass(frozen=True)
class Page:
    """One page of a project, at `/p/{project}/{name}`, from `templates/{name}.html`.

    `order` is its place in the navigation; `more` gives what its template needs beyond the common variables, by the
    live project and the request. It runs in a thread, so it may wait for the database.
    """

    name: str
    title: str
    order: int
    more: Callable[[Live, Request], Mapping[str, Any]] | None = None


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(Path(__file__).parents[1] / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def modules() -> tuple[Any, ...]:
    """The files of the pages, in the order of the navigation."""
    found = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    return tuple(sorted(found, key=lambda module: module.page.order))


def render(template: str, status: int = 200, **variables: Any) -> HTMLResponse:
    """A template as a response; everything in it is escaped unless it is marked safe."""
    text = _templates().get_template(template).render(static=url, **variables)
    return HTMLResponse(text, status)


def show(request: Request, page: Page, **more: Any) -> HTMLResponse:
    """A page of the project in the request's path, with the common variables and `more`."""
    live = house_of(request).live(request.path_params["project"])
    now = json.dumps(live.status())  # first: what changes from here on, the page's script finds new
    project = live.info()
    pages = [(m.page.name, f"/p/{project['id']}/{m.page.name}", m.page.title) for m in modules()]
    if page.more is not None:
        more = {**page.more(live, request), **more}
    csrf = session_of(request).csrf
    return render(f"{page.name}.html", project=project, page=page.name, pages=pages, csrf=csrf, live_status=now, **more)


def router() -> APIRouter:
    """All pages of one project."""
    whole = APIRouter(prefix="/p/{project}", include_in_schema=False, dependencies=[Depends(here)])
    for module in modules():
        whole.add_api_route(f"/{module.page.name}", _showing(module.page), methods=["GET"], name=module.page.name)
        if hasattr(module, "router"):
            whole.include_router(module.router)
    return whole


def _showing(page: Page) -> Callable[[Request], HTMLResponse]:
    def shown(request: Request) -> HTMLResponse:
        return show(request, page)

    return shown
