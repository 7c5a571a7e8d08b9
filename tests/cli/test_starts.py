"""`tithe starts`: one table, one sentence of advice, and what it says where it cannot rank."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "transfer"))
import tiny

DATA = Path(os.environ.get("TITHE_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


@pytest.fixture(scope="module")
def random_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("starts") / "random")


@pytest.fixture
def few(example: Any, tmp_path: Path) -> Path:
    """The example with 60 labels and 180 blanks."""
    path = tmp_path / "few.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for row, item in enumerate(example.pool):
            writer.writerow([item.id, item.text, example.pool.gold[row] if row % 4 == 0 else ""])
    return path


def test_the_command_prints_one_table_and_one_advice(
    tithe: Any, few: Path, tmp_path: Path, random_encoder: Path
) -> None:
    said = tithe("starts", few, "--start", f"{random_encoder},minilm", "--out", tmp_path / "starts.json")
    assert said.code == 0, said.err
    head, columns, first, second, advice, where = said.out.splitlines()
    assert head == "60 labels of 8 classes; ± is one standard error"
    assert columns.split() == ["rank", "start", "probe", "accuracy", "LogME", "LEEP", "seconds"]
    assert first.split()[:2] == ["1", "minilm"]
    assert second.split()[:2] == ["2", str(random_encoder)]
    assert advice.startswith("Take minilm: with these 60 labels it is ahead of")
    assert where == f"all figures: {tmp_path / 'starts.json'}"
    kept = json.loads((tmp_path / "starts.json").read_text())
    assert kept["advice"] == advice
    assert len(kept["starts"][0]["folds"]) == 20


def test_level_starts_are_called_level(tithe: Any, few: Path) -> None:
    said = tithe("starts", few, "--start", "minilm,minilm+lexical")
    assert "cannot be told apart with these 60 labels" in said.out
    assert "(both score the same): take the quicker one" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--start", "minilm,minilm"), "named twice"),
        (("--start", ","), "no start was given"),
        (("--start", "minilm,lexcal"), "unknown start 'lexcal'"),
        (("--start", "minilm", "--labels-used", "61"), "labels-used is 1 to 60"),
        (("--start", "minilm", "--labels-used", "9"), "needs at least 10 labels"),
        (("--start", "minilm", "--out", "nowhere/x.json"), "no such folder"),
    ],
)
def test_mistakes_are_one_line(refused: Any, few: Path, words: tuple[str, ...], told: str) -> None:
    assert told in refused("starts", few, *words)


def test_without_labels_it_says_what_to_do(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "bare.txt").write_text("one\ntwo\nthree\n")
    line = refused("starts", tmp_path / "bare.txt", "--start", "minilm,lexical")
    assert "has no labels" in line
    assert "tithe rank FILE --n 50" in line


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no data sets in {DATA}; name their folder in TITHE_DATA")
def test_on_trec_minilm_beats_random_weights(tithe: Any, random_encoder: Path) -> None:
    said = tithe("starts", DATA / "trec" / "train.parquet", "--start", f"{random_encoder},minilm", "--labels-used", 100)
    assert said.out.splitlines()[-1].startswith("Take minilm: with these 100 labels")
