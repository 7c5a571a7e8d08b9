"""Backups while others write, and back again, over both databases."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tithe.errors import ConflictError, DataError, StoreError
from tithe.log import Answered
from tithe.store.portable import backup, restore
from tithe.store.sql import SQLStore, opened
from tithe.store.tables import standing
from tithe.testing.stores import EVENTS, state
from tithe.types import Items

IDS = [str(n) for n in range(3_000)]


def filled(url: str) -> SQLStore:
    store = SQLStore(url)
    store.create("p", "choice", ("x",), settings={"share": 0.1}).append(*EVENTS)
    store.project("p").add([Items(IDS, IDS)])
    store.create("q", "spans", ("PER",))
    return store


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/t.sqlite"
    found: str = request.getfixturevalue("postgres")
    return found


def test_a_backup_taken_while_writing_holds_one_state_with_all_that_was_acknowledged(url: str, tmp_path: Path) -> None:
    store = filled(url)
    project, done, stop = store.project("p"), [len(store.project("p"))], threading.Event()

    def write() -> None:
        for one in IDS:
            if stop.is_set():
                return
            done.append(project.submit(Answered(one, "x", "ann"), one))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        before = done[-1]
        backup(url, tmp_path / "copy")
        after = done[-1]
    finally:
        stop.set()
        writer.join()
    assert not (tmp_path / "copy-wal").exists()
    restore(tmp_path / "copy", f"sqlite:///{tmp_path}/again.sqlite")
    with opened(f"sqlite:///{tmp_path}/again.sqlite") as again:
        snapshot = again.project("p").snapshot()
        assert before <= snapshot.position <= after + 1  # one may be kept and not yet acknowledged
        assert state(snapshot) == state(project.snapshot(snapshot.position))
        assert again.project("p").settings() == {"share": 0.1}
        assert again.projects() == ["p", "q"]
        assert again.project("p").submit(Answered(IDS[0], "x", "ann"), "new") == snapshot.position + 1
    store.close()


def test_a_backup_of_sqlite_goes_into_postgres_and_back(postgres: str, tmp_path: Path) -> None:
    store = filled(f"sqlite:///{tmp_path}/t.sqlite")
    wanted = state(store.project("p").snapshot())
    store.close()
    backup(f"sqlite:///{tmp_path}/t.sqlite", tmp_path / "one")
    assert restore(tmp_path / "one", postgres) == ["p", "q"]
    backup(postgres, tmp_path / "two")
    restore(tmp_path / "two", f"sqlite:///{tmp_path}/again.sqlite")
    for url in (postgres, f"sqlite:///{tmp_path}/again.sqlite"):
        with opened(url) as again:
            assert state(again.project("p").snapshot()) == wanted
            assert again.faults() == []
            again.create("r", "choice", ("x",))
    with pytest.raises(ConflictError, match="holds the project 'p'; restore into an empty one"):
        restore(tmp_path / "one", postgres)


def test_restore_replaces_nothing_and_refuses_what_is_damaged(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path}/t.sqlite", tmp_path / "copy"
    filled(url).close()
    backup(url, copy)
    with pytest.raises(DataError, match="copy is there already"):
        backup(url, copy)
    with pytest.raises(ConflictError, match="holds the project 'p'"):
        restore(copy, url)
    with pytest.raises(DataError, match="there is no file"):
        restore(tmp_path / "nothing", f"sqlite:///{tmp_path}/new.sqlite")
    with pytest.raises(StoreError, match="there is no database"):
        backup(f"sqlite:///{tmp_path}/nothing", tmp_path / "more")
    torn = tmp_path / "torn"
    torn.write_bytes(copy.read_bytes()[:-50_000])
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        restore(torn, f"sqlite:///{tmp_path}/new.sqlite")
    with opened(f"sqlite:///{copy}") as store, store.database.writing() as connection:
        connection.execute(sa.delete(standing))
    with pytest.raises(StoreError, match=r"the backup .*copy is damaged: project 'p': the answer of"):
        restore(copy, f"sqlite:///{tmp_path}/new.sqlite")
    assert {path.name for path in tmp_path.iterdir()} == {"t.sqlite", "copy", "torn"}


def test_a_backup_of_version_1_is_migrated_when_it_comes_back(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old")) as connection:
        connection.executescript(Path(__file__).with_name("version-1.sql").read_text("utf-8"))
    assert restore(tmp_path / "old", f"sqlite:///{tmp_path}/new.sqlite") == ["reviews"]
