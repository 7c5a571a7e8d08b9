"""Divides a batch among parts in whole numbers that follow the parts' weights, also over many small batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tithe.types import Rows

if TYPE_CHECKING:
    from numpy.random import Generator


def portions(
    weights: Sequence[float] | NDArray[np.float64],
    n: int,
    rng: Generator,
    most: Sequence[int] | NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """How many of n each part gets, in proportion to its weight (above 0) and no more than its `most`.

    What one part cannot take goes to the others. Fractions are rounded by one draw, so that the mean over many draws
    is the exact share, and no part is ever off by one or more: batches of 1 follow the shares too.

    Source: Madow 1949, On the Theory of Systematic Sampling, II (the rounding).

    >>> from tithe.rng import stream
    >>> portions([3, 1], 8, stream(0)).tolist(), portions([3, 1], 8, stream(0), most=[2, 9]).tolist()
    ([6, 2], [2, 6])
    """
    shares = _shares(np.asarray(weights, np.float64), n, np.asarray([n] * len(weights) if most is None else most))
    whole = np.floor(shares + 1e-9)  # 1e-9: what division leaves of a whole number
    edges = np.cumsum(np.maximum(shares - whole, 0))
    left = round(float(shares.sum() - whole.sum()))
    start = rng.random()
    if left:
        marks = start + np.arange(left)
        np.add.at(whole, np.searchsorted(edges * (left / edges[-1]), marks, side="right"), 1)
    return whole.astype(np.int64)


def _shares(weights: NDArray[np.float64], n: int, most: NDArray[np.int64]) -> NDArray[np.float64]:
    """Real shares of n: in proportion to the weights, but where a part is full."""
    shares = np.zeros(len(weights))
    open_, left = np.ones(len(weights), bool), float(min(n, most.sum()))
    while left > 0:
        ideal = left * weights * open_ / weights[open_].sum()
        full = open_ & (ideal >= most)
        if not full.any():
            shares += ideal
            break
        shares[full] = most[full]
        left -= float(most[full].sum())
        open_ &= ~full
        if not open_.any():
            break
    return shares


def interleaved(counts: NDArray[np.int64]) -> tuple[Rows, Rows]:
    """The parts and the places within them of a batch in which every beginning follows the counts.

    >>> parts, places = interleaved(np.array([4, 2]))
    >>> parts.tolist(), places.tolist()
    ([0, 1, 0, 0, 1, 0], [0, 0, 1, 2, 1, 3])
    """
    parts = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(parts)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort((places + 0.5) / counts[parts], kind="stable")
    return parts[order], places[order]
