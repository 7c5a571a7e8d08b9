"""What a simulation came to, on the terminal: whole curves for one data set, a few lines for each of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from tithe.experiment.results import Results

Group = Mapping[str, Any]


def print_results(results: Results, out: Path) -> None:
    """The summary as tables and sentences, on stdout."""
    from rich.console import Console

    console = Console(highlight=False)
    summary = results.summary
    groups = [group for group in summary["groups"] if group["strategies"]]
    if len({group["dataset"] for group in groups}) > 1:
        for group in groups:
            _block(console, group, summary["baseline"])
        _over_all(console, groups, _short_names(groups), summary["baseline"])
    else:
        for group in groups:
            _curves(console, group)
        if any(group["seeds"] for group in groups):
            console.print("+ : the 95 % interval of the paired gain over random lies above zero", style="bright_black")
        for sentence in summary["sentences"]:
            console.print(sentence, soft_wrap=True)
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)


def _curves(console: Console, group: Group) -> None:
    """The mean score of each strategy at each budget."""
    from rich.table import Table

    from tithe.experiment.summary.words import unit_of

    console.print(f"{group['dataset']}: {group['metric']}, {group['trainer']} on {group['start']}", soft_wrap=True)
    table = Table()
    table.add_column(unit_of(group), justify="right")
    budgets = sorted({p["labelled"] for s in group["strategies"] for p in s["curve"]})
    for strategy in group["strategies"]:
        table.add_column(strategy["strategy"], justify="right")
    for budget in budgets:
        cells = []
        for strategy in group["strategies"]:
            point = next((p for p in strategy["curve"] if p["labelled"] == budget), None)
            gain = next((g for g in (strategy["against"] or {}).get("gains", []) if g["labelled"] == budget), None)
            sure = gain is not None and gain["low"] is not None and gain["low"] > 0
            cells.append("" if point is None else f"{point['mean']:.4f}{' +' if sure else '  '}")
        table.add_row(f"{budget:g}", *cells)
    if group["full"]:
        table.add_row(f"all {group['full']['labelled']:g}", f"{group['full']['score']:.4f}  ")
    console.print(table)


def _block(console: Console, group: Group, baseline: str) -> None:
    """One data set: the score at the last budget, and the mean gain over all budgets with its interval and test."""
    from rich.table import Table

    from tithe.experiment.summary.words import group_name, p_value, signed, unit_of

    last = max(point["labelled"] for one in group["strategies"] for point in one["curve"])
    whole = group["full"]
    full = f"; with all {whole['labelled']:,g} {unit_of(group)} {100 * whole['score']:.1f}" if whole else ""
    console.print(f"[bold]{_escaped(group_name(group))}[/bold]: {group['metric']}{full}", soft_wrap=True)
    table = Table(box=None, padding=(0, 1))
    table.add_column("", no_wrap=True)
    for head in (f"at {last:,g}", f"over {baseline}", "95 % interval", "p (Holm)"):
        table.add_column(head, justify="right", header_style="bright_black", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in _by_gain(group["strategies"]):
        point = one["curve"][-1]
        score = f"{100 * point['mean']:.1f}" + ("" if point["labelled"] == last else f" (at {point['labelled']:,g})")
        test = (one["against"] or {}).get("area")
        if test is None:
            table.add_row(_escaped(one["strategy"]), score)
            continue
        known = test["low"] is not None
        verdict = "better" if test["better"] else "worse" if test["worse"] else ""
        table.add_row(
            _escaped(one["strategy"]), score, signed(test["gain"]),
            f"{signed(test['low'])} to {signed(test['high'])}" if known else "",
            p_value(test["p_holm"]).removeprefix("= ") if test["p_holm"] is not None else "", verdict,
        )  # fmt: skip
    console.print(table)
    console.print()


def _over_all(console: Console, groups: Sequence[Group], names: Sequence[str], baseline: str) -> None:
    """Strategy against data set: the mean gain over all budgets, in points; the shorter of the two goes across."""
    from rich.table import Table

    from tithe.experiment.summary.words import signed

    cells: dict[tuple[str, str], str] = {}
    better: dict[str, list[int]] = {}
    for name, group in zip(names, groups, strict=True):
        for one in group["strategies"]:
            test = (one["against"] or {}).get("area")
            if test is not None:
                sign = "+" if test["better"] else "−" if test["worse"] else " "
                cells[name, one["strategy"]] = f"{signed(test['gain'])} {sign}"
                better.setdefault(one["strategy"], []).append(int(test["better"]) - int(test["worse"]))
    if not cells:
        return
    strategies = sorted(better)
    tall = len(names) >= len(strategies)
    console.print(f"All data sets: mean gain over {baseline} in points; + better, − worse (Holm, 5 %)", soft_wrap=True)
    table = Table()
    table.add_column("")
    for head in strategies if tall else names:
        table.add_column(_escaped(head), justify="right")
    for row in names if tall else strategies:
        across = strategies if tall else names
        table.add_row(_escaped(row), *(cells.get((row, one) if tall else (one, row), "") for one in across))
    console.print(table)
    for one in strategies:
        wins, losses, many = better[one].count(1), better[one].count(-1), len(better[one])
        console.print(f"{one}: better than {baseline} on {wins} of {many}, worse on {losses}", markup=False)


def _by_gain(strategies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The strategies by their mean gain, the best first; the baseline, and what was not compared, count as 0."""

    def gain(one: Mapping[str, Any]) -> float:
        if one["against"] is None:
            return 0.0
        return float(one["against"]["area"]["gain"])

    return sorted(strategies, key=lambda one: (-gain(one), one["strategy"]))


def _short_names(groups: Sequence[Group]) -> list[str]:
    """The names without the trainer and the start, where all groups share them."""
    from tithe.experiment.summary.words import group_name

    if len({(group["trainer"], group["start"]) for group in groups}) == 1:
        return [group["dataset"] for group in groups]
    return [group_name(group) for group in groups]


def _escaped(text: str) -> str:
    """Text in which no bracket is markup: a strategy may be called mix[1]."""
    from rich.markup import escape

    return escape(text)
