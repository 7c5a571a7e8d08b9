"""The tables of a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tithe.experiment.report.markup import Html, Rich, details, table, text
from tithe.experiment.summary.words import (
    labels,
    metric_name,
    p_value,
    percent,
    saved_bounds,
    score_percent,
    share_saved,
    signed,
    unit_of,
)

Group = Mapping[str, Any]


def key_figures(group: Group, winner: Mapping[str, Any] | None, found: Mapping[str, Any] | None, baseline: str) -> Html:
    """Three or four numbers for whoever reads no further."""
    shown = winner or max(_compared(group), key=lambda one: float(one["against"]["area"]["gain"]), default=None)
    cards = []
    if winner is not None and found is not None and found["saved"] is not None:
        cards.append(
            (
                percent(found["saved"]),
                f"fewer {unit_of(group)}",
                f"to {percent(found['share'])} of the full-data score; {saved_bounds(found)}",
            )
        )
    if shown is not None:
        test = shown["against"]["area"]
        spread = "one seed" if test["low"] is None else f"{signed(test['low'])} to {signed(test['high'])}"
        cards.append(
            (signed(test["gain"]), f"points over {baseline}", f"{shown['strategy']}, mean over the budgets; {spread}")
        )
        if test["p_holm"] is not None:
            name = "p after Holm"
            cards.append((p_value(test["p_holm"]).removeprefix("= "), name, f"paired t over {test['n']} seeds"))
    if group["full"] is not None:
        cards.append(
            (
                score_percent(group["full"]["score"]),
                f"with all {unit_of(group)}",
                f"{labels(group['full']['labelled'])} of them",
            )
        )
    return Html(
        '<dl class="cards">'
        + "".join(
            f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd><dd>{text(more)}</dd></div>"
            for value, name, more in cards
        )
        + "</dl>"
    )


def targets(group: Group, summary: Mapping[str, Any]) -> Html:
    """Labels to each share of the full-data score, and what that saves."""
    if group["full"] is None:
        return Html("")
    shares = group["strategies"][0]["labels_to"]
    head = ["Strategy", *(f"{percent(one['share'])} ({score_percent(one['target'])})" for one in shares)]
    rows = []
    for one in group["strategies"]:
        savings = {row["share"]: row for row in (one["against"] or {}).get("savings", [])}
        rows.append(
            [one["strategy"], *(Rich(_target_cell(row, savings.get(row["share"]))) for row in one["labels_to"])]
        )
    over = next((one["against"]["over"] for one in _compared(group) if one["against"]["over"]), None)
    note = (
        f"{unit_of(group).capitalize()} read off the isotonic mean curve; below, what is saved against "
        f"{summary['baseline']} (negative: more)"
    )
    note += f" with its {percent(summary['level'])} bootstrap interval over {over}." if over else "."
    return table(f"{unit_of(group).capitalize()} to a share of the full-data score", head, rows, note=note)


def _target_cell(row: Mapping[str, Any], found: Mapping[str, Any] | None) -> str:
    count = f"> {labels(row['budget'])}" if row["labels"] is None else labels(row["labels"])
    first = f"≤ {count}" if row["at_first"] else count
    if found is None:
        return f"<b>{text(first)}</b>"
    if found["saved"] is None and found["saved_at_least"] is None:
        return f"<b>{text(first)}</b><small>{'no comparison' if row['labels'] is not None else '–'}</small>"
    many = found["saved"] is None
    size = f"≥ {percent(found['saved_at_least'])} fewer" if many else share_saved(found["saved"])
    return f"<b>{text(first)}</b><small>{text(size)}</small><small>{text(saved_bounds(found))}</small>"


def tests(group: Group, summary: Mapping[str, Any]) -> Html:
    """The area under each curve with the paired tests."""
    rows = []
    for one in group["strategies"]:
        area, against = one["area"], one["against"]
        row: list[object] = [one["strategy"], _with(_score(area["mean"]), area["low"], area["high"], _score)]
        test = (against or {}).get("area")
        if test is None:
            row += ["–", "–", "–", "baseline" if one["strategy"] == summary["baseline"] else "not compared"]
        else:
            verdict = "better" if test["better"] else "worse" if test["worse"] else "not shown"
            p_t, p_flips = _p(test["p_t"], test["p_holm"]), _p(test["p_flips"], test["p_flips_holm"])
            row += [_with(signed(test["gain"]), test["low"], test["high"], signed), p_t, p_flips, verdict]
        rows.append(row)
    spans = {(one["area"]["from"], one["area"]["to"]) for one in group["strategies"]}
    over = "Each over the budgets that all its seeds reached, gains over those that both reached"
    if len(spans) == 1:
        first, last = spans.pop()
        over = f"From {labels(first)} to {labels(last)} {unit_of(group)}"
    return table(
        "Area under the curve, and the tests",
        [
            "Strategy",
            "Mean score over the budgets",
            f"Gain over {summary['baseline']} (points)",
            "t test: p after Holm",
            "Sign flips: p after Holm",
            "Verdict",
        ],
        rows,
        note=f"{over}, {percent(summary['level'])} t intervals "
        "over seeds. The verdict is the t test's after Holm over the strategies of this table.",
    )


def gains(group: Group, summary: Mapping[str, Any]) -> Html:
    """The paired gain at each budget with both intervals, a column for each strategy."""
    compared = _compared(group)
    if not compared:
        return Html("")
    budgets = sorted({row["labelled"] for one in compared for row in one["against"]["gains"]})
    by_name = {one["strategy"]: {row["labelled"]: row for row in one["against"]["gains"]} for one in compared}
    rows = [[labels(budget), *(Rich(_gain_cell(by_name[name].get(budget))) for name in by_name)] for budget in budgets]
    return table(
        f"Gain over {summary['baseline']} at each budget, in points of {metric_name(group['metric'])}",
        [unit_of(group).capitalize(), *by_name],
        rows,
        note=f"Paired by seed. First interval: {percent(summary['level'])} t over seeds; second: bootstrap over seeds "
        "and test items together.",
        cls="roomy" if len(by_name) <= 2 else "",
    )


def _gain_cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    parts = [
        f"{signed(row[low])} to {signed(row[high])}"
        for low, high in (("low", "high"), ("low_items", "high_items"))
        if row[low] is not None
    ]
    return f"<b>{text(signed(row['gain']))}</b>" + "".join(f"<small>{text(part)}</small>" for part in parts)


def times(group: Group) -> Html:
    """Mean seconds of a round, by part."""
    parts = (("fit_s", "Fit"), ("view_s", "View"), ("select_s", "Select"))
    rows = []
    for one in group["strategies"]:
        known = [one["time_s"].get(part) or [] for part, _ in parts]
        means = [_mean(values) for values in known]
        rows.append([one["strategy"], *map(_seconds, means), _seconds(sum(m for m in means if m is not None))])
    return table(
        "Time of a round",
        ["Strategy", *(name for _, name in parts), "Together"],
        rows,
        note="Means over rounds and seeds. Fit: training the model. View: computing what the strategy looks at. "
        "Select: choosing the next batch.",
    )


def all_numbers(group: Group, summary: Mapping[str, Any]) -> Html:
    """Every mean of every metric, folded away."""
    return Html("".join(_numbers(group, summary)))


def _numbers(group: Group, summary: Mapping[str, Any]) -> Iterator[Html]:
    for one in group["strategies"]:
        metrics = [name for name in one["metrics"] if name != group["metric"]]
        head = [
            unit_of(group).capitalize(),
            metric_name(group["metric"]),
            "t over seeds",
            "seeds and items",
            *map(metric_name, metrics),
        ]
        rows = [
            [
                labels(point["labelled"]),
                _score(point["mean"]),
                _range(point["low"], point["high"]),
                _range(point["low_items"], point["high_items"]),
                *(_score(one["metrics"][name][i]) for name in metrics),
            ]
            for i, point in enumerate(one["curve"])
        ]
        seeds = ", ".join(map(str, one["seeds"]))
        yield details(
            f"All numbers of {one['strategy']}",
            table(f"{one['strategy']}: means, in per cent (seeds {seeds})", head, rows),
        )


def _compared(group: Group) -> list[Mapping[str, Any]]:
    return [one for one in group["strategies"] if one["against"] is not None]


def _with(mean: str, low: float | None, high: float | None, how: Any) -> Rich:
    more = "" if low is None or high is None else f"<small>{text(f'{how(low)} to {how(high)}')}</small>"
    return Rich(f"<b>{text(mean)}</b>{more}")


def _p(p: float | None, adjusted: float | None) -> Rich:
    if p is None or adjusted is None:
        return Rich("–")
    raw, holm = (p_value(one).removeprefix("= ") for one in (p, adjusted))
    return Rich(f"<b>{text(holm)}</b><small>unadjusted {text(raw)}</small>")


def _score(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None else f"{_score(low)} to {_score(high)}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 1:
        return f"{1000 * value:.{0 if value >= 0.01 else 1}f} ms"
    return f"{value:.{1 if value < 100 else 0}f} s"
