"""The engine `stacked`: fits that meet are trained together, and nothing that one job does harms another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tithe import Choice, Examples, Items, Plan, simulate
from tithe.engines import Job
from tithe.engines.stacked import Stacked
from tithe.errors import ConfigError, JobError, TrainingError
from tithe.models.finetune import Finetune
from tithe.models.starts import prepare_start
from tithe.models.tuning import side_by_side
from tithe.rng import stream
from tithe.views import ViewStore

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "tuning"))
sys.path.insert(0, str(Path(__file__).parents[1] / "experiment"))
from sameness import assert_same
from tiny_bert import WORDS, encoder, tokenizer, write

TASK = Choice(["few", "many"])


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("tiny")))


def texts(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of low words, which are few, and of high words, which are many."""
    rng = stream(seed, "test", "texts")
    labels = ["few" if rng.random() < 0.5 else "many" for _ in range(count)]
    halves = {"few": WORDS[:20], "many": WORDS[20:]}
    return [" ".join(rng.choice(halves[label], rng.integers(2, 12))) for label in labels], labels


def fit(start: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """What a job does here: a fit; its weights."""
    said, labels = texts(24, seed)
    items = Items([str(at) for at in range(24)], said)
    prepared = prepare_start(start, items, store=ViewStore(None))
    trainer = Finetune(**({"steps": 6, "batch": 8} | settings))
    model = trainer.fit(TASK, Examples(items, labels), start=prepared, rng=stream(seed, "fit"))
    return dict(model.arrays)


def fail(start: str, seed: int, settings: dict[str, Any]) -> None:
    fit(start, seed, settings)
    raise ZeroDivisionError("after its fit")


def jobs(start: str, count: int, **settings: Any) -> list[Job]:
    return [Job(f"job {seed}", fit, (start, seed, settings)) for seed in range(count)]


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the groups that were trained."""
    found: list[int] = []
    real = side_by_side.train_group

    def watched(group: Any, **more: Any) -> None:
        found.append(len(group))
        real(group, **more)

    monkeypatch.setattr(side_by_side, "train_group", watched)
    return found


def test_fits_of_a_round_are_trained_together_and_come_to_what_they_come_to_alone(
    start: str, groups: list[int]
) -> None:
    found = {one.key: one.value for one in Stacked().map(jobs(start, 4), stackable=True)}
    assert groups == [4]
    for seed in range(4):
        alone = fit(start, seed, {})
        for name, value in found[f"job {seed}"].items():
            np.testing.assert_allclose(value, alone[name], atol=1e-3, err_msg=name)


def test_fits_that_are_not_alike_are_trained_apart_and_equal_ones_once(start: str, groups: list[int]) -> None:
    mixed = [*jobs(start, 3), Job("again", fit, (start, 1, {})), Job("slower", fit, (start, 1, {"steps": 5}))]
    found = {one.key: one.value for one in Stacked().map(mixed, stackable=True)}
    assert groups == [3, 1]
    assert all(np.array_equal(value, found["job 1"][name]) for name, value in found["again"].items())


def test_fits_that_differ_in_nothing_but_the_start_are_not_taken_for_the_same(
    start: str, groups: list[int], tmp_path: Path
) -> None:
    """Encoders that were adapted share the embeddings of pieces with what they came from, and not their layers."""
    adapted = encoder()
    with torch.no_grad():
        adapted.encoder.layer[1].output.dense.weight.mul_(1.5)
    adapted.save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    both = [Job("plain", fit, (start, 1, {})), Job("adapted", fit, (str(tmp_path), 1, {}))]
    found = {one.key: one.value for one in Stacked().map(both, stackable=True)}
    assert groups == [2]
    alone = fit(str(tmp_path), 1, {})
    for name, value in found["adapted"].items():
        np.testing.assert_allclose(value, alone[name], atol=1e-3, err_msg=name)
    name = "encoder.encoder.layer.1.output.dense.weight"
    assert np.abs(found["adapted"][name] - found["plain"][name]).max() > 0.01


def test_groups_are_no_larger_than_asked_for(start: str, groups: list[int]) -> None:
    assert len(list(Stacked(models=3).map(jobs(start, 4), stackable=True))) == 4
    assert groups == [2, 2]
    with pytest.raises(ConfigError, match="1 model or more"):
        Stacked(models=0)


def test_where_memory_is_too_small_groups_are_halved(
    start: str, groups: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A real allocation that fails cannot be had on every machine; the error is the real one."""
    real = side_by_side._trained

    def small(group: Any, compiled: bool) -> Any:
        if len(group) > 2:
            raise TrainingError("memory is too small for half a batch")
        return real(group, compiled)

    monkeypatch.setattr(side_by_side, "_trained", small)
    assert len(list(Stacked().map(jobs(start, 4), stackable=True))) == 4
    assert groups == [4, 2, 2]
    assert "too small for 4 models side by side" in caplog.text


def test_a_job_that_fails_leaves_the_others_in_peace(start: str) -> None:
    engine = Stacked().map([Job("bad", fail, (start, 9, {})), *jobs(start, 2)], stackable=True)
    found = [next(engine).key, next(engine).key]
    assert found == ["job 0", "job 1"]
    with pytest.raises(JobError, match=r"(?s)the job 'bad' failed: ZeroDivisionError: after its fit.*Traceback"):
        next(engine)


def break_down(start: str, seed: int) -> None:
    """A fit whose first loss is no number, for a weight beyond all bounds."""
    said, labels = texts(24, seed)
    items = Items([f"id{at}" for at in range(24)], said)
    examples = Examples(items, labels, [float("inf")] * 24)
    prepared = prepare_start(start, items, store=ViewStore(None))
    Finetune(steps=6, batch=8).fit(TASK, examples, start=prepared, rng=stream(seed, "fit"))


def test_a_loss_that_is_no_number_stops_its_own_job_alone(start: str, groups: list[int]) -> None:
    engine = Stacked().map([*jobs(start, 2), Job("bad", break_down, (start, 5))], stackable=True)
    found = {one.key: one.value for one in (next(engine), next(engine))}
    with pytest.raises(TrainingError, match=r"the loss is nan at step 0, on the items id\d+"):
        next(engine)
    assert groups == [3, 2], "the two others began anew"
    again = {one.key: one.value for one in Stacked().map(jobs(start, 2), stackable=True)}
    assert all(np.array_equal(found[key][name], value) for key in found for name, value in again[key].items())


def test_results_nobody_waits_for_end_their_jobs(start: str) -> None:
    import threading

    engine = Stacked().map([Job("first", max, (1, 2)), *jobs(start, 3)], stackable=True)
    assert next(engine).value == 2
    engine.close()  # type: ignore[attr-defined]  # a generator
    # The end of a process would abort one that is still within torch.
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("job ")]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, count, seed in (("train", 60, 1), ("test", 30, 2)):
        said, labels = texts(count, seed)
        rows = [f"{name}{at},{text},{label}" for at, (text, label) in enumerate(zip(said, labels, strict=True))]
        (folder / f"{name}.csv").write_text("\n".join(["id,text,label", *rows]) + "\n", "utf-8")
    return folder


def plan_of(files: Path, start: str) -> Plan:
    return Plan(
        str(files / "train.csv"), str(files / "test.csv"), strategies=("random", "margin"), starts=(start,),
        trainers=("finetune(steps=25,batch=8)",), budgets=(10, 16, 22), seeds=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(files: Path, start: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    simulate(plan_of(files, start), out, engine="stacked", cache=out.parent / "cache")
    return out


def test_a_simulation_asks_the_same_items_stacked_and_inline(
    files: Path, start: str, whole: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    simulate(plan_of(files, start), tmp_path / "out", engine="inline", cache=tmp_path / "cache")
    tables = [pq.read_table(out / "selections.parquet") for out in (whole, tmp_path / "out")]
    for name in ("config", "seed", "round", "item", "rank"):
        assert tables[0][name].to_pylist() == tables[1][name].to_pylist()
    rows = [pq.read_table(out / "rounds.parquet") for out in (whole, tmp_path / "out")]
    assert rows[0]["accuracy"].to_pylist() == rows[1]["accuracy"].to_pylist()


@pytest.mark.system
@pytest.mark.parametrize("line", [2, 7])
def test_a_killed_simulation_goes_on_from_its_last_whole_round(
    files: Path, start: str, whole: Path, tmp_path: Path, line: int
) -> None:
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(plan_of(files, start).to_toml(), "utf-8")
    command = [str(Path(sys.executable).with_name("tithe")), "simulate", str(plan), "--out", str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TITHE_CACHE": str(tmp_path / "cache")}
    steps = out / ".unfinished" / "steps.jsonl"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, "--engine", "stacked"], env=env, **quiet)
    limit = time.monotonic() + 240
    while not steps.exists() or steps.read_bytes().count(b"\n") < line:
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    simulate(plan_of(files, start), out, engine="stacked", cache=tmp_path / "cache")
    assert_same(whole, out)
