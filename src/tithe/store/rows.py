"""Events and labels as rows of the database, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, NamedTuple

from tithe.errors import DataError, StoreError
from tithe.log import (
    Added,
    Answered,
    Asked,
    Begun,
    Compared,
    Declared,
    Drawn,
    Embedded,
    Event,
    Published,
    Renamed,
    Withdrawn,
)
from tithe.types import Label, Span

KINDS: dict[str, type[Event]] = {
    "declared": Declared,
    "renamed": Renamed,
    "added": Added,
    "asked": Asked,
    "answered": Answered,
    "withdrawn": Withdrawn,
    "published": Published,
    "drawn": Drawn,
    "embedded": Embedded,
    "begun": Begun,
    "compared": Compared,
}
NAMES = {type_: name for name, type_ in KINDS.items()}
_COLUMNS = ("item", "annotator")
"""What stands in a column of its own and not in the payload."""


class EventRow(NamedTuple):
    """An event as the columns of its row."""

    kind: str
    item: str | None
    annotator: str | None
    payload: str


def encode(event: Event) -> EventRow:
    """The row of an event; an `Added` says nothing here of its items, which are rows of their own.

    >>> encode(Answered("a", frozenset({"y", "x"}), seconds=2.5))
    EventRow(kind='answered', item='a', annotator='me', payload='{"label":{"labels":["x","y"]},"seconds":2.5}')
    """
    payload: dict[str, Any] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name in (*_COLUMNS, "items") or value == field.default:
            continue
        payload[field.name] = label_to_json(value) if field.name == "label" else value
    item, annotator = (getattr(event, name, None) for name in _COLUMNS)
    for name in (item, annotator):
        storable(name or "")
    return EventRow(NAMES[type(event)], item, annotator, to_json(payload))


def decode(row: EventRow) -> Event:
    """The event of a row, except an `Added`, which needs its items.

    >>> decode(encode(Asked(("a", "b"), "margin", 0, 2)))
    Asked(ids=('a', 'b'), strategy='margin', seed=0, position=2, n=0, start='', trainer='', initial='', slow='')

    Raises StoreError for a kind that this version does not have.
    """
    if row.kind not in KINDS or row.kind == "added":
        raise StoreError(f"the log holds an event of the kind {row.kind!r}, which this tithe does not know; upgrade it")
    said: dict[str, Any] = json.loads(row.payload)
    if "label" in said:
        said["label"] = label_from_json(said["label"])
    for name in ("ids", "labels"):
        if name in said:
            said[name] = tuple(said[name])
    if row.kind in ("answered", "withdrawn"):
        said |= {"item": row.item, "annotator": row.annotator}
    if row.kind == "answered":
        said.setdefault("label", None)
    event: Event = KINDS[row.kind](**said)
    return event


def to_json(value: object) -> str:
    """JSON of one form: sorted keys, ASCII, so that any character fits into any database."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def label_to_json(label: Label | None) -> Any:
    """A label as JSON: a word, `{"labels": [...]}` or `{"spans": [[start, end, label], ...]}`."""
    if label is None or isinstance(label, str):
        return label
    if isinstance(label, frozenset):
        return {"labels": sorted(label)}
    return {"spans": [list(span) for span in label]}


def label_from_json(said: Any) -> Label | None:
    """The label that `label_to_json` wrote.

    >>> label_from_json({"spans": [[0, 2, "PER"]]})
    (Span(start=0, end=2, label='PER'),)
    """
    if said is None or isinstance(said, str):
        return said
    if "labels" in said:
        return frozenset(said["labels"])
    return tuple(Span(*one) for one in said["spans"])


def storable(text: str) -> str:
    """The text, if every database can hold it as it is.

    Raises DataError for a NUL and for half of a surrogate pair.
    """
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(f"{text[:40]!r} holds half of a surrogate pair ({error.reason}); replace it") from None
    if "\0" in text:
        raise DataError(f"{text[:40]!r} holds a NUL character, which no database keeps; remove it")
    return text
