"""BALD: items over which a committee's members are each sure and yet disagree; top n, or drawn by their score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies import WHOLE_ITEMS
from tithe.strategies.blocks import block_rows
from tithe.strategies.multilabel import by_itself
from tithe.strategies.ranking import largest, wanted
from tithe.types import Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_NEVER = 1e9  # keys of items of score 0 lie so far below: no Gumbel noise reaches from there to the others


@dataclass(frozen=True)
class Bald:
    """The largest mutual information between an item's label and the model; ties go to the smaller id.

    The entropy of the mean of the members' predictions less the mean of their entropies, in nats: what one expects to
    learn of the model from the answer. Of label sets, summed over the labels, each of which applies or not.

    Source: Houlsby, Huszár, Ghahramani and Lengyel 2011, Bayesian Active Learning for Classification and Preference
    Learning; Gal, Islam and Ghahramani 2017, Deep Bayesian Active Learning with Image Data.

    Cost: O(m N C) time for m members; O(N) memory and a block.

    >>> from tithe.rng import stream
    >>> committee = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])
    >>> Bald().select(Pool.from_views(["torn", "vague"], committee=committee), 1, stream(0)).ids
    ('torn',)
    """

    needs: ClassVar[frozenset[View]] = frozenset({"committee"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = WHOLE_ITEMS

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest mutual information. Draws nothing."""
        n, rows = wanted(pool, n), pool.candidates
        scores = mutual_information(pool.view("committee"), rows, by_itself(pool))
        best = largest(scores, n)
        return pool.pick(rows[best], scores[best], "the committee disagrees")


@dataclass(frozen=True)
class PowerBald:
    """Draws items without replacement, with probability proportional to their mutual information to the power beta.

    A batch of the top items of BALD is often one item many times over; a draw is not. beta = 0 is a uniform draw, a
    large beta is `bald`. Items of score 0 are drawn once there are no others. The score of an item is its mutual
    information.

    Source: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal 2021, Stochastic Batch Acquisition: A
    Simple Baseline for Deep Active Learning ("power" acquisition, by Gumbel top-k).

    Cost: that of `bald`.

    >>> from tithe.rng import stream
    >>> committee = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])
    >>> PowerBald(beta=2).select(Pool.from_views(["torn", "vague"], committee=committee), 2, stream(0)).ids
    ('torn', 'vague')
    """

    beta: float = 1.0
    needs: ClassVar[frozenset[View]] = frozenset({"committee"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = WHOLE_ITEMS

    def __post_init__(self) -> None:
        if not (isinstance(self.beta, int | float) and 0 <= self.beta < float("inf")):
            raise ConfigError(f"power_bald takes a finite beta of 0 or more; given {self.beta!r}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates drawn by their mutual information, in the order of the draw."""
        n, rows = wanted(pool, n), pool.candidates
        scores = mutual_information(pool.view("committee"), rows, by_itself(pool))
        keys = rng.gumbel(size=len(rows))
        if self.beta:
            told = scores > 0
            keys[told] += self.beta * np.log(scores[told])
            keys[~told] -= _NEVER
        best = largest(keys, n)
        return pool.pick(rows[best], scores[best], "drawn where the committee disagrees")


def mutual_information(committee: NDArray[Any], rows: Rows, sets: bool = False) -> NDArray[np.float64]:
    """(n,) in nats, 0 or more, of these rows of a committee (m, N, C); `sets` where each column is by itself."""
    members, _, classes = committee.shape
    scores, step = np.empty(len(rows)), block_rows(members * classes)
    for start in range(0, len(rows), step):
        block = committee[:, rows[start : start + step]].astype(np.float64)  # (m, rows, C)
        mean = block.mean(axis=0)
        gained = _entropy(mean) - _entropy(block).mean(axis=0)
        if sets:
            gained += _entropy(1.0 - mean) - _entropy(1.0 - block).mean(axis=0)
        scores[start : start + step] = gained
    scores[scores < 1e-9] = 0.0  # what rounding leaves where all members agree
    return scores


def _entropy(proba: NDArray[np.float64]) -> NDArray[np.float64]:
    """In nats, over the last axis. A probability of 0 adds nothing."""
    return np.asarray(-(proba * np.log(np.maximum(proba, 1e-300))).sum(axis=-1))
