"""What several data sets say together: the gain of each strategy on each, and ranks over data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tithe.stats import Friedman, cliques, critical_difference, friedman

Group = Mapping[str, Any]

FEWEST = 3
"""Data sets, and strategies, that a comparison of ranks needs."""


@dataclass(frozen=True)
class Ranking:
    """Strategies over data sets, the best first: mean ranks of the mean area, and what separates them.

    `groups` holds the largest groups that are not told apart, as indices into `strategies`: all in one where
    Friedman's test does not show any difference (`shown`), else those that lie within `difference`.
    """

    strategies: tuple[str, ...]
    datasets: tuple[str, ...]
    ranks: tuple[float, ...]
    test: Friedman
    difference: float
    shown: bool
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Across:
    """The data sets of one trainer and start. `tests` holds the area test of (strategy, data set) where there is one.

    `ranking` is None where fewer than three data sets have three strategies in common.
    """

    trainer: str
    start: str
    baseline: str
    datasets: tuple[str, ...]
    strategies: tuple[str, ...]
    tests: Mapping[tuple[str, str], Mapping[str, Any]]
    ranking: Ranking | None


def across(summary: Mapping[str, Any]) -> list[Across]:
    """What can be said over data sets, for each trainer and start that has two or more."""
    by_recipe: dict[tuple[str, str], list[Group]] = {}
    for group in summary["groups"]:
        if group["strategies"]:
            by_recipe.setdefault((group["trainer"], group["start"]), []).append(group)
    return [_across(groups, summary) for _, groups in sorted(by_recipe.items()) if len(groups) > 1]


def _across(groups: Sequence[Group], summary: Mapping[str, Any]) -> Across:
    tests = {
        (one["strategy"], group["dataset"]): one["against"]["area"]
        for group in groups
        for one in group["strategies"]
        if one["against"] is not None
    }
    names = {name for name, _ in tests}
    means = {name: [test["gain"] for (who, _), test in tests.items() if who == name] for name in names}
    strategies = sorted(names, key=lambda name: (-sum(means[name]) / len(means[name]), name))
    return Across(
        groups[0]["trainer"],
        groups[0]["start"],
        summary["baseline"],
        tuple(group["dataset"] for group in groups),
        tuple(strategies),
        tests,
        _ranking(groups, summary["level"]),
    )


def _ranking(groups: Sequence[Group], level: float) -> Ranking | None:
    """The ranks of the strategies that every data set has, at the same budgets within each."""
    comparable = [_comparable(group) for group in groups]
    common = sorted(set.intersection(*(set(one) for one in comparable)))
    if len(groups) < FEWEST or len(common) < FEWEST:
        return None
    test = friedman([[one[name] for name in common] for one in comparable])
    order = sorted(range(len(common)), key=lambda at: (test.ranks[at], common[at]))
    ranks = tuple(test.ranks[at] for at in order)
    difference = critical_difference(len(common), len(groups), level=level)
    shown = test.p < 1 - level
    return Ranking(
        tuple(common[at] for at in order),
        tuple(group["dataset"] for group in groups),
        ranks,
        test,
        difference,
        shown,
        tuple(cliques(ranks, difference)) if shown else (tuple(range(len(common))),),
    )


def _comparable(group: Group) -> dict[str, float]:
    """The mean area of each strategy that has the budgets and seeds most have: areas over others are not alike."""
    shapes = {
        one["strategy"]: (tuple(point["labelled"] for point in one["curve"]), tuple(one["seeds"]))
        for one in group["strategies"]
    }
    counted = list(shapes.values())
    usual = max(counted, key=lambda shape: (counted.count(shape), len(shape[0]), shape))
    return {one["strategy"]: one["area"]["mean"] for one in group["strategies"] if shapes[one["strategy"]] == usual}
