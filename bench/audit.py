"""Measures whether the interval of the audit estimate holds while people watch it, and whether forecasts come true.

    OMP_NUM_THREADS=1 python bench/audit.py --data ../shared/data
    python bench/audit.py --only made                       # made models alone: no data needed
    python bench/audit.py --only trec,atis --seeds 10

A run answers one item after the other, as the labelling page asks them: audit items by `audit_due` (a share of .3, so
that 200 are answered soon), others by a strategy on real fits of `linear`, refitted every few answers. Two fifths of
the items (2,000 at most) are drawn as audit items although 200 of them are answered, so that the truth on items that no
model has seen is known. After *every* answer the interval of the model then serving is compared with its mean score on
these ("new items"), and on the whole file, what it was trained on included. `made` does the same with made models,
often enough to count rare misses. At some points `outlook` says what 50 and 200 more labels will bring; what they
brought (on new items) is known later.

Prints tables and writes bench/results/audit.json, whose other data sets it keeps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

import tithe
from tithe.log import Added, Answered, Asked, Declared, Drawn, Log
from tithe.loop import Recipe, Workshop, propose
from tithe.loop.audit import audit_due, draw_reserve
from tithe.loop.outlook import AHEAD, Version, outlook
from tithe.rng import stream
from tithe.stats import anytime_mean_bounds, anytime_share, mean_interval, wilson
from tithe.tasks import Task
from tithe.tasks.choice import Choice

SHARE, MOST_LABELS, MOST_AUDIT = 0.3, 450, 200
WIDTHS_AT = (20, 50, 100, 200)
FORECAST_AT = (60, 100, 150, 200, 250, 300, 400)
MADE_RUNS, MADE_ITEMS = 1000, 2000
NEW = 2000  # items at most that no model sees, of two fifths of all
DRAWS, LOOK_BACK = 300, 5.0  # of the peers of the forecast: bootstrap draws, and the window that it has too


@dataclass(frozen=True)
class Source:
    """A data set: its file, task and strategy, how many items of it, and how often the model is refitted."""

    file: str
    task: str
    strategy: str
    seeds: int
    items: int = 100_000
    refit: int = 5
    label: str | None = None


SOURCES = {
    "trec": Source("trec/train.parquet", "choice", "margin", 20),
    "atis": Source("atis/intent_train.parquet", "choice", "margin", 10),
    "arxiv": Source("arxiv_titles/train.parquet", "multilabel", "margin", 10, 8000, 5, "labels_arxiv"),
    "conll": Source("conll2003/train.parquet", "spans", "mnlp", 6, 2500, 20),
}


@dataclass(frozen=True)
class Run:
    """A project as it went.

    `scores` (v, N) of each model on all items; `audit` rows of items that no model saw, in the order in which they are
    answered; `sure` (v, N) how sure the models of a choice were; `truths` of the audit items, in that order.
    """

    task: Task
    versions: list[Version]
    scores: np.ndarray
    audit: np.ndarray
    sure: np.ndarray | None
    truths: dict[str, Any]


def main() -> int:
    """Runs what is asked for, prints the tables and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--only", default=",".join(["made", *SOURCES]), help="names, parted by commas")
    parser.add_argument("--seeds", type=int, help="runs of each data set (default: 20, 10, 10, 6)")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "audit.json")
    options = parser.parse_args()
    kept = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    for name in options.only.split(","):
        began = time.perf_counter()
        if name == "made":
            runs: Iterator[Run] = (made_run(seed) for seed in range(MADE_RUNS))
        else:
            source = SOURCES[name]
            seeds = range(options.first_seed, options.first_seed + (options.seeds or source.seeds))
            runs = real_runs(name, source, options.data, seeds)
        kept[name] = measure(runs) | {"seconds": round(time.perf_counter() - began)}
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        print(f"{name}: {kept[name]['seconds']} s", flush=True)
    print(*tables(kept), sep="\n")
    return 0


def real_runs(name: str, source: Source, data: Path, seeds: Sequence[int]) -> Iterator[Run]:
    """Projects on a data set, whose labels answer."""
    options = {"label": source.label} if source.label else {}
    pool = tithe.read(data / source.file, task=source.task, **options)
    items = pool.items
    if len(items) > source.items:
        rows = stream(0, "bench audit", name).permutation(len(items))[: source.items]
        items = items.take(np.sort(rows))
    task, shop = pool.task, Workshop()
    gold = dict(zip(items.ids, items.gold or (), strict=True))
    place = {one: row for row, one in enumerate(items.ids)}
    for seed in seeds:
        audit = draw_reserve(items.ids, seed, min(NEW, 2 * len(items) // 5))
        log = Log([Added(items), Declared(source.task, task.labels), Drawn(audit)])
        versions, scores, sure = [], [], []
        while (labelled := len(log.snapshot().labels)) < MOST_LABELS + source.refit:
            found = propose(log.snapshot(), Recipe(strategy=source.strategy), seed=seed, n=source.refit, workshop=shop)
            if found.model is not None:
                output = found.model.view("proba", items)
                said = found.model.decide(output)
                guesses = {one: (said[place[one]], 1.0) for one in audit[:500]}
                versions.append(Version(len(log), labelled, float(labelled), {}, guesses))
                scores.append(
                    [1.0 - task.distance(gold[one], guess) for one, guess in zip(items.ids, said, strict=True)]
                )
                if source.task == "choice":
                    sure.append(np.asarray(output).max(axis=1))
            ids = found.selection.ids
            log.append(Asked(ids, source.strategy, seed, len(log)), *(Answered(one, gold[one]) for one in ids))
        rows = np.array([place[one] for one in audit])
        truths = {one: gold[one] for one in audit[:500]}
        yield Run(task, versions, np.array(scores), rows, np.array(sure) if sure else None, truths)


def made_run(seed: int) -> Run:
    """Made models of falling error: some items are harder, and each model errs on some others than the one before."""
    rng = stream(seed, "bench audit", "made")
    labels = np.arange(10, MOST_LABELS + 5, 5)
    error = np.minimum(0.9, rng.uniform(0.02, 0.4) * (labels / MOST_LABELS) ** -rng.uniform(0.2, 0.8))
    hard = rng.normal(size=MADE_ITEMS)
    drift = np.cumsum(rng.normal(scale=0.1, size=(len(labels), MADE_ITEMS)), axis=0)
    bound = np.quantile(hard, 1 - error) * np.sqrt(1 + 0.01 * np.arange(1, len(labels) + 1))
    scores = (hard + drift < bound[:, None]).astype(float)
    versions = [Version(at, int(n), float(n)) for at, n in enumerate(labels)]
    return Run(Choice(("x", "y")), versions, scores, rng.permutation(MADE_ITEMS), None, {})


def looks(run: Run) -> Iterator[tuple[int, int]]:
    """(model serving, audit answers) after each answer, from the first audit answer with a model on."""
    labels = [one.labelled for one in run.versions]
    answered = audited = 0
    while audited < MOST_AUDIT and answered - audited <= MOST_LABELS:
        audited += audit_due(answered, audited, SHARE)
        answered += 1
        serving = int(np.searchsorted(labels, answered - audited, side="right")) - 1
        if serving >= 0 and audited:
            yield serving, audited


@cache
def table(way: str, population: int | None) -> np.ndarray:
    """(n, right, 2) the bounds of a share after n answers."""
    out = np.full((MOST_AUDIT + 1, MOST_AUDIT + 1, 2), np.nan)
    for n in range(1, MOST_AUDIT + 1):
        for right in range(n + 1):
            found = wilson(right, n) if way == "wilson" else anytime_share(right, n, population=population)
            out[n, right] = found[1:]
    return out


def bounds_of_share(right: np.ndarray, way: str, population: int | None = None) -> np.ndarray:
    """(n, 2) the bounds after each answer."""
    return table(way, population)[np.arange(1, len(right) + 1), np.cumsum(right == 1.0).astype(int)]


def student(values: np.ndarray) -> np.ndarray:
    """(n, 2) the ordinary bounds after each answer; those of one answer say nothing."""
    return np.array([(0.0, 1.0), *(mean_interval(values[:n])[1:] for n in range(2, len(values) + 1))])


def running(bounds: np.ndarray) -> np.ndarray:
    """What was once out stays out."""
    return np.stack([np.maximum.accumulate(bounds[:, 0]), np.minimum.accumulate(bounds[:, 1])], axis=1)


def ways(run: Run, model: int, n: int) -> Iterator[tuple[str, np.ndarray]]:
    """The intervals that are watched, by name: (n, 2) bounds of one model after each of n audit answers."""
    rows = run.audit[:n]
    found, new = run.scores[model, rows], len(run.audit)
    if run.task.name == "choice":
        yield "anytime", bounds_of_share(found, "anytime")
        yield "anytime, of so many items", bounds_of_share(found, "anytime", new)
        yield "anytime, what was out stays out", running(bounds_of_share(found, "anytime"))
        yield "ordinary (Wilson)", bounds_of_share(found, "wilson")
    else:
        yield "anytime", anytime_mean_bounds(found, stays_out=False)
        yield "anytime, what was out stays out", anytime_mean_bounds(found)
        yield "ordinary (Student t)", student(found)
        yield "all right: anytime", bounds_of_share(found, "anytime")
        yield "all right: ordinary (Wilson)", bounds_of_share(found, "wilson")
    if run.sure is not None:
        # The mean confidence in items that no model saw, corrected by how far off it is on those answered.
        sure = run.sure[model]
        off = anytime_mean_bounds(found - sure[rows], low=-1.0)
        yield "model-assisted, what was out stays out", sure[run.audit].mean() + off


def measure(runs: Iterator[Run]) -> dict[str, Any]:
    """What all runs of a data set say: coverage and width of each interval, and of forecasts."""
    watched: dict[str, list[dict[str, Any]]] = {}
    forecasts: dict[str, list[dict[str, float]]] = {}
    last = []
    for run in runs:
        for way, one in watch(run).items():
            watched.setdefault(way, []).append(one)
        for way, one in forecasted(run) if run.truths else ():
            forecasts.setdefault(way, []).append(one)
        last.append(float(run.scores[-1, run.audit].mean()))
    return {
        "runs": len(last),
        "items": run.scores.shape[1],
        "new items": len(run.audit),
        "last score": float(np.mean(last)),
        "intervals": {way: summed(some) for way, some in watched.items()},
        "forecasts": {way: means(some) | {"n": len(some)} for way, some in forecasts.items()},
    }


def watch(run: Run) -> dict[str, dict[str, Any]]:
    """Looks at each interval after every answer of a run: how often it misses either truth, how wide it is."""
    found: dict[str, dict[str, Any]] = {}
    last = dict(looks(run))
    bounds = {model: dict(ways(run, model, n)) for model, n in last.items()}
    truths = {  # of new items and of the file, whether an item is right in every label or how right it is
        whole: {model: (kind[model][run.audit].mean(), kind[model].mean()) for model in last}
        for whole, kind in ((False, run.scores), (True, run.scores == 1.0))
    }
    met: set[int] = set()
    for model, n in looks(run):
        for way, each in bounds[model].items():
            low, high = each[n - 1]
            new, file = truths[way.startswith("all right")][model]
            one = found.setdefault(way, {"looks": 0, "new": 0, "file": 0, "widths": {}})
            one["looks"] += 1
            one["new"] += not low - 1e-9 <= new <= high + 1e-9
            one["file"] += not low - 1e-9 <= file <= high + 1e-9
            if n in WIDTHS_AT and n not in met:
                one["widths"][n] = float(high - low)
        met.add(n)
    return found


def summed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of looks that hold the truth, and of runs that never miss it; mean widths."""
    total = sum(one["looks"] for one in runs)
    shares = {
        truth: {
            "looks": 1 - sum(one[truth] for one in runs) / total,
            "runs": sum(one[truth] == 0 for one in runs) / len(runs),
        }
        for truth in ("new", "file")
    }
    return shares | {"width": {str(n): float(np.mean([one["widths"][n] for one in runs])) for n in WIDTHS_AT}}


def forecasted(run: Run) -> Iterator[tuple[str, dict[str, float]]]:
    """What was said that more labels would bring, and whether they did, at some points of a run."""
    labels = np.array([one.labelled for one in run.versions])
    truth, ids = run.scores[:, run.audit].mean(axis=1), list(run.truths)
    for at, n in dict(looks(run)).items():  # the last look at each model
        now = int(labels[at])
        if now not in FORECAST_AT or n < WIDTHS_AT[0]:
            continue
        answered = {one: run.truths[one] for one in ids[:n]}
        said = outlook(run.task, run.versions[: at + 1], answered, reserved=len(ids))
        rows = run.scores[: at + 1, run.audit[:n]]
        peers = {kind: peer(labels[: at + 1], rows, kind, now) for kind in ("log", "power")}
        for gain in said.gains:
            later = np.flatnonzero(labels == now + gain.labels)
            if not len(later):
                continue
            came = float(truth[later[0]] - truth[at])
            for name, (mean, low, high) in {
                "outlook": (gain.gain, gain.low, gain.high),
                **{kind: found[gain.labels] for kind, found in peers.items()},
            }.items():
                yield (
                    f"{name} +{gain.labels}",
                    {
                        "covers": float(low <= came <= high),
                        "below": float(came < low),
                        "width": high - low,
                        "error": abs(mean - came),
                        "bias": mean - came,
                        "came": came,
                        "audit": n,
                    },
                )


def peer(labels: np.ndarray, rows: np.ndarray, kind: str, now: int) -> dict[int, tuple[float, float, float]]:
    """The best fit of one curve, with a bootstrap over the audit items: what one would try first."""
    kept = labels >= now / LOOK_BACK
    x, rng = labels[kept].astype(float), stream(now, "bench audit", "peer")
    picks = rng.integers(0, rows.shape[1], (DRAWS, rows.shape[1]))
    means = np.stack([rows[kept].mean(axis=1), *(rows[kept][:, pick].mean(axis=1) for pick in picks)])
    gains = {more: np.array([fitted(x, mean, kind, more) for mean in means]) for more in AHEAD}
    return {more: (one[0], *np.quantile(one[1:], [0.025, 0.975])) for more, one in gains.items()}


def fitted(x: np.ndarray, y: np.ndarray, kind: str, more: int) -> float:
    """The gain by least squares: a + b log(x), or 1 - a - b x^-c with a and b at least 0."""
    if kind == "log":
        return float(np.polyfit(np.log(x), y, 1)[0] * np.log1p(more / x[-1]))
    best = min(
        ((*nnls(np.stack([np.ones(len(x)), x**-c], axis=1), 1 - y), c) for c in (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4)),
        key=lambda one: float(one[1]),
    )
    return float(best[0][1] * (x[-1] ** -best[2] - (x[-1] + more) ** -best[2]))


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each column."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def tables(found: dict[str, Any]) -> Iterator[str]:
    """The tables of docs/stopping.md."""
    yield "| | runs | interval | looks that hold | runs never missed | file: looks | runs | at 20 | 50 | 100 | 200 |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name, one in found.items():
        for way, says in one["intervals"].items():
            shares = [
                f"{np.floor(1000 * says[truth][of]) / 10:.1f} %"
                for truth in ("new", "file")
                for of in ("looks", "runs")
            ]
            widths = [f"±{50 * says['width'][str(n)]:.1f}" for n in WIDTHS_AT]
            yield "| " + " | ".join([name, str(one["runs"]), way, *shares, *widths]) + " |"
    yield ""
    yield "| | forecasts | of | holds what came | came less | width | mean error | bias | came |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, one in found.items():
        for way, says in one["forecasts"].items():
            points = [f"{100 * says[key]:.1f}" for key in ("width", "error", "bias", "came")]
            shares = [f"{100 * says[key]:.0f} %" for key in ("covers", "below")]
            yield "| " + " | ".join([name, str(says["n"]), way, *shares, *points]) + " |"


if __name__ == "__main__":
    raise SystemExit(main())
