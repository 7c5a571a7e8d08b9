"""Intervals of a mean over a few runs, and of a share of many items."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from tithe.errors import ConfigError, DataError


class Interval(NamedTuple):
    """An estimate with its bounds; a bound is nan where the data cannot give one."""

    mean: float
    low: float
    high: float


def check_level(level: float) -> float:
    """The level itself. Raises ConfigError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level must lie between 0 and 1, such as 0.95; given {level!r}")
    return level


def finite(values: ArrayLike, name: str, dims: int) -> NDArray[np.float64]:
    """`values` as a float64 array with `dims` axes. Raises DataError where it is empty or holds nan."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dims or array.size == 0:
        raise DataError(f"{name} must be a filled array of {dims} axes; given shape {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(f"{name} must be finite; {int((~np.isfinite(array)).sum())} of {array.size} are not")
    return array


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of runs with its Student t interval.

    Args:
        values: (n,) one score for each run. With n = 1 both bounds are nan: one run shows no spread.
        level: The share of intervals that cover the true mean, where scores are near normal.

    Source: Student 1908, The probable error of a mean.

    >>> [round(x, 3) for x in mean_interval([0.90, 0.92, 0.94])]
    [0.92, 0.87, 0.97]
    """
    scores = finite(values, "values", 1)
    check_level(level)
    mean = float(scores.mean())
    if len(scores) == 1:
        return Interval(mean, float("nan"), float("nan"))
    half = float(stdtrit(len(scores) - 1, 0.5 + level / 2) * scores.std(ddof=1) / np.sqrt(len(scores)))
    return Interval(mean, mean - half, mean + half)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """A share with its score interval, which stays inside [0, 1] and is right at 0 and at n.

    Args:
        successes: How many of the `n` independent items are right. With n = 0 the share is nan and the interval [0, 1].
        level: The nominal coverage; the true one swings about it, by a few points where n is small.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.

    >>> [round(x, 3) for x in wilson(8, 10)]
    [0.8, 0.49, 0.943]
    """
    if not 0 <= successes <= n:
        raise DataError(f"successes must lie between 0 and n; given {successes} of {n}")
    z = float(ndtri(0.5 + check_level(level) / 2))
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    # The bounds at the ends are exactly 0 and 1; rounding would leave 1e-17.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(share, low, high)
