"""Class-balanced margin: unsure items of every predicted class, more of those that have few labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies.blocks import block_rows
from tithe.strategies.quotas import interleaved, portions
from tithe.strategies.ranking import largest, wanted
from tithe.strategies.uncertainty import Uncertainty
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class BalancedMargin:
    """The smallest margins within each predicted class; for pools where a few classes hold nearly all items.

    Each class that the model predicts somewhere has a share of the batch in proportion to 1 / (1 + its labels so far),
    and no more than it has candidates. Shares are rounded by one draw, so that batches of 1 follow them too. The batch
    goes round the classes, and its scores are those of margin. Reads the labels' values; in a pool without a task,
    where no column of `proba` has a name, the predicted classes of the labelled items stand in for them.

    Source: the plain idea of quotas for rare classes, as in Aggarwal, Popescu and Hudelot 2020, Active Learning for
    Imbalanced Datasets; the rule for the shares is ours.

    Cost: O(N C) time, a few vectors of N.

    >>> from tithe.rng import stream
    >>> from tithe.tasks.choice import Choice
    >>> proba, labelled = np.array([[0.6, 0.4], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9]]), {"a": "ham"}
    >>> pool = Pool.from_views(list("abcd"), proba=proba, labelled=labelled, task=Choice(("ham", "spam")))
    >>> sorted(BalancedMargin().select(pool, 2, stream(0)).ids)  # d is the only one that looks like spam
    ['b', 'd']
    """

    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = frozenset({"choice"})

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, the least sure of each predicted class."""
        n, rows, proba = wanted(pool, n), pool.candidates, pool.view("proba")
        labelled = known(pool, proba)
        guess = guesses(proba, rows)
        sizes = np.bincount(guess, minlength=proba.shape[1])
        if not n:
            return pool.pick([], [])
        classes = np.flatnonzero(sizes)
        # The rarest first, so that it is also the first of a batch that goes round the classes.
        classes = classes[np.argsort(labelled[classes], kind="stable")]
        counts = portions(1 / (1 + labelled[classes]), n, rng, most=sizes[classes])
        scores = Uncertainty("margin").scores(pool)
        lines = [_line(scores, np.flatnonzero(guess == one), count) for one, count in zip(classes, counts, strict=True)]
        picks = [int(lines[part][place]) for part, place in zip(*interleaved(counts), strict=True)]
        return pool.pick(rows[picks], scores[picks], "unsure, of each predicted class")


def known(pool: Pool, proba: NDArray[Any]) -> NDArray[np.int64]:
    """(C,) how many labels each class has. Raises NeedsError where the pool does not know the labels' values."""
    columns = guesses(proba, pool.labelled) if pool.task is None else pool.task.encode(pool.labels)
    return np.bincount(columns[columns >= 0], minlength=proba.shape[1])


def guesses(proba: NDArray[Any], rows: Rows) -> NDArray[np.int64]:
    """(n,) the most probable column of each row."""
    guess, step = np.empty(len(rows), np.int64), block_rows(proba.shape[1])
    for start in range(0, len(rows), step):
        guess[start : start + step] = proba[rows[start : start + step]].argmax(axis=1)
    return guess


def _line(scores: NDArray[np.float64], positions: Rows, count: int) -> Rows:
    return positions[largest(scores[positions], count)]
