"""Right, guessed and true of each class: what a per-class score is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tithe.types import Label, names_in

Counts = dict[str, tuple[int, int, int]]
"""For each class: how often it was rightly guessed, guessed, and true."""


def count_names(labels: Sequence[str], truth: Sequence[Label], guess: Sequence[Label]) -> Counts:
    """The counts of each name, an item counting once for each name in its label: declared ones first, then others.

    >>> count_names(["a", "b"], ["a", "a", "c"], ["a", "b", "a"])
    {'a': (1, 2, 2), 'b': (0, 1, 0), 'c': (0, 0, 1)}
    """
    right, guessed, true = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(truth, guess, strict=True):
        a, b = names_in(one), names_in(other)
        right.update(a & b)
        guessed.update(b)
        true.update(a)
    names = [*labels, *sorted({*true, *guessed} - {*labels})]
    return {name: (right[name], guessed[name], true[name]) for name in names}


def f1(right: int, guessed: int, true: int) -> float:
    """The harmonic mean of precision and recall; 0 where nothing is right, 1 where there was nothing to find.

    >>> f1(1, 2, 2), f1(0, 0, 3), f1(0, 0, 0)
    (0.5, 0.0, 1.0)
    """
    return 2 * right / (guessed + true) if guessed + true else 1.0


def ratio(part: float, whole: float) -> float:
    """A share of a count; 0 where there is nothing to count.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, 0.0)
    """
    return float(part / whole) if whole else 0.0
