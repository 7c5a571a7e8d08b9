"""Budgets in tokens: spent in whole, overshot by one item at most, the same after a kill."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Plan, Pool, simulate, strategy
from tithe.data.reading import read_items
from tithe.errors import BudgetError, ConfigError
from tithe.experiment import simulate as module
from tithe.loop.spending import select_worth
from tithe.rng import stream
from tithe.tasks.spans import Spans
from tithe.types import Items

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "experiment"))
from sameness import assert_same
from tagger import file_of, register

TASK = Spans(("LOC", "PER"))


@pytest.fixture
def frequencies(monkeypatch: pytest.MonkeyPatch) -> str:
    return register(monkeypatch)


def pool_of(lengths: list[int]) -> Pool:
    texts = [" ".join(["so"] * length) for length in lengths]
    return Pool(Items([f"i{n:03d}" for n in range(len(lengths))], texts), task=TASK)


class Longest:
    """Asks for the longest first, so that the mean cost says little; counts how often it was asked."""

    needs: frozenset[str] = frozenset()
    cold = None

    def __init__(self) -> None:
        self.asked: list[int] = []

    def select(self, pool: Pool, n: int, rng: Any) -> Any:
        self.asked.append(n)
        sizes = np.array([len(pool.items[int(row)].text) for row in pool.candidates])
        order = np.argsort(self.sign * sizes, kind="stable")[:n]
        return pool.pick(pool.candidates[order], sizes[order].astype(float), "longest")

    sign = -1


class Shortest(Longest):
    sign = 1


@pytest.mark.parametrize("kind", [Longest, Shortest, lambda: strategy("random")])
@pytest.mark.parametrize("cost", [0.5, 7, 40, 333])
def test_a_batch_spends_its_cost_and_at_most_one_item_more(kind: Any, cost: float) -> None:
    pool = pool_of([1, 2, 30, 4, 1, 1, 50, 8, 3, 2] * 10)
    found = select_worth(kind(), pool, cost, TASK, lambda: stream(0, "draw"))
    paid = [TASK.cost(pool.items[int(row)]) for row in pool.rows(found.ids)]
    assert sum(paid) >= cost > sum(paid[:-1])
    assert len(found.scores) == len(found.ids)


def test_too_short_a_list_is_asked_for_again_twice_as_long() -> None:
    pool = pool_of([1] * 90 + [100] * 10)
    short = Shortest()
    found = select_worth(short, pool, 85, TASK, lambda: stream(0, "draw"))
    assert short.asked == [9, 18, 36, 72, 100]
    assert len(found.ids) == 85
    everything = select_worth(Longest(), pool, 1e9, TASK, lambda: stream(0, "draw"))
    assert len(everything.ids) == 100
    assert select_worth(Longest(), pool, 0, TASK, lambda: stream(0, "draw")).ids == ()
    nothing = pool.without(pool.ids)
    assert select_worth(Longest(), nothing, 10, TASK, lambda: stream(0, "draw")).ids == ()


def plan_of(folder: Path, **more: object) -> Plan:
    train, test = folder / "train.jsonl", folder / "test.jsonl"
    if not train.exists():
        file_of(train, 1, 120), file_of(test, 2, 40)
    how = {"strategies": ("random", "mnlp", "auto"), "seeds": 2, "budget_in": "tokens", "full": True} | more
    return Plan(str(train), str(test), task="spans", trainers=("frequencies",), starts=("lexical",), **how)


def test_runs_overshoot_each_budget_by_one_item_at_most_and_curves_are_over_tokens(
    tmp_path: Path, frequencies: str
) -> None:
    plan = plan_of(tmp_path, budgets=(30, 31, 100, "50%"))  # 31 is spent by the last item of 30
    results = simulate(plan, tmp_path / "out", engine="inline")
    items = read_items(tmp_path / "train.jsonl", task="spans")
    cost = {item.id: TASK.cost(item) for item in items}
    whole, steps = sum(cost.values()), []
    for row in results.rounds.to_pylist():
        if row["strategy"] == "full":
            assert row["cost"] == row["budget"] == whole
            continue
        steps.append(row["budget"])
        assert row["budget"] <= row["cost"] < row["budget"] + max(cost.values())
    assert sorted(set(steps)) == [30, 31, 100, round(whole / 2)]
    asked: dict[tuple[str, int], list[tuple[int, str]]] = {}
    for pick in results.selections.to_pylist():
        asked.setdefault((pick["config"], pick["seed"]), []).append((pick["round"], pick["item"]))
    for picks in asked.values():
        assert len({item for _, item in picks}) == len(picks)
        for number, budget in enumerate((30, 31, 100, round(whole / 2))):
            so_far = [cost[item] for at, item in picks if at <= number]
            assert sum(so_far) >= budget > sum(so_far[:-1])  # without its last item it was not spent
    group = results.summary["groups"][0]
    assert group["unit"] == "tokens"
    assert [point["labelled"] for point in group["strategies"][0]["curve"]] == [30, 31, 100, round(whole / 2)]
    assert group["full"]["labelled"] == whole
    assert all("labels" not in sentence for sentence in results.summary["sentences"])
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Entity F1 against tokens" in report
    assert ">Tokens" in report


def test_a_killed_run_goes_on_to_the_same_results(
    tmp_path: Path, frequencies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, initial=30, batches=(1, 40, 200))
    simulate(plan, tmp_path / "whole", engine="inline")

    class Killed(Exception):  # noqa: N818  # it stands for a signal
        pass

    def dying(progress: Any, step: Any) -> None:
        if progress.run.strategy == "auto" and progress.steps == 3:
            raise Killed

    with pytest.raises(Killed):
        simulate(plan, tmp_path / "part", engine="inline", on_step=dying)
    assert (tmp_path / "part" / ".unfinished").is_dir()
    module.simulate(plan, tmp_path / "part", engine="inline")
    assert_same(tmp_path / "whole", tmp_path / "part")


def test_a_run_to_the_end_of_the_pool_asks_for_all_of_it(tmp_path: Path, frequencies: str) -> None:
    results = simulate(plan_of(tmp_path, budgets=("10%", "100%"), strategies=("random",), full=False), engine="inline")
    last = results.rounds.to_pylist()[-1]
    assert (last["labelled"], last["cost"]) == (120, last["budget"])


def test_budgets_in_tokens_are_for_spans_and_no_more_than_the_pool(tmp_path: Path, frequencies: str) -> None:
    with pytest.raises(ConfigError, match="budgets in tokens are for spans"):
        Plan("a.csv", "b.csv", budget_in="tokens")
    with pytest.raises(ConfigError, match="in items or in tokens; given budget_in = 'words'"):
        Plan("a.csv", "b.csv", task="spans", budget_in="words")
    with pytest.raises(BudgetError, match=r"more than the pool of \d+ tokens"):
        simulate(plan_of(tmp_path, budgets=(10, 10**6)), engine="inline")
