"""The store in a database: the log in memory as its oracle, versions of the schema, full disks, clocks."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tithe.errors import ConfigError, ConflictError, DataError, MissingExtraError, StoreError, TitheError
from tithe.log import Added, Answered, Asked, Drawn, Event, Log, Published, Renamed, Snapshot, Withdrawn
from tithe.store import migrate, names
from tithe.store.rows import EventRow, decode
from tithe.store.sql import SQLStore
from tithe.store.tables import METADATA, events, items, projects, standing
from tithe.testing.stores import state
from tithe.types import Items, Span

HERE = Path(__file__).parent


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/tithe.sqlite"


@pytest.fixture
def open_at() -> Iterator[Callable[..., SQLStore]]:
    made: list[SQLStore] = []

    def opening(url: str, **more: object) -> SQLStore:
        made.append(SQLStore(url, **more))  # type: ignore[arg-type]
        return made[-1]

    yield opening
    for store in made:
        store.close()


# --- the oracle

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
labels = st.one_of(
    texts,
    st.frozensets(texts, max_size=3),
    st.lists(st.builds(Span, st.integers(0, 3), st.integers(4, 9), texts), max_size=3).map(tuple),
)
who = st.sampled_from(["ann", "bøb", "c'yd"])
some = st.sampled_from("abcd")
happenings: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Answered, some, labels, who, seconds=st.floats(0, 1e6), flagged=st.booleans(), comment=st.text(max_size=9)
    ),
    st.builds(Answered, some, st.none(), who, st.sampled_from(["skip", "reject"]), st.none() | st.integers(1, 9)),
    st.builds(Withdrawn, some, who, st.integers(1, 9)),
    st.builds(Asked, st.lists(some).map(tuple), texts, st.integers(0, 9), st.integers(0, 9)),
    st.builds(Drawn, st.lists(some).map(tuple)),
    st.builds(Published, texts, st.integers(0, 9)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.lists(happenings, max_size=6), max_size=5), st.lists(texts, min_size=4, max_size=4))
def test_any_events_fold_to_the_same_snapshot_as_in_memory(
    open_at: Callable[..., SQLStore], url: str, history: list[list[Event]], said: list[str]
) -> None:
    store = open_at(url)
    project = store.create(f"p{len(store.projects())}", "choice", ("x",))
    memory = Log(project.events())
    for batch in [[Added(Items(list("abcd"), said))], *history]:
        assert project.append(*batch) == memory.append(*batch)
        assert state(project.snapshot()) == state(memory.snapshot())
    assert list(project.events(2)) == list(memory.events(2))
    assert project.faults() == []
    store.close()


# --- versions


def contents() -> list[Event]:
    return [
        Added(Items(["a", "b"], ["one", "zwei"], ["x", None], "old.csv")),
        Asked(("a", "b"), "margin", 3, 2),
        Answered("a", "x", "ann", seconds=1.5),
        Answered("a", "y", "ann", replaces=4, flagged=True, comment="hm", proposal=3),
    ]


def test_the_newest_migration_makes_the_tables_that_the_code_knows(open_at: Callable[..., SQLStore], url: str) -> None:
    store = open_at(url)
    inspector = sa.inspect(store.database.engine)
    assert {*inspector.get_table_names()} == {*METADATA.tables, "alembic_version"}
    for name, table in METADATA.tables.items():
        found = {column["name"]: (str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)}
        assert found == {column.name: (str(column.type), column.nullable) for column in table.columns}
        assert inspector.get_pk_constraint(name)["constrained_columns"] == [one.name for one in table.primary_key]
        unique = {tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)}
        wanted = {
            tuple(c.name for c in one.columns) for one in table.constraints if isinstance(one, sa.UniqueConstraint)
        }
        assert unique == wanted | {(c.name,) for c in table.columns if c.unique}
        assert {one["name"] for one in inspector.get_indexes(name)} >= {one.name for one in table.indexes}


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A database as version 1 left it; the dump is never made anew."""
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as connection:
        connection.executescript((HERE / "version-1.sql").read_text("utf-8"))
    return f"sqlite:///{tmp_path}/old.sqlite"


def test_a_database_of_version_1_opens(open_at: Callable[..., SQLStore], old: str) -> None:
    store = open_at(old)
    project = store.project("reviews")
    assert state(project.snapshot()) == state(Log([*project.events()[:1], *contents()]).snapshot())
    assert project.settings() == {"strategy": "margin"}
    assert store.faults() == []
    assert project.submit(Answered("a", "y", "ann", replaces=4, flagged=True, comment="hm", proposal=3), "k") == 5


def test_events_of_before_they_told_more_have_the_defaults() -> None:
    published = EventRow("published", None, None, '{"fingerprint":"f","labelled":3}')
    assert decode(published) == Published("f", 3, position=0, score=None)
    asked = EventRow("asked", None, None, '{"ids":["a"],"position":2,"seed":3,"strategy":"margin"}')
    assert decode(asked) == Asked(("a",), "margin", 3, 2, n=0, start="", trainer="", initial="")


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.add_column("items", sa.Column("meta", sa.Text))
    {more}
"""


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this tithe one of a version later, whose migration does `more`."""

    def become(more: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "v0002.py").write_text(NEXT.format(more=more))
        monkeypatch.setattr(migrate, "MIGRATIONS", folder)

    return become


def test_a_newer_version_migrates_and_the_older_one_then_refuses(
    open_at: Callable[..., SQLStore], old: str, newer: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = migrate.MIGRATIONS
    newer("pass")
    store = open_at(old)
    assert "meta" in {column["name"] for column in sa.inspect(store.database.engine).get_columns("items")}
    assert store.project("reviews").snapshot().labels == {"a": "y"}
    monkeypatch.setattr(migrate, "MIGRATIONS", mine)
    with pytest.raises(StoreError, match=r"has the schema 0002, and this tithe knows up to 0001: a newer tithe"):
        open_at(old)


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    open_at: Callable[..., SQLStore], old: str, newer: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = migrate.MIGRATIONS
    newer("raise RuntimeError('power cut')")
    with pytest.raises(RuntimeError, match="power cut"):
        open_at(old)
    monkeypatch.setattr(migrate, "MIGRATIONS", mine)
    assert "meta" not in {column["name"] for column in sa.inspect(open_at(old).database.engine).get_columns("items")}


# --- what cannot be opened or written


def test_files_that_are_no_store_are_refused_in_one_line(open_at: Callable[..., SQLStore], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 99)
    with closing(sqlite3.connect(tmp_path / "other")) as connection:
        connection.execute("CREATE TABLE guests (name)")
    for name, said in (
        ("text", "is no SQLite database"),
        ("other", r"holds the tables of another program \(guests\)"),
        ("no/such/folder", "cannot be opened or made; check that its folder is there"),
    ):
        with pytest.raises(StoreError, match=said) as caught:
            open_at(f"sqlite:///{tmp_path}/{name}")
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="is empty and no store"):
        open_at(f"sqlite:///{tmp_path}/new", fresh=False)


@pytest.mark.parametrize("bad", ["sqlite://", "nonsense", "mysql://here/x", "what://x"])
def test_a_url_of_no_store_is_refused(open_at: Callable[..., SQLStore], bad: str) -> None:
    with pytest.raises((ConfigError, MissingExtraError)):
        open_at(bad)


def on_each_connection(store: SQLStore, pragma: str) -> None:
    store.database.engine.dispose()
    sa.event.listen(store.database.engine, "connect", lambda connection, _: connection.execute(pragma).close())


def test_a_full_disk_is_one_clear_error_and_nothing_is_half_in(open_at: Callable[..., SQLStore], url: str) -> None:
    store = open_at(url)
    project = store.create("p", "choice", ("x",))
    project.add([Items(["a"], ["text"])])
    on_each_connection(store, "PRAGMA max_page_count=60")  # what SQLite makes of a full disk
    for call in (
        lambda: project.add([Items([str(n) for n in range(5_000)], ["word " * 20] * 5_000)]),
        lambda: project.append(Answered("a", "x", comment="long " * 99_999)),
    ):
        with pytest.raises(StoreError, match="the disk is full; nothing of this change was kept"):
            call()
        assert len(project) == 2
    assert store.faults() == []
    project.submit(Answered("a", "x"))  # a small change still fits


def test_a_database_that_cannot_be_written_is_one_clear_error(open_at: Callable[..., SQLStore], url: str) -> None:
    store = open_at(url)
    project = store.create("p", "choice", ("x",))
    on_each_connection(store, "PRAGMA query_only=ON")  # what SQLite makes of a read-only file
    with pytest.raises(StoreError, match=r"tithe.sqlite: it cannot be written to; change its permissions"):
        project.append(Published("f", 1))
    assert len(project) == 1


def test_a_server_that_is_not_there_is_one_clear_error(open_at: Callable[..., SQLStore]) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match=r"the database says: .*refused") as caught:
        open_at("postgresql://me:secret@127.0.0.1:9/x")
    assert "secret" not in str(caught.value)


# --- clocks


@pytest.mark.parametrize(("jump", "free"), [(-86_400.0, True), (86_400.0, True), (-30.0, False), (30.0, False)])
def test_a_clock_that_jumps_never_blocks_an_item_for_longer_than_a_lease(
    open_at: Callable[..., SQLStore], url: str, jump: float, free: bool
) -> None:
    now = 1e9
    store = open_at(url, clock=lambda: now)
    project = store.create("p", "choice", ("x",))
    project.add([Items(["a"], ["text"])])
    assert project.take("ann", ["a"], 1, seconds=600)
    now += jump
    assert bool(project.held("ann")) is not free
    assert bool(project.take("bob", ["a"], 1, seconds=60)) is free
    number = project.submit(Answered("a", "x", "ann"))
    assert project.snapshot(number).labels == {"a": "x"}


# --- what happens between two imports, and what the check finds


def test_a_later_import_takes_over_and_the_earlier_one_leaves_nothing(
    open_at: Callable[..., SQLStore], url: str
) -> None:
    mine, other = open_at(url), open_at(url)
    project = mine.create("p", "choice", ("x",))

    def parts() -> Iterator[Items]:
        yield Items(["a"], ["mine"])
        assert other.project("p").add([Items(["a"], ["other"])]) == 2
        yield Items(["b"], ["mine"])

    with pytest.raises(DataError, match="another import into this project began before this one was whole"):
        project.add(parts())
    assert list(project.snapshot().items.texts) == ["other"]
    assert project.faults() == []


def test_an_import_that_was_killed_neither_shows_nor_blocks(open_at: Callable[..., SQLStore], url: str) -> None:
    store = open_at(url)
    project = store.create("p", "choice", ("x",))
    from tithe.store import items as rows

    with store.database.writing() as connection:  # as far as a killed import came
        rows.insert(connection, 1, rows.begin(connection, 1), 0, Items(["a", "b"], ["1", "2"]))
    assert len(project.snapshot().items) == 0
    with pytest.raises(TitheError, match="no item has the id 'a'"):
        project.submit(Answered("a", "x"))
    assert project.append(Added(Items(["b"], ["anew"]))) == 2
    assert list(project.snapshot().items.texts) == ["anew"]
    assert project.faults() == []


DAMAGE = {
    "jumps from position 1 to 3": sa.delete(events).where(events.c.position == 2),
    "ends at position 5, and the project says 9": sa.update(projects).values(position=9),
    "the task is 'choice' in the log": sa.update(projects).values(task="spans"),
    "disagree over the batches": sa.delete(events).where(events.c.kind == "added"),
    "has 1 items, and its last is number 2": sa.delete(items).where(items.c.id == "a"),
    "the answer of 'ann' to 'a' that stands is 5 in the log, and 4": sa.update(standing).values(position=4),
    "the answer of 'ann' to 'a' that stands is 5 in the log, and None": sa.delete(standing),
}


@pytest.mark.parametrize("said", DAMAGE)
def test_the_check_finds_damage(open_at: Callable[..., SQLStore], url: str, said: str) -> None:
    store = open_at(url)
    store.create("p", "choice", ("x", "y")).append(*contents())
    assert store.faults() == []
    with store.database.writing() as connection:
        connection.execute(DAMAGE[said])
    assert any(said in fault for fault in store.faults())
    if "stands" in said:
        store.rebuild()
        assert store.faults() == []


def test_a_kind_of_event_from_a_later_version_is_refused(open_at: Callable[..., SQLStore], url: str) -> None:
    store = open_at(url)
    store.create("p", "choice", ("x",))
    with store.database.writing() as connection:
        connection.execute(sa.update(events).values(kind="merged"))
    with pytest.raises(StoreError, match="'merged', which this tithe does not know"):
        store.project("p").snapshot()


def test_each_event_is_folded_once(open_at: Callable[..., SQLStore], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = open_at(url).create("p", "choice", ("x",))
    project.add([Items([str(n) for n in range(50)], ["t"] * 50)])
    folded: list[int] = []
    apply = Snapshot.apply

    def counting(self: Snapshot, new: list[Event]) -> Snapshot:
        folded.append(len(new))
        return apply(self, new)

    monkeypatch.setattr(Snapshot, "apply", counting)
    for n in range(5):
        project.submit(Answered(str(n), "x"))
        project.snapshot()
        project.snapshot()
    assert folded == [3, 1, 1, 1, 1]


def test_a_payload_is_json_that_others_can_read(open_at: Callable[..., SQLStore], url: str) -> None:
    store = open_at(url)
    store.create("p", "choice", ("x", "y")).append(*contents())
    with store.database.reading() as connection:
        rows = connection.execute(sa.select(events.c.kind, events.c.payload).order_by(events.c.position)).all()
    assert [row.kind for row in rows] == ["declared", "added", "asked", "answered", "answered"]
    assert json.loads(rows[4].payload) == {"label": "y", "replaces": 4, "flagged": True, "comment": "hm", "proposal": 3}


def test_an_empty_append_changes_nothing(open_at: Callable[..., SQLStore], url: str) -> None:
    project = open_at(url).create("p", "choice", ("x",))
    assert project.append() == 1
    with pytest.raises(ConflictError, match="at position 1, not 0"):
        project.append(expected=0)


def test_answers_wait_for_the_disk_and_leases_do_not(open_at: Callable[..., SQLStore], url: str) -> None:
    database = open_at(url).database
    for lasting, level in ((True, 2), (False, 1), (True, 2)):  # FULL, NORMAL: the same connection is used again
        with database.writing(lasting=lasting) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_names_are_read_once_and_renames_of_another_process_are_seen(
    open_at: Callable[..., SQLStore], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = open_at(url), open_at(url)
    project = mine.create("p", "choice", ("x", "y"))
    project.add([Items(["a", "b"], ["1", "2"])])
    project.submit(Answered("a", "x"))
    decoded: list[str] = []
    monkeypatch.setattr(names, "decode", lambda row: decoded.append(row.kind) or decode(row))
    assert [one.answer.label for one in project.annotations()] == ["x"]
    assert other.project("p").append(Renamed("x", "z")) == 4
    project.submit(Answered("b", "x"))
    for _ in range(2):
        assert [one.answer.label for one in project.annotations()] == ["z", "z"]
    assert decoded == ["declared", "renamed"]
