"""`tithe adapt`: an encoder trained further on unlabelled texts, as a start for that domain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(no_args_is_help=True)(adapt)


def adapt(
    file: Annotated[Path, typer.Argument(help="A file of texts; labels in it are not looked at.")],
    out: Annotated[Path, typer.Option(help="A new folder for the start; give it to --start anywhere.")],
    start: Annotated[str, typer.Option(help="The encoder to begin with: a name or a folder.")] = "minilm",
    text: Annotated[str | None, typer.Option(help="The text column (default: text, else the only string column).")] = (
        None
    ),
    objective: Annotated[
        Literal["auto", "masked", "simcse"],
        typer.Option(
            help="masked: hidden words are said; simcse: a text is known again among others; auto: masked where the "
            "start has a head for it."
        ),
    ] = "auto",
    steps: Annotated[int, typer.Option(help="Steps of training, at most.")] = 300,
    batch: Annotated[int, typer.Option(help="Texts a step.")] = 32,
    rate: Annotated[float, typer.Option(help="The learning rate (default 0: that of the objective).")] = 0.0,
    every: Annotated[int, typer.Option(help="Steps between two checkpoints; killed, it goes on from the last.")] = 100,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    seed: Annotated[int, typer.Option(help="Fixes every draw.")] = 0,
) -> None:
    """Carry an encoder to a new domain, without labels.

    Example: tithe adapt messages.csv --start minilm --out messages-start
    """
    from tithe.cli.show import note, progress
    from tithe.data.reading import read_texts
    from tithe.models.adapting import Adaptation
    from tithe.models.adapting import adapt as adapt_start

    how = Adaptation(objective, steps, batch, rate, every=every, device=device)
    items = read_texts(file, text=text)
    for line in items.notes:
        note(f"{file}: {line}")
    with progress() as tell:
        about = adapt_start(items, start, out, how, seed=seed, tell=tell)
    before, best = about["held_loss_before"], min(loss for _, loss in about["held_losses"])
    typer.echo(
        f"adapted ({about['objective']}) on {about['texts']:,} texts, {about['steps_taken']} of {steps} steps, "
        f"best after {about['best_step']}; loss on {about['held']} held texts {before:.3f} -> {best:.3f}: {out}"
    )
    if best >= before:
        note("the held texts got no easier, so this start may be no better here; more texts of the domain may help")
