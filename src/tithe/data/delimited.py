"""CSV and TSV."""

from __future__ import annotations

import csv
import re
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

from tithe.data import Table, string_columns
from tithe.data.columns import header_names, in_cells
from tithe.data.files import decoded, replacing_text
from tithe.data.formulas import MARK, neutralised, restored
from tithe.errors import ConfigError, DataError

_BLOCK = 8192
_SAYS = re.compile(r"sep=([,;|\t])[\r\n]*")
_NAME = re.compile(r"\w[\w .-]{0,39}")


class _Options(NamedTuple):
    """How cells are told apart; `columns` are the names of a file without a header."""

    delimiter: str
    header: bool
    columns: Sequence[str] | None
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL


class _Parsed(NamedTuple):
    table: Table
    quoted_first: bool
    spans_lines: bool


@dataclass(frozen=True)
class Delimited:
    """Rows of cells with a delimiter between them; quoted as in RFC 4180.

    A `.csv` that is split at semicolons, tabs or bars is read as such, with a note. Quotes in a TSV count as quoting
    only where the file is well-formed that way: many TSVs hold bare quotes, and would lose rows otherwise.
    """

    delimiter: str
    suffixes: tuple[str, ...]
    neutral: bool = False
    """Whether what a spreadsheet would run is written behind an apostrophe, which reading takes away (`formulas`)."""

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """All rows; O(file) memory. Raises DataError with the line in the file where a row is malformed."""
        if header and columns is not None:
            raise ConfigError(f"columns are named for {path}, and its first line names them too; add header=False")
        csv.field_size_limit(sys.maxsize)  # the standard limit of 128 kB is below a long document
        options = _Options(self.delimiter, header, columns)
        if self.delimiter == "\t":
            return _read_tsv(path, options)
        return _read(path, options).table

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes a header and all rows; None becomes an empty cell, a list or an object JSON."""
        columns = {name: in_cells(cells) for name, cells in table.columns.items()}
        columns, notes = neutralised(columns) if self.neutral else (columns, ())
        rows = list(zip(*columns.values(), strict=True))
        needs_quotes = any(set('"\t\r\n') & set(str(cell)) for row in rows for cell in row)
        # TSV is quoted in whole or not at all, so that a reader can tell which from its first character.
        whole = self.delimiter == "\t" and needs_quotes
        with replacing_text(path) as file:
            # "\r\n" matters: csv quotes only the newline characters that are in its own line terminator.
            quoting: Literal[0, 1] = csv.QUOTE_ALL if whole else csv.QUOTE_MINIMAL
            writer = csv.writer(file, delimiter=self.delimiter, lineterminator="\r\n", quoting=quoting)
            writer.writerow(columns)
            writer.writerows(rows)
        return notes


def _read_tsv(path: Path, options: _Options) -> Table:
    failure: DataError | None = None
    try:
        parsed = _read(path, options)
        if parsed.quoted_first or not parsed.spans_lines or len(parsed.table.columns) == 1:
            return parsed.table
        table = parsed.table
    except DataError as error:
        failure = error
    try:
        plain = _read(path, options._replace(quoting=csv.QUOTE_NONE)).table
    except DataError:
        if failure is not None:
            raise failure from None
        return table
    note = "quotes are read as characters of the text, as the cells are not quoted in a regular way"
    return Table(plain.columns, plain.lines, plain.strings, notes=(*plain.notes, note))


def _read(path: Path, options: _Options) -> _Parsed:
    parsed, notes = decoded(path, "", lambda file: _parse(file, path, options))
    table = parsed.table
    return parsed._replace(table=Table(table.columns, table.lines, table.strings, notes=(*notes, *table.notes)))


def _parse(file: TextIO, path: Path, options: _Options) -> _Parsed:
    first, line = file.readline(), 1
    if said := _SAYS.fullmatch(first):  # the line that Excel writes and reads
        first, line, options = file.readline(), 2, options._replace(delimiter=said[1])
    before, delimiter = line, _delimiter(first, options)
    notes = () if delimiter == options.delimiter else (f"split at {delimiter!r}",)
    reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True, quoting=options.quoting)
    columns: dict[str, list[object]] | None = None
    lines, block = array("q"), list[list[str]]()
    spans = False
    try:
        for cells in reader:
            start, line = line, reader.line_num + before
            if not cells:
                continue
            if columns is None:
                columns = {name: [] for name in header_names(cells, path, options.header, options.columns)}
                width = len(columns)
                if options.header:
                    continue
            if len(cells) != width:
                if len(cells) == 1 and not cells[0].strip():
                    continue
                raise DataError(_wrong_count(path, start, len(cells), width, delimiter))
            spans |= line - start > 1
            lines.append(start)
            block.append(cells)
            if len(block) == _BLOCK:
                _flush(columns, block)
    except csv.Error as error:
        raise DataError(_bad_quotes(path, line, str(error))) from None
    _flush(columns or {}, block)
    restored_ = restored(columns or {}) if columns and MARK in columns else columns or {}
    table = Table(restored_, lines, string_columns(restored_), notes=notes)
    return _Parsed(table, first.startswith('"'), spans)


def _flush(columns: dict[str, list[object]], block: list[list[str]]) -> None:
    for column, cells in zip(columns.values(), zip(*block, strict=True), strict=False):
        column.extend(cells)
    block.clear()


def _delimiter(first: str, options: _Options) -> str:
    """The delimiter given, unless the first line holds none of it and is a row of names at another."""
    several = options.header or len(options.columns or ()) > 1
    if options.delimiter == "," and "," not in first and several:
        for other in ";\t|":
            cells = [cell.strip().strip('"') for cell in first.rstrip("\r\n").split(other)]
            fits = len(cells) == len(options.columns or ()) if not options.header else all(map(_NAME.fullmatch, cells))
            if len(cells) > 1 and fits:
                return other
    return options.delimiter


def _wrong_count(path: Path, line: int, given: int, width: int, delimiter: str) -> str:
    return (
        f"{path}, line {line}: {given} cells where {width} are expected; "
        f'put "..." around a cell that holds {delimiter!r} or a line break'
    )


def _bad_quotes(path: Path, line: int, reason: str) -> str:
    if "end of data" in reason:
        return (
            f"{path}, line {line}: a quote is opened here and never closed; close it, or double a quote that is meant"
        )
    return f'{path}, line {line}: a quote inside a quoted cell; write it twice ("") ({reason})'


CSV = Delimited(",", (".csv",))
TSV = Delimited("\t", (".tsv", ".tab"))
