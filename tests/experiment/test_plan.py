"""Plans: there and back through TOML, budgets that add up, and clear errors."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tithe.errors import BudgetError, ConfigError
from tithe.experiment.plan import Plan, counts
from tithe.experiment.study import read_plan

sys.path.insert(0, str(Path(__file__).parent))
from drawn import plans

PLAN = Plan("a/train.csv", "a/test.csv")


@given(plans)
@settings(max_examples=60, deadline=None)
def test_a_plan_comes_back_from_its_toml_as_it_was(tmp_path_factory: Any, plan: Plan) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_bytes(plan.to_toml().encode())
    again = read_plan(path)
    assert again == plan
    assert again.digest == plan.digest


def test_a_path_with_a_delete_character_comes_back(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(Plan("a\x7fb.csv", "t.csv").to_toml(), "utf-8")
    assert read_plan(tmp_path / "plan.toml").train == "a\x7fb.csv"


def test_every_setting_changes_the_digest() -> None:
    changes: dict[str, Any] = {
        "train": "x", "test": "x", "name": "x", "task": "x", "text": "x", "label": "x", "id": "x", "labels": ("x", "y"),
        "header": False, "columns": ("x",), "strategies": ("x",), "trainers": ("x",), "starts": ("x",),
        "initial_strategy": "x", "budgets": (3,), "initial": 3, "batches": (3,), "seeds": 3, "seed": 3,
        "subsample": 0.3, "embeddings": "x", "test_embeddings": "x", "dedupe": True, "drop_leaks": True,
        "stop": ("x",), "full": False, "people": ("x",), "answers": 2, "late": 1, "imbalance": 3.0,
    }  # fmt: skip
    base = replace(PLAN, initial=2, people=("a", "b"))  # batches need an initial one, and two answers two people
    changes["budgets"] = (3,)
    found = {PLAN.digest, base.digest}
    for name, value in changes.items():
        found.add(replace(base, **({"initial": 0} if name == "budgets" else {}), **{name: value}).digest)
    assert len(found) == len(changes) + 2


def test_the_root_says_where_the_files_are_and_changes_no_digest() -> None:
    moved = replace(PLAN, root="elsewhere")
    assert moved.digest == PLAN.digest
    assert (moved.at("a/train.csv"), moved.at("/b.csv")) == ("elsewhere/a/train.csv", "/b.csv")
    assert moved.at("hf:owner/name:train") == "hf:owner/name:train"
    assert PLAN.at("a/train.csv") == "a/train.csv"


def test_with_several_answers_budgets_count_answers() -> None:
    plan = Plan("a", "b", people=("exact",) * 3, answers=3)
    assert replace(plan, budgets=(30, "5%", "100%")).steps(1000) == [30, 150, 3000]
    assert plan.steps(1000) == [30, 60, 90, 150, 210, 300, 450, 600]
    with pytest.raises(BudgetError, match="each budget must pay for one item more, 3 answers; given 30, 32"):
        replace(plan, budgets=(30, 32)).steps(1000)
    with pytest.raises(BudgetError, match="more than the pool of 10 items with 3 answers each; give at most 30"):
        replace(plan, budgets=(31,)).steps(10)


@pytest.mark.parametrize(
    ("how", "pool", "steps"),
    [
        ({"budgets": (10, "5%", 100)}, 1000, [10, 50, 100]),
        ({"budgets": (7,)}, 7, [7]),
        ({"initial": 10, "batches": (20, 30)}, 100, [10, 30, 60, 90, 100]),
        ({"initial": "10%", "batches": ("20%",)}, 50, [5, 15, 25, 35, 45, 50]),
        ({"initial": 40}, 100, [40, 80, 100]),
        ({}, 1000, [10, 20, 30, 50, 70, 100, 150, 200]),
        ({}, 20, [2, 3, 4]),
    ],
)
def test_budgets_are_cumulative_and_batches_add_up(how: dict[str, Any], pool: int, steps: list[int]) -> None:
    assert Plan("a", "b", **how).steps(pool) == steps


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"budgets": (10, 101)}, "the budget of 101 is more than the pool of 100 items"),
        ({"budgets": (10, 10)}, "must grow"),
        ({"budgets": (0, 10)}, "begin above 0"),
        ({"budgets": (10, 5)}, "must grow"),
        ({"budgets": ("ten",)}, "cannot read the budget 'ten'"),
        ({"budgets": ("x%",)}, "cannot read the budget 'x%'"),
        ({"budgets": ("nan%",)}, "cannot read the budget 'nan%'"),
        ({"initial": 200, "batches": (5,)}, "more than the pool of 100"),
        ({"initial": 10, "batches": (0,)}, "a batch is at least 1 label; given 0 for a pool of 100"),
        ({"initial": 10, "batches": (5, -5)}, "a batch is at least 1 label; given -5"),
        ({"initial": 10, "batches": ("0.1%",)}, "a batch is at least 1 label; given '0.1%'"),
        ({"initial": -10, "batches": (5,)}, "begin above 0; given -10"),
        ({"initial": "0.1%"}, "a batch is at least 1 label"),
    ],
)
def test_budgets_that_do_not_fit_are_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(BudgetError, match=said):
        Plan("a", "b", **how).steps(100)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"strategies": ()}, "at least one of its strategies"),
        ({"starts": ("lexical", "lexical")}, "starts name lexical twice"),
        ({"seeds": 0}, "at least one seed"),
        ({"subsample": 0}, "a share above 0"),
        ({"subsample": 1.5}, "a share above 0"),
        ({"budgets": (5,), "initial": 3}, "not both"),
        ({"name": "a/b"}, "without /"),
        ({"name": ""}, "must not be empty"),
        ({"answers": 0}, "given answers 0 and late 0"),
        ({"imbalance": 0.5}, "1 or more; given 0.5"),
        ({"imbalance": float("nan")}, "1 or more; given nan"),
        ({"imbalance": float("inf")}, "1 or more; given inf"),
        ({"late": -1}, "given answers 1 and late -1"),
        ({"answers": 2, "people": ("exact",)}, "2 answers to each item need as many people; given 1"),
        ({"batches": (5,)}, "batches follow an initial one"),
        ({"budgets": (True,)}, "the plan's budgets must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Plan("a", "b", **how)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('train = "a"\ntest = "b"\nstrategy = ["random"]', "unknown setting 'strategy'; did you mean 'strategies'"),
        ('train = "a"', "lacks test"),
        ("train = ", "cannot read the plan"),
        ("", "lacks test and train"),
    ],
)
def test_a_plan_file_that_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_plan(tmp_path / "plan.toml")


def test_a_plan_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the plan .*nowhere\.toml"):
        read_plan(tmp_path / "nowhere.toml")


def test_counts_are_read_from_a_command_line() -> None:
    assert counts("48, 97,5%,") == (48, 97, "5%")
    assert counts("") == ()


@pytest.mark.parametrize(
    ("train", "name"), [("d/atis8/train.csv", "atis8"), ("d/trec.train.csv.gz", "trec"), ("train.csv", "train")]
)
def test_a_data_set_is_named_after_its_file_or_folder(train: str, name: str) -> None:
    assert Plan(train, "t").dataset == name
