"""`kill -9` and Ctrl-C of the real command at many points; started again, it ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tithe import Plan, Study, simulate
from tithe.data import write_rows
from tithe.errors import CacheError, ConfigError
from tithe.experiment import simulate as module
from tithe.experiment.journal import Journal

sys.path.insert(0, str(Path(__file__).parent))
from sameness import assert_same
from sets import two_sets

pytestmark = pytest.mark.system

TITHE = str(Path(sys.executable).with_name("tithe"))
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def plan_of(example: Any, **more: Any) -> Plan:
    how = {"strategies": ("random", "margin", "auto"), "starts": ("lexical",), "budgets": (16, 30, 44), "seeds": 2}
    return Plan(str(example.train), str(example.test), **how | more)


@pytest.fixture(scope="module")
def whole(example: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the plan, never killed."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    simulate(plan_of(example), folder, engine="inline")
    return folder


def begun(plan: Plan | Study, out: Path, *options: str, cache: Path | None = None) -> subprocess.Popen[str]:
    """The real command in a process group of its own, so that a signal reaches its workers as from a terminal."""
    (out.parent / "plan.toml").write_text(plan.to_toml(), "utf-8")
    command = [TITHE, "simulate", str(out.parent / "plan.toml"), "--out", str(out), *options]
    env = {**os.environ, **ONE_THREAD} | ({"TITHE_CACHE": str(cache)} if cache else {})
    return subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heard,  # noqa: PLW1509  # no threads here, and it allocates nothing
    )


def heard() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C; a person's command hears it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def lines(out: Path) -> int:
    path = out / ".unfinished" / "steps.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def when(process: subprocess.Popen[str], ready: Callable[[], bool], number: int) -> tuple[str, str]:
    """Sends a signal as soon as `ready`; the output. Fails where the process ends before that."""
    limit = time.monotonic() + 240
    while not ready():
        assert process.poll() is None, f"it ended too early: {process.communicate()}"
        assert time.monotonic() < limit
        time.sleep(0.001)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
    return process.communicate(timeout=240)


def kill_at(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    when(process, ready, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("line", [1, 8, 15])
def test_killed_after_some_lines_it_goes_on_and_ends_the_same(
    example: Any, whole: Path, tmp_path: Path, line: int
) -> None:
    out = tmp_path / "out"
    kill_at(begun(plan_of(example), out, "--engine", "inline"), lambda: lines(out) >= line)
    kept = lines(out)
    assert line <= kept < 25
    again: list[object] = []
    simulate(plan_of(example), out, engine="inline", on_step=lambda state, step: again.append(step))
    assert len(again) == 25, "each step is heard of once, those from before the kill too"
    assert_same(whole, out)


@pytest.mark.parametrize("line", [3, 12])
def test_killed_among_several_data_sets_it_goes_on_and_ends_the_same(example: Any, tmp_path: Path, line: int) -> None:
    study = two_sets(example, tmp_path / "data")
    simulate(study, tmp_path / "whole", engine="inline")
    out = tmp_path / "out"
    kill_at(begun(study, out, "--engine", "inline"), lambda: lines(out) >= line)
    kept = lines(out)
    again: list[object] = []
    simulate(study, out, engine="inline", on_step=lambda state, step: again.append(step))
    assert line <= kept < len(again) == 26
    assert_same(tmp_path / "whole", out)


def test_killed_with_workers_it_goes_on_and_no_worker_is_left(example: Any, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = begun(plan_of(example), out, "--workers", "2")
    kill_at(process, lambda: lines(out) >= 5)
    limit = time.monotonic() + 120
    while members(process.pid):
        assert time.monotonic() < limit, "workers outlive a killed command"
        time.sleep(0.05)
    simulate(plan_of(example), out, engine="inline")
    assert_same(whole, out)


def members(group: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_killed_while_embedding_it_goes_on_and_ends_the_same(example: Any, tmp_path: Path) -> None:
    for name, items in (("train", example.pool), ("test", example.held)):  # 60 and 20 texts are enough to embed
        rows = range(60 if name == "train" else 20)
        columns = {"text": [items.texts[row] for row in rows], "label": [items.gold[row] for row in rows]}
        write_rows(tmp_path / f"{name}.csv", columns)
    files = {"train": str(tmp_path / "train.csv"), "test": str(tmp_path / "test.csv")}
    how = {"starts": ("minilm",), "strategies": ("margin",), "seeds": 1, "budgets": (16, 30), "full": False}
    plan = replace(plan_of(example, **how), **files)
    simulate(plan, tmp_path / "whole", engine="inline")
    out, cache = tmp_path / "out", tmp_path / "cache"
    kill_at(begun(plan, out, cache=cache), lambda: any(cache.glob("*/shards-*")))
    assert not out.exists(), "nothing is written to --out before the first step"
    simulate(plan, out, engine="inline", cache=cache)
    assert_same(tmp_path / "whole", out)


def unfinished(example: Any, out: Path, steps: int) -> None:
    """A simulation that ended after some steps, as a kill between two of them would leave it."""

    class EnoughError(Exception):
        pass

    heard: list[object] = []

    def stop(state: Any, step: Any) -> None:
        heard.append(step)
        if len(heard) == steps:
            raise EnoughError

    with pytest.raises(EnoughError):
        simulate(plan_of(example), out, engine="inline", on_step=stop)
    assert lines(out) == steps


@pytest.mark.parametrize("left", [1, -1])
def test_a_torn_last_line_is_dropped(example: Any, whole: Path, tmp_path: Path, left: int) -> None:
    out = tmp_path / "out"
    unfinished(example, out, 9)
    path = out / ".unfinished" / "steps.jsonl"
    *good, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(good) + last[:left])
    simulate(plan_of(example), out, engine="inline")
    assert_same(whole, out)


@pytest.mark.parametrize("moved", [0, 3, 6])
def test_killed_while_the_results_are_written_it_ends_the_same(
    example: Any, whole: Path, tmp_path: Path, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    done = []
    moving = Path.replace

    class Killed(BaseException):
        pass

    def dying(path: Path, target: Path) -> Path:
        if path.parent.name == "staged":
            if len(done) == moved:
                raise Killed
            done.append(path)
        return moving(path, target)

    def dying_at_last(journal: Journal) -> None:
        raise Killed

    monkeypatch.setattr(Path, "replace", dying)
    monkeypatch.setattr(Journal, "remove", dying_at_last)
    with pytest.raises(Killed):
        simulate(plan_of(example), out, engine="inline")
    monkeypatch.undo()
    monkeypatch.setenv("TITHE_CACHE", os.environ["TITHE_CACHE"])
    assert len(done) == moved
    monkeypatch.setattr(module, "take_step", lambda *given: pytest.fail("a finished step was done again"))
    simulate(plan_of(example), out, engine="inline")
    assert_same(whole, out)


def test_killed_before_the_first_step_it_begins_anew(example: Any, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ".unfinished").mkdir(parents=True)  # a kill right after the folder was made
    simulate(plan_of(example), tmp_path / "out", engine="inline")
    assert_same(whole, tmp_path / "out")


def test_an_unfinished_run_does_not_go_on_with_another_plan_or_other_data(example: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(example, out, 3)
    before = (out / ".unfinished" / "steps.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="an unfinished run of another plan or of other data"):
        simulate(plan_of(example, seeds=4), out, engine="inline")
    stamp = out / ".unfinished" / "plan-digest"
    stamp.write_text("of the same plan on other files")
    with pytest.raises(ConfigError, match="an unfinished run of another plan or of other data"):
        simulate(plan_of(example), out, engine="inline")
    assert (out / ".unfinished" / "steps.jsonl").read_bytes() == before


def test_a_journal_gives_back_what_it_was_given(example: Any, tmp_path: Path) -> None:
    heard: list[Any] = []
    unfinished(example, tmp_path, 9)
    for key, number, step in Journal(tmp_path, (tmp_path / ".unfinished" / "plan-digest").read_text()).steps():
        heard.append((key, number, step))
    assert [number for _, number, _ in heard] == [0] * 7 + [1] * 2
    raw = [json.loads(line) for line in (tmp_path / ".unfinished" / "steps.jsonl").read_text().splitlines()]
    assert [tuple(line["step"]["asked"]) for line in raw] == [step.asked for _, _, step in heard]
    assert all(isinstance(step.row["test_correct"], bytes) for _, _, step in heard if step.row)


# --- Ctrl-C


@pytest.mark.parametrize("options", [("--engine", "inline"), ("--workers", "2")])
def test_ctrl_c_says_one_line_and_the_same_command_goes_on(
    example: Any, whole: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    process = begun(plan_of(example), out, *options)
    _, said = when(process, lambda: lines(out) >= 3, signal.SIGINT)
    assert process.returncode == 130, said
    told = [line for line in said.splitlines() if not line.startswith(("note:", "rounds:", "counting words:"))]
    assert told == ["tithe: stopped. Nothing finished is lost: the same command goes on from here"]
    assert {path.name for path in out.iterdir()} == {".unfinished"}
    simulate(plan_of(example), out, engine="inline")
    assert_same(whole, out)


# --- no room


def fill_up(path: Path) -> None:
    """Writes until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_loses_nothing_and_the_same_command_goes_on(example: Any, whole: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    filler = small_disk / "filler"
    heard: list[object] = []

    def on_step(state: Any, step: Any) -> None:
        heard.append(step)
        if len(heard) == 12:
            fill_up(filler)

    with pytest.raises(CacheError, match=r"cannot write to .*out: No space left on device; free some space"):
        simulate(plan_of(example), out, engine="inline", on_step=on_step)
    assert {path.name for path in out.iterdir()} == {".unfinished"}
    filler.unlink()
    simulate(plan_of(example), out, engine="inline")
    assert_same(whole, out)


def test_a_disk_full_from_the_start_leaves_nothing(example: Any, small_disk: Path) -> None:
    fill_up(small_disk / "filler")
    with pytest.raises(CacheError, match=r"cannot write to .*out: No space left on device"):
        simulate(plan_of(example), small_disk / "deep" / "out", engine="inline")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
