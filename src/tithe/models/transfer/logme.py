"""LogME: how well features explain labels, as the evidence of a Bayesian linear model. No training, no held-out rows.

Source: You et al. 2021, LogME: Practical Assessment of Pre-trained Models for Transfer Learning; the fixed point is
that of You et al. 2022, Ranking and Tuning Pre-trained Models: A New Paradigm for Exploiting Model Hubs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 200
_CLOSE = 1e-9  # relative change of the ratio alpha / beta at which the iteration stops
_RANGE = 1e12  # the ratio stays within this of its first value: at the ends the features explain all, or nothing


def log_evidence(features: NDArray[Any], target: NDArray[Any]) -> float:
    """The largest log evidence of one target under y = F w + noise, divided by the number of rows.

    Weights are normal with precision alpha, the noise with precision beta; both are chosen to make the evidence as
    large as it gets. It stays the same when features are rotated, or all multiplied by one number. There is no
    intercept: centre features and target where the mean is not to count.

    Args:
        features: (n, d) floats, a row an item.
        target: (n,) floats.

    Raises DataError where the rows are not as many, or a number is not finite.

    Cost: one eigendecomposition, O(n d min(n, d)).

    >>> signal = np.array([1.0, -1.0, 0.5, -0.5])
    >>> noise = np.array([1.0, 1.0, -0.9, -1.1])
    >>> log_evidence(signal[:, None], signal + 0.01 * noise) > log_evidence(noise[:, None], signal)
    True
    """
    return float(_evidences(features, np.asarray(target, np.float64)[:, None])[0])


def logme(features: NDArray[Any], targets: NDArray[Any]) -> float:
    """The mean over targets of `log_evidence`, larger is better; compare it between starts on the same rows alone.

    Args:
        features: (n, d) floats, a row an item.
        targets: (n, K) zeros and ones: which class a row has, or which labels apply.

    Raises DataError as `log_evidence` does.
    """
    return float(_evidences(features, np.asarray(targets, np.float64)).mean())


def _evidences(features: NDArray[Any], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) the log evidence a row of each target (n, K)."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or targets.ndim != 2 or len(features) != len(targets) or not targets.size:
        raise DataError(
            f"LogME takes features (n, d) and targets (n, K) of the same n rows; given {features.shape} and "
            f"{targets.shape}"
        )
    if not (np.isfinite(features).all() and np.isfinite(targets).all()):
        raise DataError("LogME needs finite numbers, and the features or targets hold NaN or infinity; leave them out")
    squares, projected = _spectrum(features, targets)
    total = (targets**2).sum(axis=0)
    outside = np.maximum(total - projected.sum(axis=0), 0.0)  # what no weights could explain
    return np.array(
        [_fixed_point(squares, z2, float(r), len(targets)) for z2, r in zip(projected.T, outside, strict=True)]
    )


def _spectrum(features: NDArray[np.float64], targets: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The squared singular values (r,) of the features, and the squared targets (r, K) along the left vectors."""
    tall = features.shape[0] > features.shape[1]
    values, vectors = np.linalg.eigh(features.T @ features if tall else features @ features.T)
    kept = values > max(float(values.max(initial=0.0)), 0.0) * 1e-10
    values, vectors = values[kept], vectors[:, kept]
    along = (features @ vectors / np.sqrt(values)).T @ targets if tall else vectors.T @ targets
    return values, along**2


def _fixed_point(squares: NDArray[np.float64], z2: NDArray[np.float64], outside: float, n: int) -> float:
    """The log evidence a row where ratio = alpha / beta has come to rest.

    For a given ratio the best beta is known, so what is left is one number to find.
    """
    if outside + float(z2.sum()) == 0.0:
        raise DataError("LogME of a target that is always zero is not defined; leave the column out")
    first = ratio = float(squares.mean()) if len(squares) else 1.0
    for _ in range(_STEPS):
        shrink = ratio / (ratio + squares)  # the share of a target along each vector that stays unexplained
        used = float((1 - shrink).sum())
        weights2 = float((z2 * squares / (ratio + squares) ** 2).sum())
        residual2 = float((z2 * shrink**2).sum()) + outside
        alpha, beta = used / max(weights2, 1e-300), (n - used) / max(residual2, 1e-300)
        last, ratio = ratio, min(max(alpha / max(beta, 1e-300), first / _RANGE), first * _RANGE)
        if abs(ratio - last) <= _CLOSE * last:
            break
    # With weights integrated out, y is normal with covariance (I + F F' / ratio) / beta.
    unexplained = float((z2 * ratio / (ratio + squares)).sum()) + outside
    spread = float(np.log1p(squares / ratio).sum())
    return 0.5 * (math.log(n / max(unexplained, 1e-300)) - math.log(2 * math.pi) - 1) - 0.5 * spread / n
