"""Files of JSON objects: a list of them, one a line, or a single one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tithe.data.files import decoded
from tithe.errors import DataError

Row = dict[str, Any]


class Objects(NamedTuple):
    """The objects of a file, with the number of each in what `unit` counts."""

    rows: list[Row]
    lines: Sequence[int]
    unit: str
    notes: tuple[str, ...]


def objects(path: Path) -> Objects:
    """The objects of a file; O(file) memory.

    Half of a surrogate pair, which no encoding can write, becomes U+FFFD; a note says how often. Raises DataError for
    what is neither a list of objects nor one object a line.
    """
    found, notes = decoded(path, "\n", lambda file: _parsed(file, path))
    return found._replace(notes=(*notes, *found.notes))


def _parsed(file: TextIO, path: Path) -> Objects:
    content = file.read()
    start = content.lstrip("\ufeff \t\r\n")
    whole = start.startswith("[") or (start.startswith("{") and not start.partition("\n")[0].rstrip().endswith("}"))
    found = _listed(start, path) if whole else _lines(content, path)
    if "\\ud" not in content.lower():
        return found
    halves = [0]
    rows = [mended(row, halves) for row in found.rows]
    note = f"{halves[0]} texts held half a surrogate pair, replaced by \N{REPLACEMENT CHARACTER}"
    return found._replace(rows=rows, notes=(note,) if halves[0] else ())


def _listed(content: str, path: Path) -> Objects:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "somewhere"
        raise DataError(f"{path}, {where}: not JSON ({_reason(error)}); export it again") from None
    rows = said if isinstance(said, list) else [said]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataError(f"{path}, entry {number}: a {type(row).__name__}, not an object; give a list of objects")
    return Objects(rows, range(1, len(rows) + 1), "entry", ())


def _lines(content: str, path: Path) -> Objects:
    rows, lines = list[Row](), list[int]()
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip("\ufeff \t\r\n"):
            rows.append(row_of(line, path, number))
            lines.append(number)
    return Objects(rows, lines, "line", ())


def row_of(line: str, path: Path, number: int) -> Row:
    """The object of a line. Raises DataError where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}, line {number}: not JSON ({_reason(error)}); write one object a line") from None
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise DataError(
            f'{path}, line {number}: a {kind}, not an object; write one object a line, such as {{"text": ...}}'
        )
    return row


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def whole(text: str) -> str:
    """The text with every half of a surrogate pair, which no encoding can write, replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def mended(value: Any, halves: list[int]) -> Any:
    """The value with every lone surrogate replaced; `halves` counts the strings that had one."""
    if isinstance(value, str):
        text = whole(value)
        halves[0] += text != value
        return text
    if isinstance(value, Mapping):
        return {name: mended(one, halves) for name, one in value.items()}
    return [mended(one, halves) for one in value] if isinstance(value, list) else value
