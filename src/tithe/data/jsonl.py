"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tithe.data import Table, string_columns
from tithe.data.files import decoded, replacing_text
from tithe.data.json_rows import row_of, whole
from tithe.errors import DataError

_MOST_COLUMNS = 2000
"""Each new key costs a cell in every row before it; a million different keys would fill the memory."""


@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line; a key that a row lacks is None there."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """All rows; `header` and `columns` do not apply. Raises DataError with the line that is not an object."""
        table, notes = decoded(path, "\n", lambda file: _parse(file, path))
        return Table(table.columns, table.lines, table.strings, notes=(*notes, *table.notes))

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes one object a row, characters beyond ASCII as themselves."""
        with replacing_text(path) as file:
            for row in zip(*table.columns.values(), strict=True):
                file.write(json.dumps(dict(zip(table.columns, row, strict=True)), ensure_ascii=False) + "\n")
        return ()


def _parse(file: TextIO, path: Path) -> Table:
    columns: dict[str, list[object]] = {}
    lines, halves = array("q"), 0
    for number, line in enumerate(file, 1):
        if line.isspace():
            continue
        row = row_of(line, path, number)
        if "\\u" in line:
            halves += _mend(row)
        for name, cells in columns.items():
            cells.append(row.pop(name, None))
        for name, value in row.items():
            columns[name] = [*[None] * len(lines), value]
        if len(columns) > _MOST_COLUMNS:
            raise DataError(
                f"{path}, line {number}: more than {_MOST_COLUMNS} different keys; put such values in a list"
            )
        lines.append(number)
    notes = (f"{halves} cells held half a surrogate pair, replaced by \N{REPLACEMENT CHARACTER}",) if halves else ()
    return Table(columns, lines, string_columns(columns), notes=notes)


def _mend(row: dict[str, object]) -> int:
    """Replaces lone surrogates, which no encoding can write; returns how many cells had one."""
    mended = 0
    for name, value in row.items():
        if isinstance(value, str):
            row[name] = whole(value)
            mended += row[name] != value
    return mended


JSONL = JsonLines()
