"""Who works on which item until when: at most `slots` people on an item, never two on one (item, slot)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from tithe.errors import ConfigError
from tithe.log import Event
from tithe.store.database import Database
from tithe.store.kept import locked, record
from tithe.store.rows import storable
from tithe.store.tables import leases, standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_S = 3_600.0
"""No lease is longer. One that ends later was given by a clock that ran ahead, and is over."""

_FEW, _CHUNK = 16, 500
"""Ids looked at in the first query and in each further one: most of the time the first of them are free."""

# Made once: every question needs them.
_PROJECT = leases.c.project == sa.bindparam("project")
_COLUMNS = (leases.c.item, leases.c.slot, leases.c.annotator, leases.c.until)
_HELD = (
    sa.select(*_COLUMNS)
    .where(_PROJECT, leases.c.until > sa.bindparam("now"), leases.c.until <= sa.bindparam("latest"))
    .order_by(leases.c.until, leases.c.item)
)
_HELD_BY = _HELD.where(leases.c.annotator == sa.bindparam("annotator"))
# An update may not have the names of columns for its parameters.
_OWN = (
    (leases.c.project == sa.bindparam("of"))
    & (leases.c.annotator == sa.bindparam("by"))
    & leases.c.item.in_(sa.bindparam("ids", expanding=True))
)
_READ_OWN = sa.select(*_COLUMNS).where(_OWN).order_by(leases.c.until, leases.c.item)
_RENEW = sa.update(leases).where(_OWN).values(until=sa.bindparam("till"))
_INSERT = sa.insert(leases)
_SWEEP = sa.delete(leases).where(
    _PROJECT, (leases.c.until <= sa.bindparam("now")) | (leases.c.until > sa.bindparam("latest"))
)


def _among(table: sa.Table, column: sa.Column[Any]) -> sa.Select[Any]:
    ids = table.c.item.in_(sa.bindparam("ids", expanding=True))
    return sa.select(table.c.item, table.c.annotator, column).where(table.c.project == sa.bindparam("project"), ids)


_HOLDERS, _DONE = _among(leases, leases.c.slot), _among(standing, standing.c.position)


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

    def take(self, annotator: str, ids: Iterable[str], n: int, *, seconds: float, slots: int = 1) -> list[Lease]:
        """Leases on the first `n` of `ids` that have a free slot, in their order; fewer where there are no more.

        Passed over: items that this annotator holds or has answered, and those where people who hold or have answered
        them fill all slots. Cost: two queries for every 500 ids looked at; the others are not even read from `ids`.
        """
        with self._database.writing(lasting=False) as connection:
            _, now = self._start(connection, seconds)
            return self._take(connection, annotator, ids, n, until=now + seconds, slots=slots)

    def ask(
        self, annotator: str, ids: Iterable[str], asked: Callable[[str], Event], *, seconds: float, slots: int = 1
    ) -> tuple[Lease, int] | None:
        """As `take` of one item, with the event that it was asked, in the same transaction: both or none.

        The lease and the position of the event; None where none of the items is free.
        """
        with self._database.writing(lasting=False) as connection:
            here, now = self._start(connection, seconds)
            taken = self._take(connection, annotator, ids, 1, until=now + seconds, slots=slots)
            return (taken[0], record(connection, self._key, here, [asked(taken[0].item)], now)) if taken else None

    def _take(
        self, connection: Connection, annotator: str, ids: Iterable[str], n: int, *, until: float, slots: int
    ) -> list[Lease]:
        storable(annotator)
        left, seen, size = iter(ids), set[str](), max(_FEW, min(2 * n, _CHUNK))
        taken: list[Lease] = []
        while len(taken) < n and (some := list(islice(left, size))):
            chunk = [one for one in dict.fromkeys(some) if one not in seen]
            seen.update(chunk)
            size = _CHUNK
            free = _free(self._held(connection, chunk), self._answered(connection, chunk), chunk, annotator, slots)
            taken += [Lease(item, slot, annotator, until) for item, slot in free]
        taken = taken[: max(n, 0)]
        if taken:
            connection.execute(_INSERT, [{"project": self._key, **one._asdict()} for one in taken])
        return taken

    def renew(self, annotator: str, ids: Sequence[str], *, seconds: float) -> list[Lease]:
        """The leases on these items that are still this annotator's, made longer; those lost are not among them."""
        with self._database.writing(lasting=False) as connection:
            _, now = self._start(connection, seconds, sweep=False)
            own = {"of": self._key, "by": annotator, "ids": list(ids)}
            connection.execute(_RENEW, own | {"till": now + seconds})
            return [Lease(*row) for row in connection.execute(_READ_OWN, own)]

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
            own: dict[str, Any] = {"project": self._key, "now": now, "latest": now + LONGEST_S}
            query, own = (_HELD, own) if annotator is None else (_HELD_BY, own | {"annotator": annotator})
            return [Lease(*row) for row in connection.execute(query, own)]

    def _start(self, connection: Connection, seconds: float, *, sweep: bool = True) -> tuple[int, float]:
        """The log's position and the time; with leases that are over swept away."""
        if not 0 < seconds <= LONGEST_S:
            raise ConfigError(f"a lease lasts up to {LONGEST_S:g} seconds and can be renewed; given {seconds:g}")
        here = locked(connection, self._key)
        now = self._database.now(connection)
        if sweep:
            connection.execute(_SWEEP, {"project": self._key, "now": now, "latest": now + LONGEST_S})
        return here, now

    def _held(self, connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """For each item, who holds which slot."""
        found: dict[str, dict[str, int]] = {}
        for item, annotator, slot in connection.execute(_HOLDERS, {"project": self._key, "ids": ids}):
            found.setdefault(item, {})[annotator] = slot
        return found

    def _answered(self, connection: Connection, ids: Sequence[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for item, annotator, _ in connection.execute(_DONE, {"project": self._key, "ids": ids}):
            found.setdefault(item, set()).add(annotator)
        return found


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
