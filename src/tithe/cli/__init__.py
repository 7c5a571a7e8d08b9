"""The command line. One file a group of commands: each reads options, calls the library and shows the result."""

from __future__ import annotations

import sys

import typer

from tithe.cli import demo, models, plugins, rank, simulate
from tithe.errors import TitheError

app = typer.Typer(
    name="tithe",
    help="Label a tenth, learn the rest: active learning from a file of texts to a good model.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, simulate, rank, models, plugins):
    module.add_to(app)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    if version:
        from tithe import __version__

        typer.echo(f"tithe {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs a command. An error of ours is one line on stderr and exit 2; Ctrl-C is exit 130."""
    try:
        app(standalone_mode=True)
    except TitheError as error:
        sys.stderr.write(f"tithe: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("\ntithe: stopped. Nothing finished is lost: the same command goes on from here\n")
        sys.exit(130)
    except OSError as error:
        sys.stderr.write(f"tithe: {error.strerror or error}: {error.filename or ''}\n")
        sys.exit(2)
