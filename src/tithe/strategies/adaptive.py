"""Adaptive: unsure labels and a strange number of them, in proportions that suit the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.multilabel import LEAST, MULTILABEL, blocks, probabilities, strangeness, usual_count
from tithe.strategies.ranking import largest, wanted
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Adaptive:
    """Unsure where the predicted labels part from the others, and a strange number of them: a product of both.

    The score is (1 / m)^b times c^(1 - b). m is the gap between the least sure label that is predicted and the least
    sure one that is not, with 2p - 1 for a classifier's value; a side without labels counts as sure. c is the score of
    `lci`. The exponent b is chosen anew for each batch from 0, 1 / steps, ..., 1: that whose batch holds the most
    labels that the model expects to have wrong, the sum of min(p, 1 - p). Of equal ones the smallest b is taken; ties
    go to the smaller id. Reads the labels' values.

    Source: Li and Guo 2013, Active Learning with Multi-Label SVM Classification.
    Departs: on probabilities, not on the margins of SVMs; b is chosen for a batch, by the errors expected in it, while
    the paper trains once for each b and takes the one that leaves the least error in the pool; m and c count at least
    1e-6, so that where all items have the usual number of labels m still orders them.

    Cost: O(N (L + steps)) time, a few vectors of N.

    >>> from tithe.rng import stream
    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.9, 0.8], [0.9, 0.1]])
    >>> pool = Pool.from_views(list("abcd"), proba=proba, labelled={"d": frozenset({"x"})})
    >>> Adaptive().select(pool, 1, stream(0)).ids
    ('b',)
    """

    steps: int = 10
    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = MULTILABEL

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"adaptive takes steps >= 1; given steps={self.steps}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest product, for the exponent that suits the batch. Draws nothing."""
        n, proba, usual = wanted(pool, n), probabilities(pool), usual_count(pool)
        gap, strange, wrong = np.empty((3, len(pool.candidates)))
        for place, p in blocks(pool, proba):
            gap[place], strange[place] = separation(p), strangeness(p, usual)
            wrong[place] = np.minimum(p, 1.0 - p).sum(axis=1)
        unsure, strange = 1.0 / np.maximum(gap, LEAST), np.maximum(strange, LEAST)
        found = (-1.0, 0.0, np.empty(0, np.int64), np.empty(0))
        for step in range(self.steps + 1):
            b = step / self.steps
            scores = unsure**b * strange ** (1.0 - b)
            picks = largest(scores, n)
            expected = float(wrong[np.sort(picks)].sum())  # sorted: the same batch has the same sum, to the last bit
            if expected > found[0]:
                found = (expected, b, picks, scores[picks])
        _, b, best, values = found
        return pool.pick(pool.candidates[best], values, f"unsure, and a strange number of labels; exponent {b:g}")


def separation(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) in [0, 2], from the least sure label that is predicted to the least sure one that is not.

    >>> separation(np.array([[0.75, 1.0, 0.25], [0.0, 0.25, 0.0]])).tolist()
    [1.0, 1.5]
    """
    value = 2.0 * p - 1.0
    inside = np.where(value >= 0.0, value, 1.0).min(axis=1)
    outside = np.where(value < 0.0, -value, 1.0).min(axis=1)
    return np.asarray(inside + outside)
