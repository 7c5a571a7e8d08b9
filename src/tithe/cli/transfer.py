"""`tithe import` and `tithe export`: into a project and out of it, whether its server runs or not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("import", no_args_is_help=True)(import_file)
    app.command("export", no_args_is_help=True)(export_file)


def import_file(
    project: Annotated[Path, typer.Argument(help="The project's folder.")],
    file: Annotated[Path, typer.Argument(help="A file with more items.")],
    text: Annotated[str | None, typer.Option(help="The text column.")] = None,
    id: Annotated[str | None, typer.Option(help="The id column.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of the labels that rows have already.")] = None,
    ignore_labels: Annotated[bool, typer.Option("--ignore-labels", help="Ask rows that have a label, too.")] = False,
) -> None:
    """Add the items of a file to a project; labels that rows have count as answers.

    Example: tithe import messages-labels more-messages.csv
    """
    from tithe.cli.show import note, progress
    from tithe.service import making
    from tithe.store import open_store
    from tithe.store.folder import ProjectFolder

    folder = ProjectFolder(project)
    source = making.Source(file, text=text, id=id, label=label, ignore_labels=ignore_labels)
    with closing(open_store(folder.url, fresh=False)) as store, progress() as tell:
        found = making.only_project(store, folder)
        count = making.grow(found, source, note=note, tell=tell)
        total = len(found.snapshot().items)
    typer.echo(f"imported: {count:,} new items, {total:,} in all")


def export_file(
    project: Annotated[Path, typer.Argument(help="The project's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write; one of this name is replaced.")],
    format: Annotated[
        str | None, typer.Option(help="csv, jsonl, parquet, ... (default: as the name of the file says).")
    ] = None,
    with_predictions: Annotated[
        bool, typer.Option("--with-predictions", help="Every item, labelled by people or else by the model.")
    ] = False,
) -> None:
    """Write the answers of a project, or all of its items labelled.

    Example: tithe export messages-labels --with-predictions --out labelled.csv
    """
    from tithe.cli.show import note, progress
    from tithe.data import format_for
    from tithe.service.live import Live
    from tithe.service.making import only_project
    from tithe.store import open_store
    from tithe.store.folder import ProjectFolder

    format_for(out, format)  # a suffix that cannot be written is told now, not after the work
    folder = ProjectFolder(project)
    with closing(open_store(folder.url, fresh=False)) as store, progress() as tell:
        live = Live(only_project(store, folder), url=folder.url, folder=folder.path)
        with closing(live), ThreadPoolExecutor(1) as one:
            running, seen = one.submit(live.export, format, out, with_predictions=with_predictions), 0
            while not running.done():
                seen = live.wait(seen, 0.2)
                if live.background.progress:
                    tell(live.background.detail, *live.background.progress)
            done = running.result()
    for line in done.notes:
        note(f"{out}: {line}")
    typer.echo(f"exported: {done.rows:,} rows to {done.path}")
