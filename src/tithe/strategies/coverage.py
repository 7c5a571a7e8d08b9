"""Greedy covers: the candidates that are considered, the items by which their cover is measured, and the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, scaled
from tithe.strategies.greedy import lazy_greedy
from tithe.strategies.ranking import covered, drawn, filled, wanted
from tithe.types import Floats, Rows, Selection

if TYPE_CHECKING:
    from numpy.random import Generator

_CELLS = 1 << 20  # distances at once: 4 MB
_CONSIDERED = 8192  # candidates, at least


class Cover(Protocol):
    """What considered candidates cover, and how that changes with each pick. A gain never grows."""

    @property
    def reason(self) -> str:
        """Why its picks were chosen, in words."""

    def gains(self, positions: Rows) -> NDArray[Any]:
        """(n,) what each of these considered candidates would add now, as a share of the whole."""

    def take(self, position: int) -> None:
        """Adds one."""


def greedy_cover(pool: Pool, n: int, rng: Generator, cover: Callable[[Pairs], Cover], *, most_pairs: int) -> Selection:
    """n candidates, each adding the most; the rest is drawn uniformly once nothing adds anything."""
    from threadpoolctl import threadpool_limits

    n, rows = wanted(pool, n), pool.candidates
    if not n:
        return pool.pick([], [])
    pairs = Pairs.of(pool, max(_CONSIDERED, 2 * n), most_pairs, rng)
    with threadpool_limits(1, user_api="blas"):  # sums in another order could change the picks
        made = cover(pairs)
        everyone = np.arange(len(pairs.considered))
        picks, scores = lazy_greedy(made.gains(everyone), made.gains, made.take, n)
    chosen = filled(pairs.considered[picks], len(rows), n, rng)
    return pool.pick(rows[chosen], [*scores, *[0.0] * (n - len(picks))], made.reason)


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
