"""MaxHerding: items that together are the most similar to all others, by a smooth kernel in place of balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.coverage import Pairs, greedy_cover
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_PAIRS = 1 << 24  # kernel values: 67 MB
_ROWS = 256  # of kernel values, at once


@dataclass(frozen=True)
class MaxHerding:
    """Greedy growth of the mean similarity of the pool to the nearest chosen item; the score is that growth.

    The similarity of x and c is exp(-||x - c||² / sigma²). Labelled and pending items count as chosen. `sigma` is in
    the unit of the embeddings; None takes the root mean square distance from their mean. Once nothing grows, the rest
    is drawn uniformly.

    Source: Bae, Noh and Sutherland 2024, Generalized Coverage for More Robust Low-Budget Active Learning, algorithm 1.
    Departs: sigma follows the spread of the embeddings in place of 1 on rows of length 1, which is the same where
    these point in all directions. Above 4096 items, picks are made among a drawn 8192 (2 n where that is more), and
    the mean is over drawn items, as many as keep the pairs below 2^24.

    Cost: O(2^24 d) arithmetic and 67 MB of kernel values at any N.

    >>> from tithe.rng import stream
    >>> points = np.array([[0.0], [1.0], [2.0], [9.0], [10.0]])
    >>> MaxHerding(sigma=1).select(Pool.from_views(list("abcde"), embeddings=points), 2, stream(0)).ids
    ('b', 'd')
    """

    sigma: float | None = None
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings"})

    def __post_init__(self) -> None:
        if not (self.sigma is None or (isinstance(self.sigma, int | float) and 0 < self.sigma < float("inf"))):
            raise ConfigError(f"max_herding takes a finite sigma above 0, or None; given {self.sigma!r}")

    @property
    def cold(self) -> MaxHerding:
        return self

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, each adding the most similarity."""

        def cover(pairs: Pairs) -> _Kernel:
            # In float64, and never 0: a tiny sigma among huge embeddings may be below what float32 can hold.
            spread = float(pairs.norms().mean(dtype=np.float64)) or 1.0
            square = spread if self.sigma is None else max((self.sigma * pairs.factor) ** 2, 1e-30)
            return _Kernel(pairs, square)

        return greedy_cover(pool, n, rng, cover, most_pairs=_PAIRS)


class _Kernel:
    """Similarities of the considered candidates to the references (m, r), and the best so far of each reference."""

    reason: ClassVar[str] = "similar to what no label is near to"

    def __init__(self, pairs: Pairs, square: float) -> None:
        self.values = np.empty((len(pairs.considered), len(pairs.references)), np.float32)
        self.best = np.zeros(len(pairs.references), np.float32)
        scale = np.float32(-1 / square)
        for place, squares in pairs.squares(pairs.points):
            np.exp(squares * scale, out=self.values[place])
        for _, squares in pairs.squares(pairs.done):
            np.maximum(self.best, np.exp(squares.min(axis=0) * scale), out=self.best)

    def gains(self, positions: Rows) -> NDArray[Any]:
        """(n,) how much the mean of the best similarities would grow with each."""
        gains = np.empty(len(positions))
        for start in range(0, len(positions), _ROWS):
            growth = self.values[positions[start : start + _ROWS]]
            growth -= self.best
            np.maximum(growth, 0, out=growth)
            gains[start : start + _ROWS] = growth.mean(axis=1, dtype=np.float64)
        return gains

    def take(self, position: int) -> None:
        np.maximum(self.best, self.values[position], out=self.best)
