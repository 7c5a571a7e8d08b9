"""How good a model is on audit items, with an interval that holds at every look, as numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tithe.stats import Interval, anytime_mean, anytime_share
from tithe.types import Label

if TYPE_CHECKING:
    from tithe.tasks import Task

Guesses: TypeAlias = Mapping[str, tuple[Label, float]]
"""Of each audit item what a model guesses, and how sure it is."""

LEVEL = 0.95
_WIDE, _NARROW = 0.1, 0.05  # half widths worth labelling for: the next that is not reached yet is named
_STEPS = (20, 50, 100, 150, 200, 300, 400, 500)


@dataclass(frozen=True)
class Estimate:
    """A score of one model on n audit items. `low` and `high` hold at every look, by a chance of 95 %.

    `name` is `accuracy`, `agreement` (the mean of 1 - distance) or `all right` (the share of items that are right in
    every label); `words` says it for a reader.
    """

    name: str
    mean: float
    low: float
    high: float
    n: int
    words: str

    @property
    def interval(self) -> Interval:
        """Mean and bounds."""
        return Interval(self.mean, self.low, self.high)


def headline(task: str) -> str:
    """The name of the one score that a task is judged by; fixed, so that nobody chooses the better-looking.

    >>> headline("choice"), headline("multilabel"), headline("spans")
    ('accuracy', 'agreement', 'agreement')
    """
    return "accuracy" if task == "choice" else "agreement"


def scores(task: Task, truths: Mapping[str, Label], guesses: Guesses) -> list[float]:
    """1 - distance of each truth and the guess, in the order of the truths; 1 for an item that is right."""
    return [1.0 - task.distance(truth, guesses[one][0]) for one, truth in truths.items()]


def estimates(task: Task, found: Sequence[float], population: int | None = None, left: int = 0) -> tuple[Estimate, ...]:
    """The headline first, then, for label sets and spans, the share of items that are right in every label.

    Args:
        found: `scores` of one model, in the order in which the answers came; at least one.
        population: how many items the audit items were drawn from; None where that is not known.
        left: audit items that could still be answered, so that the words name no number that cannot be reached.
    """
    share = Interval(*anytime_share(sum(one == 1.0 for one in found), len(found), LEVEL, population=population))
    if headline(task.name) == "accuracy":
        return (_worded("accuracy", share, found, left),)
    return (
        _worded("agreement", _mean(found), found, left),
        _worded("all right", share, [float(one == 1.0) for one in found], left),
    )


def _mean(values: Sequence[float]) -> Interval:
    # Models come and go while people watch: bounds that never widen again miss the truth of some model in a quarter of
    # all projects, those that may in one of forty (bench/audit.py).
    return anytime_mean(values, LEVEL, stays_out=False)


def _worded(name: str, found: Interval, values: Sequence[float], left: int) -> Estimate:
    n = len(values)
    said = {
        "accuracy": f"{percent(found.mean)} of {_items(n)} are right",
        "agreement": f"the labels of {_items(n)} agree with the guesses to {percent(found.mean)} on average",
        "all right": f"{percent(found.mean)} of {_items(n)} are right in every label",
    }[name]
    words = f"{said}; the truth may lie between {percent(found.low)} and {percent(found.high)}"
    return Estimate(name, *found, n, words + _narrower(name, found, values, left))


def _items(n: int) -> str:
    return "1 audit item" if n == 1 else f"{n} audit items"


def _narrower(name: str, found: Interval, values: Sequence[float], left: int) -> str:
    """What would make the interval narrower, in words; empty where nothing that is left would do so."""
    n, half = len(values), (found.high - found.low) / 2
    goal = _WIDE if half > _WIDE * 1.1 else _NARROW
    if half <= goal or left <= 0:
        return ""
    steps = [one - n for one in _STEPS if one > n and one - n <= left] or [left]
    for more in steps:
        then = _half_width(name, values, n + more)
        if then <= goal * 1.1 or more == steps[-1]:
            return f" ({more} more audit answers would bring it to about ±{100 * then:.0f} points)"
    return ""


def _half_width(name: str, values: Sequence[float], n: int) -> float:
    """Half the width that n answers would give if they went on as these, and one right and one wrong item."""
    seen = [*values, 1.0, 0.0]  # two answers that are both right promise no score of 1
    if name == "agreement":
        then = _mean(list(islice(cycle(seen), n)))
    else:
        then = anytime_share(round(float(np.mean(seen)) * n), n, LEVEL)
    return (then.high - then.low) / 2


def percent(share: float) -> str:
    """A share in per cent: whole, with a tenth near 100.

    >>> percent(0.59), percent(0.996), percent(1.0)
    ('59 %', '99.6 %', '100 %')
    """
    return f"{100 * share:.1f} %" if 0.99 < share < 1 else f"{100 * share:.0f} %"
