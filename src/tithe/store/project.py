"""One project of a store in a database: its log, its items, its leases and its answers behind one name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from tithe.log import Answered, Event, Snapshot
from tithe.store.answers import Annotation, Answers
from tithe.store.check import faults
from tithe.store.database import Database
from tithe.store.importing import Importer, Tell
from tithe.store.kept import KeptLog, Recorded, locked
from tithe.store.leases import Lease, Leases
from tithe.store.rows import to_json
from tithe.store.tables import projects
from tithe.types import Items


class StoredProject:
    """A project. Every call is one transaction (`add`: many small ones, of which only the last shows anything)."""

    def __init__(self, database: Database, key: int, id: str) -> None:
        """The project with this key; `Store.project` finds it."""
        self.id = id
        self._database, self._key = database, key
        self._log = KeptLog(database, key)
        self._importer = Importer(database, key)
        self._answers = Answers(database, key)
        self._leases = Leases(database, key)

    @property
    def name(self) -> str:
        """What people call it."""
        with self._database.reading() as connection:
            return str(connection.scalar(sa.select(projects.c.name).where(projects.c.key == self._key)))

    def append(self, *events: Event, expected: int | None = None) -> int:
        """Adds events, all or none, behind position `expected` if given; the position after them."""
        return self._log.append(*events, expected=expected)

    def events(self, after: int = 0) -> Sequence[Event]:
        """The events behind a position."""
        return self._log.events(after)

    def snapshot(self, at: int | None = None) -> Snapshot:
        """The log folded up to `at` (default: all of it)."""
        return self._log.snapshot(at)

    def __len__(self) -> int:
        return len(self._log)

    def recorded(
        self, after: int = 0, *, item: str | None = None, kinds: Sequence[type[Event]] | None = None
    ) -> Iterator[Recorded]:
        """The events behind a position, of one item or of all, of some kinds or of all, with position and time."""
        return self._log.recorded(after, item=item, kinds=kinds)

    def add(self, parts: Iterable[Items], tell: Tell | None = None, *, then: Sequence[Event] = ()) -> int:
        """Adds all parts as one event, with the events `then` behind it, or nothing; the position after them."""
        return self._importer.add(parts, tell, then)

    def take(self, annotator: str, ids: Iterable[str], n: int, *, seconds: float, slots: int = 1) -> list[Lease]:
        """Leases on the first `n` of `ids` that this annotator may work on."""
        return self._leases.take(annotator, ids, n, seconds=seconds, slots=slots)

    def ask(
        self, annotator: str, ids: Iterable[str], asked: Callable[[str], Event], *, seconds: float, slots: int = 1
    ) -> tuple[Lease, int] | None:
        """A lease on the first of `ids` that is free, and the position of the event that says that it was asked."""
        return self._leases.ask(annotator, ids, asked, seconds=seconds, slots=slots)

    def renew(self, annotator: str, ids: Sequence[str], *, seconds: float) -> list[Lease]:
        """The leases on these items that are still this annotator's, made longer."""
        return self._leases.renew(annotator, ids, seconds=seconds)

    def release(self, annotator: str, ids: Sequence[str] | None = None) -> None:
        """Gives items back (default: all)."""
        self._leases.release(annotator, ids)

    def held(self, annotator: str | None = None) -> list[Lease]:
        """The leases that hold now."""
        return self._leases.held(annotator)

    def submit(self, answer: Answered, key: str | None = None) -> int:
        """Keeps an answer, once for each idempotency key; its number."""
        return self._answers.submit(answer, key)

    def undo(self, annotation: int, annotator: str, key: str | None = None) -> int:
        """Takes back an answer that stands, by an event; the event's number."""
        return self._answers.undo(annotation, annotator, key)

    def annotations(self, after: int = 0, *, standing_only: bool = False) -> Iterator[Annotation]:
        """All answers behind a position, one by one."""
        return self._answers.each(after, standing_only=standing_only)

    def settings(self) -> dict[str, Any]:
        """The project's settings."""
        with self._database.reading() as connection:
            said = connection.scalar(sa.select(projects.c.settings).where(projects.c.key == self._key))
        settings: dict[str, Any] = json.loads(said or "{}")
        return settings

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Replaces these of the settings."""
        with self._database.writing() as connection:
            locked(connection, self._key)
            said = connection.scalar(sa.select(projects.c.settings).where(projects.c.key == self._key))
            merged = to_json(json.loads(said or "{}") | dict(settings))
            connection.execute(sa.update(projects).where(projects.c.key == self._key).values(settings=merged))

    def faults(self) -> list[str]:
        """What is wrong with what the database holds of this project, a sentence each; none in a sound one."""
        with self._database.reading() as connection:
            return faults(connection, self._key)
