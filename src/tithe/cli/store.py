"""`tithe backup`, `tithe restore`: a project's database as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(no_args_is_help=True)(backup)
    app.command(no_args_is_help=True)(restore)


def backup(
    project: Annotated[Path, typer.Argument(help="The project's folder.")],
    out: Annotated[Path, typer.Option(help="The new file.")],
) -> None:
    """Write a project's database into one file, while its server goes on.

    Example: tithe backup reviews --out reviews-monday.tithe
    """
    from tithe.store.folder import ProjectFolder
    from tithe.store.portable import backup as write

    write(ProjectFolder(project).url, out)
    typer.echo(f"backup: {out} ({out.stat().st_size:,} bytes)")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `tithe backup` wrote.")],
    project: Annotated[Path, typer.Argument(help="The folder to make, or one whose project has lost its database.")],
    database: Annotated[
        str, typer.Option(help="A file name in the folder, or the URL of a database.")
    ] = "tithe.sqlite",
) -> None:
    """Bring a backup back, in a new folder or a database without projects.

    Example: tithe restore reviews-monday.tithe reviews
    """
    from tithe.store.folder import ProjectFolder
    from tithe.store.portable import restore as read

    with ProjectFolder.making(project, database) as folder:
        found = read(file, folder.url)
    typer.echo(f"restored: {', '.join(found)} in {project}")
