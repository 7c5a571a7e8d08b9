"""A start made of embeddings that the user has already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tithe.errors import ConfigError, NeedsError
from tithe.types import Floats, Items, View


@dataclass(frozen=True, eq=False)
class GivenStart:
    """Embeddings (N, d) for known sets of items, by the digest of the items."""

    arrays: Mapping[str, Floats]

    def __post_init__(self) -> None:
        # Views are float32 everywhere; halves and integers would lose digits in the sums, or fail in them.
        as_floats = {digest: np.asarray(array, np.float32) for digest, array in self.arrays.items()}
        object.__setattr__(self, "arrays", as_floats)

    @property
    def provides(self) -> frozenset[View]:
        """`embeddings`."""
        return frozenset({"embeddings"})

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the arrays."""
        state = hashlib.blake2b(digest_size=16)
        for digest, array in sorted(self.arrays.items()):
            state.update(digest.encode())
            state.update(repr((array.shape, str(array.dtype))).encode())
            for at in range(0, len(array), 65_536):
                state.update(array[at : at + 65_536].tobytes())
        return state.hexdigest()

    def view(self, name: View, items: Items) -> Floats:
        """The rows that were given for these items, or for the whole that they were cut from."""
        if name != "embeddings":
            raise NeedsError(f"given embeddings are the view 'embeddings'; {name!r} was asked for")
        whole, rows = (items, None) if items.base is None else (items.base, items.rows)
        if whole.digest not in self.arrays:
            raise NeedsError(f"no embeddings were given for these {len(items)} items; give a row for each item")
        array = self.arrays[whole.digest]
        return array if rows is None else array[rows]

    def save(self, into: Path) -> dict[str, Any]:
        """Not possible: a model of given embeddings could not embed a new text."""
        raise ConfigError("a model on given embeddings cannot be saved: it could not embed a new text; use --start")
