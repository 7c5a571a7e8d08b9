"""CVIRS: ranks of per-label margins, times how unlike the labelled sets the predicted set is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.blocks import block_rows
from tithe.strategies.multilabel import LEAST, MULTILABEL, probabilities, set_of
from tithe.strategies.ranking import largest, wanted
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Cvirs:
    """Asks what is unsure on many labels at once and whose predicted set is unlike those seen so far.

    Each label ranks the candidates by |2p - 1|, the smallest first; an item's points are Borda counts over the labels,
    in [0, 1]. They are multiplied with the mean distance between the set predicted and the sets of the labelled items:
    2 - (H(a) + H(b)) / H(a, b), where H is the entropy of the L entries of the sets' vectors, and 1 where the two
    differ on every label. While nothing is labelled the points alone count. Ties go to the smaller id. Reads the
    labels' values, so the pool must have its task.

    Source: Reyes, Morell and Ventura 2018, Effective active learning strategy for multi-label learning.
    Departs: equal margins share the mean of their ranks; a distance counts at least 1e-6, so that where all sets are
    alike the points still order the items.

    Cost: O(L N log N + G M L) time for G different predicted sets and M different labelled ones; a few vectors of N
    and a bit for each entry of `proba`.

    >>> from tithe.rng import stream
    >>> from tithe.tasks.multilabel import MultiLabel
    >>> proba, task = np.array([[0.9, 0.1], [0.7, 0.4], [0.9, 0.6], [0.8, 0.1]]), MultiLabel(("x", "y"))
    >>> pool = Pool.from_views(list("abcd"), proba=proba, task=task, labelled={"d": frozenset({"x"})})
    >>> Cvirs().select(pool, 2, stream(0)).ids
    ('c', 'b')
    """

    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = MULTILABEL

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest product. Draws nothing."""
        n, proba, known = wanted(pool, n), probabilities(pool), _known(pool)
        rows = pool.candidates
        scores = borda(proba, rows)
        if len(known) and len(rows):
            scores *= np.maximum(_unlike(proba, rows, known), LEAST)
        best = largest(scores, n)
        return pool.pick(rows[best], scores[best], "unsure on many labels, in an unusual set")


def borda(proba: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
    """(n,) in [0, 1], the points of these rows: 1 for what is the least sure on every label."""
    from scipy.stats import rankdata

    points = np.zeros(len(rows))
    for column in range(proba.shape[1]):
        margins = np.abs(2.0 * proba[rows, column].astype(np.float64) - 1.0)
        points += len(rows) - rankdata(margins)
    return np.asarray(points / (proba.shape[1] * max(len(rows) - 1, 1)))


def set_distances(here: NDArray[Any], there: NDArray[Any], both: NDArray[Any], width: int) -> NDArray[np.float64]:
    """In [0, 1], between sets of `here` and `there` of `width` labels, `both` of them shared; the counts broadcast.

    >>> set_distances(np.array([1, 3, 2]), np.array([1, 1, 1]), np.array([1, 0, 1]), 4).round(3).tolist()
    [0.0, 1.0, 0.792]
    """
    entropy = _entropies(width)
    cells = (both, here - both, there - both, width - here - there + both)
    joint = sum(entropy[np.clip(cell, 0, width)] for cell in cells)  # counts that no two sets have may leave the range
    alone = entropy[here] + entropy[width - here] + entropy[there] + entropy[width - there]
    shared = np.divide(alone, joint, out=np.full(np.shape(joint), 2.0), where=joint > 0)
    return np.where(here + there - 2 * both == width, 1.0, np.clip(2.0 - shared, 0.0, 1.0))


def _entropies(width: int) -> NDArray[np.float64]:
    """(width + 1,) for each count of entries its part of an entropy, in bits."""
    shares = np.arange(1, width + 1) / width
    return np.concatenate([[0.0], -shares * np.log2(shares)])


def _known(pool: Pool) -> NDArray[np.bool_]:
    """(m, L) the labelled sets."""
    labels = [set_of(label) for label in pool.labels]
    if pool.task is not None:
        return np.asarray(pool.task.encode(labels), dtype=bool)
    if labels:
        raise ConfigError(
            "cvirs compares sets label by label, so the pool must say which column of proba is which label; "
            "give it its task, such as MultiLabel(['a', 'b'])"
        )
    return np.zeros((0, 0), dtype=bool)


def _unlike(proba: NDArray[Any], rows: Rows, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) the mean distance between the set predicted for each row and the known sets. Equal sets are met once."""
    width, step = proba.shape[1], block_rows(proba.shape[1])
    packed = np.empty((len(rows), -(-width // 8)), np.uint8)
    for start in range(0, len(rows), step):
        packed[start : start + step] = np.packbits(proba[rows[start : start + step]] >= 0.5, axis=1)
    guesses, place, _ = _distinct(packed)
    seen, _, counts = _distinct(np.packbits(known, axis=1))
    others = _unpacked(seen, width)
    sizes, kind = np.unique(others.sum(axis=1).astype(np.int64), return_inverse=True)
    shared = np.arange(sizes[-1] + 1)
    means, step = np.empty(len(guesses)), block_rows(max(len(others), width))
    count = np.bitwise_count(guesses).sum(axis=1, dtype=np.int64)
    for size in np.unique(count):
        # A distance depends on three counts alone: for guesses of one size a small table holds them all.
        table = set_distances(np.array(size), sizes[:, None], shared[None, :], width).ravel()
        alike = np.flatnonzero(count == size)
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            both = (_unpacked(guesses[some], width) @ others.T).astype(np.int64)  # exact in float32
            both += kind * len(shared)
            means[some] = table[both] @ (counts / counts.sum())
    return np.asarray(means[place])


def _unpacked(packed: NDArray[np.uint8], width: int) -> NDArray[np.float32]:
    return np.unpackbits(packed, axis=1, count=width).astype(np.float32)


def _distinct(packed: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Rows, Rows]:
    """The different rows, sorted; which of them each row is; and how often each occurs."""
    order = np.lexsort(packed.T[::-1])
    new = np.ones(len(order), bool)
    for start in range(1, len(order), 65536):
        here = order[start : start + 65536]
        new[start : start + 65536] = (packed[here] != packed[order[start - 1 : start - 1 + len(here)]]).any(axis=1)
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(new) - 1
    return packed[order[new]], place, np.bincount(place)
