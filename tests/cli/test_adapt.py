"""`tithe adapt`, `train --save-start` and `evaluate --start` on the command line: alone, killed, and in chain."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tithe import Items
from tithe.data import write_rows

from .conftest import Tithe

Make = Callable[..., str]


@pytest.fixture
def files(cyclic: Items, tmp_path: Path) -> Path:
    """Labelled files of the cyclic texts, and one of texts alone."""
    (tmp_path / "in").mkdir()
    gold = [str(label) for label in cyclic.gold or ()]
    for name, rows in (("train", range(160)), ("test", range(160, 240))):
        columns = {"text": [cyclic.texts[row] for row in rows], "label": [gold[row] for row in rows]}
        write_rows(tmp_path / "in" / f"{name}.csv", columns)
    write_rows(tmp_path / "in" / "texts.csv", {"text": list(cyclic.texts)})
    return tmp_path / "in"


QUICK = "finetune(steps=30, batch=16, rate=0.002, device=cpu)"


def test_an_adaptation_that_changed_nothing_says_so(
    tithe: Tithe, tiny_start: Make, files: Path, tmp_path: Path
) -> None:
    said = tithe(
        "adapt", files / "texts.csv", "--start", tiny_start(), "--out", tmp_path / "a", "--steps", 2, "--rate", 1e-12
    )
    assert "the held texts got no easier" in said.err
    assert " of 2 steps, best after " in said.out


def test_adapted_trained_and_used_in_chain(tithe: Tithe, tiny_start: Make, files: Path, tmp_path: Path) -> None:
    domain, task, model = tmp_path / "domain", tmp_path / "task", tmp_path / "model"
    said = tithe("adapt", files / "texts.csv", "--start", tiny_start(), "--out", domain, "--steps", 20, "--batch", 16)
    assert said.code == 0, said.err
    assert said.out.startswith("adapted (simcse) on 228 texts, 20 of 20 steps, best after ")
    said = tithe(
        "train", files / "train.csv", "--start", domain, "--trainer", QUICK, "--out", model, "--save-start", task
    )
    told = said.out.splitlines()
    assert [told[0], told[2]] == [f"model of 160 labels: {model}", f"its encoder, as a start: {task}"], said.err
    own = json.loads(tithe("evaluate", model, files / "test.csv").out)
    moved = json.loads(tithe("evaluate", model, files / "test.csv", "--start", task).out)
    assert own["accuracy"] > 0.9
    assert moved["accuracy"] == own["accuracy"]
    plan = ("--strategy", "margin", "--start", task, "--budgets", "10,20", "--seeds", 1, "--out", tmp_path / "run")
    said = tithe("simulate", files / "train.csv", "--test", files / "test.csv", "--trainer", "linear", *plan)
    assert said.code == 0, said.err
    assert (tmp_path / "run" / "summary.json").exists()


def test_a_model_is_judged_on_a_file_with_other_names(
    tithe: Tithe, tiny_start: Make, files: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    assert tithe("train", files / "train.csv", "--start", tiny_start(), "--trainer", QUICK, "--out", model).code == 0
    (files / "other.csv").write_text((files / "test.csv").read_text().replace(",cats", ",c").replace(",dogs", ",d"))
    said = tithe("evaluate", model, files / "other.csv")
    assert said.code == 2
    assert "none of the labels of" in said.err
    assert "it has cats, dogs: say which is which with --names" in said.err
    named = tithe("evaluate", model, files / "other.csv", "--names", "cats=c, dogs=d")
    assert json.loads(named.out) == json.loads(tithe("evaluate", model, files / "test.csv").out)
    assert "cannot read --names" in tithe("evaluate", model, files / "other.csv", "--names", "cats").err
    assert "has no label 'birds'" in tithe("evaluate", model, files / "other.csv", "--names", "birds=c").err
    joined = tithe("evaluate", model, files / "test.csv", "--names", "cats=dogs")
    assert joined.code == 2
    assert "'cats', 'dogs' all become 'dogs'" in joined.err
    assert "--labels" not in joined.err


def test_mistakes_are_told_before_any_work(
    tithe: Tithe, refused: Callable[..., str], tiny_start: Make, files: Path, tmp_path: Path
) -> None:
    start, out = tiny_start(), tmp_path / "out"
    train = ("train", files / "train.csv", "--start", start, "--out", out)
    assert "only --trainer finetune makes a new one" in refused(*train, "--save-start", tmp_path / "task")
    for trainer in ("setfit(steps=5)", "generate", "proxy(fast=linear, slow=finetune)"):
        said = refused(*train, "--trainer", trainer, "--save-start", tmp_path / "task")
        assert f"a start cannot be saved from the trainer '{trainer}'; only --trainer finetune can" in said
    assert "--prior trains nothing" in refused(*train, "--prior", "names", "--save-start", tmp_path / "task")
    both = refused(*train, "--prior", "names", "--trainer", "linear")
    assert both == "--prior names trains nothing, so --trainer linear has no part; leave one of them out"
    assert "exists already" in refused(*train, "--trainer", "finetune", "--save-start", files)
    same = refused(*train, "--trainer", "finetune", "--save-start", out.parent / "in" / ".." / "out")
    assert "two new folders, and the first is the second too; give another folder for the start" in same
    above = refused(*train[:-1], out / "model", "--trainer", "finetune", "--save-start", out)
    assert "the first is inside the second" in above
    assert "different texts" in refused("adapt", files / "test.csv", "--start", start, "--out", out)
    assert "cannot load the start" in refused("adapt", files / "texts.csv", "--start", "no/such", "--out", out)
    assert "exists already" in refused("adapt", files / "texts.csv", "--start", start, "--out", files)
    assert "batch of 2" in refused("adapt", files / "texts.csv", "--start", start, "--out", out, "--batch", 1)


@pytest.mark.system
def test_killed_for_good_it_leaves_nothing_half_made_and_goes_on(
    tithe: Tithe, tiny_start: Make, files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["adapt", files / "texts.csv", "--start", tiny_start(), "--out", out]
    words += ["--steps", 150, "--batch", 16, "--every", 5]
    command = [str(Path(sys.executable).with_name("tithe")), *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 240
        while not list(tmp_path.glob(".out.training/0*")):
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < end, "no checkpoint was written"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not out.exists()
    state = max(tmp_path.glob(".out.training/0*"))  # the one before it may still be there
    assert len(json.loads((state / "training.json").read_text())["losses"]) % 5 == 0
    said = tithe(*words, "--seed", 1)
    assert said.code == 2
    assert "the checkpoint of another run" in said.err
    said = tithe(*words)
    assert said.code == 0, said.err
    assert (out / "tithe.json").exists()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "out"]
