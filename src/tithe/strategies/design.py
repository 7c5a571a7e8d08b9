"""Experimental design: the items after whose answers a linear model would be the surest of all the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies import WHOLE_ITEMS
from tithe.strategies.blocks import Blocks, block_rows, scaled
from tithe.strategies.ranking import covered, drawn, wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_CONSIDERED = 8192  # candidates at most: 12 MB at d = 384, read once for each pick


@dataclass(frozen=True)
class Design:
    """Greedy optimal design: each pick takes away the most of the variance that a linear model has on the pool.

    With x the centred embeddings, of mean square 1, w the weight of an item and M = noise I + the sum of w x xᵀ over
    what is labelled, pending or picked, the variance of a prediction is xᵀ M⁻¹ x. A pick's score is by how much it
    lessens the mean of w xᵀ M⁻¹ x over the pool. w is the sum of p (1 - p) over the labels, what an answer tells of a
    logistic model (its Fisher information) and what variance costs there, divided by its mean; 1 for all items where
    `weigh` is False, which needs no model and so chooses the first batch. Labels that are noise lead uncertainty
    astray, since they stay unsure however many are asked; here each pick makes its likes worth less.

    Source: Yu, Bi and Tresp 2006, Active Learning via Transductive Experimental Design (the sequential algorithm); the
    weights: Ash, Goel, Krishnamurthy and Kakade 2021, Gone Fishing: Neural Active Learning with Fisher Embeddings.
    Departs: on frozen embeddings; one M for all labels, by the sum of their information; picks are never taken back. Of
    more than 8192 candidates a drawn 8192 are considered; the variance is that of the whole pool all the same.

    Cost: two passes over the pool, O(d³) once, and for each pick O(d²) and a pass over the candidates considered.

    >>> from tithe.rng import stream
    >>> points = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> pool = Pool.from_views(list("abcd"), embeddings=points, labelled=["a"])
    >>> Design(noise=0.1, weigh=False).select(pool, 1, stream(0)).ids  # b lies in the direction of a
    ('c',)
    """

    noise: float = 1.0
    weigh: bool = True

    def __post_init__(self) -> None:
        if not (isinstance(self.noise, int | float) and 0 < self.noise < float("inf")):
            raise ConfigError(f"design takes a finite noise above 0; given {self.noise!r}")

    @property
    def needs(self) -> frozenset[View]:
        """`embeddings`, and `proba` for the weights."""
        return frozenset({"embeddings", "proba"}) if self.weigh else frozenset({"embeddings"})

    @property
    def tasks(self) -> frozenset[str] | None:
        """Those whose `proba` is one row an item; any without the weights."""
        return WHOLE_ITEMS if self.weigh else None

    @property
    def cold(self) -> Design:
        return replace(self, weigh=False)

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates that tell the most of the pool, each given those before it."""
        from threadpoolctl import threadpool_limits

        n, matrix, done = wanted(pool, n), np.asarray(pool.view("embeddings")), covered(pool)
        if not n:
            return pool.pick([], [])
        rows = np.concatenate([pool.candidates, done])
        considered = drawn(len(pool.candidates), max(_CONSIDERED, n), rng)
        known = np.arange(len(pool.candidates), len(rows))
        weights = information(pool.view("proba"), rows) if self.weigh else np.ones(len(rows), np.float32)
        with threadpool_limits(1, user_api="blas"):  # sums in another order could change the picks
            points, _ = scaled(matrix, rows, step=block_rows(matrix.shape[1]), centred=True)
            spread, power = _moments(points, weights)
            roots = np.sqrt(weights / np.float32(power))[:, None]
            done_points = (points.take(known) * roots[known]).astype(np.float64)
            inverse = np.linalg.inv(self.noise * np.eye(len(spread)) + done_points.T @ done_points)
            picks, scores = _greedy(points.take(considered) * roots[considered], inverse, spread / power, n)
        return pool.pick(pool.candidates[considered[picks]], scores, "tells the most of the pool")


def information(proba: NDArray[Any], rows: Rows) -> Floats:
    """(n,) the sum of p (1 - p) over the columns of these rows of `proba` (N, C), over its mean; 1 where all are 0."""
    weights, step = np.empty(len(rows)), block_rows(proba.shape[1])
    for start in range(0, len(rows), step):
        p = proba[rows[start : start + step]].astype(np.float64)
        weights[start : start + step] = np.einsum("nc,nc->n", p, 1.0 - p)
    mean = float(weights.mean())
    return np.asarray(weights / mean if mean > 0 else np.ones(len(rows)), np.float32)


def _moments(points: Blocks, weights: Floats) -> tuple[NDArray[np.float64], float]:
    """(d, d) the mean of w x xᵀ, and the mean of xᵀ x, 1 where that is 0."""
    total, power = np.zeros((points.matrix.shape[1],) * 2), 0.0
    for place, block in points:
        total += (block * weights[place, None]).T @ block
        power += float(np.einsum("nd,nd->", block, block))
    return total / max(len(points.rows), 1), power / max(len(points.rows), 1) or 1.0


def _greedy(
    points: Floats, inverse: NDArray[np.float64], spread: NDArray[np.float64], n: int
) -> tuple[list[int], list[float]]:
    """n places of `points` (m, d) and what each takes off trace(spread M⁻¹), for M⁻¹ = `inverse` before the first.

    A pick x makes of M⁻¹ = A the matrix A - a aᵀ / (1 + xᵀa) with a = A x (Sherman and Morrison), so it takes
    aᵀ S a / (1 + xᵀ a) off the trace. Both sums are kept for all points, and a pick changes them by the products of the
    points with two vectors.
    """
    inside, told = np.empty((2, len(points)))  # xᵀ A x and xᵀ A S A x
    step = block_rows(points.shape[1])
    for start in range(0, len(points), step):
        block = points[start : start + step]
        ahead = block @ inverse
        inside[start : start + step] = np.einsum("nd,nd->n", block, ahead)
        told[start : start + step] = np.einsum("nd,nd->n", ahead @ spread, ahead)
    free = np.ones(len(points), bool)
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < n:
        gains = np.where(free, told / (1.0 + inside), -np.inf)
        pick = int(gains.argmax())
        free[pick] = False
        picks.append(pick)
        scores.append(max(float(gains[pick]), 0.0))
        away = inverse @ points[pick].astype(np.float64)  # a
        onward = inverse @ (spread @ away)  # A S a
        whole = 1.0 + float(points[pick] @ away)
        along, across = (points @ np.stack([away, onward], axis=1).astype(np.float32)).astype(np.float64).T
        told += (along / whole) ** 2 * float(away @ spread @ away) - 2.0 * along / whole * across
        inside -= along**2 / whole
        inverse = inverse - np.outer(away, away) / whole
    return picks, scores
