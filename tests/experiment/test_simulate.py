"""Simulations: the same tables wherever they run, batches that add up, and files that say all of it."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Plan, simulate
from tithe.data import write_rows
from tithe.errors import ConfigError, DataError, NeedsError, UnknownNameError
from tithe.experiment import simulate as module
from tithe.experiment.results import Results

sys.path.insert(0, str(Path(__file__).parent))
from sameness import FILES, assert_same

BUDGETS = (16, 30, 48)


def plan_of(example: Any, **more: Any) -> Plan:
    how = {"strategies": ("random", "margin", "auto"), "starts": ("lexical",), "budgets": BUDGETS, "seeds": 2} | more
    return Plan(str(example.train), str(example.test), **how)


@pytest.fixture(scope="module")
def done(example: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the plan, run in this process."""
    folder = tmp_path_factory.mktemp("done") / "results"
    simulate(plan_of(example), folder, engine="inline")
    return folder


@pytest.fixture
def results(done: Path) -> Results:
    return Results.read(done)


def batches_of(results: Results) -> dict[tuple[str, int], list[list[str]]]:
    """The ids of each batch, by config and seed."""
    found: dict[tuple[str, int], list[list[str]]] = defaultdict(list)
    for row in results.selections.to_pylist():
        rounds = found[row["config"], row["seed"]]
        if row["round"] == len(rounds):
            rounds.append([])
        assert row["rank"] == len(rounds[row["round"]]), "ranks count up within a batch"
        rounds[-1].append(row["item"])
    return found


# --- sameness


def test_processes_and_inline_give_the_same_tables(example: Any, done: Path, tmp_path: Path) -> None:
    simulate(plan_of(example), tmp_path / "out", engine="processes(workers=2)")
    assert_same(done, tmp_path / "out")


def test_a_second_run_gives_the_same_even_with_an_empty_cache(example: Any, done: Path, tmp_path: Path) -> None:
    simulate(plan_of(example), tmp_path / "out", engine="inline", cache=tmp_path / "cache")
    assert_same(done, tmp_path / "out")


def test_a_run_does_not_depend_on_its_company(example: Any, results: Results) -> None:
    alone = simulate(plan_of(example, strategies=("margin",), seeds=1, seed=1, full=False), engine="inline")
    key = ("lexical/linear/margin", 1)
    assert batches_of(alone)[key] == batches_of(results)[key]


def test_without_a_folder_nothing_is_written_and_the_results_are_the_same(
    example: Any, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    again = simulate(plan_of(example), engine="inline")
    assert again.selections.equals(results.selections)
    assert list(tmp_path.iterdir()) == []


# --- what was asked


def test_batches_add_up_to_the_budgets_and_no_id_stands_twice(results: Results) -> None:
    batches = batches_of(results)
    assert len(batches) == 3 * 2
    for rounds in batches.values():
        assert np.cumsum([len(batch) for batch in rounds]).tolist() == list(BUDGETS)
        flat = [one for batch in rounds for one in batch]
        assert len(set(flat)) == len(flat)


def test_the_first_batch_is_shared_but_by_those_that_choose_their_own(example: Any) -> None:
    names = ("random", "margin", "entropy", "k_center", "badge", "typiclust", "auto")
    found = batches_of(simulate(plan_of(example, strategies=names, budgets=(12,), full=False), engine="inline"))
    for seed in (0, 1):
        first = {name: tuple(found[f"lexical/linear/{name}", seed][0]) for name in names}
        assert len({first[name] for name in ("random", "margin", "entropy", "k_center", "badge")}) == 1
        assert first["auto"] == first["typiclust"] != first["random"]
    assert found["lexical/linear/random", 0] != found["lexical/linear/random", 1]


def test_the_initial_strategy_chooses_for_those_that_have_no_first_batch_of_their_own(example: Any) -> None:
    names = ("random", "margin", "badge", "typiclust")
    plan = plan_of(example, strategies=names, initial_strategy="typiclust", budgets=(12,), full=False, seeds=1)
    found = {
        key[0].split("/")[2]: tuple(rounds[0]) for key, rounds in batches_of(simulate(plan, engine="inline")).items()
    }
    assert found["margin"] == found["badge"] == found["typiclust"] == found["random"]


def test_initial_and_batches_go_on_to_the_end_of_the_pool(example: Any) -> None:
    plan = plan_of(example, strategies=("random",), budgets=(), initial=100, batches=(50, 80), seeds=1)
    results = simulate(plan, engine="inline")
    (rounds,) = batches_of(results).values()
    assert [len(batch) for batch in rounds] == [100, 50, 80, 10]
    rows = [row for row in results.rounds.to_pylist() if row["strategy"] == "random"]
    full = next(row for row in results.rounds.to_pylist() if row["strategy"] == "full")
    assert rows[-1]["labelled"] == full["labelled"] == 240
    assert rows[-1]["accuracy"] == pytest.approx(full["accuracy"], abs=0.03)  # other folds: other settings


def test_a_subsample_sees_a_share_of_its_own_for_each_seed(example: Any, tmp_path: Path) -> None:
    plan = plan_of(example, strategies=("random", "margin"), subsample=0.25, budgets=(10, "100%"))
    inline = simulate(plan, engine="inline")
    seen = {key: {one for batch in rounds for one in batch} for key, rounds in batches_of(inline).items()}
    assert all(len(ids) == 60 for ids in seen.values())
    for seed in (0, 1):
        assert seen["lexical/linear/random", seed] == seen["lexical/linear/margin", seed]
    assert seen["lexical/linear/random", 0] != seen["lexical/linear/random", 1]


# --- the tables


def test_there_is_a_row_for_each_round_and_a_run_on_all_labels(results: Results, example: Any) -> None:
    rows = results.rounds.to_pylist()
    assert len(rows) == 3 * 2 * 3 + 1
    for row in rows:
        assert row["dataset"] == example.train.parent.name
        assert (row["trainer"], row["start"]) == ("linear", "lexical")
        assert row["cost"] == row["labelled"]
        assert 0 <= row["accuracy"] <= 1
        correct = np.unpackbits(np.frombuffer(row["test_correct"], np.uint8))[: row["test_items"]]
        assert row["test_items"] == 80
        assert correct.mean() == pytest.approx(row["accuracy"])
        if row["strategy"] == "full":
            assert (row["labelled"], row["round"]) == (240, 0)
        else:
            assert row["labelled"] == BUDGETS[row["round"]]


def test_more_labels_are_better(results: Results) -> None:
    by = {key: [r["accuracy"] for r in results.rounds.to_pylist() if r["labelled"] == key] for key in (16, 48, 240)}
    assert np.mean(by[16]) < np.mean(by[48]) < np.mean(by[240])


def test_exactly_the_promised_files_are_there_and_they_read_back(done: Path, results: Results, example: Any) -> None:
    assert {path.name for path in done.iterdir()} == FILES
    assert results.plan == plan_of(example)
    assert results.environment["pool"] == 240
    assert results.environment["labels"] == list(example.task.labels)
    assert set(results.environment["files_sha256"]) == {str(example.train), str(example.test)}
    assert {"margin", "random", "auto"} <= {one["strategy"] for one in results.summary["groups"][0]["strategies"]}


def test_a_single_class_first_batch_is_cold_and_scored_as_a_constant_guess(example: Any) -> None:
    results = simulate(plan_of(example, strategies=("random",), budgets=(1, 40), seeds=3, full=False), engine="inline")
    cold = [row for row in results.rounds.to_pylist() if row["labelled"] == 1]
    assert all("only" in row["cold"] for row in cold)
    shares = {label: example.held.gold.count(label) / 80 for label in example.task.labels}
    for row in cold:
        asked = next(r["item"] for r in results.selections.to_pylist() if r["seed"] == row["seed"])
        assert row["accuracy"] == pytest.approx(shares[example.gold[asked]])


# --- folders


def test_a_finished_folder_is_read_and_nothing_is_run(
    example: Any, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: Any) -> None:
        pytest.fail("a finished simulation was loaded again")

    monkeypatch.setattr(module, "world_of", never)
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in done.iterdir()}
    notes: list[str] = []
    again = simulate(plan_of(example), done, engine="inline", notes=notes.append)
    assert again.rounds.num_rows == 19
    assert ["holds the finished results of this plan already; nothing was run" in note for note in notes] == [True]
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in done.iterdir()} == before


def test_another_plan_does_not_go_into_a_folder_of_results(example: Any, done: Path) -> None:
    with pytest.raises(ConfigError, match="holds the results of another plan"):
        simulate(plan_of(example, seeds=3), done, engine="inline")


def test_other_data_under_the_same_name_does_not_pass_for_finished(example: Any, done: Path, tmp_path: Path) -> None:
    copy = shutil.copy(example.train, tmp_path / "train.csv")
    plan = replace(plan_of(example, strategies=("random",), seeds=1, budgets=(10,), full=False), train=str(copy))
    first = simulate(plan, tmp_path / "out", engine="inline")
    lines = copy.read_text().splitlines(keepends=True)
    copy.write_text("".join(lines[:-100]))
    with pytest.raises(ConfigError, match=r"on other data: .*train\.csv has changed"):
        simulate(plan, tmp_path / "out", engine="inline")
    again = simulate(plan, tmp_path / "new", engine="inline")
    assert (first.environment["pool"], again.environment["pool"]) == (240, 140)


def test_a_folder_of_something_else_is_left_alone(example: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="is not empty and holds no simulation"):
        simulate(plan_of(example), tmp_path, engine="inline")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("name", ["environment.json", "summary.json", "rounds.parquet", "selections.parquet"])
def test_damaged_results_are_named(done: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(done, tmp_path / "copy")
    raw = (copy / name).read_bytes()
    (copy / name).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(DataError, match=f"{name} is damaged"):
        Results.read(copy)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"strategies": ("margn",)}, UnknownNameError, "did you mean 'margin'"),
        ({"trainers": ("liner",)}, UnknownNameError, "did you mean 'linear'"),
        ({"stop": ("budgt",)}, UnknownNameError, "did you mean 'budget'"),
        ({"initial_strategy": "margin"}, ConfigError, "needs a model, and there is none at first"),
        ({"budgets": (500,)}, ConfigError, "more than the pool of 240"),
        ({"task": "choise"}, UnknownNameError, "did you mean 'choice'"),
    ],
)
def test_what_does_not_fit_is_told_before_any_work_and_leaves_nothing(
    example: Any, tmp_path: Path, how: dict[str, Any], error: type, said: str
) -> None:
    with pytest.raises(error, match=said):
        simulate(plan_of(example, **how), tmp_path / "out", engine="inline", cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


# --- stop rules, exports, given embeddings


def test_a_stop_rule_ends_a_run_and_says_why(example: Any) -> None:
    plan = plan_of(example, stop=("budget(labels=30)",), strategies=("random", "margin"))
    results = simulate(plan, engine="inline")
    for key, rounds in batches_of(results).items():
        assert [len(batch) for batch in rounds] == [16, 14], key
    stopped = results.environment["stopped"]
    assert stopped == {
        f"lexical/linear/{s}#{n}": "the budget of 30 is spent" for s in ("random", "margin") for n in (0, 1)
    }
    assert {row["labelled"] for row in results.rounds.to_pylist()} == {16, 30, 240}, "all labels are never cut short"


def test_settled_predictions_end_a_run(example: Any) -> None:
    plan = plan_of(
        example, strategies=("random",), budgets=(), initial=60, batches=(2,), seeds=1, full=False,
        stop=("stabilising(threshold=0.7, window=2)",),
    )  # fmt: skip
    results = simulate(plan, engine="inline")
    assert 3 <= results.rounds.num_rows < 91
    assert "predictions have settled" in results.environment["stopped"]["lexical/linear/random#0"]


def test_runs_of_unequal_length_make_a_report(example: Any, tmp_path: Path) -> None:
    plan = plan_of(
        example, strategies=("random", "margin"), budgets=(), initial=20, batches=(20,), seeds=3,
        stop=("stabilising(threshold=0.6, window=1)",),
    )  # fmt: skip
    results = simulate(plan, tmp_path / "out", engine="inline")
    last: dict[tuple[str, int], int] = {}
    for row in results.rounds.to_pylist():
        last[row["strategy"], row["seed"]] = max(row["labelled"], last.get((row["strategy"], row["seed"]), 0))
    assert len({last["margin", seed] for seed in range(3)} | {last["random", seed] for seed in range(3)}) > 1
    (group,) = results.summary["groups"]
    for one in group["strategies"]:
        assert one["ends"]["labelled"] == {str(seed): last[one["strategy"], seed] for seed in range(3)}
    html = (tmp_path / "out" / "report.html").read_text()
    assert "margin ended at" in html
    assert "predictions have settled" in html, "the reasons stand among the facts of the run"


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_exported_rounds_hold_every_item_with_what_the_model_said(example: Any, tmp_path: Path) -> None:
    plan = plan_of(example, strategies=("margin",), seeds=1, full=False)
    results = simulate(plan, engine="inline", export=tmp_path / "rounds")
    (folder,) = (tmp_path / "rounds").iterdir()
    (seed,) = folder.iterdir()
    assert sorted(path.name for path in seed.iterdir()) == ["round-0", "round-1", "round-2"]
    (asked,) = batches_of(results).values()
    labels = example.task.labels
    for number, budget in enumerate(BUDGETS):
        tables = {name: read_csv(seed / f"round-{number}" / f"{name}.csv") for name in ("train", "pool", "test")}
        train, rest = ([row["id"] for row in tables[name]] for name in ("train", "pool"))
        assert sorted(train + rest) == sorted(example.pool.ids)
        assert set(train) == {one for batch in asked[: number + 1] for one in batch}
        assert len(train) == budget
        assert [row["id"] for row in tables["test"]] == list(example.held.ids)
        for row in tables["pool"][:20] + tables["test"]:
            assert list(row) == ["id", "text", "label", "prediction", *[f"p_{one}" for one in labels], "entropy"]
            p = np.asarray([float(row[f"p_{one}"]) for one in labels])
            assert p.sum() == pytest.approx(1, abs=1e-5)
            assert row["prediction"] == labels[int(p.argmax())]
            entropy = -sum(x * math.log(x) for x in p if x > 0) / math.log(len(labels))
            assert float(row["entropy"]) == pytest.approx(entropy, abs=1e-4)
        right = [row["prediction"] == row["label"] for row in tables["test"]]
        (score,) = (row["accuracy"] for row in results.rounds.to_pylist() if row["round"] == number)
        assert np.mean(right) == pytest.approx(score)


def test_an_export_of_a_finished_folder_says_that_it_is_not_made(example: Any, done: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    simulate(plan_of(example), done, engine="inline", export=tmp_path / "rounds", notes=notes.append)
    assert "--export-rounds need a run of their own" in notes[0]
    assert not (tmp_path / "rounds").exists()


@pytest.fixture
def arrays(example: Any) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings that give the labels away, of the training and the test rows."""
    codes = [example.task.encode(items.gold) for items in (example.pool, example.held)]
    return tuple(3 * np.eye(8, dtype="f4")[code] + np.arange(len(code))[:, None] % 2 for code in codes)


def test_given_embeddings_take_the_place_of_every_start(
    example: Any, tmp_path: Path, arrays: tuple[np.ndarray, np.ndarray]
) -> None:
    for name, array in (("train", arrays[0]), ("test", arrays[1]), ("both", np.concatenate(arrays))):
        np.save(tmp_path / f"{name}.npy", array)
    how = {"strategies": ("auto",), "starts": ("minilm",), "budgets": (20, 40), "seeds": 1}
    one = simulate(
        plan_of(example, embeddings=str(tmp_path / "both.npy"), **how), engine="inline", cache=tmp_path / "cache"
    )
    two = simulate(
        plan_of(
            example,
            embeddings=str(tmp_path / "train.npy"),
            test_embeddings=str(tmp_path / "test.npy"),
            **how,
        ),
        engine="inline",
        cache=tmp_path / "cache",
    )
    assert one.selections.equals(two.selections)
    assert {row["start"] for row in one.rounds.to_pylist()} == {"given"}
    assert max(row["accuracy"] for row in one.rounds.to_pylist()) > 0.95
    assert not (tmp_path / "cache").exists(), "no encoder was run"


def test_a_stranger_s_strategy_with_needs_of_its_own_is_refused(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Votes:
        needs = frozenset({"votes"})
        cold = None

    monkeypatch.setattr(module, "strategy_of", lambda spec: Votes())
    with pytest.raises(NeedsError, match=r"the strategy 'random' needs the view votes, .* committee, embeddings"):
        simulate(plan_of(example), engine="inline")


# --- labels and leaks


def test_undeclared_test_labels_are_noted_and_count_as_wrong(example: Any, tmp_path: Path) -> None:
    gold = ["alien"] * 8 + list(example.held.gold[8:])
    write_rows(tmp_path / "test.csv", {"text": list(example.held.texts), "label": gold})
    plan = replace(plan_of(example, strategies=("random",), seeds=1), test=str(tmp_path / "test.csv"))
    notes: list[str] = []
    results = simulate(plan, engine="inline", notes=notes.append)
    assert any(
        "8 test rows have labels that the training file does not (alien); they count as wrong" in n for n in notes
    )
    whole = simulate(replace(plan, test=str(example.test)), engine="inline")
    for bad, good in zip(results.rounds.to_pylist(), whole.rounds.to_pylist(), strict=True):
        correct = [np.unpackbits(np.frombuffer(row["test_correct"], np.uint8))[:80] for row in (bad, good)]
        assert not correct[0][:8].any()
        np.testing.assert_array_equal(correct[0][8:], correct[1][8:])
        assert bad["accuracy"] == pytest.approx(correct[0].mean())


def test_leaks_are_noted_with_their_count_and_dropped_on_demand(example: Any, tmp_path: Path) -> None:
    texts = [
        f" {text} " if row < 5 else other
        for row, (text, other) in enumerate(zip(example.pool.texts, example.held.texts, strict=False))
    ]
    write_rows(tmp_path / "test.csv", {"text": texts, "label": list(example.held.gold)})
    plan = replace(plan_of(example, strategies=("random",), seeds=1, full=False), test=str(tmp_path / "test.csv"))
    notes: list[str] = []
    kept = simulate(plan, engine="inline", notes=notes.append)
    assert any("5 rows of" in note and "--drop-leaks" in note for note in notes)
    dropped = simulate(replace(plan, drop_leaks=True), engine="inline", notes=notes.append)
    assert (kept.environment["pool"], dropped.environment["pool"]) == (240, 235)
    asked = {row["item"] for row in dropped.selections.to_pylist()}
    assert not asked & set(example.pool.ids[:5])
    assert json.dumps(dropped.environment["notes"]).count("were left out of training") == 1


def test_dropping_every_row_is_an_error(example: Any) -> None:
    plan = replace(plan_of(example, drop_leaks=True), test=str(example.train))
    with pytest.raises(DataError, match="none is left to train on"):
        simulate(plan, engine="inline")


def test_the_views_are_told_of_while_they_are_computed_and_none_that_nobody_needs(example: Any, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    plan = plan_of(example, strategies=("random",), budgets=(16,), seeds=1, full=False)
    simulate(plan, engine="inline", cache=tmp_path / "cache", tell=lambda *given: told.append(given))
    counted = [(done, total) for what, done, total in told if what == "counting words"]
    assert counted == [(240, 240), (80, 80)], "the pool once, the test items once"


def test_several_processes_that_were_launched_together_are_refused(
    example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would write the same folder."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="without accelerate launch"):
        simulate(plan_of(example), tmp_path / "out", engine="inline")
    assert not (tmp_path / "out").exists()
