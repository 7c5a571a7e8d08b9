"""Plain sentences from a group's numbers; they say no more than the tests and intervals allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tithe.experiment.summary.compare import Settings
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

PREFERRED = "auto"
"""Named in the headline if it is shown to be better: being chosen beforehand, it is not the luckiest of many."""


def sentences(group: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """`headline` (text) and `sentences` (a list) of a summarised group."""
    strategies = group["strategies"]
    ended = [_ended(one, settings, unit_of(group)) for one in strategies if one["ends"] is not None]
    if not any(one["strategy"] == settings.baseline for one in strategies):
        text = f"No {settings.baseline} arm: nothing is claimed."
        return {"headline": text, "sentences": [text, *ended]}
    compared = [one for one in strategies if one["against"] is not None]
    if not compared:
        text = f"Only {settings.baseline} was run: there is nothing to compare."
        return {"headline": text, "sentences": [text, *ended]}
    said = [text for one in compared for text in _of_strategy(one, settings, unit_of(group))]
    return {"headline": _group_headline(group, compared, settings), "sentences": [*said, *ended]}


def _ended(strategy: Mapping[str, Any], settings: Settings, unit: str) -> str:
    """Where the runs of a strategy ended, of a group whose runs did not all go as far."""
    ends = strategy["ends"]
    least, most = min(ends["labelled"].values()), max(ends["labelled"].values())
    score = f"{score_percent(ends['score_mean'])} {metric_name(settings.metric)}"
    if least == most:
        return f"{strategy['strategy']} ended at {labels(most)} {unit} with {score}."
    return (
        f"{strategy['strategy']} ended at {labels(least)} to {labels(most)} {unit}, {labels(ends['labelled_mean'])} on "
        f"average, with {score}."
    )


def headline(groups: Sequence[Mapping[str, Any]], baseline: str) -> str:
    """One sentence for the whole simulation."""
    if not groups:
        return "Nothing was run."
    if len(groups) == 1:
        return str(groups[0]["headline"])
    shown = sum(any(is_better(one) for one in group["strategies"]) for group in groups)
    return f"A strategy was shown to be better than {baseline} in {shown} of {len(groups)} settings."


def is_better(strategy: Mapping[str, Any]) -> bool:
    """Whether the strategy was shown to be better than the baseline."""
    return strategy["against"] is not None and bool(strategy["against"]["area"]["better"])


def best(compared: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The strategy that a headline may name: `auto` if it was shown to be better, else the best that was."""
    shown = [one for one in compared if is_better(one)]
    first = [one for one in shown if one["strategy"] == PREFERRED]
    return max(first or shown, key=lambda one: float(one["against"]["area"]["gain"]), default=None)


def saving(strategy: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The highest target with a saving whose interval lies above 0; else the highest with one at all."""
    known = [one for one in strategy["against"]["savings"] if one["saved"] is not None]
    known += [one for one in strategy["against"]["savings"] if one["saved_at_least"] is not None]
    sure = [one for one in known if is_sure(one)]
    return max(sure or known, key=lambda one: (one["saved"] is not None, float(one["share"])), default=None)


def is_sure(found: Mapping[str, Any]) -> bool:
    """Whether the interval of a saving lies above 0."""
    return found["low"] is not None and float(found["low"]) > 0


def _group_headline(group: Mapping[str, Any], compared: Sequence[Mapping[str, Any]], settings: Settings) -> str:
    winner = best(compared)
    base = settings.baseline
    if max(one["against"]["seeds"] for one in compared) < 2:
        return "One seed shows no spread: nothing is claimed."
    if winner is None:
        worse = [one["strategy"] for one in compared if one["against"]["area"]["worse"]]
        if worse:
            return f"No strategy was shown to be better than {base}; {_list(worse)} did worse."
        one = compared[0]["strategy"] if len(compared) == 1 else "any strategy"
        return f"No difference between {one} and {base} could be shown."
    found, full, name = saving(winner), group["full"], winner["strategy"]
    if found is None or full is None or not is_sure(found):
        gain = _points(winner["against"]["area"]["gain"])
        return (
            f"{name} beats {base} by {gain} on average over the budgets; how many {unit_of(group)} that saves is not "
            f"certain."
        )
    score = score_percent(found["share"] * full["score"])
    needs = f"{base} needs {labels(found['baseline_labels'])}"
    if found["baseline_labels"] is None:
        needs = f"{base} does not with {labels(found['budget'])}"
    return (
        f"With {labels(found['labels'])} of {labels(full['labelled'])} {unit_of(group)}, {name} reaches "
        f"{score} {metric_name(settings.metric)}; {needs}."
    )


def _of_strategy(strategy: Mapping[str, Any], settings: Settings, unit: str) -> list[str]:
    """What may be said of one strategy: one sentence on its score, one on labels if it was shown to be better."""
    name, base, test = strategy["strategy"], settings.baseline, strategy["against"]["area"]
    n = strategy["against"]["seeds"]
    if n < 2:
        return [f"{name} and {base} share one seed: no interval, no test, nothing claimed."]
    evidence = f"p {p_value(test['p_holm'])} after Holm, {n} seeds"
    level = percent(settings.level)
    if not (test["better"] or test["worse"]):
        return [
            f"No difference between {name} and {base} could be shown ({evidence}; {level} interval of the mean gain "
            f"{signed(test['low'])} to {signed(test['high'])} points)."
        ]
    said = [
        f"From {labels(test['from'])} to {labels(test['to'])} {unit}, {name} was on average "
        f"{_points(abs(test['gain']))} {'better' if test['better'] else 'worse'} than {base} "
        f"({level} interval {signed(test['low'])} to {signed(test['high'])}; {evidence})."
    ]
    found = saving(strategy)
    if test["better"] and found is not None:
        said.append(_saving_sentence(name, found, settings, unit))
    return said


def _saving_sentence(name: str, found: Mapping[str, Any], settings: Settings, unit: str) -> str:
    base = settings.baseline
    reached = (
        f"{name} reached {percent(found['share'])} of the full-data {metric_name(settings.metric)} with "
        f"{labels(found['labels'])} {unit}, {base} "
    )
    if found["saved"] is None:
        least = percent(found["saved_at_least"])
        return (
            f"{reached}not within {labels(found['budget'])}: at least {least} fewer "
            f"({percent(settings.level)} interval {saved_bounds(found)})."
        )
    suffix = " fewer" if found["saved"] < 0 else ""
    interval = f"{percent(settings.level)} interval {saved_bounds(found)}{suffix}"
    return f"{reached}with {labels(found['baseline_labels'])}: {share_saved(found['saved'])} ({interval})."


def _points(gain: float) -> str:
    return f"{100 * gain:.1f} points"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
