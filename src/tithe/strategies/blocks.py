"""Reads a matrix in blocks that fit the processor's cache, so that a million rows cost no second matrix.

Blocks follow the canonical order of the rows asked for and are always copied into one buffer, so the arithmetic, to the
last bit, does not depend on how the pool was sorted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.ragged import Ragged
from tithe.types import Floats, Rows

Prepare: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]

_NUMBERS = 1 << 18  # in a block: 1 MiB of float32, which the second-level cache of most processors holds


def block_rows(width: int) -> int:
    """How many rows of this width a block holds."""
    return max(64, _NUMBERS // max(width, 1))


def item_width(view: Any) -> int:
    """How many numbers an item has in a view, on average: (N, d), or ragged rows of (t, d)."""
    if isinstance(view, Ragged):
        return math.ceil(int(view.values.shape[1]) * len(view.values) / max(len(view), 1))
    return int(view.shape[-1])


@dataclass(frozen=True, eq=False)
class Blocks:
    """The given rows of `matrix` (N, d), as float32, a block at a time.

    `prepare` may change its argument in place; it runs in the matrix's own precision, before rounding to float32.
    """

    matrix: NDArray[Any]
    rows: Rows
    step: int
    prepare: Prepare | None = None

    def __iter__(self) -> Iterator[tuple[slice, Floats]]:
        """Each block with its place among the rows. A block is valid until the next one."""
        for place, block in self.raw():
            yield place, self._finish(block)

    def raw(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """The blocks as they are stored."""
        # np.take would first copy a matrix that is not in C order; fancy indexing copies the rows alone.
        plain = self.matrix.flags.c_contiguous and self.matrix.flags.aligned
        buffer = np.empty((self.step if plain else 0, self.matrix.shape[1]), self.matrix.dtype)
        for start in range(0, len(self.rows), self.step):
            rows = self.rows[start : start + self.step]
            place = slice(start, start + len(rows))
            if plain:
                yield place, np.take(self.matrix, rows, axis=0, out=buffer[: len(rows)], mode="clip")
            else:
                yield place, self.matrix[rows]

    def take(self, positions: Rows) -> Floats:
        """Single rows, by their place among `rows`: (m, d)."""
        return self._finish(self.matrix[self.rows[positions]])

    def exact(self, rows: Rows) -> NDArray[np.float64]:
        """Rows of `matrix` (m, d), prepared in float64. They need not be among `rows`."""
        points = self.matrix[rows].astype(np.float64)
        return points if self.prepare is None else self.prepare(points)

    def _finish(self, block: NDArray[Any]) -> Floats:
        if block.dtype.kind != "f" or block.dtype.itemsize < 4:
            block = block.astype(np.float64)
        if self.prepare is not None:
            block = self.prepare(block)
        return block.astype(np.float32, copy=False)


def scaled(matrix: NDArray[Any], rows: Rows, *, step: int, centred: bool) -> tuple[Blocks, float]:
    """Blocks fit for float32 arithmetic, and the factor that their values were multiplied with.

    `centred` subtracts the rows' mean, which keeps ||x||² - 2 x·c + ||c||² from cancelling. The factor is 1 unless
    squares would leave the range of float32. One pass over the rows.
    """
    plain = Blocks(matrix, rows, step)
    total, most = np.zeros(matrix.shape[1]), 0.0
    for _, block in plain.raw():
        total += block.sum(axis=0, dtype=np.float64) if centred else 0.0
        most = max(most, float(block.max()), -float(block.min()))
    mean = total / max(len(rows), 1)
    tame = most == 0.0 or 2.0**-40 < most < 2.0**40
    factor = 1.0 if tame else 2.0 ** min(-int(np.frexp(most)[1]), 126)  # 126: what float32 can hold

    def prepare(block: NDArray[Any]) -> NDArray[Any]:
        if centred:
            block -= mean.astype(block.dtype)
        if factor != 1.0:
            block *= block.dtype.type(factor)
        return block

    return Blocks(matrix, rows, step, prepare), factor
