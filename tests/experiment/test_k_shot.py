"""k-shot: k items of each class first, by the file's own labels, and marked so in all that comes out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, Plan, simulate
from tithe.errors import ConfigError
from tithe.experiment.k_shot import in_words, k_shot
from tithe.strategies.named import strategy

CAVEAT = "3-shot, not comparable with active learning, as the classes of the drawn items were known beforehand"


def made(counts: dict[str, int]) -> tuple[Items, Choice]:
    labels = [label for label, count in counts.items() for _ in range(count)]
    ids = [f"{label}{n}" for n, label in enumerate(labels)]
    return Items(ids, [f"text {one}" for one in ids], labels), Choice(tuple(sorted(counts)))


def plan_of(example: Any, **more: Any) -> Plan:
    return Plan(
        str(example.train), str(example.test), strategies=("random",), starts=("lexical",), seeds=2, full=False,
        initial_strategy="k_shot(k=3)", **more,
    )  # fmt: skip


def test_each_class_has_k_and_a_small_one_all_that_it_has() -> None:
    pool, task = made({"a": 20, "b": 10, "c": 2})
    drawn = k_shot(pool, task, 4, seed=0)
    assert Counter(one[0] for one in drawn) == {"a": 4, "b": 4, "c": 2}
    assert in_words(pool, task, 4).endswith("fewer than 4 there are of c 2, all of which were taken")


def test_smaller_k_is_the_beginning_seeds_differ_and_the_files_order_does_not_count() -> None:
    pool, task = made({"a": 20, "b": 10})
    assert k_shot(pool, task, 5, seed=1)[:4] == k_shot(pool, task, 2, seed=1)
    assert k_shot(pool, task, 2, seed=1) != k_shot(pool, task, 2, seed=2)
    turned = Items(pool.ids[::-1], pool.texts[::-1], list(pool.gold or ())[::-1])
    assert k_shot(turned, task, 5, seed=1) == k_shot(pool, task, 5, seed=1)


def test_draws_are_uniform_over_the_items_of_a_class() -> None:
    pool, task = made({"a": 5, "b": 5})
    hits = Counter(one for seed in range(1000) for one in k_shot(pool, task, 1, seed=seed))
    # Binomial(1000, 1/5) has a standard deviation of 12.6; five of them leave it less than once in 100,000 such tests.
    assert all(abs(count - 200) < 64 for count in hits.values())
    assert len(hits) == 10


def test_a_simulation_begins_with_the_batch_and_marks_all_that_it_says(example: Any, tmp_path: Path) -> None:
    found = simulate(plan_of(example, budgets=(10, 30)), tmp_path / "out", engine="inline")
    rows = found.rounds.to_pylist()
    first = [row for row in rows if row["round"] == 0]
    assert [row["labelled"] for row in first] == [24, 24]
    assert sorted({row["labelled"] for row in rows}) == [24, 30]  # a budget below the batch's is none
    assert {row["initial"] for row in rows} == {CAVEAT}
    drawn = [one["item"] for one in found.selections.to_pylist() if one["seed"] == 0 and one["round"] == 0]
    assert set(Counter(example.gold[one] for one in drawn).values()) == {3}
    assert CAVEAT in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert CAVEAT in (tmp_path / "out" / "summary.json").read_text("utf-8")


def test_without_budgets_it_is_the_batch_alone(example: Any) -> None:
    assert {row["labelled"] for row in simulate(plan_of(example), engine="inline").rounds.to_pylist()} == {24}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"task": "multilabel"}, "is for a choice"),
        ({"subsample": 0.5}, "leave initial, subsample and answers out"),
        ({"initial": 10}, "leave initial, subsample and answers out"),
    ],
)
def test_what_does_not_go_with_it_is_refused(example: Any, more: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        simulate(plan_of(example, **more), engine="inline")


@pytest.mark.parametrize("spec", ["k_shot(k=0)", "k_shot(k=1.5)", "k_shot(n=2)", "k_shot(k=true)"])
def test_settings_that_make_no_sense_are_refused(example: Any, spec: str) -> None:
    from dataclasses import replace

    with pytest.raises(ConfigError, match="a whole number k of at least 1"):
        simulate(replace(plan_of(example), initial_strategy=spec), engine="inline")


def test_it_is_no_strategy_anywhere_else() -> None:
    with pytest.raises(ConfigError, match="which no strategy may see"):
        strategy("k_shot(k=5)")


def test_rows_of_other_plans_do_not_have_the_column(example: Any) -> None:
    plan = Plan(
        str(example.train), str(example.test), strategies=("random",), starts=("lexical",), seeds=1, full=False,
        budgets=(24,),
    )  # fmt: skip
    assert "initial" not in simulate(plan, engine="inline").rounds.column_names
    assert np.isfinite(simulate(plan, engine="inline").rounds["accuracy"].to_numpy()).all()
