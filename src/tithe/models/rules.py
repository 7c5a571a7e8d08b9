"""Decision rules of multi-label models: from probabilities to sets of labels, fitted on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.types import Floats, Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.tasks import Task

Kind = Literal["expected", "half", "global", "per_class", "top_k", "count"]
KINDS: tuple[Kind, ...] = ("expected", "half", "global", "per_class", "top_k", "count")

_FEWEST = 10  # positives that a label needs for a threshold of its own
_SURE = 2.0  # standard errors by which another kind has to beat `expected`
_GRID = np.linspace(0.05, 0.95, 37, dtype=np.float32)


@dataclass(frozen=True)
class Rule:
    """How probabilities (n, L) become sets.

    `expected`: p >= the threshold that promises the best micro F1 if the probabilities are right. `half`: p >= .5.
    `global`: p >= the threshold that was best on labelled rows. `per_class`: one such for each label. `top_k`: the k
    most probable labels. `count`: as many of the most probable as the probabilities add up to, rounded. Where `least`
    is 1, a row of which nothing is decided gets its most probable label.
    """

    kind: Kind = "half"
    values: tuple[float, ...] = (0.5,)
    least: int = 0

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Rule:
        """The rule whose fields, by name, came out of a JSON file."""
        return cls(saved["kind"], tuple(saved["values"]), saved["least"])

    def apply(self, proba: Floats) -> NDArray[np.bool_]:
        """(n, L) which labels are decided for."""
        chosen = self._above(proba)
        if self.least:
            bare = np.flatnonzero(~chosen.any(axis=1))
            chosen[bare, proba[bare].argmax(axis=1)] = True
        return chosen

    def _above(self, proba: Floats) -> NDArray[np.bool_]:
        if self.kind in ("expected", "half", "global", "per_class"):
            return np.asarray(proba >= np.asarray(self.values, proba.dtype))
        rank = np.argsort(np.argsort(-proba, axis=1, kind="stable"), axis=1)
        if self.kind == "top_k":
            return np.asarray(rank < self.values[0])
        return np.asarray(rank < np.rint(proba.sum(axis=1, keepdims=True)))


def decided(task: Task, output: Floats, rule: Rule | None) -> list[Label]:
    """The labels of rows with these probabilities: by the rule, or where there is none as the task decodes them."""
    return task.decode(output if rule is None else rule.apply(output).astype(np.float32))


def fit_rule(kind: Kind, proba: Floats, truth: NDArray[np.bool_]) -> Rule:
    """The rule of this kind with the best micro F1 on these rows (per class: the best F1 of each label).

    `expected` does not look at the truth.
    """
    if kind == "expected":
        return Rule("expected", (expected_threshold(proba),))
    if kind == "half":
        return Rule()
    if kind == "count":
        return Rule("count", ())
    if kind == "top_k":
        most = max(1, int(truth.sum(axis=1).max(initial=1)))
        order = np.argsort(-proba, axis=1, kind="stable")[:, :most]
        found = np.take_along_axis(truth, order, axis=1).sum(axis=0).cumsum()
        scores = _f1(found, len(proba) * np.arange(1, most + 1), truth.sum())
        return Rule("top_k", (int(np.argmax(scores)) + 1,))
    reached, hits = _reached(proba), _reached(proba, truth)
    best = float(_GRID[int(np.argmax(_f1(hits.sum(axis=1), reached.sum(axis=1), truth.sum())))])
    if kind == "global":
        return Rule("global", (best,))
    positives = truth.sum(axis=0)
    own = _GRID[_f1(hits, reached, positives).argmax(axis=0)]
    return Rule("per_class", tuple(np.where(positives < _FEWEST, best, own.astype(np.float64)).tolist()))


def _reached(proba: Floats, among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """(37, L) how many probabilities of each label reach each threshold of the grid, of those `among` (n, L)."""
    wide = len(_GRID) + 1
    place = np.searchsorted(_GRID, proba, side="right") + wide * np.arange(proba.shape[1])
    counts = np.bincount((place if among is None else place[among]).ravel(), minlength=wide * proba.shape[1])
    return np.asarray(counts.reshape(-1, wide)[:, :0:-1].cumsum(axis=1)[:, ::-1].T)


def _f1(hits: NDArray[np.int64], guessed: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(2 * hits / np.maximum(guessed + true, 1))


def choose_rule(proba: Floats, truth: NDArray[np.bool_], fold: NDArray[np.int64]) -> Rule:
    """`expected`, or another kind whose fitted rules are surely better on folds that they were not fitted on.

    Surely: by two standard errors over the folds. The best of five rules by a hundred asked rows is often worse by
    three points of F1 on others; one that follows from calibrated probabilities has nothing to fit (docs/log.md). Where
    each of the rows has a label, so has each that is decided.

    Args:
        proba: (n, L) held-out probabilities.
        truth: (n, L) which labels apply.
        fold: (n,) the fold of each row; -1 is judged by nobody.
    """
    if (fold >= 0).sum() < 2 * _FEWEST:
        return Rule()
    least = int(truth.any(axis=1).all())
    tests = [fold == number for number in np.unique(fold[fold >= 0])]

    def judged(kind: Kind) -> NDArray[np.float64]:
        rules = [replace(fit_rule(kind, proba[~test], truth[~test]), least=least) for test in tests]
        return np.array(
            [micro_f1(rule.apply(proba[test]), truth[test]) for rule, test in zip(rules, tests, strict=True)]
        )

    plain, best, most = judged("expected"), KINDS[0], 0.0
    for kind in KINDS[1:]:
        gains = judged(kind) - plain
        error = float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
        if gains.mean() > max(most, _SURE * error):
            best, most = kind, float(gains.mean())
    return replace(fit_rule(best, proba, truth), least=least)


def expected_threshold(proba: Floats) -> float:
    """The threshold whose micro F1 on rows with these probabilities (n, L) is the best to expect.

    Of the labels above a threshold the sum of p applies, and of all the sum of all p: F1 is twice the first by the
    number above plus the second. About half of the F1 that it promises.

    Source: Lipton, Elkan and Naryanaswamy 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure (plug-in,
    over the labels of all rows together).

    >>> expected_threshold(np.array([[0.9, 0.5], [0.8, 0.1]]))
    0.5
    """
    falling = np.sort(proba, axis=None)[::-1].astype(np.float64)
    hits = np.cumsum(falling)
    return float(falling[int(np.argmax(2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])))])


def micro_f1(guess: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """2 TP / (guessed + true); 0 where both are empty.

    >>> micro_f1(np.array([True, True]), np.array([True, False]))
    0.6666666666666666
    """
    whole = int(guess.sum()) + int(truth.sum())
    return 2 * int((guess & truth).sum()) / whole if whole else 0.0
