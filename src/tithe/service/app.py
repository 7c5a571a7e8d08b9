"""The app: the API, the pages and the way in, behind one guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from tithe import __version__
from tithe.service import api, door, pages, reference, static
from tithe.service.access import Access
from tithe.service.api.bodies import HealthOut
from tithe.service.problems import install
from tithe.service.security import Guard, is_loopback
from tithe.service.updates import Channels

if TYPE_CHECKING:
    from tithe.service.house import House


def create_app(house: House, *, access: Access, host: str = "127.0.0.1") -> FastAPI:
    """The app that serves the projects of a house to those whom `access` knows, at the address `host`.

    Raises ConfigError where `host` is public and `access` has no token that is strong enough.
    """
    access.check(public=not is_loopback(host))
    app = FastAPI(
        title="tithe",
        version=__version__,
        description="Label a tenth, learn the rest. Errors are problem JSON: type, title, status, detail, field.",
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # whatever the environment says, nothing leaves
    )
    app.state.house, app.state.access = house, access
    app.state.updates = Channels()
    install(app)

    @app.get("/healthz", tags=["service"], summary="Can items be asked for?", response_model=HealthOut)
    def healthz() -> HealthOut:
        """Without a login; 503 where the database cannot be read."""
        for live in house.all():
            live.status()
        return HealthOut()

    app.include_router(api.router())
    for part in (reference.router, door.router, static.router, pages.router()):
        app.include_router(part)
    reference.complete(app)
    app.add_middleware(Guard, access=access, host=host)
    return app
