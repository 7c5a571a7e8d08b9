"""A start made of embeddings that the user has already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe.data.arrays import checked_view
from tithe.errors import DataError, NeedsError
from tithe.types import Floats, Items, View, check_items

_MAPPED = 64 << 20  # bytes; halves above this stay halves on disk, and become float32 row by row where they are used

SPEC = "given"
"""What stands in place of a start's name."""


@dataclass(frozen=True, eq=False)
class GivenStart:
    """Embeddings (N, d) for known sets of items, by the digest of the items.

    They are float32, but for large files of halves: those stay mapped as they are, and every user of a whole view
    works in blocks that it makes float32.
    """

    arrays: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", {digest: _floats(array) for digest, array in self.arrays.items()})

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
                state.update(np.ascontiguousarray(array[at : at + 65_536]).data)
        return state.hexdigest()

    def view(self, name: View, items: Items) -> Floats:
        """The rows that were given for these items, or for the whole that they were cut from."""
        check_items(items)
        if name != "embeddings":
            raise NeedsError(f"given embeddings are the view 'embeddings'; {name!r} was asked for")
        whole, rows = (items, None) if items.base is None else (items.base, items.rows)
        if whole.digest not in self.arrays:
            raise NeedsError(
                f"no embeddings were given for these {len(items)} items; give a row for each item (--embeddings X.npy)"
            )
        array = self.arrays[whole.digest]
        return array if rows is None else np.asarray(array[rows], np.float32)

    def save(self, into: Path) -> dict[str, Any]:
        """Nothing but the width: whoever uses the model brings the embeddings of new items along."""
        return {"spec": SPEC, "width": next((array.shape[1] for array in self.arrays.values()), 0)}


def _floats(array: NDArray[Any]) -> Floats:
    """Float32: halves and integers would lose digits in sums, or fail in them. A mapped float32 array stays mapped."""
    return array if array.dtype == np.float16 and array.nbytes > _MAPPED else np.asarray(array, np.float32)


def read_embeddings(path: str | Path, parts: Sequence[Items]) -> list[Floats]:
    """The rows of a `.npy` file for each of these sets of items, which stand in it one after the other; mapped.

    Raises DataError where it is no such file, or does not have a row for each item.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the embeddings: {error}; give a .npy file of shape (rows, width)") from None
    if len(parts) == 2 and array.shape[:1] == (len(parts[0]),):
        raise DataError(
            f"{path} has a row for each of the {len(parts[0])} training rows, but none for the {len(parts[1])} test "
            f"rows; append them below, or give --test-embeddings"
        )
    array = checked_view("embeddings", array, sum(map(len, parts)))
    cuts = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(array, cuts)


def given_start(items: Items, path: str | Path, width: int = 0) -> GivenStart:
    """The start of a file with a row for each item. Raises DataError where its width is not the one wanted."""
    (array,) = read_embeddings(path, [items])
    if width and array.shape[1] != width:
        raise DataError(f"{path} has rows of {array.shape[1]} numbers; the model was trained on rows of {width}")
    return GivenStart({items.digest: array})
