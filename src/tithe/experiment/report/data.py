"""The numbers behind each figure of a report as small Parquet files, a row for each point.

    curves    dataset, trainer, start, strategy, metric, unit, labelled, mean, low, high, low_items, high_items, seeds
              The learning curves. Bounds are 95 % intervals, over seeds and over seeds and test items; those of the
              main metric alone, null for the others. `unit` is what `labelled` counts, labels or tokens.
    areas     dataset, trainer, start, strategy, metric, seed, area          the mean score over the budgets
    gains     dataset, trainer, start, strategy, baseline, gain, low, high, p_t, p_holm, better, worse
              The map of gains: the paired difference of areas, as a share.
    ranks     trainer, start, strategy, mean_rank, datasets, critical_difference, p, groups
              The diagram of ranks. `groups` holds the numbers of the bars that a strategy is under; `p` is of
              Friedman's test in Iman and Davenport's form.
    classes   dataset, trainer, start, strategy, class, in_test, labelled, f1          the mean over seeds

A figure that a report does not have leaves an empty file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe.data.files import replacing
from tithe.experiment.report.across import across
from tithe.experiment.report.classes import class_curves
from tithe.experiment.report.read import Evidence
from tithe.experiment.summary.words import shown_bounds, unit_of

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Iterator[dict[str, Any]]
Group = Mapping[str, Any]

_TEXT = ("dataset", "trainer", "start", "strategy", "metric", "baseline", "class", "unit")
_WHOLE = ("seed", "seeds", "datasets", "in_test")
_BOOL = ("better", "worse")

_WHO = ("dataset", "trainer", "start", "strategy")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "curves": (*_WHO, "metric", "unit", "labelled", "mean", "low", "high", "low_items", "high_items", "seeds"),
    "areas": (*_WHO, "metric", "seed", "area"),
    "gains": (*_WHO, "baseline", "gain", "low", "high", "p_t", "p_holm", "better", "worse"),
    "ranks": ("trainer", "start", "strategy", "mean_rank", "datasets", "critical_difference", "p", "groups"),
    "classes": (*_WHO, "class", "in_test", "labelled", "f1"),
}


def write_data(evidence: Evidence, into: Path) -> None:
    """Writes a file `NAME.parquet` for each of `COLUMNS` into this folder, each whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    into.mkdir(parents=True, exist_ok=True)
    made: Mapping[str, Callable[[Evidence], Rows]] = {
        "curves": _curves,
        "areas": _areas,
        "gains": _gains,
        "ranks": _ranks,
        "classes": _classes,
    }
    for name, columns in COLUMNS.items():
        schema = pa.schema([(column, _kind(column)) for column in columns])
        with replacing(into / f"{name}.parquet") as file:
            pq.write_table(pa.Table.from_pylist(list(made[name](evidence)), schema), file, compression="zstd")


def _kind(column: str) -> pa.DataType:
    import pyarrow as pa

    if column in _TEXT:
        return pa.string()
    if column in _WHOLE:
        return pa.int64()
    if column in _BOOL:
        return pa.bool_()
    return pa.list_(pa.int64()) if column == "groups" else pa.float64()


def _arms(evidence: Evidence) -> Iterator[tuple[Group, Mapping[str, Any], dict[str, Any]]]:
    """Group, strategy, and the columns that say which they are."""
    for group in evidence.summary["groups"]:
        for one in group["strategies"]:
            who = {"dataset": group["dataset"], "trainer": group["trainer"], "start": group["start"]}
            yield group, one, {**who, "strategy": one["strategy"]}


def _curves(evidence: Evidence) -> Rows:
    for group, one, who in _arms(evidence):
        for at, point in enumerate(one["curve"]):
            low, high = shown_bounds(point)
            bounds = {"low": low, "high": high, "low_items": point["low_items"], "high_items": point["high_items"]}
            same = {**who, "unit": unit_of(group), "labelled": point["labelled"], "seeds": point["n"]}
            yield {**same, "metric": group["metric"], "mean": point["mean"], **bounds}
            for metric, means in one["metrics"].items():
                if metric != group["metric"]:
                    yield {**same, "metric": metric, "mean": means[at]}


def _areas(evidence: Evidence) -> Rows:
    for group, one, who in _arms(evidence):
        for seed, area in one["area"]["per_seed"].items():
            yield {**who, "metric": group["metric"], "seed": int(seed), "area": area}


def _gains(evidence: Evidence) -> Rows:
    for _, one, who in _arms(evidence):
        if one["against"] is not None:
            test = one["against"]["area"]
            kept = {name: test[name] for name in ("gain", "low", "high", "p_t", "p_holm", "better", "worse")}
            yield {**who, "baseline": evidence.summary["baseline"], **kept}


def _ranks(evidence: Evidence) -> Rows:
    for found in across(evidence.summary):
        ranking = found.ranking
        if ranking is None:
            continue
        for at, name in enumerate(ranking.strategies):
            yield {
                "trainer": found.trainer,
                "start": found.start,
                "strategy": name,
                "mean_rank": ranking.ranks[at],
                "datasets": len(ranking.datasets),
                "critical_difference": ranking.difference,
                "p": ranking.test.p,
                "groups": [number for number, group in enumerate(ranking.groups) if at in group],
            }


def _classes(evidence: Evidence) -> Rows:
    for group in evidence.summary["groups"]:
        for curve in class_curves(group, evidence.rounds):
            for strategy, means in curve.means.items():
                for labelled, mean in means.items():
                    yield {
                        "dataset": group["dataset"],
                        "trainer": group["trainer"],
                        "start": group["start"],
                        "strategy": strategy,
                        "class": curve.name,
                        "in_test": curve.true,
                        "labelled": labelled,
                        "f1": mean,
                    }
