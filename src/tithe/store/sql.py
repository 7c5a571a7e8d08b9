"""The store in a database: SQLite by default, Postgres by URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tithe.errors import ConflictError, UnknownNameError, near
from tithe.log import Declared
from tithe.store.check import rebuild
from tithe.store.clock import Clock
from tithe.store.database import Database
from tithe.store.kept import record
from tithe.store.migrate import migrate
from tithe.store.project import StoredProject
from tithe.store.rows import storable, to_json
from tithe.store.tables import projects

if TYPE_CHECKING:
    from sqlalchemy import Connection


class SQLStore:
    """Projects in one database. Threads may share it; each process opens its own.

    Raises StoreError where the database cannot be opened, belongs to another program or to a newer tithe. One of an
    older tithe is migrated.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, fresh: bool = True) -> None:
        """Opens the database; makes its tables if it is empty and `fresh`. For `clock` see `Database`."""
        self.database = Database(url, clock=clock)
        self._projects: dict[str, StoredProject] = {}
        try:
            with self.database.writing() as connection:
                if not self.database.is_sqlite:
                    _one_at_a_time(connection)
                migrate(connection, self.database.name, fresh=fresh)
        except BaseException:
            self.close()
            raise

    def create(
        self, id: str, task: str, labels: tuple[str, ...], *, name: str = "", settings: Mapping[str, Any] | None = None
    ) -> StoredProject:
        """A new project, whose log begins with its labels. Raises ConflictError where the id is taken."""
        with self.database.writing() as connection:
            if not self.database.is_sqlite:
                _one_at_a_time(connection)
            if connection.scalar(sa.select(projects.c.key).where(projects.c.id == id)) is not None:
                raise ConflictError(f"there is a project {id!r} already; give the new one another id")
            key = (connection.scalar(sa.select(sa.func.max(projects.c.key))) or 0) + 1
            at = self.database.now(connection)
            row = {
                "key": key,
                "id": storable(id),
                "name": storable(name or id),
                "settings": to_json(dict(settings or {})),
            }
            connection.execute(sa.insert(projects).values(**row, task=task, created=at, position=0, batches=0))
            record(connection, key, 0, [Declared(task, tuple(labels))], at)
        return self.project(id)

    def project(self, id: str) -> StoredProject:
        """The project with this id; the same object each time, so that its log is folded once.

        Raises UnknownNameError where there is none.
        """
        if id not in self._projects:
            with self.database.reading() as connection:
                key = connection.scalar(sa.select(projects.c.key).where(projects.c.id == id))
            if key is None:
                raise UnknownNameError(f"there is no project {id!r}; {near(id, self.projects())}")
            self._projects.setdefault(id, StoredProject(self.database, key, id))
        return self._projects[id]

    def projects(self) -> list[str]:
        """The ids of all projects, the oldest first."""
        with self.database.reading() as connection:
            return list(connection.scalars(sa.select(projects.c.id).order_by(projects.c.key)))

    def faults(self) -> list[str]:
        """What is wrong with what the database holds, a sentence each; none in a sound one."""
        found = []
        with self.database.reading() as connection:
            if self.database.is_sqlite:
                said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                found = [*(one for one in said if one != "ok"), *(f"a row of {row[0]} has no parent" for row in broken)]
        return found + [f"project {id!r}: {fault}" for id in self.projects() for fault in self.project(id).faults()]

    def rebuild(self) -> None:
        """Makes all derived tables anew from the log."""
        with self.database.writing() as connection:
            for key in connection.scalars(sa.select(projects.c.key)).all():
                rebuild(connection, key)

    def close(self) -> None:
        """Gives back all connections; the store is of no use afterwards."""
        self.database.close()


def _one_at_a_time(connection: Connection) -> None:
    """On Postgres: those who make tables or projects wait for each other until the transaction ends."""
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(7116840)"))


@contextmanager
def opened(url: str, *, fresh: bool = True) -> Iterator[SQLStore]:
    """A store that is closed at the end."""
    store = SQLStore(url, fresh=fresh)
    try:
        yield store
    finally:
        store.close()
