"""Greedy maximisation of a coverage, evaluated lazily."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe.strategies.ranking import largest
from tithe.types import Rows

_FRONT = 64  # gains computed together, at first; twice as many each time that this did not settle a pick


def lazy_greedy(
    gains: NDArray[Any], gains_now: Callable[[Rows], NDArray[Any]], take: Callable[[int], None], n: int
) -> tuple[list[int], list[float]]:
    """Up to n positions, each of the largest gain at its turn, and these gains; stops where nothing gains.

    Args:
        gains: (m,) what each position would gain now.
        gains_now: the same for some positions, after the picks so far.
        take: called with each pick.

    A gain never grows as picks are added, so an outdated one bounds the true one from above: a position whose fresh
    gain is above all outdated ones is the best. Of equal gains the first position wins.

    Source: Minoux 1978, Accelerated Greedy Algorithms for Maximizing Submodular Set Functions.
    """
    bounds, fresh = np.array(gains, np.float64), np.ones(len(gains), bool)
    picks: list[int] = []
    scores: list[float] = []
    front = _FRONT
    while len(picks) < min(n, len(bounds)):
        best = int(bounds.argmax())
        if bounds[best] <= 0:
            break
        if fresh[best]:
            take(best)
            picks.append(best)
            scores.append(float(bounds[best]))
            bounds[best] = 0
            fresh[:] = False
            front = _FRONT
        else:
            stale = np.sort(largest(np.where(fresh, 0, bounds), front))
            stale = stale[bounds[stale] > 0]
            bounds[stale] = gains_now(stale)
            fresh[stale] = True
            bounds[picks] = 0
            front *= 2
    return picks, scores
