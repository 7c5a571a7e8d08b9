"""Batches by cost instead of by number: the loop asks until a cost is spent, and overshoots by one item at most."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tithe.pool import Pool
from tithe.strategies import Strategy
from tithe.tasks import Task
from tithe.types import Item, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

_SAMPLE = 1000  # candidates that the mean cost is taken of: it only says where to begin


def select_worth(strategy: Strategy, pool: Pool, cost: float, task: Task, rng: Callable[[], Generator]) -> Selection:
    """The best items of the strategy's ranking until their cost reaches `cost`; all that are left where that is less.

    The strategy is asked for as many items as that takes on average, then for twice as many until they are enough; the
    list is cut off behind the item with which the cost is reached. A strategy whose choice depends on the number asked
    for gives its best first, so what is cut off is its last.

    Args:
        rng: gives the same stream at each call, so that every attempt is the same draw, only longer.
    """
    left = len(pool.candidates)
    if cost <= 0 or not left:
        return Selection((), ())
    few = pool.candidates[np.linspace(0, left - 1, min(left, _SAMPLE)).astype(np.int64)]
    mean = float(np.mean(costs(task, (pool.items[int(row)] for row in few))))
    n = min(left, math.ceil(cost / mean) + 1)
    while True:
        found = strategy.select(pool, n, rng())
        paid = np.cumsum(costs(task, (pool.items[int(row)] for row in pool.rows(found.ids))))
        if len(paid) and paid[-1] >= cost:
            end = int(np.searchsorted(paid, cost)) + 1  # the first with which it is reached
            return Selection(found.ids[:end], found.scores[:end], found.reason)
        if n >= left:
            return found
        n = min(left, 2 * n)


def costs(task: Task, items: Iterable[Item]) -> list[float]:
    """What labelling each of these items costs."""
    return [task.cost(item) for item in items]
