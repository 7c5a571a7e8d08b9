"""Outputs of models for the kit: without a doubt, flat, and in between; of any task's form."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.ragged import Ragged
from tithe.tasks import Task
from tithe.testing.conformance import expect
from tithe.types import Label, Span

Output: TypeAlias = Any
"""(n, C) or, for a task of tags, ragged rows of (t, C); both are picked by rows: `output[rows]`."""

STRANGE = "a label that nobody declared"

PLACES = ((0, 5), (6, 11))
"""The two tokens that each item of a task of tags has."""


def has_tags(task: Task) -> bool:
    """Whether labels are spans: then an output has a row for each token, with a column for each of `task.tags`."""
    return isinstance(getattr(task, "tags", None), tuple)


def exclusive(task: Task) -> bool:
    """Whether an item has exactly one label: then labels are encoded as columns (n,), and rows add up to 1."""
    if has_tags(task):
        return False
    count = len(task.labels)
    codes = task.encode(task.decode(np.eye(count, dtype=np.float32)))
    expect(codes.shape in ((count,), (count, count)), f"an encoding ({count},) or {count, count}", codes.shape)
    return codes.ndim == 1


def columns_alone(task: Task) -> Output:
    """An output for each label: surely this one; in a task of tags, of the first token."""
    count = len(task.labels)
    if has_tags(task):
        return tagged(task, [(1 + 2 * column, 0) for column in range(count)])
    return np.eye(count, dtype=np.float32)


def sure_outputs(task: Task) -> Output:
    """n outputs without a doubt, all different: each label alone; then none and two, where that may be."""
    count = len(task.labels)
    if has_tags(task):
        return tagged(task, [*((1 + 2 * column, 0) for column in range(count)), (0, 0), (1, 2), (1, 1), (0, 1)])
    rows = [np.eye(count, dtype=np.float32)]
    if not exclusive(task):
        rows.append(np.zeros((1, count), np.float32))
        if count > 1:
            rows.append((np.arange(count) < 2).astype(np.float32)[None])
    return np.concatenate(rows)


def tagged(task: Any, columns: list[tuple[int, ...]]) -> Ragged:
    """An output that is sure of these columns of tags: a tuple for each item, a column for each of its two tokens."""
    flat = np.array([column for row in columns for column in row])
    splits = np.cumsum([0, *(len(row) for row in columns)])
    places = np.array(PLACES * len(columns), dtype=np.int64)
    return Ragged(np.eye(len(task.tags), dtype=np.float32)[flat], splits, places)


def flattest(task: Task) -> Output:
    """One output that says nothing."""
    if has_tags(task):
        one = columns_alone(task)[[0]]
        return one.with_values(np.full_like(one.values, 1 / one.values.shape[1]))
    count = len(task.labels)
    return np.full((1, count), 1 / count if exclusive(task) else 0.5, np.float32)


def ever_surer(task: Task, dtype: type) -> Output:
    """The flattest output, one three parts flat and seven sure, then all sure ones; it cannot be written to."""
    sure, flat = sure_outputs(task), flattest(task)
    first = sure[np.array([0])]
    rows = [values_of(flat), 0.3 * values_of(flat) + 0.7 * values_of(first), values_of(sure)]
    values: NDArray[Any] = np.concatenate(rows).astype(dtype)
    values.setflags(write=False)
    if not has_tags(task):
        return values
    count = len(sure) + 2
    return Ragged(values, np.arange(count + 1) * len(PLACES), np.array(PLACES * count, dtype=np.int64))


def values_of(output: Output) -> NDArray[Any]:
    """The numbers of an output."""
    return output.values if isinstance(output, Ragged) else np.asarray(output)


def strange_label(task: Task) -> Label:
    """A label of the task's kind that it does not have."""
    if has_tags(task):
        return (Span(*PLACES[0], STRANGE),)
    return STRANGE if exclusive(task) else frozenset({STRANGE})
