"""Several processes on one database, kill -9 at any moment, and the lock of a project's folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tithe.errors import ConfigError, LockedError, StoreError
from tithe.rng import stream
from tithe.store.folder import ProjectFolder
from tithe.store.sql import SQLStore, opened
from tithe.types import Items

WORKER = Path(__file__).with_name("worker.py")
HOLDER = """
import subprocess, sys, time
from pathlib import Path
from tithe.store.folder import ProjectFolder
with ProjectFolder(Path(sys.argv[1])).locked():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
    print(child.pid, flush=True)
    time.sleep(600)
"""


def worker(url: str, who: str, what: str, out: Path) -> subprocess.Popen[bytes]:
    with out.open("ab") as file:
        return subprocess.Popen([sys.executable, str(WORKER), url, who, what], stdout=file)


def wait_until(claim: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def said(out: Path, word: str) -> list[list[str]]:
    lines = out.read_text().splitlines() if out.exists() else []
    return [line.split() for line in lines if line.startswith(word)]


def filled(url: str, count: int) -> None:
    with opened(url) as store:
        store.create("p", "choice", ("x",)).add([Items([str(n) for n in range(count)], ["t"] * count)])


def check_nothing_lost_or_shown_twice(store: SQLStore, out: Path) -> None:
    project = store.project("p")
    kept = {int(number): item for _, item, number in said(out, "kept")}
    stored = {one.position: one.answer.item for one in project.annotations()}
    assert kept.items() <= stored.items()
    shown = Counter(item for _, item in said(out, "shown"))
    assert [item for item, times in shown.items() if times > 1] == []
    assert store.faults() == []


@pytest.mark.system
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_never_share_an_item(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/t.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres")
    filled(url, 120)
    out = tmp_path / "out"
    workers = [worker(url, f"w{n}", "answer", out) for n in range(3)]
    assert [one.wait(120) for one in workers] == [0, 0, 0]
    with opened(url) as store:
        check_nothing_lost_or_shown_twice(store, out)
        assert len(store.project("p").snapshot().labels) == 120
        assert len(said(out, "kept")) == 120


@pytest.mark.system
def test_kill_9_loses_nothing_acknowledged_and_shows_nothing_twice(tmp_path: Path) -> None:
    url, out = f"sqlite:///{tmp_path}/t.sqlite", tmp_path / "out"
    filled(url, 3_000)
    rng = stream(0, "tests", "kill")
    for round_ in range(4):
        before = len(said(out, "kept"))
        child = worker(url, f"w{round_}", "answer", out)
        wait_until(lambda before=before: len(said(out, "kept")) > before)  # type: ignore[misc]
        time.sleep(float(rng.uniform(0, 0.15)))
        child.kill()
        assert child.wait() == -signal.SIGKILL
        with opened(url) as store:
            check_nothing_lost_or_shown_twice(store, out)


def test_kill_9_in_an_import_leaves_nothing_and_the_next_import_works(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.sqlite"
    filled(url, 3)
    child = worker(url, "w", "import", tmp_path / "out")
    wal = tmp_path / "t.sqlite-wal"
    try:
        wait_until(lambda: wal.exists() and wal.stat().st_size > 300_000)
    finally:
        child.kill()
        child.wait()
    with opened(url) as store:
        project = store.project("p")
        assert len(project.snapshot().items) == 3
        project.add([Items(["w-0-0", "new"], ["a", "b"])])
        assert list(project.snapshot().items.ids) == ["0", "1", "2", "w-0-0", "new"]
        assert store.faults() == []


# --- the folder


def test_a_second_server_is_refused_with_the_number_of_the_first_and_nothing_stale_is_left(tmp_path: Path) -> None:
    folder = ProjectFolder.make(tmp_path / "p")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(LockedError, match=f"process {holder.pid} has .* open"), folder.locked():
            pass
        holder.kill()
        holder.wait()
        os.kill(child, 0)  # the holder's child lives on, and has no part in the lock
        with folder.locked():
            assert (folder.path / "lock").read_text() == f"{os.getpid()}\n"
            with pytest.raises(LockedError, match="this process has"), ProjectFolder(folder.path).locked():
                pass
        with folder.locked():
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no project\.toml"):
        ProjectFolder(tmp_path)
    (tmp_path / "project.toml").write_text("database = ")
    with pytest.raises(ConfigError, match=r"cannot read .*project\.toml"):
        ProjectFolder(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        ProjectFolder.make(tmp_path / "file" / "p")


def test_a_project_says_where_its_database_is(tmp_path: Path) -> None:
    assert ProjectFolder.make(tmp_path / "a").url == f"sqlite:///{tmp_path}/a/tithe.sqlite"
    url = 'postgresql://me:it\'s "secret"@here/x'
    assert ProjectFolder.make(tmp_path / "b", url).url == url
    assert (tmp_path / "b" / "project.toml").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="there is a project in"):
        ProjectFolder.make(tmp_path / "a")


def test_processes_that_open_a_new_database_together_make_it_once(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom tithe.errors import ConflictError\nfrom tithe.store.sql import SQLStore\n"
        "try:\n    SQLStore(sys.argv[1]).create('p', 'choice', ('x',))\nexcept ConflictError:\n    print('second')"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/t.sqlite"]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sorted(one.communicate()[0] for one in racers) == ["", "second\n", "second\n"]
    assert [one.returncode for one in racers] == [0, 0, 0]
