"""One view to compute: of what, by whom, in which shards; and the checks on what comes back.

A view has a row for each item, or one for each token: then `tokens` says which tokens the items have, and what is kept
is the flat array of their rows, since where they stand follows from the items.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError, DataError
from tithe.ragged import Ragged
from tithe.types import Items, Rows, View

Array: TypeAlias = NDArray[Any]
Compute: TypeAlias = Callable[[Items], Any]
"""Gives an array with a row for each item, or for a view of tokens a `Ragged`."""
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
    tokens: Ragged | None = None

    @property
    def count(self) -> int:
        """The rows of the view: items, or tokens."""
        return len(self.items) if self.tokens is None else len(self.tokens.values)

    def at(self, rows: Rows) -> Rows:
        """The rows of the view that belong to these items."""
        return rows if self._numbers is None else np.asarray(self._numbers[rows].values, dtype=np.int64)

    @cached_property
    def _numbers(self) -> Ragged | None:
        """The rows of the view by item, made once for all shards; None where there is one for each."""
        tokens = self.tokens
        return None if tokens is None else tokens.with_values(np.arange(len(tokens.values), dtype=np.int64))

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
        """(len(at(rows)), ...) the checked answer of `compute`. It sees no gold labels."""
        part = self.items.take(rows)
        part = Items(part.ids, part.texts, None, part.source, base=part.base, rows=part.rows, tokens=part.tokens)
        given = self._values(self.compute(part), rows)
        what = f"the view {self.view!r} of {self.producer}"
        finite = np.isfinite(given).all(axis=tuple(range(1, given.ndim)))
        if not finite.all():
            bad = int(np.flatnonzero(~finite)[0])
            owner = (
                bad if self.tokens is None else int(np.searchsorted(np.cumsum(self.tokens.lengths[rows]), bad, "right"))
            )
            raise DataError(
                f"{what} is NaN or infinite for the item {part.ids[owner]!r}; look at that text, or leave it out"
            )
        return np.ascontiguousarray(given)

    def _values(self, given: Any, rows: Rows) -> Array:
        """The rows that `compute` gave, once they are as many as there must be."""
        what, unit = f"the view {self.view!r} of {self.producer}", "items"
        if self.tokens is not None:
            unit, wanted = "tokens", self.tokens.lengths[rows]
            if not isinstance(given, Ragged) or not np.array_equal(given.lengths, wanted):
                raise ConfigError(f"{what} must be Ragged, with a row for each of the tokens of `tithe.tokens.places`")
            given = given.values
        if not isinstance(given, np.ndarray) or given.ndim == 0 or given.dtype.kind not in "fiub":
            raise ConfigError(f"{what} must be an array of numbers; given {type(given).__name__}")
        count = len(rows) if self.tokens is None else int(wanted.sum())
        if len(given) != count:
            raise ConfigError(f"{what} must have a row for each of {count} {unit}; given shape {given.shape}")
        return given

    def expect(self, array: Array, other: Array) -> None:
        """Raises ConfigError where two shards do not fit together."""
        if array.shape[1:] != other.shape[1:] or array.dtype != other.dtype:
            raise ConfigError(
                f"the view {self.view!r} of {self.producer} changes its form from shard to shard: "
                f"{array.dtype}{array.shape[1:]} and {other.dtype}{other.shape[1:]}; it must not"
            )
