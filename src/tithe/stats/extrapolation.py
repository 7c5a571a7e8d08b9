"""Where a learning curve goes next, judged on few items that all its points share, with honest doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from tithe.errors import DataError
from tithe.stats.intervals import Interval, check_level, finite

_WINDOW = 5.0
"""Points with fewer labels than a fifth of the last one's are left out: the first models follow no power law."""
_POINTS = 16  # of the curve that are looked at, evenly on the logarithm of the labels
_ERRORS = np.arange(0.01, 1.0, 0.02)
_REDUCIBLE = np.array([0.25, 0.5, 0.75, 1.0])  # the share of today's error that labels can take away
_POWERS = np.array([0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4])  # those seen of learning curves lie between
_DELAYS = np.array([0.0, 0.3, 1.0])  # curves begin flat: labels that count as there before the first, of today's number
_JUMPS = np.array([0.005, 0.015, 0.04])  # how far a model lies off a smooth curve, by the luck of its labels
_NODES = ndtri((np.arange(9) + 0.5) / 9)  # nine equally likely values of a standard normal


class Forecast(NamedTuple):
    """What the curve says: `now` and `later` are scores, `gains` their differences, each with its bounds."""

    now: Interval
    later: tuple[Interval, ...]
    gains: tuple[Interval, ...]


def forecast(
    labels: ArrayLike, scores: ArrayLike, more: Sequence[float], *, apart: ArrayLike | None = None, level: float = 0.95
) -> Forecast:
    """How the score grows with more labels: an inverse power law, averaged over all that fit the points.

    The error is taken to fall as e (1 - r + r ((x + d) / (now + d))^-c): today's error e, the share r of it that labels
    can take away, the power c, the delay d of a curve that begins flat. Each of a grid of these, alike likely
    beforehand, is weighed by how well it explains the points; so few items leave a wide interval, and many a narrow
    one. Models lie off the smooth curve by the luck of their labels; that is part of the interval.

    Args:
        labels: (k,) of each model, rising strictly, above 0.
        scores: (k, n) in [0, 1] of each model on the same n items, drawn at random.
        more: how many labels to look ahead, each above 0.
        apart: (k, k) the mean squared distance between the guesses of two models, on as many items as there are: it
            bounds how far their scores can lie apart, and needs no answer. By default that of the scores.
        level: of the intervals, ordinary ones.

    Raises DataError where the numbers do not fit together.

    Cost: 4,200 curves of at most 16 points: some 15 ms.

    Source: the power law: Hestness et al. 2017, Deep Learning Scaling is Predictable, Empirically; Viering and Loog
    2023, The Shape of Learning Curves: a Review. Departs: a delay, and no best fit but the mean over all curves. The
    window and the grid were chosen on TREC and arXiv titles and tried on others (`docs/stopping.md`).

    >>> right = np.arange(200) < 200 * (1 - 2.0 * np.array([50, 100, 200, 400])[:, None] ** -0.5)
    >>> found = forecast([50, 100, 200, 400], right, [200])
    >>> round(found.now.mean, 2), bool(found.gains[0].low < 0.0184 < found.gains[0].high)
    (0.89, True)
    """
    x, rows = finite(labels, "labels", 1), finite(scores, "scores", 2)
    if len(x) != len(rows) or x[0] <= 0 or not (np.diff(x) > 0).all() or rows.min() < 0 or rows.max() > 1:
        raise DataError(
            f"a forecast needs rising labels above 0 and a row of scores in [0, 1] for each; "
            f"given {len(x)} labels and scores of shape {rows.shape}"
        )
    if not more or min(more) <= 0:
        raise DataError(f"a forecast looks ahead by some labels; given {list(more)}")
    upper = 0.5 + check_level(level) / 2
    between = _distances(rows) if apart is None else finite(apart, "apart", 2)
    if between.shape != (len(x), len(x)):
        raise DataError(f"apart has a row and a column for each of {len(x)} models; given {between.shape}")

    kept = looked_at(x)
    x, rows, between = x[kept], rows[kept], between[np.ix_(kept, kept)]
    grid = np.meshgrid(_ERRORS, _REDUCIBLE, _POWERS, _DELAYS, indexing="ij")
    error, reducible, power, delay = (one.ravel() for one in grid)

    def score_at(point: float) -> NDArray[np.float64]:
        left: NDArray[np.float64] = error * (
            1 - reducible + reducible * ((point / x[-1] + delay) / (1 + delay)) ** -power
        )
        return 1.0 - np.minimum(left, 1.0)

    curves = np.stack([score_at(point) for point in x])  # (points, curves)
    log_weights = np.stack([_log_likelihood(rows, between, curves, jump) for jump in _JUMPS])
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()

    def read(values: NDArray[np.float64], wobble: float) -> Interval:
        """The mean and the bounds of values of each curve, a model lying off it by `wobble` times its jump."""
        spread = values[None, :, None] + wobble * _JUMPS[:, None, None] * _NODES
        some = np.broadcast_to(weights[:, :, None] / len(_NODES), spread.shape)
        low, high = _quantiles(spread.ravel(), some.ravel(), [1 - upper, upper])
        return Interval(float((weights.sum(axis=0) * values).sum()), low, high)

    ahead = [score_at(x[-1] + each) for each in more]
    return Forecast(
        read(curves[-1], 1.0),
        tuple(read(one, 1.0) for one in ahead),
        tuple(read(one - curves[-1], float(np.sqrt(2))) for one in ahead),
    )


def looked_at(labels: ArrayLike) -> NDArray[np.int64]:
    """Which points of a curve `forecast` looks at: 16 at most, near evenly spaced on the logarithm, with the last.

    For callers whose points are dear; those alone give the same forecast.

    >>> looked_at([10, 20, 100, 101, 102, 200, 400]).tolist()
    [2, 4, 5, 6]
    """
    x = finite(labels, "labels", 1)
    recent = np.flatnonzero(x >= x[-1] / _WINDOW)
    wanted = np.geomspace(x[recent[0]], x[-1], _POINTS)
    nearest = np.abs(np.log(x[recent])[None, :] - np.log(wanted)[:, None]).argmin(axis=1)
    rows: NDArray[np.int64] = recent[np.unique(nearest)]
    return rows


def _distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, k) the mean squared difference of each two rows."""
    squares = (rows**2).mean(axis=1)
    found: NDArray[np.float64] = squares[:, None] + squares[None, :] - 2 * rows @ rows.T / rows.shape[1]
    return np.maximum(found, 0.0)


def _log_likelihood(
    rows: NDArray[np.float64], apart: NDArray[np.float64], curves: NDArray[np.float64], jump: float
) -> NDArray[np.float64]:
    """(curves,) of the mean scores of n items, models being `jump` off their curve.

    Two models that guess alike have near equal scores whatever the items: their covariance is the variance of one
    score less half the mean square of what parts them.
    """
    n = rows.shape[1]
    pooled = rows.mean()
    # Two items more, one right and one wrong: with few items all may be right, and the variance is not 0.
    variance = (((rows - pooled) ** 2).mean() * n + 0.5) / (n + 2)
    parted = (apart * n + 0.5 * (1 - np.eye(len(rows)))) / (n + 0.5)
    covariance = np.maximum(variance - parted / 2, 0.0) / n + jump**2 * np.eye(len(rows))
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, jump**2)
    residuals = vectors.T @ (rows.mean(axis=1)[:, None] - curves)
    found: NDArray[np.float64] = -0.5 * ((residuals**2 / values[:, None]).sum(axis=0) + np.log(values).sum())
    return found


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64], levels: Sequence[float]) -> list[float]:
    order = np.argsort(values)
    at = np.minimum(np.searchsorted(np.cumsum(weights[order]), levels), len(order) - 1)
    return [float(one) for one in values[order[at]]]
