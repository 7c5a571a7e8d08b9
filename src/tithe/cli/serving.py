"""A project opened for labelling: made where there is none, checked where there is, served until Ctrl-C."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tithe.cli.show import note, progress

if TYPE_CHECKING:
    from tithe.service.making import Source


@dataclass(frozen=True)
class Door:
    """Where a project is served, and to whom."""

    host: str = "127.0.0.1"
    port: int | None = None
    token: str | None = None
    browser: bool = True


def label_project(path: Path, source: Source | None, door: Door, *, guidelines: str = "", add: bool = False) -> None:
    """Makes the project of a file, or goes on with the one in a folder, and serves it.

    Raises as `making.make`, `making.check`, `serving.claimed` and `serving.opened`: before anything is made.
    """
    from tithe.errors import ConfigError
    from tithe.service import making, serving
    from tithe.service.access import check_token
    from tithe.store.folder import ProjectFolder

    check_token(door.token, public=not serving.is_loopback(door.host))
    is_new = not (path / "project.toml").exists()
    with ExitStack() as stack:
        if not is_new:
            folder = ProjectFolder(path)
            stack.enter_context(folder.locked())  # first, so that a second server says what is wrong, not its port
        elif source is None:
            raise ConfigError(f"there is no project in {path}; give a FILE to make one of")
        at = stack.enter_context(closing(serving.claimed(door.host, door.port)))
        with progress() as tell:
            if is_new and source is not None:
                making.make(path, source, guidelines=guidelines, note=note, tell=tell)
                folder = ProjectFolder(path)
                stack.enter_context(folder.locked())
            check = partial(making.check, source=source, guidelines=guidelines, add=add, note=note, tell=tell)
            server = stack.enter_context(
                serving.opened(folder, at, token=door.token, prepare=None if is_new else check)
            )
        server.run(partial(_ready, browser=door.browser))
    typer.echo(f"ended; every answer is kept. Go on with: tithe label --project {path}")


def _ready(address: str, browser: bool) -> None:
    typer.echo(f"label here (Ctrl-C ends, and nothing is lost): {address}")
    if browser:
        # In a thread: a browser of the terminal would keep the server from answering it.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
