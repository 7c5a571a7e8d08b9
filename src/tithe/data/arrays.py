"""Checks for arrays that come from outside."""

from __future__ import annotations

from typing import Any

from tithe.errors import DataError

_SHAPES = {"embeddings": ("N", "d"), "proba": ("N", "C"), "committee": ("m", "N", "C")}


def checked_view(name: str, array: Any, count: int) -> Any:
    """The array, once it has the shape of the view `name` for `count` items and no NaN or infinity.

    Raises:
        DataError: says which row is bad, or which shape was expected and given.
    """
    import numpy as np

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
