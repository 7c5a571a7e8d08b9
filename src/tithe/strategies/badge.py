"""BADGE: items whose gradients are both large and different from one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Pool
from tithe.strategies import WHOLE_ITEMS
from tithe.strategies.blocks import Blocks, Prepare, block_rows, scaled
from tithe.strategies.multilabel import by_itself
from tithe.strategies.ranking import wanted
from tithe.types import Floats, Rows, Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_TOGETHER = 16  # centres drawn between two passes, at least; afterwards as many as there are already
_REFUSALS = 64  # refused draws after which a pass is cheaper than trying on
_ZERO = 4e-6  # squared distance, as a share of the squared norm, that float32 cannot tell from 0


@dataclass(frozen=True)
class Badge:
    """k-means++ over gradient embeddings; the score of an item is its distance to the picks before it.

    The gradient of the last layer at the predicted label is g = (p - onehot(argmax p)) ⊗ x, with p the row of `proba`
    and x the row of `embeddings`; of label sets it is (p - guess) ⊗ x, the guess 1 where p >= .5. The first pick is the
    longest gradient; each further one is drawn with probability proportional to the squared distance to the nearest
    pick. Labelled items are no centres. Once every distance is 0 the rest is drawn uniformly.

    Source: Ash, Zhang, Krishnamurthy, Langford and Agarwal 2020, Deep Batch Active Learning by Diverse, Uncertain
    Gradient Lower Bounds, algorithm 1.
    Departs: the same distribution, with fewer passes. ||g_i - g_j||² is taken from the factors, so no (N, C d) array
    exists; and several picks are drawn from outdated distances, which bound the true ones from above: a draw is kept
    with probability true / outdated, which is k-means++ exactly (rejection sampling).

    Cost: O(n N (C + d)) arithmetic, but one reading of both matrices for 16 and more picks; a few vectors of N and a
    block of memory.

    >>> from tithe.rng import stream
    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])
    >>> pool = Pool.from_views(["a", "b", "c"], embeddings=np.eye(3), proba=proba)
    >>> Badge().select(pool, 1, stream(0)).ids  # the longest gradient
    ('c',)
    """

    needs: ClassVar[frozenset[View]] = frozenset({"embeddings", "proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = WHOLE_ITEMS

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates by k-means++ over their gradients."""
        n, rows = wanted(pool, n), pool.candidates
        gradients = _Gradients(
            np.asarray(pool.view("embeddings")),
            np.asarray(pool.view("proba")),
            rows,
            minus_guess=_minus_set if by_itself(pool) else _minus_guess,
        )
        picks, scores = _plus_plus(gradients, n, rng)
        if len(picks) < n:
            rest = rng.permutation(np.setdiff1d(np.arange(len(rows)), picks))[: n - len(picks)]
            picks, scores = [*picks, *rest.tolist()], [*scores, *[0.0] * len(rest)]
        return pool.pick(rows[picks], np.sqrt(np.array(scores)) / gradients.factor, "k-means++ over gradients")


class _Gradients:
    """The gradients g = a ⊗ x of all candidates, as their two factors; a = `minus_guess`(p)."""

    def __init__(self, embeddings: NDArray[Any], proba: NDArray[Any], rows: Rows, *, minus_guess: Prepare) -> None:
        step = block_rows(embeddings.shape[1] + proba.shape[1])
        self.inputs, self.factor = scaled(embeddings, rows, step=step, centred=False)
        self.errors = Blocks(proba, rows, step, minus_guess)
        self.norms = np.empty(len(rows), np.float32)  # squared
        for place, x, a in self.blocks():
            self.norms[place] = np.einsum("nd,nd->n", x, x) * np.einsum("nc,nc->n", a, a)

    def blocks(self) -> Iterator[tuple[slice, Floats, Floats]]:
        for (place, x), (_, a) in zip(self.inputs, self.errors, strict=True):
            yield place, x, a

    def take(self, positions: Rows) -> tuple[Floats, Floats]:
        return self.inputs.take(positions), self.errors.take(positions)

    def gaps(self, place: slice | Rows, x: Floats, a: Floats, centres: Rows) -> Floats:
        """Squared distances of the gradients a ⊗ x at `place` to the nearest centre: (n,)."""
        inputs, errors = self.take(centres)
        products = x @ (-2 * inputs).T  # (n, m)
        products *= a @ errors.T
        products += self.norms[centres]
        gaps = products.min(axis=1) + self.norms[place]
        gaps[gaps < _ZERO * self.norms[place]] = 0.0
        return np.asarray(gaps, np.float32)


def _minus_guess(proba: NDArray[Any]) -> NDArray[Any]:
    """p - onehot(argmax p), in place. In the precision of `proba`: 1 - p may be tiny."""
    proba[np.arange(len(proba)), proba.argmax(axis=1)] -= 1
    return proba


def _minus_set(proba: NDArray[Any]) -> NDArray[Any]:
    """p - [p >= .5], in place: the slope of the binary cross-entropy summed over the labels."""
    np.subtract(proba, proba >= 0.5, out=proba)
    return proba


def _plus_plus(gradients: _Gradients, n: int, rng: Generator) -> tuple[list[int], list[float]]:
    """Positions in the order of their draw and squared distances; fewer than n where no distance is left."""
    if n == 0 or not gradients.norms.any():
        return [], []
    picks = [int(gradients.norms.argmax())]
    scores = [float(gradients.norms[picks[0]])]
    nearest = np.full(len(gradients.norms), np.inf, np.float32)
    fresh = list(picks)  # centres that `nearest` does not know yet
    while len(picks) < n:
        for place, x, a in gradients.blocks():
            np.minimum(nearest[place], gradients.gaps(place, x, a, np.array(fresh)), out=nearest[place])
        nearest[picks] = 0
        weights = np.cumsum(nearest, dtype=np.float64)
        if weights[-1] <= 0:
            break
        fresh, refused = [], 0
        most = min(n - len(picks), max(_TOGETHER, len(picks)))
        while len(fresh) < most and refused < _REFUSALS:
            drawn = int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))
            bound = float(nearest[drawn])
            now = _distance(gradients, drawn, fresh, bound)
            if rng.random() * bound < now:
                fresh.append(drawn)
                picks.append(drawn)
                scores.append(now)
            else:
                refused += 1
    return picks, scores


def _distance(gradients: _Gradients, position: int, fresh: list[int], bound: float) -> float:
    """The squared distance of one candidate to the nearest of the fresh centres and of those behind `bound`."""
    if position in fresh:
        return 0.0
    if not fresh:
        return bound
    here = np.array([position])
    return min(bound, float(gradients.gaps(here, *gradients.take(here), np.array(fresh))[0]))
