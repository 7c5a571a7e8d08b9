"""Discriminative active learning: items that a classifier tells from the labelled ones with the most certainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.blocks import Blocks, block_rows, scaled
from tithe.strategies.ranking import covered, drawn, largest, wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_RATIO, _FEWEST = 10, 1000  # unlabelled items that the classifier sees: for each labelled one, and in all
_KNOWN = 8192  # labelled items that it sees, at most


@dataclass(frozen=True)
class Discriminative:
    """The most certainly unlabelled items, by logistic regression of unlabelled against labelled ones.

    The batch is made in `steps` parts; each part counts as labelled in the next. Pending items count as labelled too.
    With nothing labelled, the first part is a uniform draw. The score is the probability of being unlabelled.

    Source: Gissin and Shalev-Shwartz 2019, Discriminative Active Learning.
    Departs: logistic regression on the embeddings, scaled to a root mean square length of 1, in place of a network on
    learned ones; the two classes weigh the same. It sees ten unlabelled items for each labelled one (1000 at least),
    drawn anew for each part, and at most 8192 labelled ones.

    Cost: `steps` fits and passes over the matrix, O(steps N d); the drawn items and a few vectors of N in memory.

    >>> from tithe.rng import stream
    >>> points = np.array([[0.0, 1.0], [0.1, 1.0], [3.0, 1.0], [0.2, 1.0]])
    >>> pool = Pool.from_views(list("abcd"), embeddings=points, labelled=["a"])
    >>> Discriminative().select(pool, 1, stream(0)).ids
    ('c',)
    """

    steps: int = 10
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings"})
    cold: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or self.steps < 1:
            raise ConfigError(f"discriminative takes 1 or more steps; given {self.steps!r}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, a part of the batch after the other."""
        n, rows, done = wanted(pool, n), pool.candidates, covered(pool)
        if not n:
            return pool.pick([], [])
        matrix = np.asarray(pool.view("embeddings"))
        points, _ = scaled(matrix, np.concatenate([rows, done]), step=block_rows(matrix.shape[1]), centred=True)
        known = np.arange(len(rows), len(rows) + len(done))  # positions: candidates first, then what is done
        free = np.arange(len(rows))
        picks, scores = np.empty(0, np.int64), np.empty(0)
        for part in np.array_split(np.arange(n), min(self.steps, n)):
            logits = _unlabelled(points, np.concatenate([picks, known]), free, rng)
            best = largest(logits, len(part))  # of logits: probabilities of 1 would all be equal
            picks, scores = np.concatenate([picks, free[best]]), np.concatenate([scores, logits[best]])
            free = np.delete(free, best)
        return pool.pick(rows[picks], 0.5 + 0.5 * np.tanh(scores / 2), "unlike all that is labelled")


def _unlabelled(points: Blocks, known: Rows, free: Rows, rng: Generator) -> NDArray[np.float64]:
    """(n,) the logit of being unlabelled, of each free item; noise with nothing known."""
    if not len(known):
        return rng.standard_normal(len(free))
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    ours = points.take(known[drawn(len(known), _KNOWN, rng)])
    others = points.take(free[drawn(len(free), max(_RATIO * len(ours), _FEWEST), rng)])
    both = np.concatenate([ours, others]).astype(np.float64)
    unit = np.sqrt(np.square(both).sum(axis=1).mean()) or 1.0
    targets = np.repeat([0, 1], [len(ours), len(others)])
    with threadpool_limits(1, user_api="blas"):  # sums in another order could change the picks
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(both / unit, targets)
        return _products(points, free, (model.coef_[0] / unit).astype(np.float32)) + float(model.intercept_[0])


def _products(points: Blocks, positions: Rows, weights: Floats) -> NDArray[np.float64]:
    """(n,) the products of these points with the weights (d,)."""
    out = np.empty(len(positions))
    for place, block in Blocks(points.matrix, points.rows[positions], points.step, points.prepare):
        out[place] = block @ weights
    return out
