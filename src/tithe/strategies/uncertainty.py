"""Uncertainty sampling: least confidence, margin (breaking ties) and entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tithe.pool import Pool
from tithe.ragged import Ragged
from tithe.strategies.blocks import block_rows, item_width
from tithe.strategies.ranking import largest, wanted
from tithe.tasks import Measure, Task
from tithe.tasks.choice import Choice
from tithe.tasks.spans import Spans
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Uncertainty:
    """Asks what the model is least sure of; ties go to the smaller id.

    What "unsure" means is the task's own: see `Task.uncertainty`. A pool without a task is taken as a choice among
    the columns of `proba`, or as spans where those are ragged rows of tokens.

    Source: Lewis and Gale 1994, A Sequential Algorithm for Training Text Classifiers (least confidence); Scheffer,
    Decomain and Wrobel 2001, Active Hidden Markov Models for Information Extraction (margin); Settles 2009, Active
    Learning Literature Survey, section 3.1 (entropy).

    Cost: O(N C) time, O(N) memory.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["a", "b", "c"], proba=np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]))
    >>> Uncertainty("margin").select(pool, 2, stream(0)).ids
    ('b', 'c')
    """

    measure: Measure = "margin"
    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest uncertainty. Draws nothing."""
        n, scores = wanted(pool, n), self.scores(pool)
        best = largest(scores, n)
        return pool.pick(pool.candidates[best], scores[best], self.measure)

    def scores(self, pool: Pool) -> NDArray[np.float64]:
        """(n,) the uncertainty of each candidate."""
        proba, rows = pool.view("proba"), pool.candidates
        task = pool.task or _nameless(proba)
        scores, step = np.empty(len(rows)), block_rows(item_width(proba))
        for start in range(0, len(rows), step):
            scores[start : start + step] = task.uncertainty(proba[rows[start : start + step]], self.measure)
        return scores


def _nameless(proba: Any) -> Task:
    """The task that outputs of this form belong to, its labels being numbers."""
    if isinstance(proba, Ragged):
        return Spans(tuple(f"label {number}" for number in range((proba.values.shape[1] - 1) // 2)))
    return Choice(tuple(f"column {column}" for column in range(proba.shape[1])))


def least_confidence() -> Uncertainty:
    """The items whose most probable label is the least probable."""
    return Uncertainty("least_confidence")


def margin() -> Uncertainty:
    """The items whose two most probable labels are the closest."""
    return Uncertainty("margin")


def entropy() -> Uncertainty:
    """The items whose probabilities are spread the widest."""
    return Uncertainty("entropy")
