"""Uniform random choice: the arm that every claim of saving is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tithe.pool import Pool
from tithe.strategies.ranking import wanted
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Random:
    """Draws uniformly, without replacement. Every score is 0. Cost: O(N).

    >>> from tithe.rng import stream
    >>> len(Random().select(Pool.from_views(["a", "b", "c"]), 2, stream(0)))
    2
    """

    needs: ClassVar[frozenset[View]] = frozenset()
    cold: ClassVar[None] = None  # the random arm shares the first batch, whoever chooses it

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, drawn uniformly; a longer draw from the same stream begins with the shorter one."""
        n = wanted(pool, n)
        return pool.pick(rng.permutation(pool.candidates)[:n], np.zeros(n), "random")
