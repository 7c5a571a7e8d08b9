"""Decision rules of multi-label models: from probabilities to sets of labels, fitted on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tithe.types import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["half", "global", "per_class", "top_k", "count"]
KINDS: tuple[Kind, ...] = ("half", "global", "per_class", "top_k", "count")

_FEWEST = 10  # positives that a label needs for a threshold of its own
_GRID = np.linspace(0.05, 0.95, 37, dtype=np.float32)


@dataclass(frozen=True)
class Rule:
    """How probabilities (n, L) become sets.

    `half`: p >= .5. `global`: p >= one fitted threshold. `per_class`: a threshold for each label. `top_k`: the k most
    probable labels. `count`: as many of the most probable as the probabilities add up to, rounded.
    """

    kind: Kind = "half"
    values: tuple[float, ...] = (0.5,)

    def apply(self, proba: Floats) -> NDArray[np.bool_]:
        """(n, L) which labels are decided for."""
        if self.kind in ("half", "global", "per_class"):
            return np.asarray(proba >= np.asarray(self.values, proba.dtype))
        rank = np.argsort(np.argsort(-proba, axis=1, kind="stable"), axis=1)
        if self.kind == "top_k":
            return np.asarray(rank < self.values[0])
        return np.asarray(rank < np.rint(proba.sum(axis=1, keepdims=True)))


def fit_rule(kind: Kind, proba: Floats, truth: NDArray[np.bool_]) -> Rule:
    """The rule of this kind with the best micro F1 on these rows (per class: the best F1 of each label)."""
    if kind == "half":
        return Rule()
    if kind == "count":
        return Rule("count", ())
    if kind == "top_k":
        most = max(1, int(truth.sum(axis=1).max(initial=1)))
        scores = [micro_f1(Rule("top_k", (k,)).apply(proba), truth) for k in range(1, most + 1)]
        return Rule("top_k", (int(np.argmax(scores)) + 1,))
    best = float(_GRID[int(np.argmax([micro_f1(proba >= t, truth) for t in _GRID]))])
    if kind == "global":
        return Rule("global", (best,))
    values = []
    for column in range(truth.shape[1]):
        own = truth[:, column]
        if own.sum() < _FEWEST:
            values.append(best)
            continue
        scores = [micro_f1(proba[:, column] >= t, own) for t in _GRID]
        values.append(float(_GRID[int(np.argmax(scores))]))
    return Rule("per_class", tuple(values))


def choose_rule(proba: Floats, truth: NDArray[np.bool_], fold: NDArray[np.int64]) -> Rule:
    """The kind whose fitted rules do best on folds that they were not fitted on, fitted on all rows.

    Args:
        proba: (n, L) held-out probabilities.
        truth: (n, L) which labels apply.
        fold: (n,) the fold of each row; -1 is judged by nobody.
    """
    if (fold >= 0).sum() < 2 * _FEWEST:
        return Rule()
    scores = []
    for kind in KINDS:
        guess = np.zeros_like(truth)
        for number in np.unique(fold[fold >= 0]):
            test = fold == number
            guess[test] = fit_rule(kind, proba[~test], truth[~test]).apply(proba[test])
        judged = fold >= 0
        scores.append(micro_f1(guess[judged], truth[judged]))
    return fit_rule(KINDS[int(np.argmax(scores))], proba, truth)


def micro_f1(guess: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """2 TP / (guessed + true); 0 where both are empty.

    >>> micro_f1(np.array([True, True]), np.array([True, False]))
    0.6666666666666666
    """
    whole = int(guess.sum()) + int(truth.sum())
    return 2 * int((guess & truth).sum()) / whole if whole else 0.0
