"""What the terminal says of a server: its address, once, and how to go on after its end."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tithe.service.serving import Server


def run(server: Server, path: Path, *, browser: bool) -> None:
    """Serves until Ctrl-C; opens the page in the browser if wanted."""

    def ready(address: str) -> None:
        typer.echo(f"label here (Ctrl-C ends, and nothing is lost): {address}")
        if browser:
            # In a thread: a browser of the terminal would keep the server from answering it.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    server.run(ready)
    typer.echo(f"ended; every answer is kept. Go on with: tithe label --project {path}")
