"""`tithe plugins`: all that is registered, built-in or not."""

from __future__ import annotations

from typing import get_args

import typer


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(plugins)


def plugins() -> None:
    """List strategies, starts, trainers, formats, ...

    Example: tithe plugins
    """
    from tithe import registry

    for kind in get_args(registry.Kind):
        for name in registry.names(kind):
            typer.echo(f"{kind:<11} {name:<20} {registry.origin(kind, name)}")
