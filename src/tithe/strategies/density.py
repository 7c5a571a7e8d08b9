"""Information density: unsure items that resemble the rest of the pool, so that no outlier is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, block_rows, scaled
from tithe.strategies.ranking import largest, wanted
from tithe.strategies.uncertainty import Uncertainty
from tithe.tasks import Measure
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Density:
    """The largest uncertainty times the mean cosine to all other candidates, to the power beta; ties to the smaller id.

    `measure` is that of the uncertainty: entropy, margin or least_confidence. beta = 0 is plain uncertainty.

    Source: Settles and Craven 2008, An Analysis of Active Learning Strategies for Sequence Labeling Tasks.
    Departs: a mean cosine below 0 counts as 0. No pairs are made: the mean of the cosines is the product with the mean
    of all rows at length 1.

    Cost: O(N (C + d)): two passes over the embeddings; a few vectors of N and a block in memory.

    >>> from tithe.rng import stream
    >>> points, proba = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), np.array([[0.6, 0.4], [0.6, 0.4], [0.5, 0.5]])
    >>> Density().select(Pool.from_views(["a", "b", "odd"], embeddings=points, proba=proba), 3, stream(0)).ids
    ('b', 'a', 'odd')
    """

    beta: float = 1.0
    measure: Measure = "entropy"
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings", "proba"})
    cold: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not (isinstance(self.beta, int | float) and 0 <= self.beta < float("inf")):
            raise ConfigError(f"density takes a finite beta of 0 or more; given {self.beta!r}")
        if self.measure not in ("entropy", "margin", "least_confidence"):
            raise ConfigError(f"density takes the measure entropy, margin or least_confidence; given {self.measure!r}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest product. Draws nothing."""
        n, rows = wanted(pool, n), pool.candidates
        if not n:
            return pool.pick([], [])
        similarity = mean_cosines(np.asarray(pool.view("embeddings")), rows)
        scores = Uncertainty(self.measure).scores(pool) * np.maximum(similarity, 0) ** self.beta
        best = largest(scores, n)
        return pool.pick(rows[best], scores[best], "unsure and typical")


def mean_cosines(matrix: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
    """(n,) the mean cosine of each row to all the rows, itself included; 0 for a row of zeros."""
    tame, _ = scaled(matrix, rows, step=block_rows(matrix.shape[1]), centred=False)
    prepare = tame.prepare or (lambda block: block)
    units = Blocks(matrix, rows, tame.step, lambda block: _unit(prepare(block)))
    total = np.zeros(matrix.shape[1])
    for _, block in units:
        total += block.sum(axis=0, dtype=np.float64)
    mean = (total / len(rows)).astype(np.float32)
    cosines = np.empty(len(rows))
    for place, block in units:
        cosines[place] = block @ mean
    return cosines


def _unit(block: NDArray[Any]) -> NDArray[Any]:
    """The rows at length 1, in place; zeros stay."""
    lengths = np.sqrt(np.einsum("nd,nd->n", block, block))
    block /= np.where(lengths > 0, lengths, 1)[:, None]
    return block
