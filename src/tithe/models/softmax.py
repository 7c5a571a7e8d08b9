"""Multinomial logistic regression in coordinates where it is quick: the solver behind the trainer `linear`.

`Basis` turns features (n, D) into principal coordinates (n, r), r = min(n, D): an exact change of variables, since an
L2 penalty does not change under rotation and the optimum lies in the span of the rows. There the Hessian is nearly
diagonal, so scaled L-BFGS needs a dozen steps where the plain one needs a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.types import Floats

# A typical p (1 - p) of a half-trained classifier; it scales the steps only, never the optimum.
_CURVATURE = 0.1


@dataclass(frozen=True, eq=False)
class Basis:
    """Principal coordinates (n, r) of centred features (n, D), r = min(n, D); `spectrum` (r,) is largest first."""

    features: Floats
    vectors: Floats  # of the smaller Gram matrix: (n, r) where n <= D, else (D, r)
    spectrum: Floats

    @classmethod
    def of(cls, features: Floats) -> Basis:
        """The basis of centred features (n, D). Cost: O(n D min(n, D))."""
        n, width = features.shape
        gram = features @ features.T if n <= width else features.T @ features
        values, vectors = np.linalg.eigh(gram)
        keep = values > values[-1] * 1e-6
        return cls(features, np.ascontiguousarray(vectors[:, keep][:, ::-1]), values[keep][::-1].copy())

    @cached_property
    def coordinates(self) -> Floats:
        """(n, r) the features along the axes."""
        n, width = self.features.shape
        return np.asarray(self.vectors * np.sqrt(self.spectrum) if n <= width else self.features @ self.vectors)

    @cached_property
    def axes(self) -> Floats:
        """(D, r) orthonormal columns: `features @ axes` are the coordinates."""
        n, width = self.features.shape
        return np.asarray((self.features.T @ self.vectors) / np.sqrt(self.spectrum) if n <= width else self.vectors)

    def head(self, share: float) -> Basis:
        """The leading axes that hold this share of the variance: smaller and a little inexact, for searches."""
        r = int(np.searchsorted(np.cumsum(self.spectrum), share * self.spectrum.sum())) + 1
        return Basis(self.features, np.ascontiguousarray(self.vectors[:, :r]), self.spectrum[:r])


@dataclass(frozen=True, eq=False)
class Softmax:
    """Weights (r, K) and bias (K,) in the coordinates that they were fitted in."""

    weights: Floats
    bias: Floats

    def logits(self, coordinates: Floats) -> Floats:
        """(n, r) -> (n, K)."""
        return np.asarray(coordinates @ self.weights + self.bias)


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities (n, K) of logits (n, K), without overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def fit_softmax(
    coordinates: Floats,
    spectrum: Floats,
    targets: NDArray[np.int64],
    classes: int,
    *,
    penalty: float,
    weights: Floats | None = None,
    warm: Softmax | None = None,
    tolerance: float = 1e-4,
) -> Softmax:
    """Minimises sum_i w_i CE_i + penalty/2 ||W||^2, the bias unpenalised.

    Args:
        coordinates: (n, r), as `Basis` gives them.
        spectrum: (r,) their sums of squares, which set the scale of the steps.
        targets: (n,) columns 0..classes-1.
        weights: (n,) of the examples, default all 1.
        warm: a start near the optimum; the result differs from a cold one by the tolerance alone.
        tolerance: stop where no scaled gradient is larger than this times sqrt(n).
    """
    from scipy.optimize import minimize

    n, r = coordinates.shape
    sample = np.ones(n, np.float32) if weights is None else np.asarray(weights, np.float32)
    scale = np.sqrt(_CURVATURE * spectrum.astype(np.float64) + penalty)[:, None]  # (r, 1)
    bias_scale = np.sqrt(_CURVATURE * n + 1e-9)
    rows = np.arange(n)
    flipped = np.ascontiguousarray(coordinates.T)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat[: r * classes].reshape(r, classes) / scale
        b = flat[r * classes :] / bias_scale
        logs = log_softmax(coordinates @ w.astype(np.float32) + b.astype(np.float32))
        value = -float(np.dot(sample, logs[rows, targets])) + 0.5 * penalty * float(np.vdot(w, w))
        slope = np.exp(logs)  # (n, K), becomes d loss / d logits
        slope[rows, targets] -= 1.0
        slope *= sample[:, None]
        grad_w = (flipped @ slope + penalty * w) / scale
        grad_b = slope.sum(axis=0, dtype=np.float64) / bias_scale
        return value, np.concatenate([grad_w.ravel(), grad_b])

    start = np.zeros((r + 1) * classes)
    if warm is not None:
        start[: r * classes] = (warm.weights * scale).ravel()
        start[r * classes :] = warm.bias * bias_scale
    options = {"maxiter": 200, "maxcor": 12, "gtol": tolerance * np.sqrt(n), "ftol": 1e-9}
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    w = (best[: r * classes].reshape(r, classes) / scale).astype(np.float32)
    return Softmax(w, (best[r * classes :] / bias_scale).astype(np.float32))
