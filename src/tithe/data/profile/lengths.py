"""How long things are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class Spread:
    """How whole numbers are spread."""

    unit: str
    mean: float
    least: int
    most: int
    percentiles: dict[int, float]
    """By per cent, those of `SHARES`."""
    bins: tuple[tuple[int, int, int], ...]
    """(from, to inclusive, how many); the last runs to the greatest value."""


def spread(unit: str, values: Sequence[int] | NDArray[np.int32], *, most_bins: int = 30) -> Spread:
    """The spread of numbers >= 0; bins of one round width up to the 99th percentile, and one for the rest.

    >>> spread("words", [1, 2, 2, 3]).bins
    ((1, 1, 1), (2, 2, 2), (3, 3, 1))
    """
    import numpy as np

    numbers = np.asarray(values, np.int64)
    percentiles = {share: float(np.percentile(numbers, share)) for share in SHARES}
    least, most = int(numbers.min()), int(numbers.max())
    high = max(int(np.ceil(percentiles[99])), least)
    rough = (high - least + 1) / most_bins
    step = next(width for power in range(12) for width in (10**power, 2 * 10**power, 5 * 10**power) if width >= rough)
    begin = least - least % step
    edges = [*range(begin, high + 1, step), max(high, begin) + 1]
    edges[-1] = edges[-2] + step
    counted = [int(((numbers >= a) & (numbers < b)).sum()) for a, b in pairwise(edges)]
    bins = [(a, b - 1, count) for a, b, count in zip(edges, edges[1:], counted, strict=False)]
    if most >= edges[-1]:
        bins.append((edges[-1], most, int((numbers >= edges[-1]).sum())))
    return Spread(unit, float(numbers.mean()), least, most, percentiles, tuple(bins))
