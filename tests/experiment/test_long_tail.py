"""Long tails: sizes by hand, the same for all strategies, and never in the test file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tithe import Choice, Items, Plan, simulate
from tithe.data import write_rows
from tithe.errors import ConfigError
from tithe.experiment.long_tail import long_tail
from tithe.tasks.multilabel import MultiLabel


def pool_of(**sizes: int) -> Items:
    gold = [label for label, size in sizes.items() for _ in range(size)]
    return Items([f"{label}{row}" for row, label in enumerate(gold)], [f"text {row}" for row in range(len(gold))], gold)


def sizes_of(items: Items) -> dict[str, int]:
    return dict(Counter(map(str, items.gold or ())))


def test_sizes_fall_geometrically_from_the_largest_class() -> None:
    # 1000 x 100 ** (-rank / 4): 1000, 316.2, 100, 31.6, 10
    pool = pool_of(a=900, b=1000, c=800, d=700, e=600)
    found, said = long_tail(pool, Choice(tuple("abcde")), 100, 0)
    assert sizes_of(found) == {"b": 1000, "a": 316, "c": 100, "d": 32, "e": 10}
    assert said == (
        "thinned to a long tail of 1458 of 4000 items, the largest class 100 times the smallest: "
        "b 1000, a 316, c 100, d 32, e 10"
    )


def test_a_class_that_is_smaller_than_its_step_keeps_what_it_has() -> None:
    found, said = long_tail(pool_of(a=100, b=20, c=15), Choice(("a", "b", "c")), 4, 0)
    assert sizes_of(found) == {"a": 100, "b": 20, "c": 15}, "100, 50 and 25 were wanted"
    assert "the largest class 6.667 times the smallest" in said


def test_each_class_keeps_an_item() -> None:
    assert sizes_of(long_tail(pool_of(a=50, b=40), Choice(("a", "b")), 1e6, 0)[0]) == {"a": 50, "b": 1}


def test_the_seed_draws_items_and_the_order_of_equal_classes_and_the_file_s_order_does_not_matter() -> None:
    pool, task = pool_of(a=40, b=40, c=40), Choice(("a", "b", "c"))
    kept = {seed: long_tail(pool, task, 10, seed)[0] for seed in range(12)}
    heads = {max(sizes_of(items), key=sizes_of(items).__getitem__) for items in kept.values()}
    assert heads == {"a", "b", "c"}
    turned = pool.take(list(range(len(pool)))[::-1])  # type: ignore[arg-type]
    assert set(long_tail(turned, task, 10, 3)[0].ids) == set(kept[3].ids)
    assert len({tuple(items.ids) for items in kept.values()}) == 12


def test_a_task_without_classes_is_refused() -> None:
    items = Items(["1"], ["x"], [frozenset({"a"})])
    with pytest.raises(ConfigError, match=r"imbalance is for a choice, .* the task is multilabel"):
        long_tail(items, MultiLabel(("a", "b")), 10, 0)


def test_a_simulation_thins_the_pool_alone_for_all_strategies_and_seeds(tmp_path: Path) -> None:
    words = {"a": "red", "b": "green", "c": "blue"}
    for name, sizes in (("train", {"a": 90, "b": 80, "c": 70}), ("test", {"a": 20, "b": 20, "c": 20})):
        items = pool_of(**sizes)
        texts = [f"{words[str(label)]} thing {row}" for row, label in enumerate(items.gold or ())]
        write_rows(tmp_path / f"{name}.csv", {"text": texts, "label": list(items.gold or ())})
    plan = Plan(
        str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), starts=("lexical",), seeds=2, imbalance=9,
        strategies=("random", "margin"), budgets=(10, "100%"), full=False,
    )  # fmt: skip
    results = simulate(plan, engine="inline")
    asked: dict[tuple[str, int], set[str]] = {}
    for row in results.selections.to_pylist():
        asked.setdefault((row["config"], row["seed"]), set()).add(row["item"])
    assert len(asked) == 4
    assert len({frozenset(ids) for ids in asked.values()}) == 1, "all see the same pool"
    assert results.environment["pool"] == 90 + 30 + 10
    assert {row["test_items"] for row in results.rounds.to_pylist()} == {60}
    assert any("a 90, b 30, c 10" in note for note in results.environment["notes"])
