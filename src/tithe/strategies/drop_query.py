"""DropQuery: items on which perturbed predictions disagree with the model's own, one of each cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies.blocks import block_rows, scaled
from tithe.strategies.k_means import clustered, members
from tithe.strategies.ranking import largest, wanted
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_CLUSTERS = 500  # at most


@dataclass(frozen=True)
class DropQuery:
    """Items that more than half of the committee judges otherwise than its mean; the score is the dissenters' share.

    These are grouped into as many clusters as items are asked for, at most 500, and the item nearest to each centre is
    taken, largest cluster first, round after round. Where fewer than n are disputed, those with the next most
    dissenters follow, of equal ones the least sure.

    Source: Gupte, Aklilu, Nirschl and Yeung-Levy 2024, Revisiting Active Learning in the Era of Vision Foundation
    Models.
    Departs: the perturbed predictions are the members of the trainer's committee, not three passes under dropout of
    the features, and the prediction that they dispute is their mean's.

    Cost: O(m N C) time for m members, k-means over at most 20 items a cluster; a few vectors of N in memory.

    >>> from tithe.rng import stream
    >>> a, b = [0.9, 0.1], [0.3, 0.7]
    >>> pool = Pool.from_views(["x", "y"], embeddings=np.eye(2), committee=np.array([[a, a], [b, a], [b, a]]))
    >>> DropQuery().select(pool, 1, stream(0))  # two of three members dispute the mean, (.5, .5)
    Selection(ids=('x',), scores=(0.6666666666666666,), reason='disputed in the committee')
    """

    needs: ClassVar[frozenset[View]] = frozenset({"committee", "embeddings"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = frozenset({"choice"})

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n disputed candidates, those nearest to the centres of their clusters."""
        n, rows, matrix = wanted(pool, n), pool.candidates, np.asarray(pool.view("embeddings"))
        dissent, unsure = disputed(pool.view("committee"), rows)
        if not n:
            return pool.pick([], [])
        among = np.flatnonzero(dissent > 0.5)
        if len(among) < n:
            # Unsureness is below 1/m in this sum, so it orders items of equal dissent alone.
            among = np.sort(largest(dissent + unsure / (2 * len(pool.view("committee"))), n))
        points, _ = scaled(matrix, rows[among], step=block_rows(matrix.shape[1]), centred=True)
        home, gaps = clustered(points, min(n, _CLUSTERS), rng)
        lines = [cluster[np.argsort(gaps[cluster], kind="stable")] for cluster in members(home)]
        lines.sort(key=len, reverse=True)
        picks: list[int] = []
        turn = 0
        while len(picks) < n:
            picks += [int(line[turn]) for line in lines if len(line) > turn][: n - len(picks)]
            turn += 1
        chosen = among[picks]
        return pool.pick(rows[chosen], dissent[chosen], "disputed in the committee")


def disputed(committee: NDArray[Any], rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of members that judge each row otherwise than their mean, and 1 - the mean's largest probability."""
    members_, _, classes = committee.shape
    dissent, unsure, step = np.empty(len(rows)), np.empty(len(rows)), block_rows(members_ * classes)
    for start in range(0, len(rows), step):
        block = committee[:, rows[start : start + step]]  # (m, rows, C)
        mean = block.mean(axis=0, dtype=np.float64)
        guess = mean.argmax(axis=1)
        dissent[start : start + step] = (block.argmax(axis=2) != guess).mean(axis=0)
        unsure[start : start + step] = 1 - mean.max(axis=1)
    return dissent, unsure
