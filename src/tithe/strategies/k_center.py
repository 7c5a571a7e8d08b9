"""Greedy k-center (core-set): each pick is the item farthest from all that is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies.blocks import block_rows, scaled
from tithe.strategies.ranking import covered, largest, wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_FRONT = 1024  # candidates looked at between two passes: a few per cent of the time of a pass at N = 100 000
_CENTRES = 1024  # centres in one matrix product: 2.7 MB for a block of 682 rows
_SLACK = 2e-6  # what float32 may err in a squared distance, as a share of the largest squared norm


@dataclass(frozen=True)
class KCenter:
    """Farthest-first traversal; the score of an item is its distance to the nearest centre when it was chosen.

    Centres are all items that are labelled, pending or closed, then the picks. Where there are none, the first pick is
    the candidate nearest to the mean. Ties go to the smaller id. Candidates that coincide with a centre, as far as
    float32 can tell (a thousandth of the largest distance from the mean), come last.

    Source: Sener and Savarese 2018, Active Learning for Convolutional Neural Networks: A Core-Set Approach.
    Departs: the same picks, with fewer passes over the matrix. Distances only shrink as centres are added, so an
    outdated distance bounds the true one from above, and picks are taken from the farthest 1024 for as long as one of
    them stays beyond the outdated distances of all others. Among these, distances are taken in float64.

    Cost: O((L + n) N d) arithmetic for L covered items, but only one reading of the matrix for several picks; two
    float32 vectors of N, a block of memory and some thousand points in float64.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["a", "b", "c"], embeddings=np.array([[0.0], [1.0], [5.0]]), labelled=["a"])
    >>> KCenter().select(pool, 2, stream(0)).ids
    ('c', 'b')
    """

    needs: ClassVar[frozenset[View]] = frozenset({"embeddings"})
    cold: ClassVar[None] = None

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n farthest candidates, one after the other. Draws nothing."""
        n = wanted(pool, n)
        matrix, rows = np.asarray(pool.view("embeddings")), pool.candidates
        search = _Search(matrix, rows, covered(pool))
        while len(search.picks) < n and search.advance(n):
            pass
        rest = largest(search.reach, n - len(search.picks))
        picks = np.array(search.picks + rest.tolist(), dtype=np.int64)
        scores = np.sqrt(np.array(search.scores + np.maximum(search.reach[rest], 0).tolist())) / search.factor
        return pool.pick(rows[picks], scores, "the farthest from what is covered")


class _Search:
    """The state of one selection: picks so far, and for each candidate an upper bound of its squared distance."""

    def __init__(self, matrix: NDArray[Any], rows: Rows, centres: Rows) -> None:
        step = block_rows(matrix.shape[1])
        self.blocks, self.factor = scaled(matrix, rows, step=step, centred=True)
        self.centres = centres
        self.picks: list[int] = []
        self.scores: list[float] = []
        self.norms = np.empty(len(rows), np.float32)
        self.reach = np.full(len(rows), np.inf, np.float32)
        for place, block in self.blocks:
            self.norms[place] = np.einsum("nd,nd->n", block, block)
        known = self.blocks.exact(centres).astype(np.float32)
        most = max(self.norms.max(initial=0), np.square(known).sum(axis=1).max(initial=0))
        self.slack = _SLACK * float(most)
        if len(known):
            self.cover(known)

    def cover(self, centres: Floats) -> None:
        """Lowers every distance to that of the nearest of these centres (m, d): one pass."""
        for place, block in self.blocks:
            for start in range(0, len(centres), _CENTRES):
                nearest = _gaps(block, centres[start : start + _CENTRES])  # (rows,), without the rows' own norms
                np.minimum(self.reach[place], nearest + self.norms[place], out=self.reach[place])
        np.maximum(self.reach, 0, out=self.reach)
        self.reach[self.picks] = -1

    def advance(self, n: int) -> bool:
        """Takes all picks that are certain without another pass; False where no distance is left to speak of."""
        if not self.picks and not len(self.centres):
            return self._first()
        front = self._front(self.reach)
        outside = self.reach.copy()
        outside[front] = -1
        bound = float(outside.max(initial=-1)) + self.slack
        points = self.blocks.exact(self.blocks.rows[front])
        norms = np.einsum("nd,nd->n", points, points)
        reach = np.maximum(self._nearest(points) + norms, 0)
        reach[self.reach[front] < 0] = -1
        fresh: list[int] = []
        while len(self.picks) < n and (best := float(reach.max())) > (bound if fresh else self.slack):
            # Of equal ones the first, which has the smallest id; "equal" leaves room for rounding in float64.
            pick = int((reach >= best - 1e-6 * self.slack).argmax())
            fresh.append(pick)
            self.picks.append(int(front[pick]))
            self.scores.append(best)
            np.minimum(reach, np.maximum(_gaps(points, points[[pick]]) + norms, 0), out=reach)
            reach[pick] = -1
        if fresh and len(self.picks) < n:
            self.cover(points[fresh].astype(np.float32))
        return bool(fresh)

    def _first(self) -> bool:
        front = self._front(-self.norms)
        norms = np.square(self.blocks.exact(self.blocks.rows[front])).sum(axis=1)
        pick = front[(norms <= norms.min() + 1e-6 * self.slack).argmax()]
        self.picks, self.scores = [int(pick)], [float(norms.min())]
        self.cover(self.blocks.take(np.array([pick])))
        return True

    def _front(self, values: Floats) -> Rows:
        """Where the largest values are, ascending; holds all that could be the largest, were it not for rounding."""
        near = int((values >= values.max(initial=-1) - 2 * self.slack).sum())
        return np.sort(largest(values, min(max(near, _FRONT), 8 * _FRONT)))

    def _nearest(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared distances (n,) to the nearest of all centres, without the points' own norms."""
        centres = np.concatenate([self.centres, self.blocks.rows[self.picks]])
        nearest = np.full(len(points), np.inf)
        for start in range(0, len(centres), _CENTRES):
            np.minimum(nearest, _gaps(points, self.blocks.exact(centres[start : start + _CENTRES])), out=nearest)
        return nearest


def _gaps(points: NDArray[Any], centres: NDArray[Any]) -> NDArray[Any]:
    """min over the centres of ||c||² - 2 x·c, for each point: (n, d), (m, d) -> (n,)."""
    products = points @ (-2 * centres).T  # (n, m)
    products += np.einsum("md,md->m", centres, centres)
    return np.asarray(products.min(axis=1))
