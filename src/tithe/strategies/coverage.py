"""What a cover is made of: the candidates that are considered, and the items by which their cover is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, scaled
from tithe.strategies.ranking import covered, drawn
from tithe.types import Floats, Rows

if TYPE_CHECKING:
    from numpy.random import Generator

_CELLS = 1 << 20  # distances at once: 4 MB


@dataclass(frozen=True, eq=False)
class Pairs:
    """Considered candidates (m), done items, and references (r, d) drawn from both; values are times `factor`.

    `considered` are positions in `pool.candidates`. Where the pool is small, all candidates are considered and all
    items are references.
    """

    considered: Rows
    points: Blocks
    done: Blocks
    references: Floats
    factor: float

    @classmethod
    def of(cls, pool: Pool, fewest: int, most: int, rng: Generator) -> Pairs:
        """At least `fewest` candidates where there are as many, and at most `most` pairs."""
        matrix, rows, done = np.asarray(pool.view("embeddings")), pool.candidates, covered(pool)
        considered = drawn(len(rows), fewest, rng)
        everything = np.concatenate([rows, done])
        counted = drawn(len(everything), max(most // len(considered), 1), rng)
        step = max(16, _CELLS // max(len(counted), matrix.shape[1]))
        whole, factor = scaled(matrix, everything, step=step, centred=True)
        points, known = (Blocks(matrix, part, step, whole.prepare) for part in (rows[considered], done))
        return cls(considered, points, known, whole.take(counted), factor)

    def squares(self, blocks: Blocks) -> Iterator[tuple[slice, Floats]]:
        """Squared distances (rows, r) to the references, a block at a time. A block is valid until the next one."""
        norms = self.norms()
        for place, block in blocks:
            products = block @ self.references.T
            products *= -2
            products += norms
            products += np.einsum("nd,nd->n", block, block)[:, None]
            np.maximum(products, 0, out=products)
            yield place, products

    def norms(self) -> Floats:
        """(r,) squared distances of the references from the mean of the pool."""
        return np.asarray(np.einsum("rd,rd->r", self.references, self.references))
