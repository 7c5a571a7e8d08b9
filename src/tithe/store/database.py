"""A database by its URL: connections, short transactions, one writer at a time, and errors of one line.

SQLite runs in WAL mode, where readers never wait for the writer, with `synchronous=FULL`: a commit returns after the
log is on the disk, so what was acknowledged survives `kill -9` and a power cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from tithe.errors import ConfigError, MissingExtraError, StoreError
from tithe.store.clock import Clock, steady_clock
from tithe.store.turns import Turns

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUSY_S = 15
"""How long a writer waits for the writer of another process."""

_ADVICE = {  # SQLite's code, without its extension -> what to do
    "SQLITE_FULL": "the disk is full; nothing of this change was kept: make room and try again",
    "SQLITE_READONLY": "it cannot be written to; change its permissions, or name another folder",
    "SQLITE_CANTOPEN": "it cannot be opened or made; check that its folder is there and may be written to",
    "SQLITE_BUSY": f"another process has been writing to it for {BUSY_S} seconds; nothing was kept, try again",
    "SQLITE_CORRUPT": "it is damaged; restore a backup (tithe restore)",
    "SQLITE_NOTADB": "it is no SQLite database; name the right file, or restore a backup (tithe restore)",
    "SQLITE_IOERR": "the disk failed or is full; nothing of this change was kept",
}


class Database:
    """Connections to one database. Close it at the end."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """Connects to nothing yet.

        `clock` tells the time of leases; by default SQLite uses this machine's, guarded against being set, and
        Postgres the server's own, which all machines share.
        """
        try:
            parsed = sa.make_url(url)
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            if self.is_sqlite and not parsed.database:
                raise ConfigError(f"a store needs a file; given {url!r}; write sqlite:///path/to/tithe.sqlite")
            more: dict[str, Any] = {"connect_args": {"timeout": BUSY_S}} if self.is_sqlite else {"pool_pre_ping": True}
            self.engine = sa.create_engine(parsed, pool_size=8, max_overflow=56, **more)
        except NoSuchModuleError:
            raise ConfigError(f"no database is known for {url!r}; there are: postgresql, sqlite") from None
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"{error.name} is needed for {parsed.render_as_string()}; install it: pip install 'tithe[postgres]'"
            ) from None
        except SQLAlchemyError as error:
            raise ConfigError(f"{error}; write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
        self.name = str(parsed.database) if self.is_sqlite else parsed.render_as_string()  # hides the password
        self._clock = clock or (steady_clock() if self.is_sqlite else None)
        self._turns = Turns()
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare)
            sa.event.listen(self.engine, "begin", _begin)

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on a server."""
        return Path(self.name) if self.is_sqlite else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of everything."""
        with self._clear(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[Connection]:
        """A transaction that writes: all of it is kept at the end, or nothing. Keep it short; others wait.

        Without `lasting` it survives the process but maybe not a power cut, and SQLite need not wait for the disk.
        """
        with self._turns.turn(), self._clear(), self.engine.connect() as connection:
            connection = connection.execution_options(tithe_writes="FULL" if lasting else "NORMAL")
            with connection.begin():
                yield connection

    def now(self, connection: Connection) -> float:
        """The time that leases go by, in seconds since 1970."""
        if self._clock is not None:
            return self._clock()
        return float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")))

    def close(self) -> None:
        """Gives back all connections."""
        self.engine.dispose()

    @contextmanager
    def _clear(self) -> Iterator[None]:
        """Turns what the driver says into one line. IntegrityError comes through: callers know what it means."""
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except DBAPIError as error:
            raise StoreError(f"{self.name}: {_advice(error)}") from error
        except sa.exc.TimeoutError:
            raise StoreError(f"{self.name}: all connections are in use; try again") from None


def _advice(error: DBAPIError) -> str:
    code = "_".join(str(getattr(error.orig, "sqlite_errorname", "")).split("_")[:2])
    if code in _ADVICE:
        return _ADVICE[code]
    if getattr(error.orig, "sqlstate", None) == "53100":
        return _ADVICE["SQLITE_FULL"]
    said = " ".join(str(error.orig).split())
    return f"the database says: {said}"


def _prepare(connection: Any, _: object) -> None:
    """Settings of each new connection to SQLite."""
    connection.isolation_level = None  # the driver must begin no transactions of its own; `_begin` does
    for setting in (
        f"busy_timeout={BUSY_S * 1000}",
        "journal_mode=WAL",
        "foreign_keys=ON",
        f"journal_size_limit={64 << 20}",
    ):
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE waits for its turn at once; a transaction that reads first and writes later would be refused.
    synchronous = connection.get_execution_options().get("tithe_writes")
    if synchronous:
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if synchronous else "BEGIN")
