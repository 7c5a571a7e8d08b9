"""What every strategy needs to answer: how many to pick, and which scores are the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.types import Rows

if TYPE_CHECKING:
    from numpy.random import Generator
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
    return by_id(pool, np.flatnonzero(~pool.open))


def by_id(pool: Pool, rows: Rows) -> Rows:
    """The rows in the order of their ids, which does not depend on how the pool was sorted."""
    ids = np.array([pool.ids[int(row)] for row in rows], dtype=np.str_)
    return np.asarray(rows[np.argsort(ids, kind="stable")])


def drawn(count: int, most: int, rng: Generator) -> Rows:
    """Ascending positions below `count`: all, or `most` of them, drawn uniformly."""
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))


def filled(picks: Sequence[int] | Rows, count: int, n: int, rng: Generator) -> Rows:
    """The picks, then others of the positions below `count`, drawn uniformly, until there are n."""
    chosen = np.array(picks, dtype=np.int64)
    if len(chosen) >= n:
        return chosen
    others = np.ones(count, bool)
    others[chosen] = False
    return np.concatenate([chosen, rng.permutation(np.flatnonzero(others))[: n - len(chosen)]])


def distinct(points: NDArray[Any], n: int, most: float) -> list[int]:
    """The places of the first n points (m, d) that are no near copies of one taken before, in order.

    A near copy has a cosine above `most`. Where fewer than n are distinct, the first copies fill up.

    >>> distinct(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), 2, 0.9)
    [0, 2]
    """
    points = np.asarray(points, np.result_type(points, np.float32))  # halves cannot hold squares
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    unit = (points / np.maximum(lengths, 1e-30)).astype(np.float32)
    taken = np.empty((min(n, len(unit)), unit.shape[1]), np.float32)
    kept: list[int] = []
    copies: list[int] = []
    for place, point in enumerate(unit):
        if len(kept) == n:
            break
        if kept and float((taken[: len(kept)] @ point).max()) > most + 1e-6:  # float32 rounds 1 up
            copies.append(place)
        else:
            taken[len(kept)] = point
            kept.append(place)
    return kept + copies[: n - len(kept)]
