"""Who works on which item until when: at most `slots` people on an item, never two on one (item, slot)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from tithe.errors import ConfigError
from tithe.store.database import Database
from tithe.store.kept import locked
from tithe.store.rows import storable
from tithe.store.tables import leases, standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_S = 3_600.0
"""No lease is longer. One that ends later was given by a clock that ran ahead, and is over."""

_CHUNK = 500


class Lease(NamedTuple):
    """An item that an annotator holds until a time, in seconds since 1970."""

    item: str
    slot: int
    annotator: str
    until: float


class Leases:
    """The leases of one project. Each call is one transaction that the project's other changes wait for.

    A power cut may lose the last leases, never an answer: it takes the pages away from those who held them as well.
    """

    def __init__(self, database: Database, project: int) -> None:
        """Of the project with this key."""
        self._database, self._key = database, project

    def take(self, annotator: str, ids: Sequence[str], n: int, *, seconds: float, slots: int = 1) -> list[Lease]:
        """Leases on the first `n` of `ids` that have a free slot, in their order; fewer where there are no more.

        Passed over: items that this annotator holds or has answered, and those where people who hold or have answered
        them fill all slots. Cost: two queries for every 500 ids looked at.
        """
        storable(annotator)
        ids = list(dict.fromkeys(ids))
        with self._database.writing(lasting=False) as connection:
            now = self._start(connection, seconds)
            taken: list[Lease] = []
            for start in range(0, len(ids), _CHUNK):
                chunk = ids[start : start + _CHUNK]
                free = _free(self._held(connection, chunk), self._answered(connection, chunk), chunk, annotator, slots)
                taken += [Lease(item, slot, annotator, now + seconds) for item, slot in free]
                if len(taken) >= n:
                    break
            taken = taken[: max(n, 0)]
            if taken:
                connection.execute(sa.insert(leases), [{"project": self._key, **one._asdict()} for one in taken])
            return taken

    def renew(self, annotator: str, ids: Sequence[str], *, seconds: float) -> list[Lease]:
        """The leases on these items that are still this annotator's, made longer; those lost are not among them."""
        with self._database.writing(lasting=False) as connection:
            now = self._start(connection, seconds, sweep=False)
            own = (leases.c.project == self._key) & (leases.c.annotator == annotator) & leases.c.item.in_(ids)
            connection.execute(sa.update(leases).where(own).values(until=now + seconds))
            return self._read(connection, own)

    def release(self, annotator: str, ids: Sequence[str] | None = None) -> None:
        """Gives items back (default: all of this annotator's)."""
        own = (leases.c.project == self._key) & (leases.c.annotator == annotator)
        with self._database.writing(lasting=False) as connection:
            locked(connection, self._key)
            connection.execute(sa.delete(leases).where(own if ids is None else own & leases.c.item.in_(ids)))

    def held(self, annotator: str | None = None) -> list[Lease]:
        """The leases that hold now, of one annotator or of all; the earliest to end first."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            live = (leases.c.project == self._key) & (leases.c.until > now) & (leases.c.until <= now + LONGEST_S)
            return self._read(connection, live if annotator is None else live & (leases.c.annotator == annotator))

    def _start(self, connection: Connection, seconds: float, *, sweep: bool = True) -> float:
        """The time; with leases that are over swept away."""
        if not 0 < seconds <= LONGEST_S:
            raise ConfigError(f"a lease lasts up to {LONGEST_S:g} seconds and can be renewed; given {seconds:g}")
        locked(connection, self._key)
        now = self._database.now(connection)
        if sweep:
            over = (leases.c.until <= now) | (leases.c.until > now + LONGEST_S)
            connection.execute(sa.delete(leases).where(leases.c.project == self._key, over))
        return now

    def _read(self, connection: Connection, which: sa.ColumnElement[bool]) -> list[Lease]:
        columns = (leases.c.item, leases.c.slot, leases.c.annotator, leases.c.until)
        rows = connection.execute(sa.select(*columns).where(which).order_by(leases.c.until, leases.c.item)).all()
        return [Lease(*row) for row in rows]

    def _held(self, connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """For each item, who holds which slot."""
        rows = self._of(connection, leases, ids, leases.c.slot)
        found: dict[str, dict[str, int]] = {}
        for item, annotator, slot in rows:
            found.setdefault(item, {})[annotator] = slot
        return found

    def _answered(self, connection: Connection, ids: Sequence[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for item, annotator, _ in self._of(connection, standing, ids, standing.c.position):
            found.setdefault(item, set()).add(annotator)
        return found

    def _of(self, connection: Connection, table: sa.Table, ids: Sequence[str], column: sa.Column[Any]) -> Sequence[Any]:
        query = sa.select(table.c.item, table.c.annotator, column)
        return connection.execute(query.where(table.c.project == self._key, table.c.item.in_(ids))).all()


def _free(
    held: dict[str, dict[str, int]], answered: dict[str, set[str]], ids: Sequence[str], annotator: str, slots: int
) -> list[tuple[str, int]]:
    """The items that the annotator may have, each with a slot that nobody holds."""
    found = []
    for item in ids:
        holders, done = held.get(item, {}), answered.get(item, set())
        if annotator in holders or annotator in done or len(done | holders.keys()) >= slots:
            continue
        found.append((item, next(slot for slot in range(slots) if slot not in holders.values())))
    return found
