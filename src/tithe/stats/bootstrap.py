"""Bootstrap intervals over seeds and test items together.

A t interval over seeds says what other seeds would give on the same test set. Here both are drawn again: a draw picks
seeds and, independently, test items, with replacement, and takes the mean over the chosen block. Such a mean is linear
in the counts of the draw, so all draws are two matrix products and no block is ever built.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from tithe.errors import ConfigError, DataError
from tithe.stats.intervals import Interval, check_level, finite

_BLOCK = 4_000_000
"""Weights held at a time (32 MB); more test items than that share are drawn in several goes."""


def bootstrap_mean(correct: ArrayLike, rng: Generator, level: float = 0.95, draws: int = 2000) -> Interval:
    """The mean score with its interval over seeds and test items together.

    Args:
        correct: (seeds, items) 1 where the run of that seed got that item right, else 0; or any score of an item.
        rng: Draws the resamples.
        level: Of the interval.
        draws: Resamples; below some 1,000 the bounds are rough.

    With one seed only the items are drawn again. Source and departure: see `bootstrap_gain`.

    >>> from tithe.rng import stream
    >>> correct = stream(1, "doc").random((5, 400)) < 0.9
    >>> [round(x, 2) for x in bootstrap_mean(correct, stream(1, "draws"))]
    [0.89, 0.86, 0.92]
    """
    scores = finite(correct, "correct", 2)
    return _interval(scores, rng, level, draws)


def bootstrap_gain(
    correct_a: ArrayLike, correct_b: ArrayLike, rng: Generator, level: float = 0.95, draws: int = 2000
) -> Interval:
    """The mean of a - b with its interval over seeds and test items together.

    Args:
        correct_a: (seeds, items) 1 where right, else 0, of one strategy.
        correct_b: (seeds, items) of the other: the same seeds and items in the same order.
        rng: Draws the resamples.
        level: Of the interval.
        draws: Resamples.

    With one seed only the items are drawn again.

    Source: Owen 2007, The pigeonhole bootstrap.
    Departs: the seeds' deviations are widened by sqrt(n / (n - 1)) t / z, because a plain bootstrap of ten seeds is a
    normal interval with a variance that is a tenth too small (Hesterberg 2015, What teachers should know about the
    bootstrap); so where only seeds vary, this is the t interval.

    >>> from tithe.rng import stream
    >>> right = stream(1, "doc").random((5, 400)) < 0.8
    >>> better = right | (stream(2, "doc").random((5, 400)) < 0.5)
    >>> [round(x, 2) for x in bootstrap_gain(better, right, stream(1, "draws"))]
    [0.1, 0.07, 0.13]
    """
    first, second = finite(correct_a, "correct_a", 2), finite(correct_b, "correct_b", 2)
    if first.shape != second.shape:
        raise DataError(f"a and b must be paired by seed and item; given shapes {first.shape} and {second.shape}")
    return _interval(first - second, rng, level, draws)


def resampled_means(
    correct: NDArray[np.floating] | NDArray[np.bool_], rng: Generator, level: float = 0.95, draws: int = 2000
) -> NDArray[np.float64]:
    """(draws, k) the means of k quantities under the same resamples, for whatever is computed from several.

    Args:
        correct: (k, seeds, items) such as one curve: k budgets, whose draws then move together.
        rng: Draws the resamples.
        level: Of the intervals that will be read off; it sets how far the seeds' deviations are widened.
        draws: Resamples.

    >>> from tithe.rng import stream
    >>> resampled_means(np.ones((3, 5, 20)), stream(0, "draws"), draws=100).shape
    (100, 3)
    """
    if draws < 1:
        raise ConfigError(f"draws must be at least 1; given {draws}")
    quantities, seeds, items = correct.shape
    flat = np.ascontiguousarray(correct, dtype=np.float64).reshape(quantities * seeds, items)
    widen = _widening(seeds, check_level(level))
    means = np.empty((draws, quantities))
    step = max(1, _BLOCK // items)
    for start in range(0, draws, step):
        some = min(step, draws - start)
        of_seeds = 1 / seeds + widen * (_shares(rng, some, seeds) - 1 / seeds)
        # (k seeds, items) @ (items, some) -> (k, seeds, some)
        by_seed = (flat @ _shares(rng, some, items).T).reshape(quantities, seeds, some)
        means[start : start + some] = np.einsum("ksd,ds->dk", by_seed, of_seeds)
    return means


def _interval(scores: NDArray[np.float64], rng: Generator, level: float, draws: int) -> Interval:
    """Percentiles of the resampled means."""
    means = resampled_means(scores[None], rng, level, draws)[:, 0]
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(scores.mean()), float(low), float(high))


def _shares(rng: Generator, draws: int, n: int) -> NDArray[np.float64]:
    """(draws, n) how often each of n was picked in n picks with replacement, as a share; rows add up to 1."""
    picks = rng.integers(0, n, size=(draws, n)) + n * np.arange(draws)[:, None]
    counts: NDArray[np.float64] = np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n) / n
    return counts


def _widening(seeds: int, level: float) -> float:
    """How much wider than the plain bootstrap's the t interval over seeds is."""
    if seeds == 1:
        return 1.0
    upper = 0.5 + level / 2
    return float(np.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, upper) / ndtri(upper))
