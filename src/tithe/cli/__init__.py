"""The command line. One file a group of commands: each reads options, calls the library and shows the result."""

from __future__ import annotations

import sys

import typer

from tithe.cli import adapt, demo, label, models, plugins, profile, rank, replay, simulate, starts, store, transfer
from tithe.errors import TitheError

_INTERRUPTED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    name="tithe",
    help="Label a tenth, learn the rest: active learning from a file of texts to a good model.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, label, simulate, rank, starts, models, adapt, profile, store, transfer, replay, plugins):
    module.add_to(app)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    if version:
        from tithe import __version__

        typer.echo(f"tithe {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs a command. An error is one line on stderr and exit 2; Ctrl-C is one line and exit 130."""
    try:
        code = app(prog_name="tithe", standalone_mode=False)  # typer's own errors are several lines long
    except (TitheError, OSError, typer.TyperException) as error:
        sys.stderr.write(f"{_line(error)}\n")
        sys.exit(2)
    if code == _INTERRUPTED:
        sys.stderr.write("tithe: stopped. Nothing finished is lost: the same command goes on from here\n")
    sys.exit(code if isinstance(code, int) else 0)


def _line(error: TitheError | OSError | typer.TyperException) -> str:
    """What is written of an error."""
    if isinstance(error, TitheError):
        return f"tithe: {error}"
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"tithe: {error.strerror or error}{where}"
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
        return error.format_message()
    help_of = f"; see {context.command_path} --help" if context else ""
    return f"tithe: {' '.join(error.format_message().split()).rstrip('.')}{help_of}"
