"""Cells that a spreadsheet would run as formulas, made harmless in a way that can be undone.

Source: OWASP, CSV Injection; it names `= + - @`, tab, carriage return and line feed, and their full-width forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

MARK = "tithe_escaped"
"""The column that names, for each row, the columns whose cell got an apostrophe; there where any did."""

# Spreadsheets trim blanks and drop what cannot be seen before they look at a cell's first character.
_FORMULA = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff\0]*[=+\-@＝＋－＠﹦﹢﹣﹫−]")


def formula(cell: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula.

    >>> formula(" ＝1+1"), formula("1-1")
    (True, False)
    """
    return _FORMULA.match(cell) is not None


def neutralised(columns: Mapping[str, Sequence[object]]) -> tuple[dict[str, Sequence[object]], tuple[str, ...]]:
    """The columns with an apostrophe before each string that begins as a formula does, and a note on how many.

    A further column `tithe_escaped` then says which cells these are, so that `restored` gives all back as it was.

    >>> neutralised({"text": ["=1+1", "fine"]})[0]
    {'text': ["'=1+1", 'fine'], 'tithe_escaped': ['["text"]', '']}
    """
    rows: dict[int, list[str]] = {}
    out: dict[str, Sequence[object]] = {}
    for name, cells in columns.items():
        safe = list(cells)
        for row, cell in enumerate(cells):
            if isinstance(cell, str) and formula(cell):
                safe[row] = f"'{cell}"
                rows.setdefault(row, []).append(name)
        out[name] = safe
    if not rows:
        return out, ()
    count = len(next(iter(out.values())))
    out[MARK] = [json.dumps(rows[row], ensure_ascii=False) if row in rows else "" for row in range(count)]
    note = (
        f"cells that begin as formulas do: {sum(map(len, rows.values()))}; an apostrophe stands before them, the "
        f"column {MARK!r} says which they are, and tithe reads them as they were"
    )
    return out, (note,)


def restored(columns: Mapping[str, Sequence[object]]) -> dict[str, Sequence[object]]:
    """The columns as they were before `neutralised`; others as they are.

    >>> restored({"text": ["'=1+1", "'fine"], "tithe_escaped": ['["text"]', ""]})
    {'text': ['=1+1', "'fine"]}
    """
    out = {name: cells for name, cells in columns.items() if name != MARK}
    changed: dict[str, list[object]] = {}
    for row, said in enumerate(columns.get(MARK, ())):
        for name in _named(said):
            cells = changed.setdefault(name, list(out[name])) if name in out else []
            cell = cells[row] if cells else None
            if isinstance(cell, str) and cell.startswith("'"):
                cells[row] = cell[1:]
    return out | changed


def _named(said: object) -> list[str]:
    try:
        names = json.loads(said) if isinstance(said, str) and said else []
    except ValueError:
        return []  # a column of this name that somebody else made
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
