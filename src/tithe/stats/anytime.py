"""Intervals that hold at every look: a person may watch them grow and stop whenever they like.

An ordinary 95 % interval holds at one size fixed beforehand. Looked at after each answer until it says what one hopes,
it misses far more often (`tests/stats/test_anytime.py` counts). These are confidence sequences: the chance that the
truth is *ever* outside is at most 1 - level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betaln, gammaln, xlog1py, xlogy

from tithe.errors import DataError
from tithe.stats.intervals import Interval, check_level, finite

_PRIOR = 0.5  # of both shapes: Jeffreys' prior
_GRID = 1001  # means that `anytime_mean` tests; the bounds are rounded outwards by at most one of its steps
_FAR = 0.5  # of the largest bet that could lose everything; more than a half gains little and risks much


def anytime_share(successes: int, n: int, level: float = 0.95, *, population: int | None = None) -> Interval:
    """A share of items with an interval that holds at every n at once.

    Args:
        successes: How many of the n items drawn so far are right. With n = 0 the interval is [0, 1].
        population: How many items there are to draw from, without replacement: the interval is then about the share
            among these, and closes on it as n reaches their number. None: independent draws.

    Raises DataError where the numbers do not fit together.

    Cost: O(population) or O(1).

    Source: independent draws: Robbins 1970, Statistical Methods Related to the Law of the Iterated Logarithm (the
    mixture); without replacement: Waudby-Smith and Ramdas 2020, Confidence Sequences for Sampling Without Replacement
    (the ratio of prior to posterior).

    >>> [round(x, 3) for x in anytime_share(18, 20)]
    [0.9, 0.591, 0.996]
    """
    if not 0 <= successes <= n:
        raise DataError(f"successes must lie between 0 and n; given {successes} of {n}")
    if population is not None and n > population:
        raise DataError(f"{n} items were drawn from a population of {population}, without replacement; that cannot be")
    limit = -np.log1p(-check_level(level))
    share = successes / n if n else float("nan")
    if n == 0:
        return Interval(share, 0.0, 1.0)
    if population is not None:
        return _share_of_many(successes, n, population, limit)

    evidence = betaln(successes + _PRIOR, n - successes + _PRIOR) - betaln(_PRIOR, _PRIOR)

    def against(p: float) -> float:
        return float(evidence - xlogy(successes, p) - xlog1py(n - successes, -p) - limit)

    return Interval(share, _root(against, 0.0, share), _root(against, 1.0, share))


def _root(against: Callable[[float], float], end: float, share: float) -> float:
    """Where the evidence falls below the limit on the way from an end to the share; the end where it never is."""
    if share == end:
        return end
    near_end = end + (1e-12 if end == 0.0 else -1e-12)  # at the end itself the evidence may be infinite
    return end if against(near_end) <= 0 else float(brentq(against, near_end, share))


def _share_of_many(successes: int, n: int, population: int, limit: float) -> Interval:
    """The counts k of right items in the population whose prior is not 1 / (1 - level) times their posterior."""
    k = np.arange(successes, population - (n - successes) + 1)
    prior = _log_beta_binomial(k, population, _PRIOR, _PRIOR)
    left = population - n
    posterior = _log_beta_binomial(k - successes, left, successes + _PRIOR, n - successes + _PRIOR)
    kept = k[prior - posterior < limit]
    return Interval(successes / n, float(kept[0]) / population, float(kept[-1]) / population)


def _log_beta_binomial(k: NDArray[np.int64], n: int, a: float, b: float) -> NDArray[np.float64]:
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    chance: NDArray[np.float64] = ways + betaln(k + a, n - k + b) - betaln(a, b)
    return chance


def anytime_mean(
    values: ArrayLike, level: float = 0.95, *, low: float = 0.0, high: float = 1.0, stays_out: bool = True
) -> Interval:
    """The mean of bounded independent values with an interval that holds at every n at once.

    Two gamblers bet against each possible mean, one that the truth lies above, one below; a mean against which either
    has won 2 / (1 - level) times the stake is out, and stays out. How much they bet follows the spread seen so far, so
    that values of small spread (a model-assisted correction) get a narrow interval.

    Args:
        values: (n,) in the order in which they came, each between `low` and `high`.
        stays_out: False lets a mean come back once what the gamblers won of it is lost again. That is wider by a tenth
            or so, and errs less often where many means are watched, such as those of model after model.

    Raises DataError where a value is outside, or there is none.

    Cost: O(1,001 n) time and memory.

    Source: Waudby-Smith and Ramdas 2024, Estimating Means of Bounded Random Variables by Betting (the hedged capital
    process, with predictable plug-in bets). Departs: the mean tested is taken from a grid.

    >>> [round(x, 2) for x in anytime_mean([0.5, 0.6, 0.55, 0.45] * 25)]
    [0.53, 0.49, 0.56]
    """
    bounds = anytime_mean_bounds(values, level, low=low, high=high, stays_out=stays_out)
    return Interval(float(np.asarray(values, dtype=np.float64).mean()), float(bounds[-1, 0]), float(bounds[-1, 1]))


def anytime_mean_bounds(
    values: ArrayLike, level: float = 0.95, *, low: float = 0.0, high: float = 1.0, stays_out: bool = True
) -> NDArray[np.float64]:
    """(n, 2) the bounds of `anytime_mean` after each value, for the price of the last.

    >>> values = [0.5, 0.6, 0.55, 0.45] * 25
    >>> bool((anytime_mean_bounds(values)[9] == anytime_mean(values[:10])[1:]).all())
    True
    """
    seen = finite(values, "values", 1)
    if not low < high or seen.min() < low or seen.max() > high:
        raise DataError(f"values must lie between low and high; given {seen.min():g} to {seen.max():g}")
    limit = -np.log1p(-check_level(level))
    x = (seen - low) / (high - low)
    n = np.arange(1, len(x) + 1)
    means = (0.5 + np.cumsum(x)) / (n + 1)
    spread = (0.25 + np.cumsum((x - means) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], spread[:-1]])  # a bet may only know what came before it
    bets = np.sqrt(2 * (limit + np.log(2)) / (before * n * np.log1p(n)))[:, None]
    grid = np.linspace(0.0, 1.0, _GRID)[None, :]
    with np.errstate(divide="ignore"):
        above = np.log1p(np.minimum(bets, _FAR / grid) * (x[:, None] - grid))
        below = np.log1p(-np.minimum(bets, _FAR / (1 - grid)) * (x[:, None] - grid))
    most = np.maximum(np.cumsum(above, axis=0), np.cumsum(below, axis=0))
    won = (np.maximum.accumulate(most, axis=0) if stays_out else most) - np.log(2)
    kept = won < limit
    # No mean may be left, by a chance of 1 - level at most; then the last one standing is all that can be said.
    kept[np.arange(len(x)), won.argmin(axis=1)] |= ~kept.any(axis=1)
    first, last = kept.argmax(axis=1), _GRID - 1 - kept[:, ::-1].argmax(axis=1)
    step = (high - low) / (_GRID - 1)
    return np.stack([np.maximum(low, low + (first - 1) * step), np.minimum(high, low + (last + 1) * step)], axis=1)
