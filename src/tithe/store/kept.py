"""The log of one project in a database: the four calls of `tithe.log.Log`, and its rows with time and position."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tithe.errors import ConfigError, ConflictError, UnknownItemError
from tithe.log import Added, Answered, Declared, Event, Snapshot, Withdrawn
from tithe.store import items as item_rows
from tithe.store.database import Database
from tithe.store.rows import EventRow, decode, encode
from tithe.store.tables import batches, events, items, leases, projects, standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PAGE = 5_000
"""Events of one query: memory stays small, and no read transaction lasts."""


class Recorded(NamedTuple):
    """An event with its position and the time when it was recorded (seconds since 1970)."""

    position: int
    at: float
    event: Event


class KeptLog:
    """A log that a database keeps. Each call is one transaction; each process folds every event once."""

    def __init__(self, database: Database, project: int) -> None:
        """The log of the project with this key."""
        self._database, self._key = database, project
        self._latest = Snapshot.empty()
        self._folding = Lock()

    def append(self, *events: Event, expected: int | None = None) -> int:
        """Adds events, all or none; the position after them.

        Raises ConflictError where the log is not at `expected`; DataError for an id that is already there.
        """
        with self._database.writing() as connection:
            here = locked(connection, self._key)
            if expected is not None and here != expected:
                raise ConflictError(f"the log is at position {here}, not {expected}: read on from there and try again")
            return record(connection, self._key, here, events, self._database.now(connection))

    def events(self, after: int = 0) -> Sequence[Event]:
        """The events behind a position."""
        return [one.event for one in self.recorded(after)]

    def recorded(self, after: int = 0, *, item: str | None = None) -> Iterator[Recorded]:
        """The events behind a position one by one, of one item or of all; in memory is one page."""
        while True:
            with self._database.reading() as connection:
                page = _page(connection, self._key, after, item)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].position

    def snapshot(self, at: int | None = None) -> Snapshot:
        """The log folded up to `at` (default: all of it). Cost: the new events, or a fold from the start for `at`.

        Raises ConfigError for a position that the log does not have.
        """
        with self._folding:
            new = self.events(self._latest.position)
            if new:
                self._latest = self._latest.apply(new)
            latest = self._latest
        if at is None or at == latest.position:
            return latest
        if not 0 <= at <= latest.position:
            raise ConfigError(f"the log has the positions 0 to {latest.position}; asked for {at}")
        return Snapshot.empty().apply(one.event for one in self.recorded() if one.position <= at)

    def __len__(self) -> int:
        with self._database.reading() as connection:
            return int(connection.scalar(sa.select(projects.c.position).where(projects.c.key == self._key)) or 0)


def _page(connection: Connection, project: int, after: int, item: str | None) -> list[Recorded]:
    query = sa.select(events).where(events.c.project == project, events.c.position > after)
    if item is not None:
        query = query.where(events.c.item == item)
    rows = connection.execute(query.order_by(events.c.position).limit(_PAGE)).all()
    return [Recorded(row.position, row.at, _event(connection, project, row)) for row in rows]


def _event(connection: Connection, project: int, row: Any) -> Event:
    if row.kind == "added":
        return Added(item_rows.read(connection, project, json.loads(row.payload)["batch"]))
    return decode(EventRow(row.kind, row.item, row.annotator, row.payload))


def locked(connection: Connection, project: int) -> int:
    """The position of the log; until the transaction ends nobody else can change this project."""
    query = sa.select(projects.c.position).where(projects.c.key == project).with_for_update()
    return int(connection.execute(query).scalar_one())


def record(connection: Connection, project: int, here: int, new: Iterable[Event], at: float) -> int:
    """Writes events behind `here`, the `locked` position, and what is derived from them; the position after them."""
    position = here
    rows = []
    for event in new:
        position += 1
        row = encode(event)
        if isinstance(event, Added):
            batch = item_rows.begin(connection, project)
            item_rows.refuse_double(connection, project, event.items.ids)
            item_rows.insert(connection, project, batch, 0, event.items)
            about = item_rows.About()
            about.add(event.items)
            row = item_rows.publish(connection, project, batch, position, about)
        elif isinstance(event, Answered | Withdrawn):
            _stand(connection, project, event, position)
        elif isinstance(event, Declared):
            connection.execute(sa.update(projects).where(projects.c.key == project).values(task=event.task))
        rows.append(row)
    return write(connection, project, here, rows, at)


def write(connection: Connection, project: int, start: int, rows: Sequence[EventRow], at: float) -> int:
    """Puts rows behind position `start`, the `locked` one; the position after them."""
    if rows:
        numbered = enumerate(rows, start + 1)
        connection.execute(
            sa.insert(events),
            [{"project": project, "position": here, **row._asdict(), "at": at} for here, row in numbered],
        )
        after = start + len(rows)
        connection.execute(sa.update(projects).where(projects.c.key == project).values(position=after))
    return start + len(rows)


def _stand(connection: Connection, project: int, event: Answered | Withdrawn, position: int) -> None:
    """Keeps the table of standing answers in step with the log; an answer also ends its annotator's lease."""
    own = {"project": project, "item": event.item, "annotator": event.annotator}
    if isinstance(event, Answered):
        upsert(connection, standing, own, {"position": position})
        connection.execute(sa.delete(leases).filter_by(**own))
    else:
        connection.execute(sa.delete(standing).filter_by(**own))


def upsert(connection: Connection, table: sa.Table, own: dict[str, Any], values: dict[str, Any]) -> None:
    """Writes a row, in the place of the one with the same primary key (`own`) if there is one."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(table).values(**own, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=list(own), set_=values))


def require_item(connection: Connection, project: int, item: str) -> None:
    """Raises UnknownItemError unless the item was added."""
    here = (items.c.project == batches.c.project) & (items.c.batch == batches.c.batch)
    query = (
        sa.select(items.c.row)
        .join(batches, here)
        .where(items.c.project == project, items.c.id == item, batches.c.position.is_not(None))
    )
    if connection.scalar(query) is None:
        raise UnknownItemError(f"no item has the id {item!r} in this project; ask for the next items again")
