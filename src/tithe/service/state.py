"""What every request knows: the live project, and who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from fastapi import Depends, Request

if TYPE_CHECKING:
    from tithe.service.house import House
    from tithe.service.live import Live
    from tithe.service.updates import Channels, Updates


class Session(NamedTuple):
    """Who asks. `csrf` is what a page sends back with each change; empty for a script with a bearer token."""

    annotator: str
    csrf: str


def session_of(request: Request) -> Session:
    """Who asks; the guard has checked it before any route was chosen."""
    session: Session = request.scope["tithe.session"]
    return session


def updates_of(request: Request, live: Live) -> Updates:
    """The one who tells all open pages of a project what changes."""
    channels: Channels = request.app.state.updates
    return channels.of(live)


def house_of(request: Request) -> House:
    """All projects of the server."""
    house: House = request.app.state.house
    return house


async def here(request: Request, project: str) -> Live:
    """The live project of a path with `{project}` in it. Raises UnknownNameError where there is none."""
    return house_of(request).live(project)


async def annotator(request: Request) -> str:
    """The name under which answers of this request are kept."""
    return session_of(request).annotator


# Coroutines, because FastAPI would send each plain function to a thread of its own.
Here = Annotated["Live", Depends(here)]
Who = Annotated[str, Depends(annotator)]
