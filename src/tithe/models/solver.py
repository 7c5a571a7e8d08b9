"""Logistic regression in coordinates where it is quick: the solver behind the trainer `linear`.

`Basis` turns features (n, D) into principal coordinates (n, r), r = min(n, D): an exact change of variables, since an
L2 penalty does not change under rotation and the optimum lies in the span of the rows. There the Hessian is nearly
diagonal, so scaled L-BFGS needs a dozen steps where the plain one needs a hundred.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tithe.models.links import Link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.types import Floats

# A typical p (1 - p) of a half-trained classifier; it scales the steps only, never the optimum.
_CURVATURE = 0.1
_MEMORY = 8  # steps that L-BFGS remembers
_STEPS = 300

Loss: TypeAlias = "Callable[[Floats, Floats], tuple[float, Floats, Floats]]"


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
class Affine:
    """Weights (r, K) and bias (K,) in the coordinates that they were fitted in."""

    weights: Floats
    bias: Floats

    def logits(self, coordinates: Floats) -> Floats:
        """(n, r) -> (n, K)."""
        return np.asarray(coordinates @ self.weights + self.bias)


def fit_affine(
    coordinates: Floats,
    spectrum: Floats,
    targets: NDArray[Any],
    classes: int,
    link: Link,
    *,
    penalty: float,
    weights: Floats | None = None,
    tolerance: float = 2e-3,
) -> Affine:
    """Minimises sum_i w_i loss_i + penalty/2 ||W||^2, the bias unpenalised.

    Args:
        coordinates: (n, r), as `Basis` gives them.
        spectrum: (r,) their sums of squares, which set the scale of the steps.
        targets: of the link's own kind, n of them.
        weights: (n,) of the examples, default all 1.
        tolerance: stop where no scaled gradient is larger than this times sqrt(n) times the penalty (.003 at least):
            the smaller the penalty, the flatter the valley. The default holds probabilities to .005.
    """
    sample = np.ones(len(coordinates), np.float32) if weights is None else np.asarray(weights, np.float32)

    def loss(logits: Floats, free: Floats) -> tuple[float, Floats, Floats]:
        return *link.loss(logits, targets, sample), free

    return fit_with(
        loss, coordinates, spectrum, np.empty(0, np.float32), classes, penalty=penalty, tolerance=tolerance
    )[0]


def fit_with(
    loss: Loss,
    coordinates: Floats,
    spectrum: Floats,
    curvature: Floats,
    classes: int,
    *,
    penalty: float,
    tolerance: float = 2e-3,
) -> tuple[Affine, Floats]:
    """Minimises a loss of logits and of parameters of its own, plus penalty/2 ||W||^2; see `fit_affine`.

    Args:
        loss: convex; gets logits (n, K) and its own parameters (m,), gives its value and the slopes by both.
        curvature: (m,) about the second derivative by each of its own parameters; sets the scale of the steps alone.
    """
    n, r = coordinates.shape
    scale = np.sqrt(_CURVATURE * spectrum + penalty).astype(np.float32)[:, None]  # (r, 1)
    bias_scale = np.float32(np.sqrt(_CURVATURE * n))
    free_scale = np.sqrt(curvature).astype(np.float32)
    flipped = np.ascontiguousarray(coordinates.T)
    inner, outer = r * classes, (r + 1) * classes

    def objective(flat: Floats) -> tuple[float, Floats]:
        w = flat[:inner].reshape(r, classes) / scale
        value, slope, free_slope = loss(coordinates @ w + flat[inner:outer] / bias_scale, flat[outer:] / free_scale)
        value += 0.5 * penalty * float(np.vdot(w, w))
        grad = np.empty_like(flat)
        grad[:inner] = ((flipped @ slope + np.float32(penalty) * w) / scale).ravel()
        grad[inner:outer] = slope.sum(axis=0) / bias_scale
        grad[outer:] = free_slope / free_scale
        return value, grad

    start = np.zeros(outer + len(curvature), np.float32)
    best = _lbfgs(objective, start, tolerance * max(penalty, 0.003) * np.sqrt(n))
    return Affine(best[:inner].reshape(r, classes) / scale, best[inner:outer] / bias_scale), best[outer:] / free_scale


def _lbfgs(loss: Callable[[Floats], tuple[float, Floats]], x: Floats, enough: float) -> Floats:
    """The minimum of a smooth convex function: where no slope is larger than `enough`, or float32 sees no descent.

    Ours because SciPy's works in float64 and spends as long between two calls of `loss` as in it. A step is taken once
    it descends (Armijo); on a convex function the curvature condition then holds by itself.

    Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 7.4 and 3.1.
    """
    value, grad = loss(x)
    pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(_STEPS):
        if float(np.abs(grad).max()) <= enough:
            break
        way = _two_loops(grad, pairs)
        slope = float(grad @ way)
        length = 1.0
        while True:
            there = x + np.float32(length) * way
            new_value, new_grad = loss(there)
            if new_value <= value + 1e-4 * length * slope:
                break
            # The minimum of the parabola through both values and the slope, kept within bounds.
            length *= min(max(-slope * length / (2 * (new_value - value - slope * length)), 0.1), 0.5)
            if length < 1e-4:
                return x
        step, change = there - x, new_grad - grad
        curvature = float(step @ change)
        if curvature > 0:
            pairs.append((step, change, 1.0 / curvature))
        x, value, grad = there, new_value, new_grad
    return x


def _two_loops(grad: Floats, pairs: Sequence[tuple[Floats, Floats, float]]) -> Floats:
    """Minus the approximate inverse Hessian times the gradient."""
    way = -grad
    weights = []
    for step, change, inverse in reversed(pairs):
        weight = np.float32(inverse * float(step @ way))
        way -= weight * change
        weights.append(weight)
    if pairs:
        _, change, inverse = pairs[-1]
        way *= np.float32(1.0 / (inverse * float(change @ change)))
    for (step, change, inverse), weight in zip(pairs, reversed(weights), strict=True):
        way += (weight - np.float32(inverse * float(change @ way))) * step
    return way
