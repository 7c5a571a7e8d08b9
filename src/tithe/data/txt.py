"""Plain text: one item a line, without labels."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tithe.data import Table
from tithe.data.files import decoded, replacing_text
from tithe.errors import DataError


@dataclass(frozen=True)
class PlainText:
    """One text a line; blank lines are skipped."""

    suffixes: tuple[str, ...] = (".txt",)

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """A single column `text`; `header` and `columns` do not apply."""
        table, notes = decoded(path, None, _parse)
        return Table(table.columns, table.lines, ("text",), notes=notes)

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes the column `text`. Raises DataError where it is absent or a text holds a line break."""
        texts = [str(text) for text in table.columns.get("text", ())]
        if not texts and table.lines:
            raise DataError(f"cannot write {path}: a .txt holds the column 'text' alone, and it is not there")
        broken = next((text for text in texts if "\n" in text or "\r" in text), None)
        if broken is not None:
            raise DataError(f"cannot write {path}: a text holds a line break ({broken[:40]!r}); write .csv or .jsonl")
        with replacing_text(path) as file:
            file.writelines(f"{text}\n" for text in texts)
        gone = [name for name in table.columns if name != "text"]
        return (f"a .txt holds texts alone; left out: {', '.join(gone)}",) if gone else ()


def _parse(file: TextIO) -> Table:
    texts, lines = list[object](), array("q")
    for number, line in enumerate(file, 1):
        if not line.isspace():
            texts.append(line.rstrip("\n"))
            lines.append(number)
    return Table({"text": texts}, lines)


TXT = PlainText()
