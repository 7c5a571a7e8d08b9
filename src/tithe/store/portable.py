"""Backups: one form for every database, a SQLite file of the store's own tables.

Being a store itself, a backup can be looked into with any SQLite tool, and one of an older version is migrated like
any other database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from tithe.data.files import clear_errors, replacing
from tithe.errors import ConflictError, DataError, StoreError
from tithe.store.database import Database
from tithe.store.sql import SQLStore, opened
from tithe.store.tables import METADATA

_CHUNK = 2_000


def backup(url: str, into: Path) -> None:
    """Writes one state of the whole database into a new file, while others go on writing; all of it or nothing.

    Raises:
        DataError: the file is there already, or cannot be written.
        StoreError: there is no database, it is damaged, or the disk is full.
    """
    if into.exists():
        raise DataError(f"{into} is there already; name a new file")
    source = Database(url).file
    with clear_errors(into), replacing(into) as part:
        if source is not None:
            _copy_file(source, Path(part.name))
        else:
            with opened(url, fresh=False) as store, opened(f"sqlite:///{part.name}") as target:
                _copy_tables(store, target)
        _seal(Path(part.name))


def restore(file: Path, url: str) -> list[str]:
    """Brings a backup back into a database that has no projects yet; the ids of its projects.

    Raises:
        DataError: there is no such file.
        ConflictError: the database holds projects.
        StoreError: the backup is damaged, comes from a newer tithe, or the database cannot be written.
    """
    if not file.is_file():
        raise DataError(f"there is no file {file}; give one that `tithe backup` wrote")
    target = Database(url).file
    if target is None:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "backup.sqlite"
            _sound_copy(file, copy)
            with opened(f"sqlite:///{copy}") as source, opened(url) as store:
                _refuse_projects(store, url)
                _copy_tables(source, store)
                return store.projects()
    if target.exists():
        with opened(url) as store:
            _refuse_projects(store, str(target))
    with clear_errors(target), replacing(target) as part:
        _sound_copy(file, Path(part.name))
    with opened(url, fresh=False) as store:
        return store.projects()


def _refuse_projects(store: SQLStore, where: str) -> None:
    if store.projects():
        raise ConflictError(f"{where} holds the project {store.projects()[0]!r}; restore into an empty one")


def _sound_copy(file: Path, copy: Path) -> None:
    """A copy in the newest schema, looked through."""
    _copy_file(file, copy)
    with opened(f"sqlite:///{copy}", fresh=False) as store:
        faults = store.faults()
    if faults:
        raise StoreError(f"the backup {file} is damaged: {faults[0]}; take an older one")
    _seal(copy)


def _copy_file(source: Path, target: Path) -> None:
    """SQLite's own online backup; in one step, so that it sees one state and no writer can make it begin again."""
    if not source.is_file():
        raise StoreError(f"there is no database {source}; name the folder of a project")
    with _said(source), closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _seal(path: Path) -> None:
    """Makes one file of it, without a write-ahead log, and reads it through."""
    with _said(path), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").close()
        said = connection.execute("PRAGMA quick_check").fetchone()[0]
    if said != "ok":
        raise StoreError(f"{path} is damaged: {said}; take an older backup")


def _copy_tables(source: SQLStore, target: SQLStore) -> None:
    with source.database.reading() as one, target.database.writing() as other:
        for table in METADATA.sorted_tables:
            rows = one.execution_options(yield_per=_CHUNK).execute(sa.select(table)).mappings()
            for chunk in rows.partitions():
                other.execute(sa.insert(table), [dict(row) for row in chunk])


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}; check the disk, or take an older backup") from None
