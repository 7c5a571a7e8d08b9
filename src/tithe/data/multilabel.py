"""Sets of labels, as columns of lists or of strings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from tithe.data import Table
from tithe.data.columns import refuse_unlabelled, some
from tithe.errors import ConfigError, DataError
from tithe.types import Label


def sets_of(table: Table, name: str | None, where: str, *, separator: str, needed: bool) -> list[Label | None] | None:
    """The label sets of a column of lists, or of strings split at `separator`.

    An empty list, `[]` in a string too, is the empty set: a person said that no label applies. A missing cell (None)
    and a blank string are unknown: in a CSV file nothing tells an item without labels from one that nobody has
    labelled yet, and taking the second for the first would teach that no label applies. None in place of the whole
    list: the file has no such column.

    Raises:
        DataError: a cell is neither, or `needed` and one is missing.
    """
    lists = lists_of(table, name, where, separator=separator)
    if lists is None:
        if needed:
            refuse_unlabelled(table, where, "labels")
        return None
    if needed and None in lists:
        unknown = [line for line, one in zip(table.lines, lists, strict=True) if one is None]
        raise DataError(f"{where}: no labels in {some(unknown, table.unit)}; write [] where none applies")
    kept: dict[tuple[str, ...], frozenset[str]] = {}  # one object for each different list
    return [None if one is None else kept.setdefault(one, frozenset(one)) for one in lists]


def blank_note(table: Table, name: str | None) -> tuple[str, ...]:
    """A note on the cells that are blank strings, which count as unknown; empty where there are none."""
    if name is None:
        return ()
    cells = zip(table.lines, table.columns[name], strict=True)
    blank = [line for line, cell in cells if isinstance(cell, str) and not cell.strip()]
    if not blank:
        return ()
    one = len(blank) == 1
    return (
        f"{len(blank)} {'row has' if one else 'rows have'} a blank cell in {name!r} ({some(blank, table.unit)}) and "
        f"{'counts' if one else 'count'} as not labelled; write [] where no label applies",
    )


def list_note(name: str | None, labels: Sequence[str | None] | None) -> tuple[str, ...]:
    """A note on labels of a choice most of which are lists; empty where they are not.

    >>> print(*list_note("label", ['["a"]', '["a", "b"]', "c"]))
    most labels in 'label' are lists such as ["a"], each taken for one word; did you mean --task multilabel?
    """
    counts = Counter(label for label in labels or () if label is not None)
    listed = {label: found for label in counts if (found := _listed(label)) is not None}
    if 2 * sum(counts[label] for label in listed) <= counts.total():
        return ()
    first = next((label for label in listed if listed[label]), "[]")
    task = "spans" if any(isinstance(part, dict | list) for part in listed.get(first, ())) else "multilabel"
    return (f"most labels in {name!r} are lists such as {first}, each taken for one word; did you mean --task {task}?",)


def lists_of(table: Table, name: str | None, where: str, *, separator: str) -> list[tuple[str, ...] | None] | None:
    """The labels of each row as they stand, in their order; as `sets_of` otherwise."""
    if not separator:
        raise ConfigError("the separator of labels is empty; give one, such as ';'")
    if name is None:
        return None
    kept: dict[object, tuple[str, ...]] = {}
    out: list[tuple[str, ...] | None] = []
    for line, cell in zip(table.lines, table.columns[name], strict=True):
        if cell is None or cell != cell or (isinstance(cell, str) and not cell.strip()):  # cell != cell: NaN
            out.append(None)
            continue
        if isinstance(cell, str):
            key: object = cell
        elif isinstance(cell, list | tuple):
            key = tuple(map(repr, cell))
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            key, cell = (cell,), [cell]  # a CSV of numbers that is one label a row
        else:
            raise DataError(
                f"{where}, {table.unit} {line}: the column {name!r} holds a {type(cell).__name__}; "
                f"a list of labels is needed, or a string with {separator!r} between them"
            )
        if key not in kept:
            parts = list(_split(cell, separator)) if isinstance(cell, str) else list(cell)
            if any(not isinstance(part, str | int | float) or isinstance(part, bool) for part in parts):
                raise DataError(
                    f"{where}, {table.unit} {line}: the column {name!r} holds a list of other things than words; "
                    "a list of labels is needed"
                )
            kept[key] = tuple(bare for part in parts if (bare := str(part).strip()))
        out.append(kept[key])
    return out


def _split(cell: str, separator: str) -> Iterable[object]:
    """The labels in a string: at the separator, or a JSON list."""
    listed = _listed(cell)
    return cell.split(separator) if listed is None else listed


def _listed(cell: str) -> list[object] | None:
    """The list that stands as JSON in a string; None where it is none."""
    if not (cell.lstrip().startswith("[") and cell.rstrip().endswith("]")):
        return None
    try:
        return list(json.loads(cell))
    except ValueError:
        return None
