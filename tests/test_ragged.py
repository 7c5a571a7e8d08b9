"""Ragged rows against plain lists of arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.errors import DataError
from tithe.ragged import Ragged

LENGTHS = st.lists(st.integers(0, 4), min_size=1, max_size=8)


def made(lengths: list[int]) -> tuple[Ragged, list[np.ndarray]]:
    """Rows of two numbers a token, all different, and places."""
    ends = np.cumsum([0, *lengths])
    values = np.arange(2.0 * ends[-1]).reshape(-1, 2) - 3
    rows = [values[a:b] for a, b in itertools.pairwise(ends)]
    places = [np.stack([np.arange(n), np.arange(n) + 1], axis=1) for n in lengths]
    return Ragged.of(rows, places), rows


@given(LENGTHS, st.data())
@settings(max_examples=150, deadline=None)
def test_picked_rows_are_those_of_the_list_with_their_places(lengths: list[int], data: st.DataObject) -> None:
    ragged, rows = made(lengths)
    picked = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1), max_size=6))
    found = ragged[picked]
    assert len(found) == len(picked)
    for at, row in enumerate(picked):
        assert np.array_equal(found.row(at), rows[row])
        assert found.places is not None
        assert found.places[found.splits[at] : found.splits[at + 1], 0].tolist() == list(range(lengths[row]))


@given(LENGTHS)
@settings(max_examples=150, deadline=None)
def test_reductions_are_those_of_each_row_and_empty_ones_have_the_value_for_empty(lengths: list[int]) -> None:
    ragged, rows = made(lengths)
    for how in (np.add, np.maximum, np.minimum):
        expected = [how.reduce(row, axis=0) if len(row) else np.full(2, -7.0) for row in rows]
        assert np.array_equal(ragged.reduce(how, empty=-7.0), expected)
    first = ragged.values[:, 0]
    assert np.array_equal(ragged.reduce(np.add, first), [row[:, 0].sum() for row in rows])
    assert np.allclose(ragged.mean(), [row.mean(axis=0) if len(row) else np.zeros(2) for row in rows])


def test_bytes_count_all_arrays_and_other_values_keep_splits_and_places() -> None:
    ragged, _ = made([2, 0, 1])
    assert ragged.nbytes == 3 * 16 + 4 * 8 + 3 * 16
    other = ragged.with_values(np.array([1, 2, 3]))
    assert other.row(-1).tolist() == [3]
    assert other.places is ragged.places


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="splits of ragged rows rise from 0 to the 2 values"):
        Ragged(np.zeros(2), np.array([0, 1]))
    with pytest.raises(DataError, match="rise from 0"):
        Ragged(np.zeros(2), np.array([0, 2, 1, 2]))
    with pytest.raises(DataError, match="places must be"):
        Ragged(np.zeros(2), np.array([0, 2]), np.zeros((1, 2), np.int64))
    with pytest.raises(DataError, match="agree in all but their lengths"):
        Ragged.of([np.zeros((1, 2)), np.zeros((1, 3))])
    with pytest.raises(DataError, match="at least one array"):
        Ragged.of([])
    with pytest.raises(DataError, match="a list of positions"):
        Ragged.of([np.zeros(1)])[0]
