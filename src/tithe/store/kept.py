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
from tithe.store.rows import NAMES, EventRow, decode, encode
from tithe.store.tables import batches, events, items, leases, projects, standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PAGE = 5_000
"""Events of one query: memory stays small, and no read transaction lasts."""

# Every answer needs these, and making a statement costs more than running it: so they are made once.
_POSITION = sa.select(projects.c.position).where(projects.c.key == sa.bindparam("project"))
_LOCKED = _POSITION.with_for_update()
_ALL = (
    sa.select(events)
    .where(events.c.project == sa.bindparam("project"), events.c.position > sa.bindparam("after"))
    .order_by(events.c.position)
    .limit(_PAGE)
)
_OF_ITEM, _OF_KINDS = events.c.item == sa.bindparam("item"), events.c.kind.in_(sa.bindparam("kinds", expanding=True))
_EVENTS = {
    (False, False): _ALL,
    (True, False): _ALL.where(_OF_ITEM),
    (False, True): _ALL.where(_OF_KINDS),
    (True, True): _ALL.where(_OF_ITEM, _OF_KINDS),
}
"""By whether of one item, and whether of some kinds."""
_RECORD = sa.insert(events)
_MOVE = sa.update(projects).where(projects.c.key == sa.bindparam("own")).values(position=sa.bindparam("to"))


def _of_one(table: sa.Table) -> sa.Delete:
    own = (table.c[name] == sa.bindparam(name) for name in ("project", "item", "annotator"))
    return sa.delete(table).where(*own)


_END_LEASE, _FALL = _of_one(leases), _of_one(standing)


def _upsert(insert: Any) -> Any:
    """Writes a row of `standing`, in the place of the one with the same primary key if there is one."""
    return insert.on_conflict_do_update(
        index_elements=["project", "item", "annotator"], set_={"position": insert.excluded.position}
    )


_STAND = {
    "sqlite": _upsert(sqlite.insert(standing)),
    "postgresql": _upsert(postgresql.insert(standing)),
}
_ITEM = (
    sa.select(items.c.row)
    .join(batches, (items.c.project == batches.c.project) & (items.c.batch == batches.c.batch))
    .where(
        items.c.project == sa.bindparam("project"),
        items.c.id == sa.bindparam("item"),
        batches.c.position.is_not(None),
    )
)


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

    def recorded(
        self, after: int = 0, *, item: str | None = None, kinds: Sequence[type[Event]] | None = None
    ) -> Iterator[Recorded]:
        """The events behind a position one by one, of one item or of all, of some kinds or of all; it holds one page.

        Without `Added` among the kinds no items are read.
        """
        names = None if kinds is None else [NAMES[kind] for kind in kinds]
        while True:
            with self._database.reading() as connection:
                page = _page(connection, self._key, after, item, names)
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
            return int(connection.scalar(_POSITION, {"project": self._key}) or 0)


def _page(
    connection: Connection, project: int, after: int, item: str | None, kinds: list[str] | None
) -> list[Recorded]:
    own = {"project": project, "after": after, "item": item, "kinds": kinds}
    rows = connection.execute(_EVENTS[item is not None, kinds is not None], own).all()
    return [Recorded(row.position, row.at, _event(connection, project, row)) for row in rows]


def _event(connection: Connection, project: int, row: Any) -> Event:
    if row.kind == "added":
        return Added(item_rows.read(connection, project, json.loads(row.payload)["batch"]))
    return decode(EventRow(row.kind, row.item, row.annotator, row.payload))


def locked(connection: Connection, project: int) -> int:
    """The position of the log; until the transaction ends nobody else can change this project."""
    return int(connection.execute(_LOCKED, {"project": project}).scalar_one())


def record(connection: Connection, project: int, here: int, new: Iterable[Event], at: float) -> int:
    """Writes events behind `here`, the `locked` position, and what is derived from them; the position after them."""
    position = here
    rows, said = [], list[tuple[int, Answered | Withdrawn]]()
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
            said.append((position, event))
        elif isinstance(event, Declared):
            connection.execute(sa.update(projects).where(projects.c.key == project).values(task=event.task))
        rows.append(row)
    _settle(connection, project, said)
    return write(connection, project, here, rows, at)


def write(connection: Connection, project: int, start: int, rows: Sequence[EventRow], at: float) -> int:
    """Puts rows behind position `start`, the `locked` one; the position after them."""
    if rows:
        numbered = enumerate(rows, start + 1)
        connection.execute(
            _RECORD,
            [{"project": project, "position": here, **row._asdict(), "at": at} for here, row in numbered],
        )
        connection.execute(_MOVE, {"own": project, "to": start + len(rows)})
    return start + len(rows)


def _settle(connection: Connection, project: int, said: Sequence[tuple[int, Answered | Withdrawn]]) -> None:
    """Keeps the table of standing answers in step with the log; an answer also ends its annotator's lease.

    `said` is what came in, with positions.
    """
    last = {(event.item, event.annotator): (at, event) for at, event in said}  # the later one settles it
    keys = [{"project": project, "item": item, "annotator": who} for item, who in last]
    stands, falls = [], []
    for key, (at, event) in zip(keys, last.values(), strict=True):
        if isinstance(event, Answered):
            stands.append(key | {"position": at})
        else:
            falls.append(key)
    over = {(event.item, event.annotator) for _, event in said if isinstance(event, Answered)}
    ended = [key for key in keys if (key["item"], key["annotator"]) in over]
    for statement, rows in ((_STAND[connection.dialect.name], stands), (_FALL, falls), (_END_LEASE, ended)):
        if rows:
            connection.execute(statement, rows)


def require_item(connection: Connection, project: int, item: str) -> None:
    """Raises UnknownItemError unless the item was added."""
    if connection.scalar(_ITEM, {"project": project, "item": item}) is None:
        raise UnknownItemError(f"no item has the id {item!r} in this project; ask for the next items again")
