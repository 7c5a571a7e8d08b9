"""What is read off a learning curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from tithe.errors import DataError
from tithe.stats.intervals import finite

_BLOCK = 4_000_000
"""Numbers held at a time (32 MB) where many curves are fitted."""


def isotonic(x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """(k,) the never-falling curve nearest to `y` in squared error: dips from noise are levelled out.

    More labels help on average, so a mean curve that falls back is read as noise. The fit has the (weighted) mean of
    `y`, and a curve that never falls comes back as it is.

    Args:
        x: (k,) labels, rising.
        y: (k,) mean scores.
        weights: (k,) > 0, such as the number of seeds at each budget; equal where absent.

    Source: Ayer, Brunk, Ewing, Reid & Silverman 1955, An empirical distribution function for sampling with incomplete
    information (pool adjacent violators).

    >>> isotonic([10, 20, 30, 40], [0.5, 0.8, 0.7, 0.9]).tolist()
    [0.5, 0.75, 0.75, 0.9]
    """
    _, scores = _curve(x, y)
    if weights is None:
        return np.asarray(isotonic_regression(scores).x, dtype=np.float64)
    given = finite(weights, "weights", 1)
    if given.shape != scores.shape or not (given > 0).all():
        raise DataError(f"weights must be positive, one for each of {len(scores)} scores; given {given.tolist()}")
    return np.asarray(isotonic_regression(scores, weights=given).x, dtype=np.float64)


def labels_to(x: ArrayLike, mean_curve: ArrayLike, target: float) -> float | None:
    """The labels at which the curve reaches `target`; None where it does not within the budget.

    Read off the isotonic fit, linearly between budgets. A curve that starts at or above the target gives its first
    budget, which is then only an upper bound.

    Args:
        x: (k,) labels, rising.
        mean_curve: (k,) mean scores over seeds, as measured.
        target: A score, such as .95 times the score of full data.

    >>> round(labels_to([50, 100, 200], [0.80, 0.90, 0.94], 0.92), 6)
    150.0
    >>> labels_to([50, 100, 200], [0.80, 0.90, 0.94], 0.95) is None
    True
    """
    labels, _ = _curve(x, mean_curve)
    found = float(crossings(labels, isotonic(x, mean_curve)[None], np.array([target]))[0])
    return found if np.isfinite(found) else None


def isotonic_rows(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) `isotonic` of each row, for the thousands of curves of a bootstrap. O(n k²) time.

    The fit at i is the largest, over starts a <= i, of the smallest mean from a to any end b >= i.

    Source: Robertson, Wright & Dykstra 1988, Order restricted statistical inference, theorem 1.4.4.

    >>> isotonic_rows(np.array([[0.5, 0.8, 0.6], [0.1, 0.2, 0.3]])).round(6).tolist()
    [[0.5, 0.7, 0.7], [0.1, 0.2, 0.3]]
    """
    k = curves.shape[1]
    length = np.arange(k)[None, :] - np.arange(k)[:, None] + 1.0  # of the stretch from a (row) to b (column)
    fits = np.empty_like(curves)
    step = max(1, _BLOCK // (k * k))
    for start in range(0, len(curves), step):
        sums = np.cumsum(np.pad(curves[start : start + step], ((0, 0), (1, 0))), axis=1)
        means = (sums[:, None, 1:] - sums[:, :-1, None]) / np.where(length > 0, length, 1)  # (n, a, b)
        means[:, length <= 0] = np.inf
        smallest = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]  # over b >= i
        smallest[:, length <= 0] = -np.inf  # a > i
        fits[start : start + step] = smallest.max(axis=1)
    return fits


def crossings(x: NDArray[np.float64], fits: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the labels at which each never-falling curve reaches its own target; inf where it does not.

    Args:
        x: (k,) labels, rising, the same for all.
        fits: (n, k) isotonic curves.
        targets: (n,) scores.

    >>> crossings(np.array([10.0, 20.0]), np.array([[0.5, 0.7], [0.5, 0.6]]), np.array([0.6, 0.7])).round(6).tolist()
    [15.0, inf]
    """
    reached = fits >= targets[:, None] - 1e-12
    at = reached.argmax(axis=1)[:, None]
    before = np.maximum(at - 1, 0)
    above, below = np.take_along_axis(fits, at, axis=1)[:, 0], np.take_along_axis(fits, before, axis=1)[:, 0]
    rise = np.where(above > below, above - below, 1.0)  # no rise only where the first budget reaches it
    part = np.clip((targets - below) / rise, 0.0, 1.0)
    left, right = x[before[:, 0]], x[at[:, 0]]
    return np.where(reached.any(axis=1), left + part * (right - left), np.inf)


def area_under_curve(x: ArrayLike, y: ArrayLike) -> float:
    """The mean score over the budgets: the area by trapezoids, divided by the range of labels.

    The axis is the labels themselves, not their logarithm, so late budgets that lie far apart weigh most; compare
    only areas over the same budgets. One budget gives its own score.

    Args:
        x: (k,) labels, rising.
        y: (k,) scores.

    Source: Guyon, Cawley, Dror & Lemaire 2011, Results of the active learning challenge (there on a log axis).
    Departs: natural axis, divided by its range instead of scaled to random and ideal curves.

    >>> round(area_under_curve([0, 100, 300], [0.0, 0.8, 0.9]), 6)
    0.7
    """
    labels, scores = _curve(x, y)
    if len(labels) == 1:
        return float(scores[0])
    return float(np.trapezoid(scores, labels) / (labels[-1] - labels[0]))


def _curve(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels and scores, checked: the same number of both, labels strictly rising."""
    labels, scores = finite(x, "x", 1), finite(y, "y", 1)
    if len(labels) != len(scores):
        raise DataError(f"x and y must be equally long; given {len(labels)} and {len(scores)}")
    if not (np.diff(labels) > 0).all():
        raise DataError(f"x must rise strictly; given {labels.tolist()}")
    return labels, scores
