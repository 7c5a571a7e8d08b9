"""Rows of different lengths as one array: the tokens of many sentences, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe.errors import DataError
from tithe.types import Rows


@dataclass(frozen=True, eq=False)
class Ragged:
    """n rows of different lengths; row i is `values[splits[i]:splits[i + 1]]`, and may be empty.

    Attributes:
        values: (T, ...) the rows, one after the other.
        splits: (n + 1,) int64, from 0 to T, never falling.
        places: (T, 2) int64 where each token begins and ends in the text of its item, in code points, end exclusive;
            None where the tokens have no text.

    >>> rows = Ragged.of([np.array([1, 2]), np.array([], int), np.array([3])])
    >>> len(rows), rows.lengths.tolist(), rows[np.array([2, 0])].values.tolist()
    (3, [2, 0, 1], [3, 1, 2])
    """

    values: NDArray[Any]
    splits: NDArray[np.int64]
    places: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        splits = np.asarray(self.splits, dtype=np.int64)
        object.__setattr__(self, "splits", splits)
        if not len(splits) or splits[0] != 0 or splits[-1] != len(self.values) or (np.diff(splits) < 0).any():
            raise DataError(
                f"the splits of ragged rows rise from 0 to the {len(self.values)} values there are; "
                f"given {len(splits)} splits{f' from {splits[0]} to {splits[-1]}' if len(splits) else ''}"
            )
        if self.places is not None and self.places.shape != (len(self.values), 2):
            raise DataError(f"places must be {(len(self.values), 2)}, one for each token; given {self.places.shape}")

    def __len__(self) -> int:
        return len(self.splits) - 1

    def __getitem__(self, rows: Rows | Sequence[int]) -> Ragged:
        """The rows at these positions, with their places. Cost: that of the tokens picked."""
        picked = np.asarray(rows, dtype=np.int64)
        if picked.ndim != 1:
            raise DataError(f"ragged rows are picked by a list of positions; given the shape {picked.shape}; see row()")
        picked = np.where(picked < 0, picked + len(self), picked)
        lengths = self.lengths[picked]
        splits = _ends(lengths)
        tokens = np.repeat(self.splits[picked] - splits[:-1], lengths) + np.arange(splits[-1])
        return Ragged(self.values[tokens], splits, None if self.places is None else self.places[tokens])

    @property
    def nbytes(self) -> int:
        """The bytes of all its arrays."""
        return self.values.nbytes + self.splits.nbytes + (0 if self.places is None else self.places.nbytes)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) how many tokens each row has."""
        return np.diff(self.splits)

    def row(self, at: int) -> NDArray[Any]:
        """(t, ...) the values of one row."""
        at = at + len(self) if at < 0 else at
        return self.values[self.splits[at] : self.splits[at + 1]]

    def with_values(self, values: NDArray[Any]) -> Ragged:
        """The same rows and places with other values (T, ...)."""
        return replace(self, values=values)

    def reduce(self, how: np.ufunc, values: NDArray[Any] | None = None, *, empty: float = 0.0) -> NDArray[Any]:
        """(n, ...) each row put together by `np.add`, `np.maximum` or `np.minimum`; `empty` for a row without tokens.

        `values` (T, ...) stand in for its own where they are given.

        >>> Ragged.of([np.array([1.0, 2.0]), np.array([])]).reduce(np.add).tolist()
        [3.0, 0.0]
        """
        given = self.values if values is None else values
        out = np.full((len(self), *given.shape[1:]), empty, dtype=np.result_type(given.dtype, type(empty)))
        some = self.lengths > 0  # reduceat would give an empty row the first value of the next
        if some.any():
            out[some] = how.reduceat(given, self.splits[:-1][some], axis=0)
        return out

    def mean(self, values: NDArray[Any] | None = None) -> NDArray[np.float64]:
        """(n, ...) the mean of each row; 0 for a row without tokens."""
        total = self.reduce(np.add, np.asarray(self.values if values is None else values, np.float64))
        counts = np.maximum(self.lengths, 1).reshape(-1, *[1] * (total.ndim - 1))
        return np.asarray(total / counts)

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]], places: Sequence[NDArray[Any]] | None = None) -> Ragged:
        """Ragged rows of a list of arrays (t_i, ...), which agree in all but their lengths.

        Raises DataError where they do not, and for an empty list, whose shape nobody knows.
        """
        if not len(rows):
            raise DataError("ragged rows need at least one array, even an empty one, to know the shape of a token")
        arrays = [np.asarray(row) for row in rows]
        shapes = sorted({one.shape[1:] for one in arrays}) if all(one.ndim for one in arrays) else ["a single number"]
        if len(shapes) > 1 or shapes == ["a single number"]:
            raise DataError(f"ragged rows agree in all but their lengths; given tokens of the shapes {shapes}")
        splits = _ends(np.array([len(one) for one in arrays], dtype=np.int64))
        where = None if places is None else np.concatenate([np.asarray(one, np.int64).reshape(-1, 2) for one in places])
        return cls(np.concatenate(arrays), splits, where)


def joined_rows(parts: Sequence[Ragged]) -> Ragged:
    """The rows of several, one behind the other; with places where all have them.

    >>> joined_rows([Ragged.of([np.array([1])]), Ragged.of([np.array([2, 3])])]).splits.tolist()
    [0, 1, 3]
    """
    places = [part.places for part in parts if part.places is not None]
    return Ragged(
        np.concatenate([part.values for part in parts]),
        _ends(np.concatenate([part.lengths for part in parts])),
        np.concatenate(places) if len(places) == len(parts) else None,
    )


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
