"""Which column is which, and what a cell says."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import NamedTuple, NoReturn

from tithe.data import Table
from tithe.errors import ColumnError, ConfigError, DataError, meant


class Roles(NamedTuple):
    """The names of the columns that count."""

    text: str
    label: str | None
    id: str | None


def choose(table: Table, where: str, *, text: str | None, label: str | None, id: str | None) -> Roles:
    """The roles of a table's columns: those named, else `text`, `label` and `id`; a single string column is the text.

    The three are found in any case (`Text`) where one column alone is called so; see `called`.

    Raises:
        ColumnError: a named column is not there, or it is not clear which one is the text; lists them all.
        ConfigError: two roles name the same column.
    """
    check_named(table, where, text=text, label=label, id=id)
    label = label or called(table, "label", taken={text, id})
    id = id or called(table, "id", taken={text, label})
    text = text or _text_column(table, where, taken={label, id})
    if text in (label, id):
        raise ConfigError(
            f"the column {text!r} of {where} cannot be the text and the label or id as well; name another"
        )
    return Roles(text, label, id)


def called(table: Table, name: str, taken: Container[str | None] = ()) -> str | None:
    """The column of this name, else the only one that differs from it in case alone; None where there is none.

    Columns in `taken` have a role already.

    >>> called(Table({"Text": ["a"], "LABEL": ["x"], "Label": ["y"]}, [1]), "text")
    'Text'
    >>> called(Table({"Text": ["a"], "LABEL": ["x"], "Label": ["y"]}, [1]), "label") is None
    True
    """
    alike = [one for one in table.columns if one.casefold() == name]
    found = name if name in alike else alike[0] if len(alike) == 1 else None
    return None if found in taken else found


def header_names(cells: Sequence[str], path: Path, header: bool, columns: Sequence[str] | None) -> list[str]:
    """The names of the columns of a file, from its first row or as given; `text` for a single one without a name.

    Raises:
        ConfigError: there are several columns and no names.
        DataError: two columns have one name.
    """
    if header:
        names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    elif columns is not None:
        names = list(columns)
    elif len(cells) == 1:
        names = ["text"]
    else:
        raise ConfigError(
            f"{path} has {len(cells)} columns and no header; name them, such as columns=['label', 'text']"
        )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(f"{path} has several columns named {', '.join(sorted(twice))}; give each its own name")
    return names


def check_named(table: Table, where: str, **roles: str | None) -> None:
    """Raises ColumnError where the column that was named for a role is not there."""
    there = list(table.columns)
    for role, name in roles.items():
        if name is not None and name not in table.columns:
            has = ", ".join(map(repr, there))
            guess = f"; {hint}" if (hint := meant(name, there)) else ""
            raise ColumnError(f"{where} has no column {name!r} for the {role}; it has {has}{guess}")


def without_blanks(table: Table, name: str) -> Table:
    """The rows that have something in this column, with a note on how many have not."""
    rows = [row for row, cell in enumerate(table.columns[name]) if not _is_blank(cell)]
    if len(rows) == len(table.lines):
        return table
    gone = sorted(set(range(len(table.lines))) - set(rows))
    where = some([table.lines[row] for row in gone], table.unit)
    one = len(gone) == 1
    note = f"{len(gone)} {'row has' if one else 'rows have'} no text ({where}) and {'is' if one else 'are'} left out"
    return picked(table, rows, note)


def picked(table: Table, rows: Sequence[int], *notes: str) -> Table:
    """These rows of a table, in this order, with further notes."""
    lines = [table.lines[row] for row in rows]
    return Table(_Rows(table.columns, rows), lines, table.strings, table.unit, (*table.notes, *notes))


def _is_blank(cell: object) -> bool:
    if isinstance(cell, str):
        return not cell or cell.isspace()
    if isinstance(cell, list | tuple):
        return not any(str(word).strip() for word in cell)
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


class _Rows(Mapping[str, Sequence[object]]):
    """Some rows of columns, cut out when a column is looked at."""

    def __init__(self, columns: Mapping[str, Sequence[object]], rows: Sequence[int]) -> None:
        self._columns, self._rows = columns, rows

    def __getitem__(self, name: str) -> Sequence[object]:
        cells = self._columns[name]
        return [cells[row] for row in self._rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def _text_column(table: Table, where: str, taken: Container[str | None]) -> str:
    free = [name for name in table.columns if name not in taken]
    if (found := called(table, "text", taken)) is not None:
        return found
    strings = [name for name in table.strings if name in free]
    for only in (strings, free):
        if len(only) == 1:
            return only[0]
    has = ", ".join(map(repr, table.columns))
    raise ColumnError(
        f"{where} has no column 'text', and which other is the text is not clear; it has {has}; "
        f"name one with --text COLUMN"
    )


def cells(table: Table, name: str, where: str, advice: str = "") -> list[str | None]:
    """A column as strings; None where a cell is missing. `advice` is told beside a cell that is a list or an object.

    Raises:
        DataError: a cell holds a list, an object or bytes.
    """
    column = table.columns[name]
    out: list[str | None] = []
    try:
        out.extend(cell if type(cell) is str else _scalar(cell) for cell in column)
    except TypeError:
        bad = len(out)  # extend keeps what came before the bad cell
        kind = type(column[bad]).__name__
        more = advice if isinstance(column[bad], list | tuple | dict) else ""
        raise DataError(
            f"{where}, {table.unit} {table.lines[bad]}: the column {name!r} holds a {kind}; text or a number is needed"
            f"{more}"
        ) from None
    return out


def _scalar(cell: object) -> str | None:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a column of integers with gaps comes back as floats: 3.0 means 3
    if isinstance(cell, str | int | float | Decimal | date | time):
        return str(cell)
    raise TypeError


def in_cells(column: Sequence[object]) -> Sequence[object]:
    """A column for a format whose cells hold words and numbers alone: lists and objects as JSON.

    >>> in_cells([["a", "b"], None, 3])
    ['["a", "b"]', None, 3]
    """
    if not any(isinstance(cell, list | tuple | dict) for cell in column):
        return column
    return [json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | tuple | dict) else cell for cell in column]


def some(lines: Iterable[int], unit: str, *, most: int = 5) -> str:
    """The first few lines and how many there are.

    >>> some([3], "line"), some(range(1, 9), "line", most=2)
    ('line 3', 'lines 1, 2 and 6 more')
    """
    lines = list(lines)
    shown = ", ".join(map(str, islice(lines, most)))
    more = f" and {len(lines) - most} more" if len(lines) > most else ""
    return f"{unit}{'s' if len(lines) > 1 else ''} {shown}{more}"


def texts_of(table: Table, name: str, where: str) -> list[str]:
    """The texts, exactly as they stand. Raises DataError where one is missing or blank."""
    texts = cells(table, name, where)
    blank = [line for line, text in zip(table.lines, texts, strict=True) if not text or text.isspace()]
    if blank:
        raise DataError(f"{where}: no text in column {name!r} of {some(blank, table.unit)}; fill or remove these rows")
    return [text for text in texts if text]


def refuse_unlabelled(table: Table, where: str, name: str) -> NoReturn:
    """Raises ColumnError: labels are needed, and there is no such column."""
    has = ", ".join(map(repr, table.columns))
    raise ColumnError(
        f"{where} has no column {name!r} and labels are needed here; it has {has}; name one with --label COLUMN"
    )


def labels_of(table: Table, name: str | None, where: str, *, needed: bool) -> Sequence[str | None] | None:
    """The labels without surrounding blanks, None for a row that has none; None without a label column.

    Raises:
        ColumnError: `needed`, and there is no such column.
        DataError: `needed`, and a row has no label.
    """
    if name is None:
        if needed:
            refuse_unlabelled(table, where, "label")
        return None
    kept: dict[str, str] = {}  # one object for each different label: a million rows hold a few strings
    labels = [
        None if cell is None or not (bare := cell.strip()) else kept.setdefault(bare, bare)
        for cell in cells(table, name, where, "; for spans say --task spans, for sets of labels --task multilabel")
    ]
    if needed and None in labels:
        bare_lines = [line for line, label in zip(table.lines, labels, strict=True) if label is None]
        raise DataError(f"{where}: no label in {some(bare_lines, table.unit)}; labels are needed here")
    return labels
