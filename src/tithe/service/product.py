"""Out comes the product: the answers of a project, or all of its items labelled, as a file of any format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tithe.data import Format, Table, format_for
from tithe.data.annotations import COLUMNS, for_people
from tithe.data.delimited import Delimited
from tithe.data.ids import corrected, first_rows, merged_labels
from tithe.service.words import label_out
from tithe.store.answers import Annotation
from tithe.types import Items, Label

Predictions = Mapping[str, tuple[Label, float]]
"""Label and calibrated confidence of items, by id."""


class Exported(NamedTuple):
    """What was written: the file, how many rows it was made of, and in words what it does not say."""

    path: Path
    rows: int
    notes: tuple[str, ...]


class _Row(NamedTuple):
    """One annotation, or one item with the label that it ends up with."""

    id: str
    text: str
    label: Label | None
    by: str | None
    confidence: float | None
    annotator: str
    action: str
    at: str
    seconds: float | None
    flagged: bool
    comment: str
    audit: bool
    standing: bool
    replaces: int | None
    number: int | None


def export(
    annotations: Iterable[Annotation],
    items: Items,
    task: str,
    *,
    format: str | None = None,
    into: str | Path,
    predictions: Predictions | None = None,
    audit: Iterable[str] = (),
) -> Exported:
    """Writes the answers to a file, in whole or not at all.

    A row is one annotation, those that were replaced or taken back among them (`standing` is then false), in the order
    in which they came. With `predictions` a row is one item, every item once, in the order of the file: with the label
    that people gave it (the most frequent of those that stand, the earliest on a tie, that of the annotator "file"
    where nobody else gave one; `by` is `person`, confidence 1) or else with the model's (`by` is `model`); `by` is None
    where there is neither. Formats of annotation tools hold answers that stand alone. Cost: about two seconds for
    100,000 rows of JSONL.

    Args:
        annotations: all answers of the project, by position, as `Project.annotations()` gives them.
        items: all items of the project.
        task: the name of the project's task.
        format: the name of a format, perhaps with settings such as `conll(misfit=expand)`; else the suffix of `into`
            tells.
        into: the file to write; one of this name is replaced.
        predictions: label and calibrated confidence of the items without an answer; others are not looked at.
        audit: the ids of the audit items, which `audit` marks.

    Raises:
        UnknownNameError: there is no such format.
        DataError: the file cannot be written, or the format cannot hold the answers and was not told what to do.
    """
    path = Path(into)
    chosen = _ready(format_for(path, format), format)
    marked = frozenset(audit)
    if predictions is None:
        rows = [_answer(one, marked) for one in annotations]
        notes: tuple[str, ...] = ()
    else:
        rows = list(_whole(annotations, items, predictions, marked))
        notes = _whole_notes(rows)
    table, more = _table(rows, items, task, for_people(chosen))
    return Exported(path, len(table.lines), (*notes, *more, *chosen.write(path, table)))


def _ready(chosen: Format, said: str | None) -> Format:
    """The format with what an export needs: what spreadsheets would run is made harmless unless told otherwise."""
    if isinstance(chosen, Delimited) and "neutral" not in (said or ""):
        return replace(chosen, neutral=True)
    return chosen


def _answer(one: Annotation, audit: frozenset[str]) -> _Row:
    answer = one.answer
    return _Row(
        answer.item,
        one.text,
        answer.label,
        "person",
        1.0 if answer.action == "label" else None,
        answer.annotator,
        answer.action,
        _moment(one.at),
        answer.seconds,
        answer.flagged,
        answer.comment,
        answer.item in audit,
        one.stands,
        answer.replaces,
        one.position,
    )


def _whole(
    annotations: Iterable[Annotation], items: Items, predictions: Predictions, audit: frozenset[str]
) -> Iterator[_Row]:
    """A row for each item."""
    standing = [one for one in annotations if one.stands]
    labelled = [one for one in standing if one.answer.action == "label"]
    first = first_rows([one.answer.item for one in labelled])
    given = [one.answer.label for one in labelled]
    settled, _ = merged_labels(first, corrected(first, given, [one.answer.annotator for one in labelled]))
    labels = dict(zip((labelled[at].answer.item for at, row in enumerate(first) if at == row), settled, strict=True))
    others = {one.answer.item: one for one in reversed(standing)}  # an answer without a label still says something
    givers: dict[str, Annotation] = {}
    for one in labelled:
        if one.answer.label == labels[one.answer.item]:
            givers.setdefault(one.answer.item, one)
    for id, text in zip(items.ids, items.texts, strict=True):
        answered = givers.get(id) or others.get(id)
        row = (
            _Row(id, text, None, None, None, "", "", "", None, False, "", id in audit, True, None, None)
            if answered is None
            else _answer(answered, audit)
        )
        if id in labels:
            yield row
        elif id in predictions:
            label, confidence = predictions[id]
            yield row._replace(label=label, by="model", confidence=float(confidence))
        else:
            yield row._replace(label=None, by=None, confidence=None)


def _whole_notes(rows: Sequence[_Row]) -> tuple[str, ...]:
    by = Counter(row.by for row in rows)
    said = f"labels by people: {by['person']}, by the model: {by['model']} (column 'by')"
    none = f"items without a label: {by[None]}; nobody has labelled them and no model has seen them"
    return (said, none) if by[None] else (said,)


def _table(rows: Sequence[_Row], items: Items, task: str, people: bool) -> tuple[Table, tuple[str, ...]]:
    """The rows as columns: `label` in every plain table; the ordinary columns of the task for annotation tools."""
    notes: tuple[str, ...] = ()
    if people:
        kept = [row for row in rows if row.standing]
        if gone := len(rows) - len(kept):
            notes = (f"{gone} answers that were replaced or taken back are left out",)
        rows = kept
    columns: dict[str, Sequence[object]] = {
        name: [getattr(row, name) for row in rows] for name in _Row._fields if name != "label"
    }
    labels = [label_out(row.label) for row in rows]
    name = COLUMNS.get(task, "label") if people else "label"
    columns = {"id": columns.pop("id"), "text": columns.pop("text"), name: labels, **columns}
    if people and task == "spans" and items.tokens is not None:
        tokens = dict(zip(items.ids, items.tokens, strict=True))
        columns["tokens"] = [[list(place) for place in tokens.get(row.id, ())] for row in rows]
    return Table(columns, range(1, len(rows) + 1)), notes


def _moment(at: float) -> str:
    """A time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
