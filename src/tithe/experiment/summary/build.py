"""The summary of a simulation, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import ColumnError
from tithe.experiment.summary.arms import Arm, Columns, Group, Table, columns_of, groups_of, metrics_of
from tithe.experiment.summary.compare import BOTH, SHARES, Settings, against, areas
from tithe.experiment.summary.sentences import headline, sentences
from tithe.experiment.summary.words import group_name
from tithe.rng import stream
from tithe.stats import holm, labels_to, mean_interval, resampled_means

if TYPE_CHECKING:
    import pyarrow as pa

PRIMARY = ("accuracy", "entity_f1", "f1_micro")
"""The metric that curves and claims are about: the first of these that the rows have."""

ASKED = 10
"""Seeds that a claim should stand on."""


def summarise(
    rounds: pa.Table | Columns,
    plan: Mapping[str, Any],
    *,
    baseline: str = "random",
    metric: str | None = None,
    seed: int,
    draws: int = 2000,
) -> dict[str, Any]:
    """What a simulation showed, ready for `summary.json`.

    Args:
        rounds: The columns of `rounds.parquet`; `test_correct` (packed bits) with `test_items` where they were kept.
        plan: The plan as read; its `metric`, if any, is used where `metric` is not given.
        baseline: The strategy that the others are compared with.
        metric: The column that claims are about.
        seed: Of the bootstrap and the drawn sign flips. The same rows and seed give the same summary.
        draws: Resamples of each bootstrap.

    All numbers are plain; null stands for "cannot be said". Only keys ending in `_s` depend on the clock.

        metric (null where the groups differ in it), baseline, level, draws, headline, notes, sentences
        groups: one for each dataset, trainer and start
            dataset, trainer, start, metric, seeds, test_items, headline, notes, sentences
            unit: labels or tokens: what all that is called labels below counts
            full: null or {score, labelled, metrics: {name: mean}, time_s: {part: seconds}}
            strategies: baseline first, then by name
                strategy, seeds: [..]
                curve: [{labelled, mean, low, high, low_items, high_items, n}]   (t over seeds; with test items too)
                metrics: {name: [mean at each budget of the curve]}
                ends: null (all went as far) or {labelled: {seed: n}, score: {seed: score}, labelled_mean, score_mean}
                area: {mean, low, high, from, to, per_seed: {seed: area}}
                labels_to: [{share, target, labels, at_first, budget}]   labels null: not reached within the budget;
                                                               at_first: already at the first budget, so "at most"
                time_s: {budgets: [..], fit_s: [..], view_s: [..], select_s: [..]}   mean seconds for each round
                against: null (the baseline, or nothing shared) or
                    seeds, over: what the savings' interval is drawn over
                    gains: [{labelled, gain, low, high, low_items, high_items}]
                    savings: [{share, labels, at_first, baseline_labels, budget, saved, saved_at_least, low, high}]
                        saved .43: 43 % fewer labels than the baseline. Where only the baseline missed the target,
                        saved_at_least. Where both have it at the first budget, or the strategy missed it: null.
                        A bound that the budget is too short to give is null too.
                    area: {gain, low, high, from, to, n, p_t, p_flips, p_holm, p_flips_holm, better, worse}
                        `better` and `worse` are claims: p_holm (of the t test, over the strategies of this group) below
                        1 - level.

    Curves are compared at the budgets and seeds that both have. Needs no random arm, but without it claims nothing.
    """
    columns = columns_of(rounds)
    wanted = _wanted(columns, metric or plan.get("metric"))
    settings = Settings(wanted or "", baseline, 0.95, draws, seed)
    groups = [_group(group, replace(settings, metric=_metric(group, wanted))) for group in groups_of(columns)]
    several, metrics = len(groups) > 1, {group["metric"] for group in groups}
    return {
        "metric": metrics.pop() if len(metrics) == 1 else None,
        "baseline": baseline,
        "level": settings.level,
        "draws": draws,
        "headline": headline(groups, baseline),
        "notes": [note for group in groups for note in group["notes"]],
        "sentences": [
            f"{group_name(group)}: {sentence}" if several else sentence
            for group in groups
            for sentence in group["sentences"]
        ],
        "groups": groups,
    }


def _wanted(columns: Columns, metric: str | None) -> str | None:
    """The metric that was asked for. Raises ColumnError where the rows have no such metric, or none at all."""
    there = metrics_of(columns)
    if metric is not None and metric not in there:
        raise ColumnError(f"rounds have no metric {metric!r}; there are: {', '.join(there)}")
    if not there:
        raise ColumnError("rounds have no metric column")
    return metric


def _metric(group: Group, wanted: str | None) -> str:
    """The metric of a group: the one asked for, where its task has it, else its task's own."""
    there = [name for arm in (*group.arms, group.full) if arm is not None for name in arm.scores]
    if not there:
        raise ColumnError(f"the rounds of {group.name} have no metric")
    return next((name for name in (wanted, *PRIMARY) if name in there), None) or there[0]


def _group(group: Group, settings: Settings) -> dict[str, Any]:
    """The summary of one group, rounded, with its sentences."""
    arms = sorted(
        (arm for arm in group.arms if len(arm.budgets)), key=lambda arm: (arm.name != settings.baseline, arm.name)
    )
    if settings.metric != "accuracy":  # the bits say what is accurate, nothing else
        arms = [replace(arm, correct=None) for arm in arms]
    full = group.full if group.full is not None and len(group.full.budgets) else None
    base = next((arm for arm in arms if arm.name == settings.baseline), None)
    compared = {arm.name: against(arm, base, full, settings) for arm in arms if base is not None and arm is not base}
    _adjust([one["area"] for one in compared.values() if one is not None], settings)
    stopped = len({end for arm in arms for end in arm.ends.tolist()}) > 1  # some run, before another
    built: dict[str, Any] = {
        "dataset": group.dataset,
        "trainer": group.trainer,
        "start": group.start,
        "unit": group.unit,
        "metric": settings.metric,
        "seeds": max((len(arm.seeds) for arm in arms), default=0),
        "test_items": next((arm.correct.shape[2] for arm in arms if arm.correct is not None), None),
        "full": None if full is None else _full(full, settings),
        "strategies": [
            {
                **_strategy(arm, full, settings),
                "ends": _ends(arm, settings) if stopped else None,
                "against": compared.get(arm.name),
            }
            for arm in arms
        ],
        "notes": _notes(group, arms, base, full, settings),
    }
    plain: dict[str, Any] = _plain(built)
    return {**plain, **sentences(plain, settings)}


def _full(full: Arm, settings: Settings) -> dict[str, Any]:
    """The run on all labels, at its last budget."""
    means = {name: table[:, -1].mean() for name, table in full.scores.items()}
    return {
        "score": means[settings.metric],
        "labelled": full.budgets[-1],
        "metrics": means,
        "time_s": {part: table[:, -1].mean() for part, table in full.seconds.items()},
    }


def _strategy(arm: Arm, full: Arm | None, settings: Settings) -> dict[str, Any]:
    """What one arm shows on its own."""
    scores = arm.scores[settings.metric]
    means = scores.mean(axis=0)
    area = areas(arm, settings.metric)
    mean, low, high = mean_interval(area, settings.level)
    target = float("nan") if full is None else float(full.scores[settings.metric][:, -1].mean())
    reached = [(share, labels_to(arm.budgets, means, share * target)) for share in SHARES if full is not None]
    return {
        "strategy": arm.name,
        "seeds": list(arm.seeds),
        "curve": _curve(arm, scores, settings),
        "metrics": {name: table.mean(axis=0).tolist() for name, table in arm.scores.items()},
        "area": {
            "mean": mean,
            "low": low,
            "high": high,
            "from": arm.budgets[0],
            "to": arm.budgets[-1],
            "per_seed": {str(seed): one for seed, one in zip(arm.seeds, area, strict=True)},
        },
        "labels_to": [
            {
                "share": share,
                "target": share * target,
                "labels": labels,
                "at_first": labels == arm.budgets[0],
                "budget": arm.budgets[-1],
            }
            for share, labels in reached
        ],
        "time_s": {
            "budgets": arm.budgets.tolist(),
            **{part: table.mean(axis=0).tolist() for part, table in arm.seconds.items()},
        },
    }


def _ends(arm: Arm, settings: Settings) -> dict[str, Any]:
    """Where the runs of an arm ended, seed by seed: beyond the last budget of its curve for all but the shortest."""
    scores = arm.last[settings.metric]
    return {
        "labelled": {str(seed): one for seed, one in zip(arm.seeds, arm.ends, strict=True)},
        "score": {str(seed): one for seed, one in zip(arm.seeds, scores, strict=True)},
        "labelled_mean": arm.ends.mean(),
        "score_mean": scores.mean(),
    }


def _curve(arm: Arm, scores: Table, settings: Settings) -> list[dict[str, Any]]:
    """The points of the mean curve with both intervals."""
    bounds = None
    if arm.correct is not None and len(arm.seeds) > 1:
        means = resampled_means(
            arm.correct, stream(settings.seed, "summary", "curve", arm.name), settings.level, settings.draws
        )
        bounds = np.quantile(means, [0.5 - settings.level / 2, 0.5 + settings.level / 2], axis=0)
    points = []
    for i, budget in enumerate(arm.budgets):
        mean, low, high = mean_interval(scores[:, i], settings.level)
        low_items, high_items = (None, None) if bounds is None else bounds[:, i]
        points.append(
            {
                "labelled": budget,
                "mean": mean,
                "low": low,
                "high": high,
                "low_items": low_items,
                "high_items": high_items,
                "n": len(arm.seeds),
            }
        )
    return points


def _adjust(tests: Sequence[dict[str, Any]], settings: Settings) -> None:
    """Adds Holm's p-values over the strategies of a group, and what they allow to claim."""
    for name, adjusted in (("p_t", "p_holm"), ("p_flips", "p_flips_holm")):
        tested = [test for test in tests if test[name] is not None]
        for test, p in zip(tested, holm([test[name] for test in tested]), strict=True):
            test[adjusted] = p
    for test in tests:
        shown = test.get("p_holm") is not None and test["p_holm"] < 1 - settings.level
        test.setdefault("p_holm", None)
        test.setdefault("p_flips_holm", None)
        test["better"], test["worse"] = shown and test["gain"] > 0, shown and test["gain"] < 0


def _notes(group: Group, arms: Sequence[Arm], base: Arm | None, full: Arm | None, settings: Settings) -> list[str]:
    """What a reader must know before believing the numbers."""
    notes = [f"{group.name}: {group.people}."] if group.people else []
    if base is None:
        notes.append(f"{group.name}: no {settings.baseline} arm: nothing is claimed.")
    if full is None:
        notes.append(f"{group.name}: no full-data run, so {group.unit} to a share of its score cannot be given.")
    seeds = min((len(arm.seeds) for arm in arms), default=0)
    if seeds == 1:
        notes.append(f"{group.name}: one seed, so there are no intervals and no tests; nothing is claimed.")
    elif 1 < seeds < ASKED:
        notes.append(f"{group.name}: {seeds} seeds; a claim should stand on {ASKED}.")
    if base is not None and seeds > 1 and any(arm.correct is None for arm in arms):
        notes.append(
            f"{group.name}: intervals are over seeds only, not over test items ({BOTH} need per-item results)."
        )
    for arm in group.arms:
        if arm.unfinished:
            notes.append(
                f"{group.name}: {arm.name} has {arm.unfinished} budgets that not every seed has reached; left out."
            )
        if base is not None and len(arm.budgets) and not np.array_equal(arm.budgets, base.budgets):
            notes.append(f"{group.name}: {arm.name} has other budgets than {base.name}; compared at common ones only.")
    return notes


def _plain(value: Any) -> Any:
    """The value as JSON would hold it: nine significant digits, null for nan and infinity.

    Nine digits, since the last bits of a sum depend on how a processor orders it.
    """
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return None
        short = float(f"{value:.9g}")
        return int(short) if short.is_integer() and abs(short) > 1 else short
    return int(value) if isinstance(value, np.integer) else value
