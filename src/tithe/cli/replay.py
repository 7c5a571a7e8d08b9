"""`tithe replay`: the questions of a project made again from its log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import Cache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tithe.loop.replay import Replayed

_MOST = 10  # lines about what differs


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(no_args_is_help=True)(replay)


def replay(
    project: Annotated[Path, typer.Argument(help="The project's folder.")],
    cache: Cache = None,
) -> None:
    """Make all questions of a project again from its log; exit 1 where one was shown that is not among them.

    Example: tithe replay reviews
    """
    from tithe.cli.show import progress
    from tithe.loop.replay import replay as replayed
    from tithe.loop.workshop import Workshop
    from tithe.store.folder import ProjectFolder
    from tithe.store.sql import opened
    from tithe.views import ViewStore, default_root

    same = True
    with opened(ProjectFolder(project).url, fresh=False) as store:
        for one in store.projects():
            with progress() as tell:
                found = replayed(store.project(one), workshop=Workshop(ViewStore(cache or default_root()), tell=tell))
            for line in _lines(found):
                typer.echo(f"{one}: {line}")
            same = same and not any(proposal.strangers for proposal in found)
    if not same:
        raise typer.Exit(1)


def _lines(found: Sequence[Replayed]) -> list[str]:
    """What came out, a line for each of the first differences, and a last one."""
    differ = [
        f"{item!r}, shown at position {at}, is not in the proposal of position {one.position} "
        f"({one.recipe.strategy}, {one.n} items, seed {one.seed}){': ' + one.trouble if one.trouble else ''}"
        for one in found
        for item, at in one.strangers
    ]
    shown = sum(len(one.shown) for one in found)
    if not differ:
        return [f"{len(found):,} proposals made again; all {shown:,} questions shown are in them"]
    more = [f"and {len(differ) - _MOST:,} more"] if len(differ) > _MOST else []
    said = f"{len(found):,} proposals made again; {len(differ):,} of {shown:,} questions shown are not in them"
    return [*differ[:_MOST], *more, said]
