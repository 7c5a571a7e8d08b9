"""`tithe profile`: what a data set is like, before anything is labelled or trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tithe.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from tithe.data.profile import Profile
    from tithe.data.profile.lengths import Spread

_TASKS = ("choice", "multilabel", "spans")
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(no_args_is_help=True)(profile)


def profile(
    file: Annotated[Path, typer.Argument(help="A file of texts, with labels or without.")],
    test: Annotated[Path | None, typer.Option(help="A test file, to look for texts that leak into it.")] = None,
    task: Annotated[str, typer.Option(help="What a label means: choice, multilabel, spans.")] = "choice",
    text: Annotated[str | None, typer.Option(help="The column of texts or tokens.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of labels, tags or spans.")] = None,
    id: Annotated[str | None, typer.Option(help="The id column.")] = None,
    format: Annotated[
        str | None, typer.Option(help="The format, where the suffix does not tell; xlsx(sheet='B').")
    ] = None,
    header: Annotated[bool, typer.Option(help="Whether CSV and TSV files begin with the names of the columns.")] = True,
    columns: Annotated[str, typer.Option(help="The names of the columns, a,b,c, for a file without a header.")] = "",
    near: Annotated[float, typer.Option(help="The similarity from which texts are near copies.")] = 0.7,
    out: Annotated[Path, typer.Option(help="The HTML page.")] = Path("profile.html"),
) -> None:
    """Say what a data set is like: labels, lengths, copies, leaks, languages, odd characters.

    Example: tithe profile train.csv --test test.csv --out profile.html
    """
    from tithe import registry
    from tithe.cli.show import progress
    from tithe.data.profile import profile as profiled
    from tithe.data.reading import first_labels, format_beside, read_items
    from tithe.experiment.report.profile import write_profile

    if task not in _TASKS:
        raise ConfigError(f"the task {task!r} has no profile; there are: {', '.join(_TASKS)}")
    if not 0.5 <= near <= 1:
        raise ConfigError(f"--near is a similarity from 0.5 to 1; given {near}")
    if out.is_dir():
        raise ConfigError(f"{out} is a folder; name an HTML file, such as {out / 'profile.html'}")
    names = tuple(registry.split_list(columns)) or None
    how: dict[str, Any] = {
        "text": text,
        "label": label,
        "id": id,
        "header": header,
        "columns": names,
        "drop_blank": True,
    }
    items = read_items(file, task=task, format=format, **how)
    firsts = first_labels(file, format=format, **how) if task == "multilabel" else None
    other = None if test is None else read_items(test, task=task, format=format_beside(file, test, format), **how)
    with progress() as tell:
        found = profiled(items, firsts=firsts, test=other, threshold=near, tell=tell)
    write_profile(found, out)
    show(found)
    typer.echo(f"page: {out}")


def show(found: Profile) -> None:
    """The profile on stdout."""
    from rich.console import Console

    from tithe.experiment.report.sayings import findings, headline

    console = Console(highlight=False)
    _line(console, headline(found), style="bold")
    for one in findings(found):
        _line(console, f"! {one}", style="yellow")
    _labels(console, found)
    _rule(console, "Lengths")
    for each in (found.words, found.characters, found.tokens):
        if each is not None:
            _line(console, _spread(each))
    _copies(console, found)
    _rule(console, "Languages and characters")
    guessed = found.languages
    parts = ", ".join(f"{name} {_share(number, guessed.looked_at)}" for name, number in guessed.counts[:6])
    _line(console, f"by alphabet and stop words, a guess: {parts}")
    for odd in found.oddities:
        _line(console, f"{odd.texts:>7,}  {odd.kind}: {odd.meaning}; for one: {odd.examples[0][1]!r}")
    if not found.oddities:
        _line(console, "no odd characters")


def _labels(console: Console, found: Profile) -> None:
    labels = found.labels
    if labels is None:
        return
    whole = sum(number for _, number in labels.counts) if labels.span_words is not None else labels.labelled
    _rule(console, f"Labels (imbalance {labels.imbalance:,.0f} : 1)")
    _bars(console, labels.counts, whole)
    if labels.per_item is not None:
        _line(console, f"{_spread(labels.per_item, ' an item')}; {labels.empty:,} items have none")
    if labels.span_words is not None:
        _line(console, _spread(labels.span_words, " an entity"))
    together = labels.together
    if together is not None and together.rows:
        said = sorted(
            (
                (number, row, column)
                for row, numbers in zip(together.rows, together.counts, strict=True)
                for column, number in zip(together.columns, numbers, strict=True)
                if number and (together.is_ordered or row < column)
            ),
            key=lambda one: (-one[0], one[1:]),
        )[:5]
        kind = "first label and another" if together.is_ordered else "together"
        _line(console, f"most often {kind}: " + ", ".join(f"{a} + {b} ({number:,})" for number, a, b in said))


def _copies(console: Console, found: Profile) -> None:
    copies, leakage = found.copies, found.leakage
    _rule(console, "Copies")
    _line(
        console,
        f"{copies.identical:,} rows repeat an earlier text, {copies.same_words:,} more its words, "
        f"{copies.near:,} more nearly (similarity {found.threshold} or above)",
    )
    for kind, conflicts in (("the same", copies.conflicts), ("nearly the same", copies.near_conflicts)):
        for each in conflicts[:3]:
            _line(console, f"{kind}, labels differ: {' <> '.join(_cut(one) for one in each.texts)}")
            _line(console, "    " + ", ".join(f"{_cut(label)} ({number})" for label, number in each.labels))
    if leakage is not None:
        _rule(console, "Leakage into the test")
        _line(
            console,
            f"of {leakage.test:,} test texts: {leakage.identical:,} identical, {leakage.same_words:,} more in the same "
            f"words, {leakage.near:,} more nearly; {leakage.other_label:,} identical or same have another label",
        )
        for a, b, alike in leakage.examples[:3]:
            _line(console, f"{alike:.2f}  {_cut(a)}" + ("" if a == b else f"  <>  {_cut(b)}"))


def _bars(console: Console, rows: Sequence[tuple[str, int]], whole: int, most: int = 15) -> None:
    wide = min(34, max(len(name) for name, _ in rows[:most]))
    top = rows[0][1]
    for name, number in rows[:most]:
        bar = "█" * max(1, round(28 * number / top))
        _line(console, f"{_cut(name, wide):<{wide}} {number:>8,} {_share(number, whole):>8}  {bar}")
    if len(rows) > most:
        _line(console, f"and {len(rows) - most:,} more labels, down to {rows[-1][1]:,}")


def _spread(one: Spread, of: str = "") -> str:
    high = max(number for _, _, number in one.bins)
    chart = "".join(_EIGHTHS[-(-8 * number // high)] for _, _, number in one.bins)
    p = one.percentiles
    return (
        f"{one.unit}{of}: median {p[50]:,.0f}, mean {one.mean:,.1f}, 90 % from {p[5]:,.0f} to {p[95]:,.0f}, "
        f"least {one.least:,}, most {one.most:,}  {chart}"
    )


def _share(part: int, whole: int) -> str:
    from tithe.experiment.report.sayings import share

    return share(part, whole)


def _cut(text: str, most: int = 90) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _rule(console: Console, title: str) -> None:
    console.print()
    console.print(title, style="bold cyan", markup=False)


def _line(console: Console, line: str, style: str = "") -> None:
    console.print(line, style=style, markup=False, soft_wrap=True)
