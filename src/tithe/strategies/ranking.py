"""What every strategy needs to answer: how many to pick, and which scores are the largest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.types import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray


def wanted(pool: Pool, n: int) -> int:
    """How many to pick: n, or all candidates where fewer are left.

    Raises:
        ConfigError: n is not positive.
    """
    if n <= 0:
        raise ConfigError(f"the number of items to choose must be positive; given {n}")
    return min(n, len(pool.candidates))


def largest(values: NDArray[Any], n: int) -> Rows:
    """The positions of the n largest values, largest first; of equal ones the earlier position comes first.

    >>> largest(np.array([3, 9, 3, 9, 1]), 3).tolist()
    [1, 3, 0]
    """
    if n <= 0:
        return np.empty(0, np.int64)
    kept = np.arange(len(values))
    if n < len(values):
        threshold = np.partition(values, len(values) - n)[len(values) - n]
        above, equal = np.flatnonzero(values > threshold), np.flatnonzero(values == threshold)
        kept = np.sort(np.concatenate([above, equal[: n - len(above)]]))
    return kept[np.argsort(-values[kept], kind="stable")]


def covered(pool: Pool) -> Rows:
    """The rows that need no asking any more (labelled, pending or closed), in the order of their ids."""
    rows = np.flatnonzero(~pool.open)
    return rows[np.argsort(np.array([pool.ids[int(row)] for row in rows], dtype=np.str_), kind="stable")]
