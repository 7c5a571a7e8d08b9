"""Checks for arrays that come from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tithe.errors import DataError

if TYPE_CHECKING:
    from tithe.ragged import Ragged

_SHAPES = {"embeddings": ("N", "d"), "proba": ("N", "C"), "committee": ("m", "N", "C")}


def checked_view(name: str, array: Any, count: int) -> Any:
    """The array, once it has the shape of the view `name` for `count` items and no NaN or infinity.

    Raises:
        DataError: says which row is bad, or which shape was expected and given.
    """
    import numpy as np

    from tithe.ragged import Ragged

    if name == "proba" and (isinstance(array, Ragged) or _is_list_of_rows(array)):
        return _checked_ragged(name, array if isinstance(array, Ragged) else Ragged.of(array), count)
    array = np.asarray(array)
    shape = _SHAPES[name]
    wanted = f"({', '.join(shape)}) with N = {count}"
    if array.ndim != len(shape) or array.shape[shape.index("N")] != count:
        raise DataError(f"{name} must have the shape {wanted}; given {array.shape}")
    if 0 in array.shape[:-2] or array.shape[-1] == 0:
        raise DataError(f"{name} must have the shape {wanted} and no empty axis; given {array.shape}")
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name} must hold numbers; given dtype {array.dtype}")
    flat = array.reshape(-1, array.shape[-1])
    for start in range(0, len(flat), 65536):  # blocks: a mask of the whole would cost a quarter of its memory
        block = flat[start : start + 65536]
        if not np.isfinite(block).all():
            row = start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            raise DataError(f"{name} holds NaN or infinity, first in row {row % count}; remove or replace such rows")
    return array


def _is_list_of_rows(array: Any) -> bool:
    """Whether it is a list of tables, one for each item, as token marginals are."""
    return isinstance(array, list | tuple) and bool(array) and all(getattr(one, "ndim", 0) == 2 for one in array)


def _checked_ragged(name: str, ragged: Ragged, count: int) -> Ragged:
    import numpy as np

    values = ragged.values
    if len(ragged) != count:
        raise DataError(f"{name} must have one array (t, C) for each of N = {count} items; given {len(ragged)}")
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind not in "fiu":
        raise DataError(f"{name} must hold numbers in rows (t, C); given {values.dtype} in the shape {values.shape}")
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        row = int(np.searchsorted(ragged.splits, np.flatnonzero(bad)[0], side="right")) - 1
        raise DataError(f"{name} holds NaN or infinity, first in row {row}; remove or replace such rows")
    return ragged
