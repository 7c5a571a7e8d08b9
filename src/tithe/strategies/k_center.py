"""Greedy k-center (core-set): each pick is the item farthest from all that is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, block_rows, scaled
from tithe.strategies.ranking import covered, largest, wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_FRONT = 1024  # candidates looked at between two passes: a few per cent of the time of a pass at N = 100 000
_CENTRES = 1024  # centres in one matrix product: 2.7 MB for a block of 682 rows
_NEAR = 1e-5  # distances closer than this share may be in the wrong order in float32: decided in float64
_ZERO = 1e-6  # squared distance, as a share of the largest squared norm, that float32 cannot tell from 0


@dataclass(frozen=True)
class KCenter:
    """Farthest-first traversal; the score of an item is its distance to the nearest centre when it was chosen.

    Centres are all items that are labelled, pending or closed, then the picks. Where there are none, the first pick is
    the candidate nearest to the mean. Ties go to the smaller id; candidates that coincide with a centre come last.

    Source: Sener and Savarese 2018, Active Learning for Convolutional Neural Networks: A Core-Set Approach.
    Departs: the same picks, with fewer passes over the matrix. Distances only shrink as centres are added, so an
    outdated distance bounds the true one from above, and picks are taken from the farthest 1024 for as long as one of
    them stays beyond the outdated distances of all others.

    Cost: O((L + n) N d) arithmetic for L covered items, but only one reading of the matrix for several picks; two
    float32 vectors of N and a block of memory.
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
        self.zero = _ZERO * float(self.norms.max(initial=0.0))
        if len(centres):
            self.cover(Blocks(matrix, centres, step, self.blocks.prepare).take(np.arange(len(centres))))

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
        front = np.sort(largest(self.reach, _FRONT))
        outside = self.reach.copy()
        outside[front] = -1
        bound = max(float(outside.max(initial=-1)) * (1 + _NEAR), self.zero)
        reach, points = self.reach[front], self.blocks.take(front)
        fresh: list[int] = []
        while len(self.picks) < n and (best := float(reach.max())) > (bound if fresh else self.zero):
            near = np.flatnonzero(reach >= best * (1 - _NEAR))
            pick = int(near[self._farthest(front[near])])
            fresh.append(pick)
            self.picks.append(int(front[pick]))
            self.scores.append(float(reach[pick]))
            gaps = _gaps(points, points[pick : pick + 1]) + self.norms[front]
            np.minimum(reach, np.maximum(gaps, 0), out=reach)
            reach[pick] = -1
        if fresh and len(self.picks) < n:
            self.cover(points[fresh])
        return bool(fresh)

    def _first(self) -> bool:
        best = float(self.norms.min())
        near = np.flatnonzero(self.norms <= best * (1 + _NEAR))
        self.picks, self.scores = [int(near[0])], [best]
        self.cover(self.blocks.take(near[:1]))
        return True

    def _farthest(self, near: Rows) -> int:
        """Which of a few candidates is the farthest from all centres, in float64."""
        if len(near) == 1:
            return 0
        from scipy.spatial.distance import cdist

        rows = self.blocks.rows
        points = self.blocks.matrix[rows[near[:64]]].astype(np.float64) * self.factor
        centres = np.concatenate([self.centres, rows[self.picks]])
        gaps = np.full(len(points), np.inf)
        for start in range(0, len(centres), _CENTRES):
            part = self.blocks.matrix[centres[start : start + _CENTRES]].astype(np.float64) * self.factor
            np.minimum(gaps, cdist(points, part, "sqeuclidean").min(axis=1), out=gaps)
        return int(gaps.argmax())


def _gaps(points: Floats, centres: Floats) -> Floats:
    """min over the centres of ||c||² - 2 x·c, for each point: (n, d), (m, d) -> (n,)."""
    products = points @ (-2 * centres).T  # (n, m)
    products += np.einsum("md,md->m", centres, centres)
    return np.asarray(products.min(axis=1), np.float32)
