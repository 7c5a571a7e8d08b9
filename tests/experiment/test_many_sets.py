"""Simulations of several data sets: one folder, the same tables as each data set alone, errors that name the set."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tithe import Study, simulate
from tithe.errors import BudgetError, ConfigError, DataError
from tithe.experiment import simulate as module
from tithe.experiment import world
from tithe.experiment.results import Results

sys.path.insert(0, str(Path(__file__).parent))
from sameness import FILES, assert_same
from sets import two_sets


@pytest.fixture(scope="module")
def study(example: Any, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return two_sets(example, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def done(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "results"
    simulate(study, folder, engine="inline")
    return folder


def test_one_folder_holds_the_promised_files_and_reads_back(study: Study, done: Path) -> None:
    assert {path.name for path in done.iterdir()} == FILES
    results = Results.read(done)
    assert results.plan == study
    assert {name: one["pool"] for name, one in results.environment["data"].items()} == {"intents": 240, "tags": 240}
    assert len(results.environment["files_sha256"]) == 4


def test_each_data_set_comes_out_as_it_would_alone(study: Study, done: Path, tmp_path: Path) -> None:
    rounds, selections = pq.read_table(done / "rounds.parquet"), pq.read_table(done / "selections.parquet")
    groups = json.loads((done / "summary.json").read_text())["groups"]
    for part, group in zip(study.parts, groups, strict=True):
        alone = simulate(part, tmp_path / part.dataset, engine="inline")
        mine = rounds.filter(pc.field("dataset") == part.dataset)
        kept = [name for name in alone.rounds.column_names if name != "config" and not name.endswith("_s")]
        assert mine.select(kept).equals(alone.rounds.select(kept))
        assert [one.removeprefix(f"{part.dataset}/") for one in mine["config"].to_pylist()] == alone.rounds[
            "config"
        ].to_pylist()
        picked = selections.filter(pc.starts_with(selections["config"], f"{part.dataset}/"))
        assert picked.drop(["config"]).equals(alone.selections.drop(["config"]))
        (single,) = alone.summary["groups"]
        assert single["metric"] == group["metric"]
        assert [one["area"] for one in single["strategies"]] == [one["area"] for one in group["strategies"]]


def test_metrics_that_a_task_lacks_are_null(done: Path) -> None:
    rows = pq.read_table(done / "rounds.parquet").to_pylist()
    for row in rows:
        choice = row["dataset"] == "intents"
        assert (row["accuracy"] is None, row["lrap"] is None) == (not choice, choice)
        assert row["f1_micro"] is not None
    summary = json.loads((done / "summary.json").read_text())
    assert summary["metric"] is None
    assert [group["metric"] for group in summary["groups"]] == ["accuracy", "f1_micro"]
    assert "lrap" not in summary["groups"][0]["strategies"][0]["metrics"]


@pytest.mark.system
def test_processes_give_the_same(study: Study, done: Path, tmp_path: Path) -> None:
    simulate(study, tmp_path / "out", engine="processes")
    assert_same(done, tmp_path / "out")


def test_where_only_one_data_set_fits_into_memory_the_results_are_the_same(
    study: Study, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "_MOST_BYTES", 1)
    simulate(study, tmp_path / "out", engine="inline")
    assert len(world._kept) == 1
    assert_same(done, tmp_path / "out")


def test_progress_is_in_one_place_and_says_what_is_under_way(study: Study) -> None:
    heard: list[tuple[str, int, int]] = []
    simulate(study, engine="inline", tell=lambda *told: heard.append(told))
    rounds = [told for told in heard if told[0].startswith("rounds")]
    assert rounds[0] == ("rounds", 0, 18)
    assert [done for _, done, _ in rounds] == sorted(done for _, done, _ in rounds)
    assert rounds[-1][1:] == (18, 18)
    assert {what.removeprefix("rounds: ").split("/")[0] for what, _, _ in rounds[1:]} == {"intents", "tags"}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"train": "nowhere.csv"}, DataError, "^tags: .*nowhere.csv"),
        ({"budgets": (20, 5000)}, BudgetError, "^tags: the budget of 5000 is more than the pool of 240"),
        ({"strategies": ("random", "balanced_margin")}, ConfigError, "^tags: .*balanced_margin"),
    ],
)
def test_a_data_set_that_does_not_fit_is_named_before_any_work(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], error: type, said: str
) -> None:
    monkeypatch.setattr(module, "warm_up", lambda *given: pytest.fail("work began before all was checked"))
    bad = Study((study.parts[0], replace(study.parts[1], **change)))
    with pytest.raises(error, match=said):
        simulate(bad, tmp_path / "out", engine="inline")
    assert list(tmp_path.iterdir()) == []


def test_a_finished_folder_tells_another_study_and_other_data(study: Study, done: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    simulate(study, done, engine="inline", notes=notes.append)
    assert "nothing was run" in notes[0]
    with pytest.raises(ConfigError, match="results of another plan"):
        simulate(Study(study.parts[::-1]), done, engine="inline")


def test_the_same_plan_on_a_copy_of_the_data_is_finished_and_on_other_data_is_not(example: Any, tmp_path: Path) -> None:
    shutil.copy(example.train, tmp_path / "train.csv")
    shutil.copy(example.test, tmp_path / "test.csv")
    here = replace(two_sets(example, tmp_path / "two").parts[0], train="train.csv", test="test.csv")
    here = replace(here, root=str(tmp_path), budgets=(10,), strategies=("random",), full=False, seeds=1)
    simulate(here, tmp_path / "out", engine="inline")
    moved = replace(here, root=str(tmp_path / "moved"))
    shutil.copytree(tmp_path, tmp_path / "moved", ignore=shutil.ignore_patterns("moved", "out", "two"))
    notes: list[str] = []
    simulate(moved, tmp_path / "out", engine="inline", notes=notes.append)
    assert any("nothing was run" in note for note in notes)
    lines = (tmp_path / "test.csv").read_text().splitlines(keepends=True)
    (tmp_path / "moved" / "test.csv").write_text("".join(lines[:-2]))
    with pytest.raises(ConfigError, match=r"test\.csv has changed"):
        simulate(moved, tmp_path / "out", engine="inline")
