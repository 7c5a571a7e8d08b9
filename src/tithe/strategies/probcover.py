"""ProbCover: items whose balls cover the most of the pool, with a radius that the pool itself calibrates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.coverage import Pairs, greedy_cover
from tithe.strategies.k_means import k_means, squared_distances
from tithe.strategies.ranking import drawn
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_PAIRS = 8192 * 8192  # as bits: 8 MB
_ANCHORS = 2048  # items whose balls the radius is calibrated on
_CLASSES = 10  # pseudo-labels where no task says how many
_ZERO, _EQUAL = 4e-6, 5e-7  # squared distances that float32 cannot tell from 0, or apart; shares of the largest norm²
_ROWS = 1024  # of bits, counted at once


@dataclass(frozen=True)
class ProbCover:
    """Greedy maximum coverage by balls of one radius; the score of an item is the share of the pool it newly covers.

    Items in the ball of a labelled or pending one are covered already. Once all is covered, the rest is drawn
    uniformly. The radius is `delta`, or else the largest one at which the share `purity` of all balls holds one
    pseudo-label alone; pseudo-labels are k-means clusters, as many as the task has labels (10 without a task).

    Source: Yehuda, Dekel, Hacohen and Weinshall 2022, Active Learning Through a Covering Lens.
    Departs: the radius is exact, a quantile of the distances to the nearest item of another pseudo-label, in place of
    a scan of given radii. Half of the balls are pure, not .95 of them, at which a ball of sentence embeddings holds
    one or two items (docs/log.md). Above 8192 items, picks are made among a drawn 8192 (2 n where that is more), and
    their cover is counted on drawn items, as many as keep the pairs below 8192².

    Cost: O(8192² d) arithmetic, 8 MB for who covers whom and 13 MB (at d = 384) for the items that are counted.

    >>> from tithe.rng import stream
    >>> points = np.array([[0.0], [1.0], [2.0], [9.0], [10.0]])
    >>> ProbCover(delta=1).select(Pool.from_views(list("abcde"), embeddings=points), 2, stream(0)).ids
    ('b', 'd')
    """

    delta: float | None = None
    purity: float = 0.5
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings"})

    def __post_init__(self) -> None:
        if not (self.delta is None or (isinstance(self.delta, int | float) and 0 <= self.delta < float("inf"))):
            raise ConfigError(f"probcover takes a finite delta of 0 or more, or None; given {self.delta!r}")
        if not (isinstance(self.purity, int | float) and 0 < self.purity <= 1):
            raise ConfigError(f"probcover takes a purity above 0 and up to 1; given {self.purity!r}")

    @property
    def cold(self) -> ProbCover:
        return self

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, each covering the most that was not covered."""

        def cover(pairs: Pairs) -> _Balls:
            most = float(pairs.norms().max(initial=0))
            if self.delta is None:
                square = pure_square(pairs, len(pool.task.labels) if pool.task else _CLASSES, self.purity, rng)
                square *= 1 - 1e-5  # below the distance of the first impure item
            else:
                square = (self.delta * pairs.factor) ** 2 + _EQUAL * most
            return _Balls(pairs, max(square, _ZERO * most))  # each covers itself and its duplicates

        return greedy_cover(pool, n, rng, cover, most_pairs=_PAIRS)


def pure_square(pairs: Pairs, classes: int, purity: float, rng: Generator) -> float:
    """The squared radius below which the share `purity` of balls holds one pseudo-label; infinite with one label."""
    points = pairs.references
    centres = k_means(points, min(classes, len(points)), rng)
    home = squared_distances(points, centres).argmin(axis=1)
    anchors = drawn(len(points), _ANCHORS, rng)
    nearest = np.empty(len(anchors), np.float32)  # squared, of another pseudo-label
    norms = pairs.norms()
    for start in range(0, len(anchors), 64):
        part = anchors[start : start + 64]
        squares = points[part] @ (-2 * points.T)
        squares += norms + norms[part, None]
        squares[home[part, None] == home] = np.inf
        nearest[start : start + 64] = squares.min(axis=1)
    impure = int((1 - purity) * len(anchors) + 1e-9)  # balls that may be
    return max(float(np.partition(nearest, min(impure, len(anchors) - 1))[min(impure, len(anchors) - 1)]), 0.0)


class _Balls:
    """Which references each considered candidate covers, as bits, and which are not covered yet."""

    def __init__(self, pairs: Pairs, square: float) -> None:
        self.count = count = len(pairs.references)
        self.reason = f"balls of radius {np.sqrt(square) / pairs.factor:.3g}"
        width = -(-count // 64) * 8  # bytes, in whole words of 64 bits
        self.bits = np.zeros((len(pairs.considered), width), np.uint8)
        for place, squares in pairs.squares(pairs.points):
            self.bits[place, : -(-count // 8)] = np.packbits(squares <= square, axis=1)
        open_ = np.ones(count, bool)
        for _, squares in pairs.squares(pairs.done):
            open_ &= ~(squares <= square).any(axis=0)
        free = np.zeros(width, np.uint8)
        free[: -(-count // 8)] = np.packbits(open_)
        self.bits, self.free = self.bits.view(np.uint64), free.view(np.uint64)

    def gains(self, positions: Rows) -> NDArray[Any]:
        """(n,) the share of the references that each would newly cover."""
        gains = np.empty(len(positions))
        for start in range(0, len(positions), _ROWS):
            part = self.bits[positions[start : start + _ROWS]]
            part &= self.free
            gains[start : start + _ROWS] = np.bitwise_count(part).sum(axis=1, dtype=np.int64)
        return gains / self.count

    def take(self, position: int) -> None:
        self.free &= ~self.bits[position]
