"""One answer of an annotation tool's file, and the ordinary columns that answers stand in.

The tools' readers make `Answer`s and `table_of` makes columns of them; their writers go the other way with
`answers_in`. So each format knows only its own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tithe.data import Table
from tithe.data.ids import first_rows, hashed_ids
from tithe.errors import DataError
from tithe.types import Span


@dataclass(slots=True)
class Answer:
    """What one annotator said of one item; `action` is empty where nobody has answered.

    `labels` has the chosen label or labels, `spans` the entities; None where the answer does not say, an empty list
    where it says that there is none.
    """

    line: int
    text: Any
    id: str | None = None
    labels: list[str] | None = None
    choice: str | None = None
    """A label that applies where `labels`, all that do, are not known."""
    spans: list[Span] | None = None
    tokens: list[tuple[int, int]] | None = None
    annotator: str = ""
    action: str = ""
    by: str | None = None
    confidence: float | None = None
    at: str | None = None
    seconds: float | None = None
    flagged: bool = False
    comment: str = ""
    audit: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


def table_of(
    answers: Sequence[Answer], unit: str, notes: Sequence[str], *, text: str | None = "text", people: bool = True
) -> Table:
    """The columns of answers; an item without an id has a hash of its text.

    `label` is there where no answer has two labels, `labels` and `spans` where any answer has some, or none has any.

    Args:
        text: what the column of the texts is called; None where which of the further columns it is is not clear.
        people: whether each row is an annotator's; else each row is an item.
    """
    columns: dict[str, Sequence[Any]] = {}
    if people or all(one.id is not None for one in answers):
        columns["id"] = _ids(answers)
    if text is not None:
        columns[text] = [one.text for one in answers]
    said = [one.labels for one in answers if one.labels]
    spanned = any(one.spans for one in answers)
    if said or not spanned:
        if not any(len(labels) > 1 for labels in said):
            columns["label"] = [one.labels[0] if one.labels else one.choice for one in answers]
        columns["labels"] = [one.labels for one in answers]
    if spanned or not said:
        columns["spans"] = [None if one.spans is None else [span._asdict() for span in one.spans] for one in answers]
    if all(one.tokens for one in answers):
        columns["tokens"] = [one.tokens for one in answers]
    for name, there in (("annotator", people), ("action", people), *((name, False) for name in _OPTIONAL)):
        cells = [getattr(one, name) for one in answers]
        if there or any(cell not in (None, "", False) for cell in cells):
            columns[name] = cells
    for name in dict.fromkeys(name for one in answers for name in one.extra):
        columns[name if name not in columns else f"data.{name}"] = [one.extra.get(name) for one in answers]
    said_words = [name for name in columns if any(isinstance(one.extra.get(name), str) for one in answers[:1000])]
    words = tuple(said_words) if text is None else (text,)
    return Table(columns, [one.line for one in answers], words, unit, tuple(notes))


_OPTIONAL = ("by", "confidence", "at", "seconds", "flagged", "comment", "audit")
_PLAIN = ("id", "annotator", "action", *_OPTIONAL)
_SAID = ("text", "label", "labels", "spans", "tokens")


def _ids(answers: Sequence[Answer]) -> list[str]:
    """The ids; for an item without one a hash of its text, which rows of one text share."""
    texts = [str(one.extra if one.text is None else one.text) for one in answers]
    first = first_rows(texts)
    heads = [row for at, row in enumerate(first) if at == row]
    hashes = dict(zip(heads, hashed_ids([texts[row] for row in heads]), strict=True))
    return [hashes[row] if one.id is None else one.id for row, one in zip(first, answers, strict=True)]


def answers_in(table: Table) -> Iterator[Answer]:
    """The answers of ordinary columns: `text` with `label`, `labels` or `spans`, the others where they are there.

    Raises DataError where there is no column `text`.
    """
    if "text" not in table.columns:
        raise DataError(f"answers need a column 'text' to be written; there are {', '.join(map(repr, table.columns))}")
    columns = {name: table.columns[name] for name in (*_SAID, *_PLAIN) if name in table.columns}
    for line, *row in zip(table.lines, *columns.values(), strict=True):
        cells = dict(zip(columns, row, strict=True))
        labels, spans, tokens = _labels(cells), _spans(cells), _places(cells.get("tokens"))
        plain = {name: cell for name, cell in cells.items() if name in _PLAIN and cell is not None}
        for name in ("id", "annotator"):
            if name in plain:
                plain[name] = str(plain[name])
        one = Answer(line, cells["text"], labels=labels, spans=spans, tokens=tokens, **plain)
        if not one.action and (labels is not None or spans is not None) and one.by != "model":
            one.action = "label"
        yield one


def _labels(cells: Mapping[str, Any]) -> list[str] | None:
    for name in ("labels", "label"):
        cell = cells.get(name)
        if isinstance(cell, str):
            return [cell]
        if isinstance(cell, list | tuple) and all(isinstance(one, str) for one in cell):
            return list(cell)
    return None


def _spans(cells: Mapping[str, Any]) -> list[Span] | None:
    for name in ("spans", "label"):
        cell = cells.get(name)
        if isinstance(cell, list | tuple) and all(isinstance(one, Mapping) for one in cell):
            return sorted(Span(one["start"], one["end"], one["label"]) for one in cell)
    return None


def _places(cell: Any) -> list[tuple[int, int]] | None:
    if not isinstance(cell, list | tuple) or not all(isinstance(one, list | tuple) and len(one) == 2 for one in cell):
        return None
    return [(start, end) for start, end in cell] or None


def kind_of(table: Table) -> str:
    """The task that the columns of labels are of: `spans`, `multilabel` or `choice`.

    >>> kind_of(Table({"text": ["a"], "labels": [["x"]]}, [1]))
    'multilabel'
    """
    for name, kind in (("spans", "spans"), ("labels", "multilabel")):
        if name in table.columns:
            return kind
    cells = [cell for cell in table.columns.get("label", ()) if isinstance(cell, list | tuple)]
    if any(isinstance(one, Mapping) for cell in cells for one in cell):
        return "spans"
    return "multilabel" if cells else "choice"


class Losses:
    """What a file cannot express, counted while it is written."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, what: str, count: int | bool = 1) -> None:
        """Counts `what`, a clause such as "comments are left out"."""
        if count:
            self._counts[what] = self._counts.get(what, 0) + int(count)

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for each kind of loss: "comments are left out: 3"."""
        return tuple(f"{what}: {count}" for what, count in self._counts.items())


def grouped(answers: Iterator[Answer]) -> list[list[Answer]]:
    """The answers of each item, in the order of the items; one without an id is an item of its own."""
    items: dict[object, list[Answer]] = {}
    for at, one in enumerate(answers):
        items.setdefault(at if one.id is None else one.id, []).append(one)
    return list(items.values())


def words_in(value: object, refuse: Callable[[str], Exception]) -> list[str]:
    """A list of label names. Raises what `refuse` makes of a reason where it is something else."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple) or not all(isinstance(one, str | int | float) for one in value):
        raise refuse(f"{value!r:.60} is no list of labels")
    return [str(one) for one in value]
