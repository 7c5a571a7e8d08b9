"""The interval of the audit estimate, looked at after every answer while models come and go (full: bench/audit.py)."""

from __future__ import annotations

from functools import cache

import numpy as np

from tithe.loop.audit import audit_due
from tithe.loop.estimate import estimates
from tithe.rng import stream
from tithe.stats import wilson
from tithe.tasks.choice import Choice

RUNS, ANSWERS, ITEMS, REFIT = 200, 330, 1000, 5
TASK = Choice(("right", "wrong"))


@cache
def ours(right: int, n: int) -> tuple[float, float]:
    """The interval that a person sees: it depends on the counts alone."""
    found = estimates(TASK, [1.0] * right + [0.0] * (n - right))[0]
    return found.low, found.high


@cache
def ordinary(right: int, n: int) -> tuple[float, float]:
    return wilson(right, n)[1:]


def models(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, ITEMS) whether each model is right: hard items, a falling error, other slips from model to model."""
    error = rng.uniform(0.03, 0.4) * np.linspace(1 / count, 1.0, count) ** -rng.uniform(0.2, 0.8)
    drift = np.cumsum(rng.normal(scale=0.1, size=(count, ITEMS)), axis=0)
    bound = np.quantile(rng.normal(size=ITEMS), 1 - np.minimum(error, 0.9))
    return rng.normal(size=ITEMS) + drift < bound[:, None]


def test_the_interval_of_the_serving_model_holds_at_95_of_100_looks_and_ordinary_ones_miss() -> None:
    # For any one model the chance of a miss is .05 at most at all looks together, so at most .05 of looks are missed on
    # average. The looks of a run hang together: in the worst case its share of missed looks is 1 with chance .05, of
    # deviation sqrt(.05 * .95 / 200) = .0154 over 200 runs. Three of them above .05: .096. A right function fails for
    # about 1 seed in 700 where it is as bad as it may be; it is far better (bench/audit.py), so all but never.
    # That no look of a run misses is promised for one model, not for all of a run; it was found for 98 of 100 runs.
    # Of 200 runs 20 may be missed: were the chance .05, four deviations of 3.1 above 10 are 22.
    looks = missed = 0
    ever = {ours: 0, ordinary: 0}
    for run in range(RUNS):
        rng = stream(run, "statistical", "audit")
        right = models(rng, ANSWERS // REFIT)
        truth, counts = right.mean(axis=1), right[:, rng.permutation(ITEMS)].cumsum(axis=1)
        audited, misses = 0, dict.fromkeys(ever, 0)
        for answered in range(ANSWERS):
            audited += audit_due(answered, audited, 0.3)
            serving = (answered + 1 - audited) // REFIT - 1
            if serving < 0 or not audited:
                continue
            looks += 1
            for way in ever:
                low, high = way(int(counts[serving, audited - 1]), audited)
                misses[way] += not low <= truth[serving] <= high
        missed += misses[ours]
        for way in ever:
            ever[way] += misses[way] > 0
    assert missed <= 0.096 * looks
    assert ever[ours] <= 22
    assert ever[ordinary] >= 60
