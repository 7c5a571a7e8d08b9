"""Answers come in once, whatever is sent twice; they are taken back by a further event; they go out in a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from tithe.errors import ConflictError
from tithe.log import Answered, Event, Withdrawn
from tithe.store.database import Database
from tithe.store.kept import locked, record, require_item
from tithe.store.names import NameReader, NamesOfNow
from tithe.store.rows import EventRow, decode, encode, storable, to_json
from tithe.store.tables import events, items, keys, projects, standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PAGE = 2_000

# Made once: every answer needs them.
_KNOWN = sa.select(keys.c.body, keys.c.position).where(
    keys.c.project == sa.bindparam("project"),
    keys.c.annotator == sa.bindparam("annotator"),
    keys.c.key == sa.bindparam("key"),
)
_KEEP_KEY = sa.insert(keys)
_STANDS = sa.select(standing.c.position).where(
    *(standing.c[name] == sa.bindparam(name) for name in ("project", "item", "annotator"))
)


class Annotation(NamedTuple):
    """An answer as it goes out: its label as it is called now, its item's text, and whether it still stands."""

    position: int
    at: float
    answer: Answered
    text: str
    stands: bool


class _Said(NamedTuple):
    position: int
    answer: Answered


class Answers:
    """The answers of one project."""

    def __init__(self, database: Database, project: int) -> None:
        """Of the project with this key."""
        self._database, self._key = database, project
        self._names = NameReader(project)

    def submit(self, answer: Answered, key: str | None = None) -> int:
        """Keeps an answer; its position is the annotation's number. An answer without a lease is kept as well.

        What it replaces is what stands of this annotator when it comes, whatever it says itself. With a `key` sent
        before by this annotator, the number of then comes back and nothing is added.

        Raises:
            ConflictError: the key came with another answer.
            UnknownItemError: no item has this id.
        """
        with self._database.writing() as connection:
            here = locked(connection, self._key)
            known = self._known(connection, answer, key)
            if known is not None:
                return known
            kept = replace(answer, replaces=self._stands(connection, answer.item, answer.annotator), restores=None)
            return self._record(connection, here, kept, key, answer)

    def undo(self, annotation: int, annotator: str, key: str | None = None) -> int:
        """Takes back an answer that stands, by an event: the one before it stands again, if it replaced one.

        An answer that stands again is still the same answer, under its own number and that of the event.
        Raises ConflictError where the annotation is not this annotator's, or stands no more.
        """
        with self._database.writing() as connection:
            here = locked(connection, self._key)
            asked = Withdrawn("", annotator, annotation)
            known = self._known(connection, asked, key)
            if known is not None:
                return known
            meant = self._said(connection, annotation)
            stands = meant and self._stands(connection, meant.answer.item, annotator)
            there = self._said(connection, stands) if stands else None
            if meant is None or there is None or meant.position != there.position:
                raise ConflictError(
                    f"annotation {annotation} is none that {annotator!r} can take back; read the history"
                )
            item, before = meant.answer.item, self._said(connection, meant.answer.replaces)
            back: Answered | Withdrawn = Withdrawn(item, annotator, stands or 0)
            if before is not None and (before.answer.item, before.answer.annotator) == (item, annotator):
                names = self._names.now(connection)  # a name given up may mean another label by now
                label = names.of(before.answer.label, before.position)
                back = replace(before.answer, label=label, replaces=stands, restores=before.position)
            return self._record(connection, here, back, key, asked)

    def each(self, after: int = 0, *, standing_only: bool = False) -> Iterator[Annotation]:
        """All answers behind a position, in their order, one by one; memory holds a page.

        All of it is as it was when the first page was read: the labels have the names of then, and what is corrected
        meanwhile stands.
        """
        with self._database.reading() as connection:
            names = self._names.now(connection)
            last = connection.scalar(sa.select(projects.c.position).where(projects.c.key == self._key)) or 0
        while True:
            with self._database.reading() as connection:
                page = self._page(connection, (after, last), standing_only, names)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].position

    def _page(
        self, connection: Connection, between: tuple[int, int], standing_only: bool, names: NamesOfNow
    ) -> list[Annotation]:
        """The answers behind the first position, up to the second one, after which nothing is looked at.

        The table of standing answers tells of now: by it an answer and its correction could both stand, on two pages.
        What is in it stood then too; only of the others it is to be seen whether they fell later.
        """
        e, i, s, later, (after, last) = events.c, items.c, standing.c, events.alias("later").c, between
        now = (s.project == e.project) & (s.item == e.item) & (s.annotator == e.annotator) & (s.position == e.position)
        own = (later.project == e.project) & (later.item == e.item) & (later.annotator == e.annotator)
        fell = own & (later.position > e.position) & (later.position <= last)
        stands = s.position.is_not(None) | ~sa.exists().where(fell & later.kind.in_(("answered", "withdrawn")))
        query = (
            sa.select(events, i.text, stands.label("stands"))
            .join(items, (i.project == e.project) & (i.id == e.item), isouter=True)
            .join(standing, now, isouter=True)
            .where(e.project == self._key, e.kind == "answered", e.position > after, e.position <= last)
        )
        if standing_only:
            query = query.where(stands)
        rows = connection.execute(query.order_by(e.position).limit(_PAGE)).all()
        found = []
        for row in rows:
            answer = decode(EventRow(row.kind, row.item, row.annotator, row.payload))
            if isinstance(answer, Answered):
                label = names.of(answer.label, row.position)
                answer = answer if label == answer.label else replace(answer, label=label)
                found.append(Annotation(row.position, row.at, answer, row.text or "", bool(row.stands)))
        return found

    def _record(
        self, connection: Connection, here: int, event: Answered | Withdrawn, key: str | None, asked: Event
    ) -> int:
        """Records the event, and with the key that this was asked for."""
        require_item(connection, self._key, event.item)
        at = self._database.now(connection)
        position = record(connection, self._key, here, [event], at)
        if key is not None:
            own = {"project": self._key, "annotator": event.annotator, "key": storable(key)}
            connection.execute(_KEEP_KEY, own | {"body": _body(asked), "position": position, "at": at})
        return position

    def _known(self, connection: Connection, asked: Event, key: str | None) -> int | None:
        """What the key got before."""
        if key is None:
            return None
        own = {"project": self._key, "annotator": encode(asked).annotator, "key": key}
        row = connection.execute(_KNOWN, own).first()
        if row is None:
            return None
        if row.body != _body(asked):
            raise ConflictError(f"the idempotency key {key!r} came with another body before; make a new key")
        return int(row.position)

    def _said(self, connection: Connection, position: int | None) -> _Said | None:
        """The answer that stands for this position: where it restores an older one, that one."""
        row = connection.execute(sa.select(events).filter_by(project=self._key, position=position)).first()
        answer = None if row is None else decode(EventRow(row.kind, row.item, row.annotator, row.payload))
        if position is None or not isinstance(answer, Answered):
            return None
        return _Said(position, answer) if answer.restores is None else self._said(connection, answer.restores)

    def _stands(self, connection: Connection, item: str, annotator: str) -> int | None:
        return connection.scalar(_STANDS, {"project": self._key, "item": item, "annotator": annotator})


def _body(asked: Event) -> str:
    return hashlib.blake2b(to_json(list(encode(asked))).encode(), digest_size=16).hexdigest()
