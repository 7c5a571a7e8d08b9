"""A child process answers, fails, dies and ends with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.service.made_project import until

from tithe.errors import ConfigError
from tithe.service.child import Child, ChildError

MODULE = """
    import os, sys, time
    from tithe.errors import ConfigError
    from tithe.service.child import serve

    def double(number):
        return 2 * number

    def slow(seconds):
        time.sleep(seconds)
        return "done"

    def refuse():
        raise ConfigError("not like this")

    def fail():
        return 1 / 0

    def die():
        sys.stderr.write("the last words\\n")
        sys.stderr.flush()
        os._exit(7)

    answers = os.dup(1)

    def choke():
        os.write(answers, b'{"id": 1, "ans')
        os._exit(9)

    def make(told):
        def tell():
            told("counting", 1, 2)
            print("this must not stand between the answers")
            return os.getpid()
        return {one.__name__: one for one in (double, slow, refuse, fail, die, choke, tell)}

    serve(make)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    (tmp_path / "some_child.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told: list[tuple[str, int, int]] = []
    made = Child("some_child", [], errors=tmp_path / "logs" / "child.log", told=lambda *said: told.append(said))
    made.told = told  # type: ignore[attr-defined]
    yield made
    made.close()


def test_answers_come_back(child: Child) -> None:
    assert child.call("double", number=21) == 42


def test_progress_is_told_and_prints_do_no_harm(child: Child) -> None:
    assert child.call("tell") == child.pid
    assert child.told == [("counting", 1, 2)]  # type: ignore[attr-defined]


def test_threads_get_their_own_answers(child: Child) -> None:
    found: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: child.call("double", number=n)})) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: 2 * n for n in range(20)}


def test_an_error_of_ours_keeps_its_kind_and_words(child: Child) -> None:
    with pytest.raises(ConfigError, match="not like this"):
        child.call("refuse")
    assert child.call("double", number=1) == 2


def test_any_other_error_comes_with_its_traceback(child: Child) -> None:
    with pytest.raises(ChildError, match="ZeroDivisionError") as caught:
        child.call("fail")
    assert "in fail" in caught.value.trace


def test_a_dead_child_is_told_with_its_last_words_and_started_again(child: Child) -> None:
    with pytest.raises(ChildError, match="exit code 7") as caught:
        child.call("die")
    assert "the last words" in caught.value.trace
    assert child.call("double", number=2) == 4


def test_a_child_that_dies_in_the_middle_of_an_answer_is_told_too(child: Child) -> None:
    with pytest.raises(ChildError, match="exit code 9"):
        child.call("choke")
    assert child.call("double", number=2) == 4


def test_a_killed_child_fails_all_who_wait(child: Child) -> None:
    child.call("double", number=1)
    trouble: list[BaseException] = []

    def wait() -> None:
        try:
            child.call("slow", seconds=30)
        except ChildError as error:
            trouble.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(child._waiting) == 3)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    assert len(trouble) == 3
    assert all("signal 9" in str(one) for one in trouble)


def test_close_ends_it_in_the_middle_of_its_work(child: Child) -> None:
    child.call("double", number=1)
    pid = child.pid
    assert pid is not None
    child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ChildError, match="closing"):
        child.call("double", number=1)


def test_it_rests_and_begins_again(child: Child) -> None:
    first = child.call("tell")
    child.rest()
    assert child.pid is None
    assert child.call("tell") != first


def test_it_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "some_child.py").write_text(textwrap.dedent(MODULE))
    parent = f"""
        import sys, time
        from pathlib import Path
        from tithe.service.child import Child
        child = Child("some_child", [], errors=Path({str(tmp_path)!r}) / "log", told=print)
        print(child.call("tell"), flush=True)
        child.call("slow", seconds=60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(2)]  # progress, then the number
    pid = int(said[-1])
    process.kill()
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return  # dead; nobody has asked for its exit code
        time.sleep(0.05)
    pytest.fail("the child outlived its parent")
