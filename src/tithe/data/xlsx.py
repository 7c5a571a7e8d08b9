"""Excel workbooks, through openpyxl; rows are streamed, never the whole workbook."""

from __future__ import annotations

import datetime
import re
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tithe.data import Table, string_columns
from tithe.data.columns import header_names, in_cells
from tithe.data.files import clear_errors, opened, replacing
from tithe.data.formulas import formula
from tithe.errors import ConfigError, DataError, MissingExtraError, near

_MOST_ROWS = 1_048_576
_MOST_CHARACTERS = 32_767
# How workbooks write characters that XML cannot hold, and an underscore that would look like the begin of one.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNSAFE = re.compile("[\0-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Xlsx:
    """The first sheet, or the one named; the values of formulas as they were last computed."""

    sheet: str | None = None
    suffixes: tuple[str, ...] = (".xlsx", ".xlsm")

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """All rows that are not empty. Raises DataError where the file is no workbook."""
        if header and columns is not None:
            raise ConfigError(f"columns are named for {path}, and its first row names them too; add header=False")
        openpyxl = _openpyxl()
        with opened(path) as file:
            try:
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            except (zipfile.BadZipFile, openpyxl.utils.exceptions.InvalidFileException, KeyError, ValueError) as error:
                raise DataError(f"{path} is not a whole .xlsx workbook ({error}); save it again as .xlsx") from None
            with closing(book):
                return _parse(self._rows(book, path), path, header, columns)

    def _rows(self, book: Any, path: Path) -> Iterator[tuple[object, ...]]:
        names = book.sheetnames
        if self.sheet is not None and self.sheet not in names:
            raise ConfigError(f"{path} has no sheet {self.sheet!r}; {near(self.sheet, names)}")
        sheet = book[self.sheet if self.sheet is not None else names[0]]
        if not hasattr(sheet, "reset_dimensions"):
            raise DataError(f"{path}: {sheet.title!r} is a chart, not a sheet of cells; name another with sheet=")
        sheet.reset_dimensions()  # what a workbook says of its size is often wrong
        rows: Iterator[tuple[object, ...]] = sheet.iter_rows(values_only=True)
        return rows

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes one sheet: a header and all rows; None becomes an empty cell, a list or an object JSON.

        A string is marked as text, which no formula is, and stays text when it is edited (Excel's own quote prefix).
        Raises DataError for what a sheet cannot hold: over 1,048,575 rows, a cell over 32,767 characters.
        """
        columns = {name: in_cells(cells) for name, cells in table.columns.items()}
        openpyxl = _openpyxl()
        if len(table.lines) >= _MOST_ROWS:
            raise DataError(f"cannot write {path}: a sheet ends at {_MOST_ROWS} rows; write .parquet or .csv")
        for name, column in columns.items():  # all of it first: openpyxl does not let go of half a sheet
            for line, value in zip(table.lines, column, strict=True):
                _check(value, f"cannot write {path}: row {line}, column {name!r}")
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("items")
        sheet.append([_cell(openpyxl, sheet, name) for name in columns])
        for row in zip(*columns.values(), strict=True):
            sheet.append([_cell(openpyxl, sheet, value) for value in row])
        with clear_errors(path), replacing(path) as file:
            book.save(file)
        marked = sum(isinstance(cell, str) and formula(cell) for column in columns.values() for cell in column)
        return (f"cells that begin as formulas do: {marked}; they are marked as text",) if marked else ()


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError("Excel files need openpyxl: python -m pip install 'tithe[xlsx]'") from None
    return openpyxl


def _parse(rows: Iterator[tuple[object, ...]], path: Path, header: bool, columns: Sequence[str] | None) -> Table:
    cells: dict[str, list[object]] = {}
    lines = array("q")
    width = 0
    for number, row in enumerate(rows, 1):
        values = list(row)
        while values and _is_empty(values[-1]):
            values.pop()
        if not values:
            continue
        if not cells:
            width = len(values)
            names = header_names([str(value or "") for value in values], path, header, columns)
            cells = {name: [] for name in names}
            if header:
                continue
        if len(values) > width:
            raise DataError(f"{path}, row {number}: {len(values)} cells where {width} are expected; name every column")
        values.extend([None] * (width - len(values)))
        for column, value in zip(cells.values(), values, strict=True):
            column.append(_value(value))
        lines.append(number)
    return Table(cells, lines, string_columns(cells), unit="row")


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _value(value: object) -> object:
    """The value of a cell; a day is written without its midnight."""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value) if "_x" in value else value
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date()
    return value


def _check(value: object, where: str) -> None:
    if not isinstance(value, str | bool | int | float | None):
        raise DataError(f"{where} holds a {type(value).__name__}, which no cell can hold; write .jsonl")
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        raise DataError(f"{where} has a text over {_MOST_CHARACTERS} characters, which no cell can hold; write .csv")
    if isinstance(value, str) and _HALF.search(value):
        raise DataError(f"{where} holds half a surrogate pair in {value[:40]!r}; replace that character")


def _cell(openpyxl: Any, sheet: Any, value: object) -> Any:
    if not isinstance(value, str):
        return value
    value = _UNSAFE.sub(lambda match: f"_x{ord(match[0]):04X}_", value)
    cell = openpyxl.cell.WriteOnlyCell(sheet, value=value)
    cell.data_type = "s"  # else a text that begins with "=" would become a formula
    if formula(value):
        cell.quotePrefix = True
    return cell


XLSX = Xlsx()
