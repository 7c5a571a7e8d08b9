"""`tithe rank`: what to label first, without any labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.options import Cache


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(no_args_is_help=True)(rank)


def rank(
    file: Annotated[Path, typer.Argument(help="A file of texts; labels in it are not looked at.")],
    out: Annotated[
        Path, typer.Option(help="Where the order goes: rank, id, score, text (CSV, TSV, JSONL or Parquet).")
    ],
    strategy: Annotated[
        str, typer.Option(help="A strategy that needs no model: typiclust, k_center, random.")
    ] = "typiclust",
    n: Annotated[int, typer.Option(help="How many items (default: a hundred, or all).")] = 100,
    start: Annotated[str, typer.Option(help="The start whose embeddings it looks at.")] = "minilm",
    embeddings: Annotated[
        Path | None, typer.Option(help="Your own embeddings X.npy, a row for each item, instead of a start.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The text column.")] = None,
    id: Annotated[str | None, typer.Option(help="The id column.")] = None,
    seed: Annotated[int, typer.Option(help="Fixes every draw.")] = 0,
    cache: Cache = None,
) -> None:
    """Order items by what to label first.

    Example: tithe rank messages.csv --strategy typiclust --n 50 --out first.csv
    """
    from tithe.cli.show import note, progress
    from tithe.data import format_for, write_rows
    from tithe.loop.ranking import rank as rank_items
    from tithe.models.given import given_start
    from tithe.pool import read
    from tithe.views import ViewStore, default_root

    format_for(out)  # a suffix that cannot be written is told now, not after the work
    pool = read(file, text=text, id=id)
    for line in pool.items.notes:
        note(f"{file}: {line}")
    with progress() as tell:
        store = ViewStore(cache or default_root())
        source = given_start(pool.items, embeddings) if embeddings else start
        found = rank_items(pool, strategy, min(n, len(pool)), seed, start=source, store=store, tell=tell)
    texts = [pool.items.texts[int(row)] for row in pool.rows(found.ids)]
    columns: dict[str, Sequence[object]] = {
        "rank": list(range(1, len(found) + 1)),
        "id": list(found.ids),
        "score": list(found.scores),
        "text": texts,
    }
    write_rows(out, columns)
    typer.echo(f"{len(found)} of {len(pool)} items by {strategy}: {out}")
