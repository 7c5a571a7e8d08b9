"""doccano's JSONL: a text a line with its labels, entities or both; also its JSON, a list of the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tithe.data import Table
from tithe.data.answers import Answer, Losses, answers_in, table_of, words_in
from tithe.data.files import replacing_text
from tithe.data.json_rows import Row, objects
from tithe.errors import DataError
from tithe.tasks.entities import overlap
from tithe.types import Span


@dataclass(frozen=True)
class Doccano:
    """`label` is a list of words or of [start, end, label]; `entities` and `cats` (words) may stand in its place.

    Offsets are code points, the end exclusive, as doccano has them since 2019. doccano takes other keys for meta data.
    """

    suffixes: tuple[str, ...] = (".doccano.jsonl",)
    annotations: ClassVar[bool] = True

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """A row for each line; an empty list says that no label applies. `header` and `columns` do not apply."""
        found = objects(path)
        said = _Said(path, found.unit)
        answers = [said.answer(row, line) for row, line in zip(found.rows, found.lines, strict=True)]
        older = any("data" in row for row in found.rows) and not any("text" in row for row in found.rows)
        people = any(one.annotator for one in answers)
        return table_of(
            answers, found.unit, (*found.notes, *said.notes()), text="data" if older else "text", people=people
        )

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes one object a row. What doccano has no place for becomes meta data or is left out, with a note."""
        losses = Losses()
        with replacing_text(path) as file:
            for one in answers_in(table):
                label: Any = one.labels if one.spans is None else [[*span] for span in one.spans]
                if label is None:
                    losses.add("items skipped, rejected or without a label, left out (doccano has no such mark)")
                    continue
                row = {"id": one.id} if one.id is not None else {}
                row |= {"text": one.text, "label": label, **_meta(one)}
                spans = one.spans or ()
                losses.add("items with overlapping spans, which a project must allow", _overlap(spans))
                losses.add("comments, written as meta data", bool(one.comment))
                losses.add("flags, written as meta data", one.flagged)
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return losses.notes


def _meta(one: Answer) -> Row:
    """What else is known, as keys of their own."""
    said = {name: getattr(one, name) for name in ("annotator", "at", "seconds", "flagged", "comment", "audit")}
    if one.by == "model":
        said |= {"by": one.by, "confidence": one.confidence, "annotator": ""}
    return {name: value for name, value in said.items() if value}


def _overlap(spans: Sequence[Span]) -> bool:
    return any(overlap(one, other) for at, one in enumerate(spans) for other in spans[at + 1 :])


class _Said:
    """What the lines of a file say, and what in them is not read."""

    def __init__(self, path: Path, unit: str) -> None:
        self._path, self._unit, self._line = path, unit, 0
        self._relations = self._empty = 0

    def answer(self, row: Row, line: int) -> Answer:
        self._line = line
        row = dict(row)
        text = row.pop("text", None) if "text" in row or "data" not in row else row.pop("data")
        id, comments = row.pop("id", None), row.pop("Comments", None)
        one = Answer(line, text, id=None if id is None else str(id))
        one.annotator, one.by = str(row.pop("annotator", None) or ""), row.pop("by", None)
        one.at, one.seconds, one.confidence = row.pop("at", None), row.pop("seconds", None), row.pop("confidence", None)
        one.flagged, one.audit = bool(row.pop("flagged", False)), bool(row.pop("audit", False))
        comments = comments if isinstance(comments, list) else [comments] if comments else []
        one.comment = str(row.pop("comment", None) or "\n".join(map(str, comments)))
        for key in ("label", "labels", "cats", "entities"):
            if key in row:
                self._add(one, row.pop(key))
        if row.pop("relations", None):
            self._relations += 1
        one.action = "label" if one.labels is not None or one.spans is not None else ""
        one.extra = row
        return one

    def _add(self, one: Answer, said: Any) -> None:
        if said is None:
            return
        if isinstance(said, str | int | float):
            one.labels = [*(one.labels or []), str(said)]
        elif not isinstance(said, list):
            raise self._wrong(f"{said!r:.60} is no list of labels")
        elif any(isinstance(part, list | dict) for part in said):
            one.spans = sorted({*(one.spans or []), *(self._span(part) for part in said)})
        else:
            self._empty += not said
            one.labels = [*(one.labels or []), *words_in(said, self._wrong)]
            one.spans = one.spans if said else one.spans or []

    def _span(self, part: Any) -> Span:
        if isinstance(part, dict):
            start, end = part.get("start_offset", part.get("start")), part.get("end_offset", part.get("end"))
            part = [start, end, part.get("label")]
        if not (
            isinstance(part, list)
            and len(part) == 3
            and type(part[0]) is type(part[1]) is int
            and isinstance(part[2], str)
        ):
            raise self._wrong(f"{part!r:.60} is no entity; write [start, end, label]")
        return Span(*part)

    def _wrong(self, reason: str) -> DataError:
        return DataError(f"{self._path}, {self._unit} {self._line}: {reason}")

    def notes(self) -> tuple[str, ...]:
        """What a person should know of the file."""
        notes = [f"relations of {self._relations} texts are not read"] if self._relations else []
        if self._empty:
            notes.append(
                f"{self._empty} empty lists of labels, read as 'none applies'; doccano writes the same for texts that "
                "nobody has labelled yet"
            )
        return tuple(notes)


DOCCANO = Doccano()
