"""Prodigy's JSONL: one decision a line, accepted, rejected or ignored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from tithe.data import Table
from tithe.data.answers import Answer, Losses, answers_in, kind_of, table_of, words_in
from tithe.data.files import replacing_text
from tithe.data.json_rows import Row, objects
from tithe.errors import DataError
from tithe.tasks.entities import overlap
from tithe.tokens import tokenise
from tithe.types import Span

_ONE_SPAN = frozenset({"ner", "spans"})
"""The views that ask about one suggested span; those that show all of them are called `ner_manual`, `spans_manual`."""

_OWN = ("answer", "options", "accept", "spans", "tokens", "label", "flagged", "id", "text", "comment", "user_input")


@dataclass(frozen=True)
class Prodigy:
    """`spans` with `tokens`, `options` with `accept`, or a `label` to say yes or no to.

    An ignored row is a skip. A rejected one rejects the item, except where it says no to one suggestion: that is no
    answer to the item. Yes and no to single suggestions are *sparse*: of what was not asked nothing is known, so they
    make a set or spans only where every label of the file was asked of the item. `sparse` says whether rows with one
    span are such; by default it shows in their view (`_view_id`), or in rejected or several rows of one text that have
    no tokens.
    """

    sparse: bool | None = None
    suffixes: tuple[str, ...] = (".prodigy.jsonl",)
    annotations: ClassVar[bool] = True

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """A row for each decision, or one for all yes and no of an annotator to one text."""
        found = objects(path)
        return _Said(path, found.unit, found.rows, self.sparse).table(found.lines, found.notes)

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes one object a row; labels of the model have no `answer`, so that nobody takes them for decisions."""
        losses, kind = Losses(), kind_of(table)
        answers = list(answers_in(table))
        options = sorted({label for one in answers for label in one.labels or ()})
        with replacing_text(path) as file:
            for one in answers:
                row = _row(one, kind, options, losses)
                losses.add("labels of the model, without an answer", one.by == "model")
                losses.add("items without an answer", one.by != "model" and not one.action)
                losses.add("comments, in a key that Prodigy does not read", bool(one.comment))
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return losses.notes


def _row(one: Answer, kind: str, options: Sequence[str], losses: Losses) -> Row:
    row: Row = {"text": one.text} | ({} if one.id is None else {"id": one.id})
    if kind == "spans":
        tokens = one.tokens or list(tokenise(one.text))
        spans = one.spans or []
        crossing = any(overlap(a, b) for at, a in enumerate(spans) for b in spans[at + 1 :])
        row["tokens"] = _tokens(one.text, tokens)
        row["spans"] = [_span(span, tokens, losses) for span in spans]
        row["_view_id"] = "spans_manual" if crossing else "ner_manual"
    else:
        row["options"] = [{"id": name, "text": name} for name in options]
        row["accept"] = one.labels or []
        row["config"] = {"choice_style": "single" if kind == "choice" else "multiple"}
        row["_view_id"] = "choice"
    if one.by == "model":
        row["meta"] = {"by": "model", "score": one.confidence}
    elif one.action:
        row["answer"] = {"skip": "ignore", "reject": "reject"}.get(one.action, "accept")
    if one.annotator and one.by != "model":
        row["_annotator_id"] = row["_session_id"] = one.annotator
    if one.at:
        row["_timestamp"] = int(datetime.fromisoformat(one.at).timestamp())
    row |= {"flagged": True} if one.flagged else {}
    row |= {"comment": one.comment} if one.comment else {}
    return row | ({"audit": True} if one.audit else {})


def _tokens(text: str, tokens: Sequence[tuple[int, int]]) -> list[Row]:
    return [
        {"text": text[start:end], "start": start, "end": end, "id": id, "ws": text[end : end + 1].isspace()}
        for id, (start, end) in enumerate(tokens)
    ]


def _span(span: Span, tokens: Sequence[tuple[int, int]], losses: Losses) -> Row:
    """A span; with its first and last token where it begins and ends with them."""
    row: Row = span._asdict()
    first = next((at for at, (start, _) in enumerate(tokens) if start == span.start), None)
    last = next((at for at, (_, end) in enumerate(tokens) if end == span.end), None)
    if first is None or last is None:
        losses.add("spans that begin or end inside a token, without token_start and token_end")
        return row
    return row | {"token_start": first, "token_end": last}


class _Said:
    """What the rows of a file say."""

    def __init__(self, path: Path, unit: str, rows: Sequence[Row], sparse: bool | None) -> None:
        self._path, self._unit, self._line, self._rows = path, unit, 0, rows
        self._sparse, self._counts = sparse, Counter[str]()
        texts = Counter((str(row.get("text")), self._who(row)) for row in rows if row.get("spans") is not None)
        bare = [row for row in rows if row.get("spans") and "tokens" not in row and "_view_id" not in row]
        self._suspect = any(row.get("answer") == "reject" for row in bare) or any(
            texts[str(row.get("text")), self._who(row)] > 1 for row in bare
        )

    def table(self, lines: Sequence[int], notes: Sequence[str]) -> Table:
        answers, asked = list[Answer](), dict[tuple[str, str], tuple[Answer, dict[str, bool]]]()
        every: set[str] = set()  # the labels that were asked for by yes and no
        for row, line in zip(self._rows, lines, strict=True):
            self._line = line
            one = self._answer(row, line)
            if "options" in row or row.get("spans") is not None or not isinstance(row.get("label"), str):
                answers.append(one)
                continue
            self._counts["yes or no"] += 1
            every.add(row["label"])
            key = one.id if one.id is not None else str(one.text), one.annotator
            if key not in asked:
                asked[key] = one, {}
                answers.append(one)
            if one.action == "label":
                asked[key][1][row["label"]] = row["answer"] == "accept"
        for one, said in asked.values():
            self._combine(one, said, every)
        without = sum(one.tokens is None for one in answers)
        self._counts["without tokens"] = without if without < len(answers) else 0
        return table_of(answers, self._unit, (*notes, *self._notes(len(every))))

    def _combine(self, one: Answer, said: dict[str, bool], every: set[str]) -> None:
        """One answer of all yes and no of an annotator to a text."""
        if not said:
            return
        yes = [label for label, right in said.items() if right]
        one.action = "label" if yes or set(said) == every else ""
        one.labels = yes if set(said) == every else None
        one.choice = yes[0] if len(yes) == 1 else None
        self._counts["sparse sets"] += one.labels is None

    def _answer(self, row: Row, line: int) -> Answer:
        id = row.get("id")
        one = Answer(line, row.get("text"), id=None if id is None else str(id), annotator=self._who(row))
        answer = row.get("answer")
        if answer not in ("accept", "reject", "ignore", None):
            raise self._wrong(f"the answer is {answer!r}; accept, reject and ignore are known")
        if answer is None:
            self._counts["unanswered"] += 1
        one.action = {"ignore": "skip", "accept": "label", "reject": "reject"}.get(str(answer), "")
        one.flagged, one.audit = bool(row.get("flagged", False)), bool(row.get("audit", False))
        one.comment = str(row.get("comment") or row.get("user_input") or "")
        stamp = row.get("_timestamp")
        one.at = None if type(stamp) is not int else datetime.fromtimestamp(stamp, UTC).isoformat()
        one.extra = {name: cell for name, cell in row.items() if name not in _OWN and not name.startswith("_")}
        if isinstance(row.get("tokens"), list):
            one.tokens = [self._place(token) for token in row["tokens"]]
        self._say(one, row)
        return one

    def _say(self, one: Answer, row: Row) -> None:
        if row.get("spans") is not None and self._is_sparse(row):
            self._counts["sparse spans"] += 1
            one.action = "skip" if one.action == "skip" else ""
        elif one.action == "reject" and "options" not in row and isinstance(row.get("label"), str):
            one.action = "label"  # no to one label
        elif one.action == "label" and row.get("spans") is not None:
            if not isinstance(row["spans"], list):
                raise self._wrong(f"the spans are {row['spans']!r:.60}, not a list")
            one.spans = sorted({self._read_span(span) for span in row["spans"]})
        elif one.action == "label" and ("options" in row or "accept" in row):
            one.labels = words_in(row.get("accept") or [], self._wrong)

    def _is_sparse(self, row: Row) -> bool:
        if self._sparse is not None or "_view_id" in row:
            return self._sparse if self._sparse is not None else row["_view_id"] in _ONE_SPAN
        return self._suspect and "tokens" not in row

    def _read_span(self, span: Any) -> Span:
        said = (span.get("start"), span.get("end"), span.get("label")) if isinstance(span, dict) else (None, None, None)
        if type(said[0]) is not int or type(said[1]) is not int or not isinstance(said[2], str):
            raise self._wrong(f"{span!r:.60} is no span with start, end and label")
        return Span(said[0], said[1], said[2])

    def _place(self, token: Any) -> tuple[int, int]:
        start, end = (token.get("start"), token.get("end")) if isinstance(token, dict) else (None, None)
        if type(start) is not int or type(end) is not int:
            raise self._wrong(f"the token {token!r:.60} has no start and end")
        return start, end

    @staticmethod
    def _who(row: Row) -> str:
        return str(row.get("_annotator_id") or row.get("_session_id") or "")

    def _wrong(self, reason: str) -> DataError:
        return DataError(f"{self._path}, {self._unit} {self._line}: {reason}")

    def _notes(self, labels: int) -> list[str]:
        counts, notes = self._counts, []
        if counts["yes or no"]:
            notes.append(f"{counts['yes or no']} rows say yes or no to one of {labels} labels")
        if counts["sparse sets"]:
            notes.append(
                f"{counts['sparse sets']} items were not asked about each label: what else applies to them is unknown, "
                "so they have no label set"
            )
        if counts["sparse spans"]:
            notes.append(
                f"{counts['sparse spans']} rows say yes or no to single spans: what else is in their texts is unknown, "
                "so they give no labels; if they are whole, read them with --format 'prodigy(sparse=False)'"
            )
        if counts["without tokens"]:
            notes.append(f"{counts['without tokens']} rows have no tokens, so those of the others are not used either")
        if counts["unanswered"]:
            notes.append(f"{counts['unanswered']} rows have no answer and count as not labelled")
        return notes


PRODIGY = Prodigy()
