"""CAL: items that the model judges otherwise than it judges the labelled items around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, block_rows, scaled
from tithe.strategies.k_means import squared_distances
from tithe.strategies.random import Random
from tithe.strategies.ranking import by_id, drawn, largest, wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_KNOWN = 8192  # labelled items that neighbours are sought among, at most
_CELLS = 1 << 20  # distances at once: 4 MB
_FLOOR = 1e-7  # smallest probability that a logarithm is taken of


@dataclass(frozen=True)
class Cal:
    """The largest divergence of an item's probabilities from those of its nearest labelled neighbours.

    The score is the mean of KL(neighbour || item) over the `neighbours` labelled items that are nearest in the
    embeddings, in nats; ties go to the smaller id. With nothing labelled, a uniform draw.

    Source: Margatina, Vernikos, Barrault and Aletras 2021, Active Learning by Acquiring Contrastive Examples,
    algorithm 1.
    Departs: neighbours are sought in the start's embeddings, not in those of a fine-tuned model. Probabilities below
    1e-7 count as 1e-7. Of more than 8192 labelled items, a drawn 8192 is looked at.

    On frozen embeddings, whose neighbours may well have other labels, it tends to ask what the model is sure of, and
    stays below a random draw (docs/log.md); it is here for comparison and for fine-tuned embeddings.

    Cost: O(N L d + N k C) time for L labelled items and k neighbours; L embeddings and a few vectors of N in memory.

    >>> from tithe.rng import stream
    >>> points, proba = np.array([[0.0], [0.1], [5.0]]), np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])
    >>> Cal().select(Pool.from_views(list("abc"), embeddings=points, proba=proba, labelled=["a"]), 1, stream(0)).ids
    ('b',)
    """

    neighbours: int = 10
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings", "proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = frozenset({"choice"})

    def __post_init__(self) -> None:
        if not isinstance(self.neighbours, int) or self.neighbours < 1:
            raise ConfigError(f"cal takes 1 or more neighbours; given {self.neighbours!r}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates that contrast the most with what is labelled around them."""
        from threadpoolctl import threadpool_limits

        n, rows, known = wanted(pool, n), pool.candidates, by_id(pool, pool.labelled)
        matrix, proba = np.asarray(pool.view("embeddings")), np.asarray(pool.view("proba"))
        if not len(known) or not n:
            return Random().select(pool, n, rng) if n else pool.pick([], [])
        known = known[drawn(len(known), _KNOWN, rng)]
        step = min(block_rows(matrix.shape[1]), max(16, _CELLS // len(known)))
        whole, _ = scaled(matrix, np.concatenate([rows, known]), step=step, centred=True)
        points = Blocks(matrix, rows, step, whole.prepare)
        centres = whole.take(np.arange(len(rows), len(rows) + len(known)))
        with threadpool_limits(1, user_api="blas"):  # sums in another order could change the neighbours
            scores = contrast(points, centres, proba, rows, known, k=min(self.neighbours, len(known)))
        best = largest(scores, n)
        return pool.pick(rows[best], scores[best], "unlike the labelled items around")


def contrast(
    points: Blocks, centres: Floats, proba: NDArray[Any], rows: Rows, known: Rows, *, k: int
) -> NDArray[np.float64]:
    """(n,) the mean KL(p_c || p_x) over the k nearest centres c of each point x.

    Args:
        points: (n, d), whose probabilities are the `rows` of `proba` (N, C).
        centres: (L, d), whose probabilities are the rows `known`.
    """
    certain = np.maximum(proba[known].astype(np.float64), _FLOOR)  # (L, C)
    information = np.einsum("lc,lc->l", certain, np.log(certain))  # sum of p log p
    scores = np.empty(len(rows))
    for place, block in points:
        squares = squared_distances(block, centres)
        near = np.argpartition(squares, k - 1, axis=1)[:, :k]
        near.sort(axis=1)  # so that sums do not depend on how the partition went
        mean = np.zeros((len(near), certain.shape[1]))
        for one in near.T:
            mean += certain[one]
        logs = np.log(np.maximum(proba[rows[place]].astype(np.float64), _FLOOR))
        scores[place] = information[near].mean(axis=1) - np.einsum("nc,nc->n", mean / k, logs)
    return scores
