"""CoNLL columns: a token a line, a blank line between sentences."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TextIO

from tithe.data import Table
from tithe.data.files import decoded, replacing_text
from tithe.data.sentences import tagged_sentences
from tithe.errors import ConfigError, DataError
from tithe.tasks.tags import Misfit

_BLANKS = re.compile(r"[ \t]+")
_DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True)
class Conll:
    """Columns as in CoNLL-2003; each sentence becomes a row of lists.

    `token` and `tag` say which columns count, from 0, negative from the right: the first and the last by default. A
    line is split at tabs where it has one, else at blanks. With a single column there are no tags.
    """

    token: int = 0
    tag: int = -1
    misfit: Misfit = "error"
    """What becomes of spans that cut a token, overlap or cover none, when texts with spans are written."""
    suffixes: tuple[str, ...] = (".conll", ".bio", ".iob", ".iob2")
    annotations: ClassVar[bool] = True

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """The columns `tokens`, `tags` and `column 2`, ...; `columns` gives other names, `tokens` among them.

        `doc` counts the -DOCSTART- lines, where the file has any. Raises DataError with the line whose columns are
        not as many as those of the first.
        """
        if columns is not None and "tokens" not in columns:
            raise ConfigError(f"columns of {path} are named and none is 'tokens'; name one so")
        table, notes = decoded(path, None, lambda file: self._parse(file, path, columns))
        return Table(table.columns, table.lines, table.strings, table.unit, notes)

    def _parse(self, file: TextIO, path: Path, columns: Sequence[str] | None) -> Table:
        sentences: dict[str, list[object]] = {}
        lines, documents = array("q"), list[object]()
        document, begun = 0, 0
        rows: list[list[str]] = []
        width = 0
        for number, line in enumerate(file, 1):
            line = line.strip(" \t\r\n\ufeff")
            if line.startswith(_DOCUMENT):
                document += 1
            cells = [] if not line or line.startswith(_DOCUMENT) else _cells(line)
            if cells and not width:
                width, sentences = len(cells), {name: [] for name in self._names(path, len(cells), columns)}
            if cells and len(cells) != width:
                raise DataError(
                    f"{path}, line {number}: {len(cells)} columns where {width} are expected; "
                    "write tabs between the columns if a token holds a blank, and an empty line between sentences"
                )
            if cells:
                begun = begun if rows else number
                rows.append(cells)
            elif rows:
                _add(sentences, rows, lines, begun)
                documents.append(str(document))
                rows = []
        if rows:
            _add(sentences, rows, lines, begun)
            documents.append(str(document))
        if document:
            sentences["doc"] = documents
        return Table(sentences, lines)

    def _names(self, path: Path, width: int, columns: Sequence[str] | None) -> list[str]:
        if columns is not None:
            if len(columns) != width or len(set(columns)) < width:
                raise ConfigError(f"{path} has {width} columns; give each its own name, such as tokens,pos,chunk,tags")
            return list(columns)
        places = range(width)
        for role, place in (("token", self.token), ("tag", self.tag)):
            if not -width <= place < width:
                raise ConfigError(f"{path} has {width} columns, and {role}={place} is none of them; count from 0")
        named = [f"column {place + 1}" for place in places]
        if width > 1:
            named[places[self.tag]] = "tags"
        named[places[self.token]] = "tokens"
        return named

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes the columns `tokens` and, where they are there, others of lists and `tags` last; or texts with spans.

        The tokens of a text are those of its column `tokens` (pairs of offsets), else those of `tithe.tokens`; its tags
        are IOB2. Blanks part the columns, tabs where a token holds a blank. -DOCSTART- lines part the documents of a
        column `doc`. Raises DataError for a token that no line can hold, and for columns that are not of one length.
        """
        notes: tuple[str, ...] = ()
        if "text" in table.columns and "tags" not in table.columns and {"label", "labels", "spans"} & {*table.columns}:
            table, notes = tagged_sentences(path, table, self.misfit)
        lists = [name for name in table.columns if _all_lists(table.columns[name]) and name != "tags"]
        if "tokens" not in lists:
            raise DataError(f"cannot write {path}: CoNLL needs a column 'tokens' of lists, and it is not there")
        names = [
            "tokens",
            *(name for name in lists if name != "tokens"),
            *(["tags"] if "tags" in table.columns else []),
        ]
        columns = [table.columns[name] for name in names]
        mark = "\t" if any(" " in str(cell) for column in columns for row in column for cell in _list(row)) else " "
        fill = mark.join([_DOCUMENT, *["-X-"] * (len(names) - 2), *["O"] * (len(names) > 1)])
        docs = table.columns.get("doc")
        with replacing_text(path) as file:
            for at, row in enumerate(zip(*columns, strict=True)):
                if docs is not None and (at == 0 or docs[at] != docs[at - 1]):
                    file.write(f"{fill}\n\n")
                _write_sentence(file, path, table.lines[at], mark, [_list(cells) for cells in row])
        return notes


def _write_sentence(file: TextIO, path: Path, line: int, mark: str, columns: Sequence[Sequence[object]]) -> None:
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        raise DataError(f"cannot write {path}: row {line} has no token, or not one cell for each token")
    for cells in zip(*columns, strict=True):
        words = [str(cell) for cell in cells]
        if any(
            not word.strip(" \t\ufeff") or set(word) & set("\t\r\n") or word != word.strip(" \ufeff") for word in words
        ):
            raise DataError(f"cannot write {path}: row {line} has a cell that is blank or holds a tab or line break")
        if words[0].startswith(_DOCUMENT):
            raise DataError(f"cannot write {path}: row {line} has the token {_DOCUMENT}, which marks a document")
        file.write(mark.join(words) + "\n")
    file.write("\n")


def _add(sentences: dict[str, list[object]], rows: list[list[str]], lines: array[int], begun: int) -> None:
    for column, cells in zip(sentences.values(), zip(*rows, strict=True), strict=True):
        column.append(list(cells))
    lines.append(begun)


def _cells(line: str) -> list[str]:
    return [cell.strip(" ") for cell in line.split("\t")] if "\t" in line else _BLANKS.split(line)


def _all_lists(column: Iterable[object]) -> bool:
    return all(isinstance(cell, list | tuple) for cell in column)


def _list(cell: object) -> Sequence[object]:
    return cell if isinstance(cell, list | tuple) else ()


CONLL = Conll()
