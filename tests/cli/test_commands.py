"""Every command, end to end on the example."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import tithe as package
from tithe import load_model, registry
from tithe.data.reading import read_items

sys.path.insert(0, str(Path(__file__).parents[1] / "experiment"))
from sameness import FILES

COMMANDS = (
    "demo",
    "simulate",
    "report",
    "rank",
    "adapt",
    "starts",
    "train",
    "predict",
    "evaluate",
    "plugins",
    "profile",
    "backup",
    "restore",
    "label",
    "import",
    "export",
    "replay",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(tithe: Any, command: str) -> None:
    said = tithe(command, "--help")
    assert said.code == 0
    assert f"Example: tithe {command}" in said.out


def test_every_command_is_known_here(tithe: Any) -> None:
    listed = tithe("--help").out.partition("Commands:")[2]
    assert {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "} == {*COMMANDS}


def test_the_version_is_that_of_the_package(tithe: Any) -> None:
    said = tithe("--version")
    assert (said.code, said.out) == (0, f"tithe {package.__version__}\n")


def test_the_package_can_be_run_as_a_module() -> None:
    said = subprocess.run([sys.executable, "-m", "tithe", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"tithe {package.__version__}\n"


def test_plugins_marks_what_is_broken_contested_or_passed_over(tithe: Any, install: Any) -> None:
    install("broken-one", "module_broken", "1 / 0", strategies="mine = module_broken:Mine")
    install(
        "a-claim", "module_a", "Mine = None", strategies="margin = module_a:Mine", trainers="shared = module_a:Mine"
    )
    install("b-claim", "module_b", "Mine = None", trainers="shared = module_b:Mine")
    lines = {tuple(line.split()[:2]): line for line in tithe("plugins").out.splitlines()}
    assert "cannot be used: the strategy 'mine' of the package broken-one 1.0" in lines["strategies", "mine"]
    assert lines["strategies", "margin"].endswith("; passed over: a-claim 1.0")
    assert "a-claim 1.0 and b-claim 1.0" in lines["trainers", "shared"]
    assert "cannot be used" not in lines["strategies", "random"]


def test_plugins_lists_all_that_is_built_in(tithe: Any) -> None:
    said = tithe("plugins")
    rows = [line.split() for line in said.out.splitlines()]
    named = {(row[0], row[1]) for row in rows}
    some = "strategies auto, strategies badge, starts minilm, trainers linear, formats parquet, engines processes"
    assert {tuple(one.split()) for one in f"{some}, stops stabilising, tasks choice".split(", ")} <= named
    assert all(row[2:] == ["tithe", package.__version__] for row in rows)
    assert len([row for row in rows if row[0] == "strategies"]) == len(registry.names("strategies"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def test_a_model_is_trained_used_and_scored(tithe: Any, example: Any, folder: Path) -> None:
    said = tithe("train", example.train, "--start", "lexical", "--out", folder / "model")
    assert (said.code, said.errors) == (0, [])
    first, story = said.out.splitlines()
    assert first == f"model of 240 labels: {folder / 'model'}"
    assert re.fullmatch(
        r"240 labels trained it; accuracy \.\d{3} by cross-validation; mix .*penalty .* \d+(\.\d)? s", story
    )

    said = tithe("predict", folder / "model", example.test, "--out", folder / "labelled.csv")
    assert said.code == 0
    with (folder / "labelled.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(example.held.ids)
    assert [row["text"] for row in rows] == list(example.held.texts)
    proba = load_model(folder / "model").view("proba", read_items(example.test))
    assert [row["prediction"] for row in rows] == example.task.decode(proba)
    assert [float(row["confidence"]) for row in rows] == pytest.approx(proba.max(axis=1).tolist(), abs=1e-4)

    said = tithe("evaluate", folder / "model", example.test)
    scores = json.loads(said.out)
    right = sum(row["prediction"] == label for row, label in zip(rows, example.held.gold, strict=True))
    assert scores["items"] == 80
    assert scores["accuracy"] == pytest.approx(right / 80)
    assert {"f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro", "auc"} < scores.keys()


def test_evaluate_notes_labels_that_the_model_does_not_know(
    tithe: Any, example: Any, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "test.csv").write_text("text,label\nthe brakes are broken,alien\nthe brakes fell off,damage\n")
    said = tithe("evaluate", folder / "model", tmp_path / "test.csv")
    assert said.code == 0
    assert "has labels that the model does not know (alien); they count as wrong" in said.notes[0]
    assert json.loads(said.out)["accuracy"] <= 0.5


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_rank_orders_a_file_that_has_no_labels(tithe: Any, example: Any, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"first.{suffix}"
    said = tithe("rank", example.train, "--start", "lexical", "--n", 15, "--seed", 3, "--out", out)
    assert (said.code, said.errors) == (0, [])
    assert said.out == f"15 of 240 items by typiclust: {out}\n"
    items = read_items(out)
    again = tithe("rank", example.train, "--start", "lexical", "--n", 15, "--seed", 3, "--out", tmp_path / "b.csv")
    assert again.code == 0
    assert list(read_items(tmp_path / "b.csv").ids) == list(items.ids)
    texts = dict(zip(example.pool.ids, example.pool.texts, strict=True))
    assert [texts[one] for one in items.ids] == list(items.texts)


def test_simulate_and_report_go_from_a_file_to_a_page(tithe: Any, example: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--start", "lexical", "--strategy", "random,auto", "--budgets", "16,10%", "--seeds", 2)
    words = ("simulate", example.train, "--test", example.test, "--task", "choice", *options, "--out", out)
    said = tithe(*words, "--engine", "inline", "--export-rounds", tmp_path / "rounds")
    assert (said.code, said.errors) == (0, [])
    assert f"report: {out / 'report.html'}" in said.out
    assert {path.name for path in out.iterdir()} == FILES
    assert set(pq.read_table(out / "rounds.parquet")["labelled"].to_pylist()) == {16, 24, 240}
    assert len(list((tmp_path / "rounds").rglob("test.csv"))) == 2 * 2 * 2 + 1

    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = tithe(*words, "--engine", "inline")
    assert again.code == 0
    assert "nothing was run" in again.notes[0]
    assert again.out == said.out
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before

    other = tithe("simulate", out / "plan.toml", "--out", tmp_path / "again", "--engine", "inline")
    assert other.code == 0
    assert (tmp_path / "again" / "selections.parquet").read_bytes() == before["selections.parquet"]

    said = tithe("report", out, tmp_path / "again", "--out", tmp_path / "both.html")
    assert said.code == 0
    assert (tmp_path / "both.html").read_text().startswith("<!doctype html>")


def test_a_file_without_a_header_can_be_named(tithe: Any, example: Any, tmp_path: Path) -> None:
    for name, items in (("train", example.pool), ("test", example.held)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(zip(items.gold, items.texts, strict=True))
    options = ("--start", "lexical", "--strategy", "random", "--budgets", "20", "--seeds", 1, "--engine", "inline")
    said = tithe(
        "simulate", tmp_path / "train.csv", "--test", tmp_path / "test.csv", *options,
        "--no-header", "--columns", "label,text", "--out", tmp_path / "out",
    )  # fmt: skip
    assert (said.code, said.errors) == (0, [])


@pytest.mark.system
def test_the_real_command_simulates_in_processes(real: Any, example: Any, tmp_path: Path) -> None:
    options = ("--start", "lexical", "--strategy", "random", "--budgets", "16", "--seeds", 2, "--workers", 2)
    said = real("simulate", example.train, "--test", example.test, *options, "--out", tmp_path / "out")
    assert (said.code, said.errors) == (0, [])
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_own_embeddings_are_ranked_and_learned_from(tithe: Any, example: Any, tmp_path: Path) -> None:
    centres = {label: row for row, label in enumerate(sorted(set(example.gold.values())))}
    for name, items in (("train", example.pool), ("test", example.held)):
        np.save(tmp_path / f"{name}.npy", np.eye(len(centres), dtype="f2")[[centres[label] for label in items.gold]])
    own = ("--embeddings", tmp_path / "train.npy")
    said = tithe("rank", example.train, *own, "--n", 8, "--strategy", "k_center", "--out", tmp_path / "first.csv")
    assert (said.code, said.errors) == (0, [])
    first = list(csv.DictReader((tmp_path / "first.csv").read_text("utf-8").splitlines()))
    assert {example.gold[row["id"]] for row in first} == set(centres), "one of each corner"
    assert tithe("train", example.train, *own, "--out", tmp_path / "model").code == 0
    scores = tithe("evaluate", tmp_path / "model", example.test, "--embeddings", tmp_path / "test.npy")
    assert json.loads(scores.out)["accuracy"] == 1.0
    guesses = ("predict", tmp_path / "model", example.test, "--out", tmp_path / "guesses.csv")
    assert "no embeddings were given" in tithe(*guesses).err
    assert tithe(*guesses, "--embeddings", tmp_path / "test.npy").code == 0
    assert "the embeddings" not in tithe("train", example.train, "--start", "lexical", "--out", tmp_path / "own").err
    assert "leave --embeddings out" in tithe("evaluate", tmp_path / "own", example.train, *own).err
