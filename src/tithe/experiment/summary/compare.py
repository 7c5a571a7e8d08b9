"""One strategy against the baseline: gains at each budget, labels saved, and the test on the area under the curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe.experiment.summary.arms import Arm, Table
from tithe.rng import stream
from tithe.stats import (
    area_under_curve,
    crossings,
    isotonic_rows,
    mean_interval,
    paired_permutation,
    paired_t,
    resampled_means,
)

SHARES = (0.90, 0.95, 0.98, 0.99)
"""Of the full-data score: the targets that labels are counted to."""

BOTH = "seeds and test items"
"""What an interval is drawn over where every run kept which test items it got right."""


@dataclass(frozen=True)
class Settings:
    """What every part of a summary shares."""

    metric: str
    baseline: str
    level: float
    draws: int
    seed: int


def areas(arm: Arm, metric: str) -> Table:
    """(S,) the area under each seed's curve."""
    return np.array([area_under_curve(arm.budgets, row) for row in arm.scores[metric]])


def against(arm: Arm, base: Arm, full: Arm | None, settings: Settings) -> dict[str, Any] | None:
    """The comparison over the seeds and budgets that both have; None where they share none."""
    seeds = sorted(set(arm.seeds) & set(base.seeds))
    budgets = np.intersect1d(arm.budgets, base.budgets)
    if not seeds or not len(budgets):
        return None
    ours, theirs = arm.only(seeds, budgets), base.only(seeds, budgets)
    drawn, over = _draws(ours, theirs, full, settings) if len(seeds) > 1 else (None, None)
    return {
        "seeds": len(seeds),
        "over": over,
        "gains": _gains(ours, theirs, drawn if over == BOTH else None, settings),
        "savings": [] if full is None else _savings(ours, theirs, full, drawn, settings),
        "area": _area(ours, theirs, settings),
    }


def _area(ours: Arm, theirs: Arm, settings: Settings) -> dict[str, Any]:
    """The paired tests on the area; adjusting for many strategies comes later."""
    a, b = areas(ours, settings.metric), areas(theirs, settings.metric)
    ends = {"from": ours.budgets[0], "to": ours.budgets[-1], "n": len(a)}
    if len(a) < 2:
        return {"gain": a.mean() - b.mean(), "low": None, "high": None, "p_t": None, "p_flips": None, **ends}
    flips = paired_permutation(a, b, stream(settings.seed, "summary", "flips", ours.name), level=settings.level)
    t = paired_t(a, b, level=settings.level)
    return {"gain": t.gain, "low": t.low, "high": t.high, "p_t": t.p, "p_flips": flips.p, **ends, "method": t.method}


def _gains(ours: Arm, theirs: Arm, drawn: Table | None, settings: Settings) -> list[dict[str, Any]]:
    """The paired difference at each budget, with its interval over seeds and the one over seeds and items."""
    differences = ours.scores[settings.metric] - theirs.scores[settings.metric]
    k = len(ours.budgets)
    rows = []
    for i, budget in enumerate(ours.budgets):
        mean, low, high = mean_interval(differences[:, i], settings.level)
        row = {"labelled": budget, "gain": mean, "low": low, "high": high, "low_items": None, "high_items": None}
        if drawn is not None:
            row["low_items"], row["high_items"] = _bounds(drawn[:, i] - drawn[:, k + i], settings)
        rows.append(row)
    return rows


def _draws(ours: Arm, theirs: Arm, full: Arm | None, settings: Settings) -> tuple[Table, str]:
    """(draws, 2 B + 1) both curves and the full-data score, resampled together, and over what.

    Test items are drawn too where every run kept which of them it got right; the full-data run is then scored on the
    same draw of items, so that target and curve move together. It is one run, so its own seed is not drawn.
    """
    seeds, rng = len(ours.seeds), stream(settings.seed, "summary", "draws", ours.name)
    score = float("nan") if full is None else float(full.scores[settings.metric][:, -1].mean())
    if ours.correct is not None and theirs.correct is not None and ours.correct.shape == theirs.correct.shape:
        items = ours.correct.shape[2]
        top = np.full((1, seeds, items), score)
        if full is not None and full.correct is not None and full.correct.shape[2] == items:
            top = np.broadcast_to(full.correct[-1].mean(axis=0), (1, seeds, items))
        stacked = np.concatenate([ours.correct, theirs.correct, top])
        return resampled_means(stacked, rng, settings.level, settings.draws), BOTH
    tables = [ours.scores[settings.metric], theirs.scores[settings.metric], np.full((seeds, 1), score)]
    return resampled_means(np.hstack(tables).T[:, :, None], rng, settings.level, settings.draws), "seeds"


def _savings(ours: Arm, theirs: Arm, full: Arm, drawn: Table | None, settings: Settings) -> list[dict[str, Any]]:
    """The share of labels saved at each target, with its bootstrap interval."""
    x, k, metric = ours.budgets, len(ours.budgets), settings.metric
    score = float(full.scores[metric][:, -1].mean())
    fits = isotonic_rows(np.stack([ours.scores[metric].mean(axis=0), theirs.scores[metric].mean(axis=0)]))
    if drawn is not None:
        drawn_ours, drawn_theirs = isotonic_rows(drawn[:, :k]), isotonic_rows(drawn[:, k : 2 * k])
    rows = []
    for share in SHARES:
        a, b = crossings(x, fits, np.full(2, share * score))
        row = {"share": share, "labels": a, "baseline_labels": b, "budget": x[-1], "at_first": bool(a == x[0])}
        row |= {**_saved(a, b, x), "low": None, "high": None}
        if drawn is not None and (row["saved"] is not None or row["saved_at_least"] is not None):
            targets = share * drawn[:, -1]
            many_a, many_b = crossings(x, drawn_ours, targets), crossings(x, drawn_theirs, targets)
            row["low"], row["high"] = _saving_bounds(many_a, many_b, x[-1], settings)
        rows.append(row)
    return rows


def _saved(a: float, b: float, x: Table) -> Mapping[str, float | None]:
    """The share saved, or what it is at least; both None where the curves cannot tell."""
    if np.isinf(a) or (a == b == x[0]):  # not reached, or both at or before the first budget
        return {"saved": None, "saved_at_least": None}
    if np.isinf(b):
        return {"saved": None, "saved_at_least": 1 - a / x[-1]}
    return {"saved": 1 - a / b, "saved_at_least": None}


def _saving_bounds(a: Table, b: Table, budget: float, settings: Settings) -> tuple[float, float]:
    """Bounds of the saving from (draws,) labels to the target, inf where a draw does not reach it.

    What lies beyond the budget is unknown, so the low bound takes the worst that it may be and the high one the best:
    where the baseline was not reached it is at least the budget, and at most without end.
    """
    reached_a, reached_b = np.isfinite(a), np.isfinite(b)
    safe_a, safe_b = np.where(reached_a, a, budget), np.where(reached_b, b, budget)
    worst = np.where(reached_a, 1 - safe_a / safe_b, -np.inf)
    best = np.where(reached_b, 1 - safe_a / safe_b, np.inf)
    tail = 0.5 - settings.level / 2
    # Neighbours, not points between them: interpolating towards infinity would give nan.
    low, high = np.quantile(worst, tail, method="lower"), np.quantile(best, 1 - tail, method="higher")
    return float(low), float(high)


def _bounds(values: NDArray[np.float64], settings: Settings) -> tuple[float, float]:
    """The percentiles of the level."""
    low, high = np.quantile(values, [0.5 - settings.level / 2, 0.5 + settings.level / 2])
    return float(low), float(high)
