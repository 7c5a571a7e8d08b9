"""`tithe import` and `tithe export`: into a project and out of it, whether its server runs or not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.options import Format


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
    format: Format = None,
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
    source = making.Source(file, text=text, id=id, label=label, ignore_labels=ignore_labels, format=format)
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
    from tithe.service.outgoing import export_folder
    from tithe.store.folder import ProjectFolder

    format_for(out, format)  # a suffix that cannot be written is told now, not after the work
    with progress() as tell:
        done = export_folder(ProjectFolder(project), out, format=format, with_predictions=with_predictions, tell=tell)
    for line in done.notes:
        note(f"{out}: {line}")
    typer.echo(f"exported: {done.rows:,} rows to {done.path}")
