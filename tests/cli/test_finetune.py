"""Fine-tuning from the command line: train, predict, evaluate; a killed training goes on with the same command."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tithe import Plan, simulate
from tithe.data import write_rows
from tithe.rng import stream
from tithe.testing.tiny import write_tiny_encoder

WORDS = {"bike": "bike wheel tyre bell", "bank": "bank account card money"}
QUICK = "finetune(steps=60, batch=16, rate=4e-3, head_rate=2e-2, members=2)"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finetune")
    words = [word for own in WORDS.values() for word in own.split()] + ["the", "my", "is"]
    write_tiny_encoder(folder / "tiny", words)
    for name, count in (("train", 60), ("test", 30)):
        rng = stream(0, "files", name)
        labels = [list(WORDS)[number] for number in rng.integers(2, size=count)]
        texts = [" ".join(["the", *rng.choice(WORDS[label].split(), 3), str(row)]) for row, label in enumerate(labels)]
        write_rows(folder / f"{name}.csv", {"text": texts, "label": labels})
    return folder


def test_train_predict_and_evaluate(tithe, files, tmp_path):
    start = ("--start", files / "tiny")
    done = tithe("train", files / "train.csv", "--trainer", QUICK, *start, "--out", tmp_path / "model")
    first, story = done.out.splitlines()
    assert (done.code, first) == (0, f"model of 60 labels: {tmp_path / 'model'}")
    assert story.startswith("60 labels trained it, none was held out (there are fewer than 200 labels); steps 60, ")
    assert not (tmp_path / "model.checkpoint").exists()
    scores = json.loads(tithe("evaluate", tmp_path / "model", files / "test.csv").out)
    assert scores["accuracy"] > 0.9
    assert tithe("predict", tmp_path / "model", files / "test.csv", "--out", tmp_path / "out.csv").code == 0
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 31


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_others_may_read_a_model_and_its_start_as_far_as_the_umask_lets_them(tithe, files, tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        saved = ("--start", f"{files / 'tiny'}+lexical", "--save-start", tmp_path / "start")
        quick = QUICK.replace("steps=60", "steps=2")
        done = tithe("train", files / "train.csv", "--trainer", quick, *saved, "--out", tmp_path / "model")
        assert done.code == 0, done.err
        lexical = ("--start", "lexical", "--out", tmp_path / "linear")
        assert tithe("train", files / "train.csv", *lexical).code == 0
    finally:
        os.umask(before)
    made = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for folder in ("model", "start", "linear")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    assert {"model/model.safetensors", "start/model.safetensors", "start/head.safetensors"} <= made.keys()
    assert set(made.values()) == {mode}, made


@pytest.mark.system
def test_a_killed_training_goes_on_with_the_same_command_to_the_same_bits(tithe, files, tmp_path):
    trainer = QUICK.replace("steps=60", "steps=420")

    def command(out: Path) -> list[str]:
        return [
            "train",
            str(files / "train.csv"),
            "--trainer",
            trainer,
            "--start",
            str(files / "tiny"),
            "--out",
            str(out),
        ]

    out = tmp_path / "model"
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("tithe")), *command(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 240
    while not list(tmp_path.glob("model.checkpoint/*/0*")):
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    state = max(tmp_path.glob("model.checkpoint/*/0*"))  # the one before it may still be there
    kept = len(json.loads((state / "training.json").read_text())["losses"])
    assert kept % 100 == 0 < kept < 420

    done = tithe(*command(out))
    assert done.code == 0, done.err
    assert any(f"an earlier training broke off; going on from step {kept}" in note for note in done.notes)
    assert not (tmp_path / "model.checkpoint").exists()
    assert tithe(*command(tmp_path / "whole")).code == 0
    weights = [(folder / "model.safetensors").read_bytes() for folder in (out, tmp_path / "whole")]
    assert weights[0] == weights[1]


def test_a_simulation_that_broke_off_goes_on_to_the_same_files(files, tmp_path):
    plan = Plan(
        str(files / "train.csv"),
        str(files / "test.csv"),
        trainers=(QUICK.replace("steps=60", "steps=15"),),
        starts=(str(files / "tiny"),),
        strategies=("random", "margin"),
        budgets=(8, 16, 24),
        seeds=1,
    )

    class EnoughError(Exception):
        pass

    heard = []

    def stop(state, step):
        heard.append(step)
        if len(heard) == 3:
            raise EnoughError

    simulate(plan, tmp_path / "whole", engine="inline")
    with pytest.raises(EnoughError):
        simulate(plan, tmp_path / "broken", engine="inline", on_step=stop)
    simulate(plan, tmp_path / "broken", engine="inline")
    for name in ("selections", "rounds"):
        first, second = (pq.read_table(tmp_path / folder / f"{name}.parquet") for folder in ("whole", "broken"))
        lasting = [column for column in first.column_names if not column.endswith("_s")]
        assert first.select(lasting).equals(second.select(lasting))
