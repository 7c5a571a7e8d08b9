"""One view to compute: of what, by whom, in which shards; and the checks on what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError, DataError
from tithe.types import Items, Rows, View

Array: TypeAlias = NDArray[Any]
Compute: TypeAlias = Callable[[Items], Array]
Tell: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """One view to compute: of what, by whom, how, and in which shards."""

    items: Items
    producer: str
    view: View
    compute: Compute
    shard_rows: int
    tell: Tell

    @property
    def key(self) -> str:
        """The name of the folder: a hash of items, producer and view."""
        named = json.dumps([self.items.digest, self.producer, self.view])
        return hashlib.blake2b(named.encode(), digest_size=16).hexdigest()

    def shards(self) -> Iterator[Rows]:
        """Rows, shard by shard: rows of like length together, so that batches of tokens waste little padding."""
        texts, ids = self.items.texts, self.items.ids
        order = np.array(sorted(range(len(ids)), key=lambda row: (len(texts[row]), ids[row])), dtype=np.int64)
        for start in range(0, len(order), self.shard_rows):
            yield order[start : start + self.shard_rows]

    def run(self, rows: Rows) -> Array:
        """(len(rows), ...) the checked answer of `compute`. It sees no gold labels."""
        part = self.items.take(rows)
        part = Items(part.ids, part.texts, None, part.source, base=part.base, rows=part.rows, tokens=part.tokens)
        given = self.compute(part)
        what = f"the view {self.view!r} of {self.producer}"
        if not isinstance(given, np.ndarray) or given.ndim == 0 or given.dtype.kind not in "fiub":
            raise ConfigError(f"{what} must be an array of numbers; given {type(given).__name__}")
        if len(given) != len(rows):
            raise ConfigError(f"{what} must have a row for each of {len(rows)} items; given shape {given.shape}")
        finite = np.isfinite(given).reshape(len(rows), -1).all(axis=1)
        if not finite.all():
            first = part.ids[int(np.flatnonzero(~finite)[0])]
            raise DataError(f"{what} is NaN or infinite for the item {first!r}; look at that text, or leave it out")
        return np.ascontiguousarray(given)

    def expect(self, array: Array, other: Array) -> None:
        """Raises ConfigError where two shards do not fit together."""
        if array.shape[1:] != other.shape[1:] or array.dtype != other.dtype:
            raise ConfigError(
                f"the view {self.view!r} of {self.producer} changes its form from shard to shard: "
                f"{array.dtype}{array.shape[1:]} and {other.dtype}{other.shape[1:]}; it must not"
            )
