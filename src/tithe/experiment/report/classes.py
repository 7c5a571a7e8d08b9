"""F1 of each class over labels: a few classes drawn, all in a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tithe.experiment.classes import COLUMNS, unpacked
from tithe.experiment.report.chart import Chart, Line
from tithe.experiment.report.figures import legend, styles
from tithe.experiment.report.markup import Html, details, table, tag, text
from tithe.experiment.summary.arms import BUDGET
from tithe.experiment.summary.words import labels, unit_of
from tithe.tasks.counting import f1

Group = Mapping[str, Any]

DRAWN = 6
"""Classes that get a chart: from the most to the least frequent, evenly spread."""

_LONGEST = 34
"""Letters of a name above a chart 360 wide."""


@dataclass(frozen=True)
class ClassCurve:
    """The mean F1 of one class: `means[strategy][labelled]`, over the seeds. `true` counts it in the test items."""

    name: str
    true: int
    means: Mapping[str, Mapping[float, float]]


def class_curves(group: Group, rounds: Mapping[str, Sequence[Any]]) -> list[ClassCurve]:
    """The classes of a group that the test items have, most frequent first; empty where rows keep no counts."""
    if any(column not in rounds for column in COLUMNS):
        return []
    budgets = {one["strategy"]: {point["labelled"] for point in one["curve"]} for one in group["strategies"]}
    where = (group["dataset"], group["trainer"], group["start"])
    scores: dict[str, dict[str, dict[float, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    true: dict[str, int] = {}
    keys = zip(*(rounds[name] for name in ("dataset", "trainer", "start", "strategy")), strict=True)
    for row, (dataset, trainer, start, strategy) in enumerate(keys):
        labelled = rounds["labelled" if unit_of(group) == "labels" else BUDGET][row]
        if (dataset, trainer, start) != where or labelled not in budgets.get(strategy, ()):
            continue
        for name, counts in unpacked({column: rounds[column][row] for column in COLUMNS}).items():
            if counts[2]:
                scores[name][strategy][float(labelled)].append(f1(*counts))
                true[name] = counts[2]
    order = sorted(scores, key=lambda name: (-true[name], name))
    return [
        ClassCurve(
            name,
            true[name],
            {who: {x: sum(ys) / len(ys) for x, ys in sorted(by.items())} for who, by in scores[name].items()},
        )
        for name in order
    ]


def per_class(group: Group, curves: Sequence[ClassCurve], baseline: str, name: str) -> Html:
    """The charts and the table, folded away; nothing where there are no counts."""
    if not curves:
        return Html("")
    style = styles(group, baseline)
    drawn = [curves[round(at * (len(curves) - 1) / (DRAWN - 1))] for at in range(DRAWN)]
    drawn = drawn if len(curves) > DRAWN else list(curves)
    charts = [
        tag("figure", _chart(group, one, style, f"{name}-class{number}").svg(360, 230))
        for number, one in enumerate(drawn)
    ]
    which = f"{len(drawn)} of {len(curves)} classes, from the most to the least frequent" if len(curves) > DRAWN else ""
    return details(
        "F1 of each class",
        tag("p", text(which), cls="quiet") if which else "",
        tag("div", *charts, cls="small"),
        legend(group, baseline),
        _table(group, curves),
    )


def _chart(group: Group, curve: ClassCurve, style: Mapping[str, int], name: str) -> Chart:
    lines = [Line(who, style[who], list(means), list(means.values())) for who, means in curve.means.items()]
    return Chart(
        name,
        f"F1 of {curve.name} against {unit_of(group)}, {group['dataset']}",
        f"Mean F1 of {curve.name} for each strategy at each budget; the last budget is in the table below.",
        lines,
        f"{_short(curve.name)} ({curve.true:,} in test)",
        x_title=unit_of(group).capitalize(),
        span=(0.0, 1.0),
    )


def _short(name: str) -> str:
    """The name as far as it fits above a small chart."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _table(group: Group, curves: Sequence[ClassCurve]) -> Html:
    names = [one["strategy"] for one in group["strategies"]]
    rows = []
    for curve in curves:
        last = [list(curve.means[name].values())[-1] if name in curve.means else None for name in names]
        rows.append([curve.name, f"{curve.true:,}", *("–" if one is None else f"{100 * one:.1f}" for one in last)])
    most = max(point["labelled"] for one in group["strategies"] for point in one["curve"])
    return table(
        "F1 of each class at the last budget, in per cent",
        ["Class", "In test", *names],
        rows,
        note=f"Means over seeds; up to {labels(most)} {unit_of(group)}.",
    )
