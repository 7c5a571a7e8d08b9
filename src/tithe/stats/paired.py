"""Paired tests of two strategies over the same seeds, and Holm's correction for many strategies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from tithe.errors import DataError
from tithe.stats.intervals import check_level, finite, mean_interval

EXACT = 16
"""Up to this many pairs every one of the 2^n sign flips is counted: 65,536 sums, a few milliseconds."""

DRAWS = 20_000
"""Sign flips drawn above that. The p-value's own error is then .0015 near p = .05."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The mean of a - b over `n` pairs, its interval, and the two-sided p-value of "there is no difference".

    `low` and `high` are nan or infinite where the pairs are too few to give a bound at the level asked for.
    """

    gain: float
    low: float
    high: float
    p: float
    n: int
    method: str


def paired_t(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> PairedTest:
    """Student's t test of the pairs' differences.

    Args:
        a: (n,) scores of one strategy, a seed each.
        b: (n,) scores of the other, the same seeds in the same order.
        level: Of the interval.

    Where t is undefined: one pair gives p = 1 and no interval. Equal differences (no variance) give p = 1 if they are
    zero, else the p-value of the exact sign-flip test, 2^(1-n): n equal differences are n pairs that agree in sign, not
    proof that the next pair will be the same.

    Source: Student 1908, The probable error of a mean.

    >>> test = paired_t([0.95, 0.96, 0.97, 0.95], [0.93, 0.95, 0.94, 0.93])
    >>> round(test.gain, 3), round(test.p, 3), test.method
    (0.02, 0.016, 'paired t')
    """
    differences = _differences(a, b)
    n = len(differences)
    gain, low, high = mean_interval(differences, level)
    if n == 1:
        return PairedTest(gain, low, high, 1.0, n, "one pair")
    spread = float(differences.std(ddof=1))
    if spread <= _rounding(a, b):
        p = 1.0 if abs(gain) <= _rounding(a, b) else 2.0 ** (1 - n)
        return PairedTest(gain, gain, gain, p, n, "equal differences")
    t = abs(gain) / (spread / np.sqrt(n))
    return PairedTest(gain, low, high, float(2 * stdtr(n - 1, -t)), n, "paired t")


def paired_permutation(a: ArrayLike, b: ArrayLike, rng: Generator, *, level: float = 0.95) -> PairedTest:
    """The sign-flip test of the pairs' differences: exact up to 16 pairs, drawn above.

    It assumes only that a difference is as likely to be +d as -d where there is no effect. The p-value cannot fall
    below 2^(1-n), so five pairs can never reach .05. The interval holds the shifts that the same test would not
    reject; it is infinite where no shift can be rejected (n <= 5 at level .95). One pair gives p = 1.

    Args:
        a: (n,) scores of one strategy, a seed each.
        b: (n,) scores of the other, the same seeds in the same order.
        rng: Draws the flips where n > 16; p is then (hits + 1) / (draws + 1), so never 0.
        level: Of the interval.

    Source: Fisher 1935, The design of experiments; the interval: Hartigan 1969, Using subsample values as typical
    values; the + 1: Phipson & Smyth 2010, Permutation p-values should never be zero.

    >>> from tithe.rng import stream
    >>> test = paired_permutation([3, 4, 5, 6, 7, 8], [2, 2, 2, 2, 2, 2], stream(0, "test"))
    >>> test.p, test.low, test.method
    (0.03125, 1.0, 'exact sign flips')
    """
    differences = _differences(a, b)
    n = len(differences)
    level = check_level(level)
    if n <= EXACT:
        flipped, sizes, method = *_every_subset(differences), "exact sign flips"
    else:
        flips = rng.integers(0, 2, size=(DRAWS, n)).astype(np.float64)
        flipped, sizes, method = flips @ differences, flips.sum(axis=1), "drawn sign flips"
        flipped, sizes = np.append(flipped, 0.0), np.append(sizes, 0.0)  # the data as they are: the + 1
    total = differences.sum()
    # Flipping the sign of a subset takes twice its sum off the total.
    hits = np.abs(total - 2 * flipped) >= abs(total) - n * _rounding(a, b)
    low, high = _shifts_kept(flipped[sizes > 0] / sizes[sizes > 0], len(sizes), level)
    return PairedTest(float(total / n), low, high, float(hits.mean()), n, method)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P-values adjusted for being (m,) many, in the order given: below .05 means so with family-wise error .05.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.

    >>> [round(float(p), 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    >>> holm([]).tolist()
    []
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"p-values must be a list of numbers in [0, 1]; given {p.tolist()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def _differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """(n,) a - b, checked."""
    first, second = finite(a, "a", 1), finite(b, "b", 1)
    if len(first) != len(second):
        raise DataError(f"a and b must be paired; given {len(first)} and {len(second)} scores")
    return first - second


def _rounding(a: ArrayLike, b: ArrayLike) -> float:
    """What subtraction may leave of numbers of this size: .9 - .8 and .7 - .6 differ by 1e-16."""
    return 8 * np.finfo(np.float64).eps * float(max(np.abs(np.asarray(a)).max(), np.abs(np.asarray(b)).max()))


def _every_subset(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(2^n,) the sum and the size of each subset, the empty one first."""
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in values:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    return sums, sizes


def _shifts_kept(means: NDArray[np.float64], flips: int, level: float) -> tuple[float, float]:
    """The shifts that the test keeps: those between the k-th smallest and largest subset mean.

    At a shift s the one-sided p-value is (1 + subsets of mean <= s) / flips; it passes alpha / 2 at the k-th mean.
    """
    k = int(np.floor((1 - level) / 2 * flips + 1e-9))
    if k == 0:
        return float("-inf"), float("inf")
    ordered = np.sort(means)
    return float(ordered[k - 1]), float(ordered[-k])
