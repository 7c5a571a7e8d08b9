"""k-means for selection: a k-means++ start, then Lloyd's iterations, both on a drawn sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tithe.strategies.blocks import Blocks
from tithe.types import Floats, Rows

if TYPE_CHECKING:
    from numpy.random import Generator

_START = 10  # items a cluster that the start chooses from
_FIT, _FIT_FEWEST = 20, 4000  # items a cluster, and in all, that `clustered` fits on; more move the centres little
_ROUNDS = 20  # of Lloyd's at most; the centres of a selection need not be the last digit of an optimum


def k_means(points: Floats, k: int, rng: Generator) -> Floats:
    """Centres (k, d) of points (n, d), k <= n. Deterministic given the stream.

    Source: Lloyd 1982, Least Squares Quantization in PCM; Arthur and Vassilvitskii 2007, k-means++: The Advantages of
    Careful Seeding.
    Departs: the start chooses among ten drawn points a cluster, and 20 rounds are the most.

    Cost: O(20 n k d) arithmetic in matrix products, and n x k distances in memory.
    """
    few = min(len(points), max(_START * k, 1000))
    centres = _plus_plus(points[np.sort(rng.choice(len(points), few, replace=False))], k, rng)
    norms = np.einsum("nd,nd->n", points, points)
    home = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        squares = squared_distances(points, centres)
        moved = squares.argmin(axis=1)
        if np.array_equal(moved, home):
            break
        home = moved
        centres = _means(points, home, centres, norms + squares[np.arange(len(points)), home])
    return centres


def clustered(points: Blocks, k: int, rng: Generator) -> tuple[NDArray[np.int64], Floats]:
    """The cluster (n,) of each row and the squared distance (n,) to its centre; k <= n.

    Fitted on a drawn sample of 20 items a cluster, at least 4000. Cost: that of `k_means` on the sample, and one pass.
    """
    from threadpoolctl import threadpool_limits

    count = len(points.rows)
    few = min(count, max(_FIT * k, _FIT_FEWEST))
    sample = np.arange(count) if few == count else np.sort(rng.choice(count, few, replace=False))
    home, gaps = np.empty(count, np.int64), np.empty(count, np.float32)
    with threadpool_limits(1, user_api="blas"):  # several threads add up in an order that changes
        centres = k_means(points.take(sample), k, rng)
        for place, block in points:
            squares = squared_distances(block, centres)
            home[place] = squares.argmin(axis=1)
            gaps[place] = squares.min(axis=1) + np.einsum("nd,nd->n", block, block)
    return home, np.maximum(gaps, 0)


def members(home: NDArray[np.int64]) -> list[Rows]:
    """The members of each cluster, as ascending positions; empty clusters are left out.

    >>> [part.tolist() for part in members(np.array([2, 0, 2]))]
    [[1], [0, 2]]
    """
    order = np.argsort(home, kind="stable")
    return [part for part in np.split(order, np.cumsum(np.bincount(home))[:-1]) if len(part)]


def squared_distances(points: Floats, centres: Floats) -> Floats:
    """(n, k) squared distances less the points' own squares: enough to compare centres."""
    products = points @ (-2 * centres).T
    products += np.einsum("kd,kd->k", centres, centres)
    return np.asarray(products)


def _plus_plus(points: Floats, k: int, rng: Generator) -> Floats:
    """k of the points, each drawn with probability proportional to its squared distance to those before."""
    norms = np.einsum("nd,nd->n", points, points)
    picks = [int(rng.integers(len(points)))]
    nearest = np.full(len(points), np.inf, np.float32)
    while len(picks) < k:
        last = points[picks[-1]]
        np.minimum(nearest, np.maximum(norms - 2 * (points @ last) + norms[picks[-1]], 0), out=nearest)
        nearest[picks] = 0
        weights = np.cumsum(nearest, dtype=np.float64)
        if weights[-1] <= 0:  # fewer different points than clusters: any will do
            rest = np.setdiff1d(np.arange(len(points)), picks)
            picks += rng.choice(rest, k - len(picks), replace=False).tolist()
            break
        picks.append(int(np.searchsorted(weights, rng.random() * weights[-1], side="right")))
    return points[picks]


def _means(points: Floats, home: NDArray[np.int64], centres: Floats, far: Floats) -> Floats:
    """The means of the clusters; an empty one moves to the point that is farthest from its centre."""
    order = np.argsort(home, kind="stable")
    sizes = np.bincount(home, minlength=len(centres))
    filled = np.flatnonzero(sizes)
    starts = np.concatenate([[0], np.cumsum(sizes[filled])[:-1]])
    new = centres.copy()
    new[filled] = np.add.reduceat(points[order], starts, axis=0) / sizes[filled, None]
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        new[empty] = points[np.argsort(-far, kind="stable")[: len(empty)]]
    return new
