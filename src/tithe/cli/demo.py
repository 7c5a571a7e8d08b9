"""`tithe demo`: the main job on the bundled example."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import Cache

if TYPE_CHECKING:
    from rich.text import Text

_BUDGETS = (40, 70, 100, 130, 160, 200, 250, 300)


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    serve: Annotated[bool, typer.Option(help="Open the labelling page afterwards (in a terminal).")] = True,
    out: Annotated[Path, typer.Option(help="A folder for the results.")] = Path("demo"),
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 10,
    cache: Cache = None,
) -> None:
    """Watch tithe learn the bundled example.

    Example: tithe demo --no-serve --out demo
    """
    from rich.live import Live
    from rich.text import Text

    from tithe.cli.outcome import print_results
    from tithe.cli.show import chart, console, note, progress
    from tithe.data.example import path
    from tithe.experiment.plan import Plan
    from tithe.experiment.runs import FULL, Step
    from tithe.experiment.simulate import Progress, simulate
    from tithe.experiment.world import load, warm_up
    from tithe.views import default_root

    plan = Plan(str(path("train")), str(path("test")), strategies=("random", "auto"), budgets=_BUDGETS, seeds=seeds)
    console.print("1,500 short messages, 8 intents: who needs fewer labels, random choice or tithe's `auto`?")
    with progress() as tell:
        # With bars of its own, before the live chart takes the screen.
        warm_up(load(plan, cache or default_root(), tell), plan)
    found: dict[str, dict[int, list[float]]] = {"random": defaultdict(list), "auto": defaultdict(list)}

    def picture() -> Text:
        curves = {name: [(x, sum(ys) / len(ys)) for x, ys in sorted(points.items())] for name, points in found.items()}
        return Text.assemble(*chart(curves, x_most=_BUDGETS[-1]))

    with Live(picture(), console=console, refresh_per_second=8, transient=not console.is_terminal) as live:

        def on_step(state: Progress, step: Step) -> None:
            if step.row is not None and state.run.strategy != FULL:
                found[state.run.strategy][step.row["labelled"]].append(step.row["accuracy"])
                live.update(picture())

        results = simulate(plan, out, cache=cache, notes=note, on_step=on_step)
    print_results(results, out)
    labels = Path(f"{out}-labels")
    if serve and console.is_terminal:
        from tithe.cli.serving import Door, label_project
        from tithe.service.making import Source

        typer.echo("Now label the same messages yourself, and watch each answer make the next question better.")
        label_project(labels, Source(path("train")), Door())
    else:
        typer.echo(f"Label them yourself: tithe label {path('train')} --project {labels}")
