"""TypiClust: the most typical item of each cluster, which is what a model that knows nothing learns most from."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, block_rows, scaled
from tithe.strategies.k_means import clustered, members
from tithe.strategies.ranking import covered, wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_CLUSTERS = 500  # at most; as in the authors' code, like the next two
_SMALL = 5  # clusters of so few members wait until the others are used up
_NEIGHBOURS = 20
_PART = 2048  # members of a cluster that are compared with one another
_STRIP = 128  # of these at once: 1 MiB of distances, for the cache


@dataclass(frozen=True)
class TypiClust:
    """Typical items first, one cluster after the other; the score of an item is its typicality in its cluster.

    k-means makes as many clusters as there are labelled items and picks together, at most 500. Each pick comes from
    the cluster with the fewest labels, of these the largest. Typicality is 1 / the mean distance to the 20 nearest
    members of the cluster. Clusters of 5 members and fewer come last.

    Source: Hacohen, Dekel and Weinshall 2022, Active Learning on a Budget: Opposite Strategies Suit High and Low
    Budgets, algorithm 1.
    Departs: k-means is fitted on a drawn sample of 20 items a cluster, at least 4000, and assigns the others. In
    clusters of more than 2048 members, neighbours are sought among a drawn 2048, and members are considered 2048 at a
    time. Labelled members count as neighbours.

    Cost: k-means over at most 10 000 items, one pass for the assignment, O(k 2048² d) for k clusters used; memory for
    the sample (15 MB at d = 384) and a few vectors of N.

    >>> from tithe.rng import stream
    >>> points = np.array([[0.0], [1.0], [2.0], [9.0], [10.0]])
    >>> TypiClust().select(Pool.from_views(list("abcde"), embeddings=points), 1, stream(0)).ids
    ('c',)
    """

    needs: ClassVar[frozenset[View]] = frozenset({"embeddings"})

    @property
    def cold(self) -> TypiClust:
        return self

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, the most typical of the largest uncovered clusters first."""
        n, matrix, done = wanted(pool, n), np.asarray(pool.view("embeddings")), covered(pool)
        # Candidates first, then what is covered: an order that does not depend on the rows of the pool.
        rows = np.concatenate([pool.candidates, done])
        points, _ = scaled(matrix, rows, step=block_rows(matrix.shape[1]), centred=True)
        k = min(len(done) + n, _CLUSTERS, len(rows))
        clusters = members(clustered(points, k, rng)[0]) if n else []
        picks = _round_robin(points, clusters, len(pool.candidates), n, rng)
        chosen = np.array([pick for pick, _ in picks], dtype=np.int64)
        return pool.pick(rows[chosen], [score for _, score in picks], "typical of its cluster")


def _round_robin(
    points: Blocks, clusters: list[Rows], candidates: int, n: int, rng: Generator
) -> list[tuple[int, float]]:
    """n times the next most typical candidate of the largest cluster with the fewest labels."""
    queue: list[tuple[bool, int, int, int]] = []
    for number, cluster in enumerate(clusters):
        labels = int((cluster >= candidates).sum())
        queue.append((len(cluster) <= _SMALL, labels, -len(cluster), number))
    heapq.heapify(queue)
    lines: dict[int, Iterator[tuple[int, float]]] = {}
    picks: list[tuple[int, float]] = []
    while len(picks) < n:
        small, labels, size, number = queue[0]
        if number not in lines:
            lines[number] = _typical(points, clusters[number], candidates, rng)
        pick = next(lines[number], None)
        if pick is None:
            heapq.heappop(queue)
        else:
            picks.append(pick)
            heapq.heapreplace(queue, (small, labels + 1, size, number))
    return picks


def _typical(points: Blocks, cluster: Rows, candidates: int, rng: Generator) -> Iterator[tuple[int, float]]:
    """The candidates among the members with their typicality, the most typical first (within each part of 2048)."""
    if len(cluster) > _PART:
        cluster = rng.permutation(cluster)
    known = cluster[:_PART]
    references = points.take(known)
    seekers = cluster[cluster < candidates]
    for start in range(0, len(seekers), _PART):
        part = seekers[start : start + _PART]
        scores = _typicality(points.take(part), part, references, known)
        for best in np.argsort(-scores, kind="stable"):
            yield int(part[best]), float(scores[best])


def _typicality(points: Floats, places: Rows, references: Floats, known: Rows) -> NDArray[np.float64]:
    """1 / the mean distance to the nearest references that are not the point itself: (n,)."""
    k = min(_NEIGHBOURS, len(known) - 1)
    if k == 0:
        return np.zeros(len(points))  # alone in its cluster
    doubled, norms = (-2 * references).T, np.einsum("md,md->m", references, references)
    nearest = np.empty(len(points))
    for start in range(0, len(points), _STRIP):
        strip = slice(start, start + _STRIP)
        squares = points[strip] @ doubled  # (rows, m)
        squares += norms
        squares[places[strip, None] == known] = np.inf
        squares = np.partition(squares, k - 1, axis=1)[:, :k]
        squares += np.einsum("nd,nd->n", points[strip], points[strip])[:, None]
        nearest[strip] = np.sqrt(np.maximum(squares, 0)).mean(axis=1)
    return np.asarray(1.0 / (nearest + 1e-5), np.float64)  # 1e-5: the authors' guard for duplicates
