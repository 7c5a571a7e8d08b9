"""`tithe label`: a project from a file, and its labelling page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tithe.cli.options import Format


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("label", no_args_is_help=True)(label_file)


def label_file(
    file: Annotated[Path | None, typer.Argument(help="A file of texts; later it may be left out.")] = None,
    task: Annotated[str | None, typer.Option(help="What a label means: choice (default), multilabel, spans.")] = None,
    labels: Annotated[str | None, typer.Option(help="The labels, split at commas (default: those in FILE).")] = None,
    labels_from: Annotated[
        Path | None, typer.Option(help="A .txt with a label on each line, or a labelled data file.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The text column.")] = None,
    id: Annotated[str | None, typer.Option(help="The id column.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of the labels that rows have already.")] = None,
    format: Format = None,
    ignore_labels: Annotated[bool, typer.Option("--ignore-labels", help="Ask rows that have a label, too.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Add what is new in FILE to the project.")] = False,
    project: Annotated[
        Path | None, typer.Option(help="The project's folder (default: FILE's name and -labels).")
    ] = None,
    guidelines: Annotated[
        list[Path] | None, typer.Option(help="A Markdown file to show beside the text; may be given several times.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; one that others can reach needs a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port (default: the first free one from 8765).")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="TITHE_TOKEN", help="For scripts: Authorization: Bearer TOKEN.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Label a file in the browser; started again, it goes on where it was.

    Example: tithe label messages.csv --task choice --labels question,praise,complaint
    """
    from tithe.cli.serving import Door, label_project
    from tithe.errors import ConfigError
    from tithe.service import making

    if file is None and project is None:
        raise ConfigError("give a FILE to label, or the folder of a project: tithe label --project DIR")
    said = making.guidelines_in(guidelines or [])
    asked = making.labels_asked(labels, labels_from, task or "choice")
    source = None if file is None else making.Source(file, task, asked, text, id, label, ignore_labels, format)
    path = project or Path(making.folder_name(str(file)))
    label_project(path, source, Door(host, port, token, browser), guidelines=said, add=add)
