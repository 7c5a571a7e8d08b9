"""`tithe plugins`: all that is registered, built-in or not."""

from __future__ import annotations

from typing import get_args

import typer


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(plugins)


def plugins() -> None:
    """List strategies, starts, trainers, formats, ... and what is wrong with any of them.

    Example: tithe plugins
    """
    from tithe import registry
    from tithe.errors import TitheError

    for kind in get_args(registry.Kind):
        for name in registry.names(kind):
            try:
                registry.find(kind, name)
                said = registry.origin(kind, name)
            except TitheError as error:
                said = f"cannot be used: {error}"
            over = registry.passed_over(kind, name)
            said += f"; passed over: {', '.join(over)}" if over else ""
            typer.echo(f"{kind:<11} {name:<22} {said}")
