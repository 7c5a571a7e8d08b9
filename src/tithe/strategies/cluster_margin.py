"""Cluster-Margin: unsure items, spread over clusters of their own, the smallest cluster first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.blocks import block_rows, scaled
from tithe.strategies.k_means import clustered, members
from tithe.strategies.ranking import largest, wanted
from tithe.strategies.uncertainty import Uncertainty
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_CLUSTERS = 500  # at most


@dataclass(frozen=True)
class ClusterMargin:
    """One of each cluster of unsure items in turn, the smallest cluster first; the score of an item is its margin's.

    Of the `times` n candidates of the smallest margin, as many clusters are made as are asked for, at most 500. Items
    are drawn from each, uniformly, round after round until there are n; a cluster that is used up is passed over.

    Source: Citovsky, DeSalvo, Gentile, Karydas, Rajagopalan, Rostamizadeh and Kumar 2021, Batch Active Learning at
    Scale.
    Departs: k-means over the unsure items of this round, in place of one hierarchical clustering of the whole pool
    whose distance threshold would have to be set for each data set.

    Cost: O(N C) for the margins; k-means over at most 20 items a cluster; a few vectors of N.

    >>> from tithe.rng import stream
    >>> points, proba = np.array([[0.0], [0.1], [0.2], [9.0]]), np.full((4, 2), 0.5)
    >>> pool = Pool.from_views(list("abcd"), embeddings=points, proba=proba)
    >>> "d" in ClusterMargin().select(pool, 2, stream(0)).ids
    True
    """

    times: float = 10.0
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings", "proba"})
    cold: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not (isinstance(self.times, int | float) and 1 <= self.times < float("inf")):
            raise ConfigError(f"cluster_margin takes a finite times of 1 or more; given {self.times!r}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n unsure candidates, one of each cluster in turn."""
        n, matrix, scores = wanted(pool, n), np.asarray(pool.view("embeddings")), Uncertainty("margin").scores(pool)
        # In the order of their ids again: the unsure ones are a set.
        unsure = np.sort(largest(scores, int(min(self.times * n, len(scores)))))
        if not n:
            return pool.pick([], [])
        rows = pool.candidates[unsure]
        points, _ = scaled(matrix, rows, step=block_rows(matrix.shape[1]), centred=True)
        clusters = members(clustered(points, min(n, _CLUSTERS, len(rows)), rng)[0])
        clusters.sort(key=len)  # stable: of equal ones the first
        lines = [rng.permutation(cluster) for cluster in clusters]
        picks: list[int] = []
        turn = 0
        while len(picks) < n:
            lines = [line for line in lines if len(line) > turn]
            picks += [int(line[turn]) for line in lines][: n - len(picks)]
            turn += 1
        return pool.pick(rows[picks], scores[unsure[picks]], "unsure, each of another cluster")
