"""`tithe starts`: which start suits a file, before much labelling is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import Cache

if TYPE_CHECKING:
    from tithe.models.transfer.ranking import Ranking


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(no_args_is_help=True)(starts)


def starts(
    file: Annotated[Path, typer.Argument(help="A file of texts, some of them with labels.")],
    start: Annotated[str, typer.Option(help="Starts, split at commas: minilm,lexical,minilm+lexical,./folder.")],
    task: Annotated[str, typer.Option(help="What a label means: choice, multilabel or spans.")] = "choice",
    text: Annotated[str | None, typer.Option(help="The text column.")] = None,
    label: Annotated[str | None, typer.Option(help="The label column; blank cells are not labelled yet.")] = None,
    labels_used: Annotated[
        int, typer.Option(help="So many labels, drawn by the seed (default: all, at most 1,000).")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Fixes folds and draws.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A JSON file for all figures, those of each fold too.")] = None,
    cache: Cache = None,
) -> None:
    """Rank starts for a file by what its few labels get out of them.

    The probe is the trainer linear, judged on labels that it did not see. LogME and LEEP train nothing; LEEP is for
    starts that have a classification head.

    Example: tithe starts messages.csv --start minilm,lexical,minilm+lexical
    """
    import json

    from tithe import registry
    from tithe.cli.show import note, progress
    from tithe.data.reading import read_items
    from tithe.models.transfer.ranking import rank_starts
    from tithe.pool import Pool
    from tithe.views import ViewStore, default_root

    if out is not None and not out.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(out.parent))
    items = read_items(file, task=task, text=text, label=label)
    for line in items.notes:
        note(f"{file}: {line}")
    with progress() as tell:
        found = rank_starts(
            Pool(items),
            registry.split_list(start),
            task=task,
            labels_used=labels_used or None,
            seed=seed,
            store=ViewStore(cache or default_root()),
            tell=tell,
        )
    for line in table(found):
        typer.echo(line)
    typer.echo(found.advice)
    if out is not None:
        out.write_text(json.dumps(found.to_json(), indent=1) + "\n", "utf-8")
        typer.echo(f"all figures: {out}")


def table(found: Ranking) -> list[str]:
    """The lines of the table, the best start first."""
    metric = found.rows[0].probe.metric
    rows = [("rank", "start", f"probe {metric}", "LogME", "LEEP", "seconds")]
    for rank, one in enumerate(found.rows, 1):
        transfer = "-" if one.leep is None else f"{one.leep:.3f}"
        score = f"{one.probe.score:.3f} ± {one.probe.error:.3f}"
        rows.append((str(rank), one.start, score, f"{one.logme:.3f}", transfer, f"{one.seconds:.1f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head = f"{found.labels} labels of {found.classes} classes; ± is one standard error"
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return [head, *lines]
