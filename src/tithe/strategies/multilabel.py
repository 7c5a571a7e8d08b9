"""Multi-label strategies: the least sure label, and a strange number of labels; what their kin share.

All read `proba` (n, L), where each label has a probability of its own; what is predicted has at least one half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.blocks import block_rows
from tithe.strategies.ranking import largest, wanted
from tithe.types import Label, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

MULTILABEL = frozenset({"multilabel"})
LEAST = 1e-6
"""What a factor of a product counts at least, so that the other one still orders the items."""


@dataclass(frozen=True)
class MinConfidence:
    """Asks where a single label is the least sure, however sure the others are; ties go to the smaller id.

    The score is 1 - the smallest max(p, 1 - p) of an item's labels. Its kin that takes the mean over the labels is
    `least_confidence`.

    Source: Esuli and Sebastiani 2009, Active Learning Strategies for Multi-Label Text Classification (minimum
    confidence).

    Cost: O(N L) time, O(N) memory.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["a", "b", "c"], proba=np.array([[0.5, 1.0, 1.0], [0.7, 0.7, 0.7], [0.1, 0.9, 0.6]]))
    >>> MinConfidence().select(pool, 2, stream(0)).ids
    ('a', 'c')
    """

    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = MULTILABEL

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the least sure labels. Draws nothing."""
        n, proba = wanted(pool, n), probabilities(pool)
        scores = np.empty(len(pool.candidates))
        for place, p in blocks(pool, proba):
            scores[place] = np.minimum(p, 1.0 - p).max(axis=1)
        best = largest(scores, n)
        return pool.pick(pool.candidates[best], scores[best], "the least sure label")


@dataclass(frozen=True)
class Lci:
    """Label cardinality inconsistency: asks where strangely many or few labels are predicted.

    The score is the distance between the number of labels predicted and the mean number that labelled items have; 0
    for all while nothing is labelled. Many items tie, and ties go to the smaller id. Reads the labels' values.

    Source: Li and Guo 2013, Active Learning with Multi-Label SVM Classification.

    Cost: O(N L) time, O(N) memory.

    >>> from tithe.rng import stream
    >>> proba = np.array([[0.9, 0.2], [0.9, 0.8], [0.4, 0.3]])
    >>> pool = Pool.from_views(["a", "b", "c"], proba=proba, labelled={"a": frozenset({"x", "y"})})
    >>> Lci().select(pool, 2, stream(0)).scores
    (2.0, 0.0)
    """

    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = MULTILABEL

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the strangest number of labels. Draws nothing."""
        n, proba, usual = wanted(pool, n), probabilities(pool), usual_count(pool)
        scores = np.empty(len(pool.candidates))
        for place, p in blocks(pool, proba):
            scores[place] = strangeness(p, usual)
        best = largest(scores, n)
        return pool.pick(pool.candidates[best], scores[best], "a strange number of labels")


def by_itself(pool: Pool) -> bool:
    """Whether each column of `proba` is a label by itself, that applies or not; a pool without a task is a choice."""
    return pool.task is not None and pool.task.name in MULTILABEL


def probabilities(pool: Pool) -> NDArray[Any]:
    """(N, L) the view `proba`.

    Raises:
        ConfigError: the pool's task is another one, or it has none and the rows are those of a choice.
    """
    if pool.task is not None and pool.task.name not in MULTILABEL:
        raise ConfigError(
            f"this strategy is for multilabel tasks, and the pool's task is {pool.task.name!r}; use margin or entropy"
        )
    proba: NDArray[Any] = pool.view("proba")
    if pool.task is None and proba.shape[1] > 1 and len(pool.candidates):
        sums = proba[pool.candidates[: block_rows(proba.shape[1])]].sum(axis=1, dtype=np.float64)
        if np.allclose(sums, 1.0, rtol=0.0, atol=1e-3):
            raise ConfigError(
                "this strategy is for multilabel tasks, and the rows of proba add up to 1, as for a choice; use margin "
                "or entropy, or give the pool its task, such as MultiLabel(['a', 'b'])"
            )
    return proba


def blocks(pool: Pool, proba: NDArray[Any]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """The candidates' rows, a block at a time, with their place among the candidates."""
    rows, step = pool.candidates, block_rows(proba.shape[1])
    for start in range(0, len(rows), step):
        block = proba[rows[start : start + step]].astype(np.float64)
        yield slice(start, start + len(block)), block


def set_of(label: Label) -> frozenset[str]:
    """The label itself. Raises ConfigError where it is not a set."""
    if not isinstance(label, frozenset):
        raise ConfigError(f"this strategy reads sets of labels, and an item has the label {label!r}; give a frozenset")
    return label


def usual_count(pool: Pool) -> float | None:
    """The mean number of labels of a labelled item, of the declared ones where the pool has a task; None without any.

    Raises NeedsError where the pool does not know the labels' values.
    """
    sets = [set_of(label) for label in pool.labels]
    if not sets:
        return None
    if pool.task is not None:
        sets = [label.intersection(pool.task.labels) for label in sets]
    return sum(map(len, sets)) / len(sets)


def strangeness(p: NDArray[np.float64], usual: float | None) -> NDArray[np.float64]:
    """(n,) how far the number of labels predicted is from the usual one; 0 where none is known."""
    counts = np.count_nonzero(p >= 0.5, axis=1)
    return np.zeros(len(p)) if usual is None else np.abs(counts - usual)
