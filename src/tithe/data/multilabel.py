"""Sets of labels, as columns of lists or of strings."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tithe.data import Table
from tithe.data.columns import refuse_unlabelled, some
from tithe.errors import ConfigError, DataError
from tithe.types import Label


def sets_of(table: Table, name: str | None, where: str, *, separator: str, needed: bool) -> list[Label | None] | None:
    """The label sets of a column of lists, or of strings split at `separator`.

    An empty list or string is the empty set: a person said that no label applies. A missing cell (None) is unknown.
    None in place of the whole list: the file has no such column.

    Raises:
        DataError: a cell is neither, or `needed` and one is missing.
    """
    if not separator:
        raise ConfigError("the separator of labels is empty; give one, such as ';'")
    if name is None:
        if needed:
            refuse_unlabelled(table, where, "labels")
        return None
    kept: dict[object, frozenset[str]] = {}  # one object for each different set
    out: list[Label | None] = []
    for line, cell in zip(table.lines, table.columns[name], strict=True):
        if cell is None or cell != cell:  # NaN
            out.append(None)
            continue
        if isinstance(cell, str):
            key: object = cell
            parts: Iterable[object] = _split(cell, separator)
        elif isinstance(cell, list | tuple):
            parts = cell
            key = tuple(map(str, cell))
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            key, parts = cell, (cell,)  # a CSV of numbers that is one label a row
        else:
            raise DataError(
                f"{where}, {table.unit} {line}: the column {name!r} holds a {type(cell).__name__}; "
                f"a list of labels is needed, or a string with {separator!r} between them"
            )
        if key not in kept:
            if any(not isinstance(part, str | int | float) or isinstance(part, bool) for part in parts):
                raise DataError(
                    f"{where}, {table.unit} {line}: the column {name!r} holds a list of other things than words; "
                    "a list of labels is needed"
                )
            kept[key] = frozenset(bare for part in parts if (bare := str(part).strip()))
        out.append(kept[key])
    if needed and None in out:
        unknown = [line for line, label in zip(table.lines, out, strict=True) if label is None]
        raise DataError(f"{where}: no labels in {some(unknown, table.unit)}; write an empty list where none applies")
    return out


def _split(cell: str, separator: str) -> Iterable[object]:
    """The labels in a string: at the separator, or a JSON list."""
    if cell.lstrip().startswith("[") and cell.rstrip().endswith("]"):
        try:
            listed = json.loads(cell)
        except ValueError:
            pass
        else:
            return list(listed)
    return cell.split(separator)
