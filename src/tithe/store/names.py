"""Labels that go out of the store have the names of now; the log keeps those that were given."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tithe.log import Declared, Renamed
from tithe.naming import Names, called
from tithe.store.rows import EventRow, decode
from tithe.store.tables import events, projects
from tithe.types import Label

if TYPE_CHECKING:
    from sqlalchemy import Connection


class NamesOfNow:
    """What a label that an answer gave is called now; it depends on where the answer stands in the log.

    >>> names = NamesOfNow([(3, Renamed("a", "b")), (6, Declared("choice", ("a", "b"))), (8, Renamed("b", "c"))])
    >>> [names.of("a", at) for at in (2, 5, 7)]
    ['c', 'c', 'a']
    """

    def __init__(self, changes: Iterable[tuple[int, Declared | Renamed]]) -> None:
        """Of the positions and events that change names, ascending. Cost: the changes times the names given up."""
        changes = list(changes)
        then = [Names()]
        for _, event in changes:
            then.append(
                then[-1].after(event.old, event.new)
                if isinstance(event, Renamed)
                else then[-1].with_declared(event.labels)
            )
        self._positions = [position for position, _ in changes]
        self._now: list[Mapping[str, str]] = []
        later: dict[str, str] = {}
        for names, change in zip(reversed(then), [*reversed(changes), None], strict=True):
            given_up = {old: later.get(new, new) for old, new in names.retired.items()}
            self._now.append({**later, **given_up})
            if change is not None and isinstance(event := change[1], Renamed):
                later[event.old] = later.get(event.new, event.new)
        self._now.reverse()

    def of(self, label: Label | None, position: int) -> Label | None:
        """What the label of the answer at this position is called now."""
        return called(label, self._now[bisect_left(self._positions, position)])


class NameReader:
    """Reads what changed the names of a project's labels; each process reads each event once."""

    def __init__(self, project: int) -> None:
        """Of the project with this key."""
        self._key = project
        self._read = 0
        self._changes: list[tuple[int, Declared | Renamed]] = []
        self._names = NamesOfNow(())
        self._guard = Lock()

    def now(self, connection: Connection) -> NamesOfNow:
        """The names of now. Cost: a look at the new events; all of them at the first call."""
        e = events.c
        with self._guard:
            last = connection.scalar(sa.select(projects.c.position).where(projects.c.key == self._key)) or 0
            new = sa.select(events).where(e.project == self._key, e.position > self._read, e.position <= last)
            before = len(self._changes)
            for row in connection.execute(new.where(e.kind.in_(("declared", "renamed"))).order_by(e.position)):
                event = decode(EventRow(row.kind, row.item, row.annotator, row.payload))
                if isinstance(event, Declared | Renamed):
                    self._changes.append((row.position, event))
            self._read = max(self._read, last)
            if len(self._changes) > before:
                self._names = NamesOfNow(self._changes)
            return self._names
