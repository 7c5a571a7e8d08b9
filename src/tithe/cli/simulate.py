"""`tithe simulate` and `tithe report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tithe.cli.options import Answers, Cache, ExportRounds, Format, Imbalance, Initial, Late, Only, People
from tithe.cli.outcome import print_results
from tithe.errors import ConfigError

if TYPE_CHECKING:
    from tithe.experiment.plan import Plan
    from tithe.experiment.results import Results
    from tithe.experiment.study import Study


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(no_args_is_help=True)(simulate)
    app.command(no_args_is_help=True)(report)


_BESIDE_A_PLAN = ("--file", "--out", "--root", "--only", "--export-rounds", "--engine", "--workers", "--cache")


def simulate(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The training file (its labels play the people), or a plan PLAN.toml.")],
    out: Annotated[Path, typer.Option(help="A folder for the results; the same command again goes on there.")],
    test: Annotated[Path | None, typer.Option(help="The test file; it is only ever scored on.")] = None,
    task: Annotated[str, typer.Option(help="What a label means: choice, multilabel or spans.")] = "choice",
    text: Annotated[
        str | None, typer.Option(help="The text column (default: text, else the only string column).")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The label column (default: label).")] = None,
    id: Annotated[str | None, typer.Option(help="The id column (default: id, else a hash of the text).")] = None,
    labels: Annotated[str, typer.Option(help="The declared labels, a,b,c (default: those of the file).")] = "",
    format: Format = None,
    header: Annotated[bool, typer.Option(help="Whether CSV and TSV files begin with the names of the columns.")] = True,
    columns: Annotated[str, typer.Option(help="The names of the columns, a,b,c, for a file without a header.")] = "",
    strategy: Annotated[str, typer.Option(help="Strategies, split at commas: random,margin,auto.")] = "random,auto",
    trainer: Annotated[str, typer.Option(help="Trainers, split at commas.")] = "linear",
    start: Annotated[str, typer.Option(help="Starts, split at commas; a + puts two side by side.")] = "minilm+lexical",
    initial_strategy: Initial = "random",
    budgets: Annotated[
        str, typer.Option(help="Cumulative numbers of labels, the first is the initial batch: 50,100,5%.")
    ] = "",
    initial: Annotated[str, typer.Option(help="Instead of budgets: the size of the first batch.")] = "",
    batches: Annotated[str, typer.Option(help="With --initial: sizes of the batches; the last repeats.")] = "",
    budget_in: Annotated[str, typer.Option(help="What budgets count: items, or tokens (for spans).")] = "items",
    seeds: Annotated[int, typer.Option(help="How many seeds; ten where a claim is to be tested.")] = 10,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    subsample: Annotated[
        float, typer.Option(help="The share of the pool that each seed sees; the whole is embedded once.")
    ] = 1.0,
    embeddings: Annotated[Path | None, typer.Option(help="Your own embeddings X.npy instead of a start.")] = None,
    test_embeddings: Annotated[
        Path | None, typer.Option(help="Those of the test rows, where X.npy lacks them.")
    ] = None,
    stop: Annotated[str, typer.Option(help="Stop rules, split at commas: stabilising,target(accuracy=0.95).")] = "",
    people: People = "",
    answers: Answers = 1,
    late: Late = 0,
    imbalance: Imbalance = 1.0,
    dedupe: Annotated[bool, typer.Option(help="Merge rows of the same text.")] = False,
    drop_leaks: Annotated[bool, typer.Option(help="Leave training rows out whose text is in the test file.")] = False,
    full: Annotated[bool, typer.Option(help="Train once on all labels too, as the yardstick.")] = True,
    root: Annotated[
        Path | None, typer.Option(help="Where relative paths begin; for PLAN.toml, instead of its own root.")
    ] = None,
    only: Only = "",
    export_rounds: ExportRounds = None,
    engine: Annotated[str, typer.Option(help="Where runs go: processes, inline, or stacked (on a GPU).")] = "processes",
    workers: Annotated[int, typer.Option(help="Processes (default: one for each core).")] = 0,
    cache: Cache = None,
) -> None:
    """Play active learning on a labelled file.

    Each arm begins without labels and asks for them; the report shows what that would have saved.

    Example: tithe simulate train.csv --test test.csv --strategy random,margin,auto --budgets 50,100,200,400 --out out

    People who err: --people "noisy(accuracy=0.8),noisy(accuracy=0.9),noisy(towards=similar)" --answers 3 --late 1
    """
    from tithe.experiment.plan import Plan, counts, one_count

    plan: Plan | Study
    if file.suffix == ".toml":
        plan = plan_in(file, ctx, root, only)
    else:
        if only:
            raise ConfigError(f"--only names data sets of a plan, and {file} is none; leave it out")
        if test is None:
            raise ConfigError("no test file was given; name one with --test FILE, it is only ever scored on")
        plan = Plan(
            train=str(file), test=str(test), root=_path(root), task=task, text=text, label=label, id=id,
            labels=_words(labels), format=format, header=header, columns=_words(columns), strategies=_words(strategy),
            trainers=_words(trainer), starts=_words(start), initial_strategy=initial_strategy,
            budgets=counts(budgets), initial=one_count(initial), batches=counts(batches), budget_in=budget_in,
            seeds=seeds, seed=seed, subsample=subsample,
            embeddings=_path(embeddings), test_embeddings=_path(test_embeddings),
            dedupe=dedupe, drop_leaks=drop_leaks, stop=_words(stop), full=full,
            people=_words(people), answers=answers, late=late, imbalance=imbalance,
        )  # fmt: skip
    print_results(play(plan, out, engine=engine, workers=workers, cache=cache, export=export_rounds), out)


def plan_in(file: Path, ctx: typer.Context, root: Path | None, only: str = "") -> Plan | Study:
    """The plan of a file. Raises ConfigError for options that only an experiment without a file can have."""
    from tithe.experiment.study import read_plan

    if unused := [name for name in given_options(ctx) if name not in _BESIDE_A_PLAN]:
        raise ConfigError(f"a plan says all of the experiment itself; leave {', '.join(unused)} out, or edit {file}")
    return read_plan(file, root=_path(root), only=_words(only))


def _words(text: str) -> tuple[str, ...]:
    """The parts of a list on the command line."""
    from tithe import registry

    return tuple(registry.split_list(text))


def _path(path: Path | None) -> str | None:
    """A path as a plan holds it."""
    return None if path is None else str(path)


def given_options(ctx: typer.Context) -> list[str]:
    """The options that stood on the command line, as they are written there."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return [f"--{name.replace('_', '-')}" for name, how in sources.items() if how and how.name == "COMMANDLINE"]


def play(plan: Plan | Study, out: Path, *, engine: str = "processes", workers: int = 0, **more: Any) -> Results:
    """Runs a plan with progress on the terminal."""
    from tithe import registry
    from tithe.cli.show import note, progress
    from tithe.experiment.simulate import simulate

    runner = registry.build("engines", engine, **({"workers": workers} if workers else {}))
    try:
        with progress() as tell:
            return simulate(plan, out, engine=runner, tell=tell, notes=note, **more)
    finally:
        runner.close()


def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `tithe simulate` wrote.")],
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
) -> None:
    """Write the HTML report of one or several simulations, as one.

    The numbers behind each figure go into a folder beside it: both-data for both.html.

    Example: tithe report out/atis out/trec --out both.html
    """
    from tithe.experiment.report import write_report

    page = out if out.suffix == ".html" else out / "report.html"
    data = page.with_name(f"{page.stem}-data")
    write_report(folders, page, data=data)
    typer.echo(f"report: {page}")
    typer.echo(f"the numbers behind its figures: {data}")
