"""The charts of a group: the learning curves, and the other metrics in small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tithe.experiment.report.chart import Bridge, Chart, Line, swatch
from tithe.experiment.report.markup import Html, tag, text
from tithe.experiment.summary.sentences import best, is_sure, saving
from tithe.experiment.summary.words import labels, metric_name, percent, score_percent, shown_bounds, unit_of

SMALL = ("f1_macro", "recall_macro", "auc", "subset_accuracy", "lrap", "entity_precision", "entity_recall")
"""Metrics that say something beside the main one, in the order shown; at most three are."""


def styles(group: Mapping[str, Any], baseline: str) -> dict[str, int]:
    """The line style of each strategy: 0, the quiet one, is the baseline's."""
    others = [one["strategy"] for one in group["strategies"] if one["strategy"] != baseline]
    others.sort(key=lambda name: (name != "auto", name))
    return {baseline: 0, **{name: number for number, name in enumerate(others, 1)}}


def learning_curve(group: Mapping[str, Any], summary: Mapping[str, Any], name: str) -> Html:
    """The mean score against labels, with the level of all labels and the saving that the headline names."""
    style, metric = styles(group, summary["baseline"]), metric_name(group["metric"])
    title = f"{metric[:1].upper()}{metric[1:]}"  # not capitalize(), which would write F1 small
    banded = _banded(group, summary["baseline"])
    chart = Chart(
        name,
        f"{title} against {unit_of(group)}, {group['dataset']}",
        _in_words(group, metric),
        [_line(one, style[one["strategy"]], one["strategy"] in banded) for one in group["strategies"]],
        title,
        _level(group),
        _bridge(group),
        unit_of(group).capitalize(),
    )
    seeds = group["seeds"]
    whose = "the bands are" if len(banded) == len(group["strategies"]) else f"the bands ({' and '.join(banded)}) are"
    spread = f"Means over {seeds} seeds; {whose} {percent(summary['level'])} t intervals over seeds."
    caption = spread if seeds > 1 else "One seed, so no spread is known."
    return tag(
        "figure",
        f'<div class="wide">{chart.svg(900, 440, suffix="-w")}</div>',
        f'<div class="narrow">{chart.svg(360, 330, suffix="-n")}</div>',
        legend(group, summary["baseline"]),
        tag("figcaption", text(caption)),
    )


def small_multiples(group: Mapping[str, Any], summary: Mapping[str, Any], name: str) -> Html:
    """The other metrics, a small chart each."""
    style, there = styles(group, summary["baseline"]), group["strategies"][0]["metrics"]
    shown = [metric for metric in SMALL if metric in there and metric != group["metric"]]
    charts = []
    for metric in [metric for metric in shown if _whole(group, metric)][:3]:
        words = metric_name(metric)
        full = (group["full"] or {}).get("metrics", {}).get(metric)
        chart = Chart(
            f"{name}-{metric}",
            f"{words[:1].upper()}{words[1:]} against {unit_of(group)}, {group['dataset']}",
            f"Mean {words} of each strategy at each budget; the numbers are in the tables below.",
            [
                Line(one["strategy"], style[one["strategy"]], _budgets(one), one["metrics"][metric])
                for one in group["strategies"]
            ],
            words[:1].upper() + words[1:],
            None if full is None else (full, f"all {unit_of(group)}"),
            x_title=unit_of(group).capitalize(),
        )
        charts.append(tag("figure", chart.svg(360, 260)))
    if not charts:
        return Html("")
    return Html(tag("div", *charts, cls="small") + legend(group, summary["baseline"]))


def legend(group: Mapping[str, Any], baseline: str) -> Html:
    """Which line is which strategy."""
    style = styles(group, baseline)
    names = sorted((one["strategy"] for one in group["strategies"]), key=lambda name: (style[name] == 0, style[name]))
    return tag("ul", *(f"<li>{swatch(style[name])} {text(name)}</li>" for name in names), cls="legend")


def _whole(group: Mapping[str, Any], metric: str) -> bool:
    return all(value is not None for one in group["strategies"] for value in one["metrics"][metric])


def _budgets(strategy: Mapping[str, Any]) -> list[float]:
    return [point["labelled"] for point in strategy["curve"]]


def _banded(group: Mapping[str, Any], baseline: str) -> list[str]:
    """Whose bands are drawn: all up to four; of more, the baseline's and that of the one to look at."""
    names = [one["strategy"] for one in group["strategies"]]
    if len(names) <= 4:
        return names
    winner = best(group["strategies"])
    return [name for name in names if name == baseline or (winner is not None and name == winner["strategy"])]


def _line(strategy: Mapping[str, Any], style: int, banded: bool) -> Line:
    curve: Sequence[Mapping[str, Any]] = strategy["curve"]
    if not banded:
        return Line(strategy["strategy"], style, _budgets(strategy), [point["mean"] for point in curve])
    low, high = zip(*(shown_bounds(point) for point in curve), strict=True)
    return Line(strategy["strategy"], style, _budgets(strategy), [point["mean"] for point in curve], low, high)


def _level(group: Mapping[str, Any]) -> tuple[float, str] | None:
    full = group["full"]
    return full and (full["score"], f"all {labels(full['labelled'])} {unit_of(group)}: {score_percent(full['score'])}")


def _bridge(group: Mapping[str, Any]) -> Bridge | None:
    """The saving of the strategy that the headline names, where it is sure and both ends are in the chart."""
    winner = best(group["strategies"])
    found = winner and saving(winner)
    if not found or not is_sure(found) or found["baseline_labels"] is None or group["full"] is None:
        return None
    return Bridge(
        found["labels"],
        found["baseline_labels"],
        found["share"] * group["full"]["score"],
        f"{percent(found['saved'])} fewer {unit_of(group)}",
    )


def _in_words(group: Mapping[str, Any], metric: str) -> str:
    parts = [
        f"{one['strategy']}: {score_percent(one['curve'][0]['mean'])} at {labels(one['curve'][0]['labelled'])} "
        f"{unit_of(group)}, "
        f"{score_percent(one['curve'][-1]['mean'])} at {labels(one['curve'][-1]['labelled'])}"
        for one in group["strategies"]
    ]
    return f"Mean {metric}. " + "; ".join(parts) + "."
