"""In which order rows train: every epoch a new shuffle, cut into batches of rows that are about equally long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tithe.rng import stream
from tithe.types import Rows

_TOGETHER = 8  # batches that are sorted by length together: enough to pad little, few enough to stay random


class Order(Protocol):
    """The rows of each step."""

    def rows(self, step: int) -> Rows:
        """(b,) the rows of a step, or (b, 2) the pairs; the same at each call."""


class Shuffled:
    """Epochs without replacement, one behind the other, so that all batches are equally large.

    The batches of a step are a function of the seed and the step: a resumed run goes on with the same ones.

    >>> order = Shuffled(np.array([3, 4, 3, 9]), 2, seed=1)
    >>> sorted(np.concatenate([order.rows(step) for step in range(4)]).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3]
    """

    def __init__(self, sizes: NDArray[np.int64], batch: int, *, seed: int) -> None:
        """`sizes` (n,) says how long each row is; fewer rows than a batch are all in every one."""
        self._sizes, self._seed = sizes, seed
        self._batch = min(batch, len(sizes))
        # A block of several epochs, sorted by length, would have batches of the same few rows again and again.
        self._together = min(_TOGETHER, max(1, len(sizes) // self._batch))
        self._blocks: dict[int, list[Rows]] = {}
        self._epochs: dict[int, Rows] = {}

    def rows(self, step: int) -> Rows:
        """See `Order`."""
        block, place = divmod(step, self._together)
        if block not in self._blocks:
            self._blocks = {block: self._made(block)}  # steps come one after the other: the last block will do
        return self._blocks[block][place]

    def _made(self, block: int) -> list[Rows]:
        many = self._together * self._batch
        found = self._stream(block * many, (block + 1) * many)
        found = found[np.argsort(self._sizes[found], kind="stable")]
        batches = np.split(found, self._together)
        # Long and short batches come in the same order in all runs, so that those of a stack are about equally long.
        return [batches[at] for at in stream(0, "block", block).permutation(self._together)]

    def _stream(self, begin: int, end: int) -> Rows:
        """A stretch of all epochs put one behind the other."""
        n = len(self._sizes)
        first, last = begin // n, (end - 1) // n
        self._epochs = {epoch: self._epochs[epoch] for epoch in self._epochs if epoch >= first}
        for epoch in range(first, last + 1):
            if epoch not in self._epochs:
                self._epochs[epoch] = stream(self._seed, "epoch", epoch).permutation(n)
        joined = np.concatenate([self._epochs[epoch] for epoch in range(first, last + 1)])
        return joined[begin - first * n : end - first * n]


class Beside:
    """Batches of several orders side by side: such as half of each labelled, half not. Rows are moved by `offsets`."""

    def __init__(self, orders: Sequence[Order], offsets: Sequence[int]) -> None:
        self._orders, self._offsets = orders, offsets

    def rows(self, step: int) -> Rows:
        """See `Order`."""
        return np.concatenate(
            [order.rows(step) + offset for order, offset in zip(self._orders, self._offsets, strict=True)]
        )
