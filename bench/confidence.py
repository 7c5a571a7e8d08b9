"""How calibrated confidences are: the mean over labels or tokens, and the probability of the whole answer.

Trains `linear` on a draw of each training file, predicts a draw of held items, and compares confidence with the share
of answers that are right as they stand, in ten bins (ECE). For spans also the product over all tokens, and for each
span by itself the mean probability of its label beside `span_confidence`.

    python bench/confidence.py --data ../shared/data --sizes 200,1000 --seeds 3
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe.data.reading import read_items
from tithe.loop import Workshop
from tithe.loop.training import train
from tithe.models.starts import DEFAULT_START
from tithe.pool import Pool, declared_task
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tasks import Task
from tithe.tasks.multilabel import MultiLabel
from tithe.tasks.spans import FLOOR, Spans
from tithe.types import Label
from tithe.views import ViewStore, default_root

SETS = {
    "trec": ("choice", "train", "test"),
    "aapd": ("multilabel", "validation", "test"),
    "arxiv_titles": ("multilabel", "train", "test"),
    "conll2003": ("spans", "train", "valid"),
    "atis": ("spans", "slots_train", "slots_valid"),
}
BINS = 10


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--sizes", default="200,1000")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held", type=int, default=2000, help="Most held items.")
    parser.add_argument("--out", type=Path, default=Path("bench/results/confidence.json"))
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    for name in args.only.split(","):
        kind, first, second = SETS[name]
        pool, held = (read_items(args.data / name / f"{part}.parquet", task=kind) for part in (first, second))
        held = held.take(np.sort(stream(0, "held", name).permutation(len(held))[: args.held]))
        task = declared_task(kind, pool, tuple(sorted({*_names(pool.gold), *_names(held.gold)})))
        start = Workshop(ViewStore(default_root())).start(DEFAULT_START, pool)
        for size in map(int, args.sizes.split(",")):
            found: dict[str, list[float]] = defaultdict(list)
            for seed in range(args.seeds):
                order = np.sort(stream(seed, "confidence", name).permutation(len(pool))[:size])
                model = train(Pool(pool.take(order)), task, start=start, seed=seed)
                output = model.view("proba", held)
                labels, truth = model.decide(output), held.gold or ()
                right = np.array([a == b for a, b in zip(labels, truth, strict=True)])
                found["right"].append(float(right.mean()))
                for how, sure in ways(task, output, labels).items():
                    found[f"{how}: mean"].append(float(sure.mean()))
                    found[f"{how}: ece"].append(ece(sure, right))
                for how, (sure, hits) in by_span(task, output, labels, truth).items():
                    found[f"{how}: ece"].append(ece(sure, hits))
            rows[f"{name} {size}"] = {key: round(float(np.mean(each)), 4) for key, each in found.items()}
            print(f"{name} {size}", json.dumps(rows[f"{name} {size}"]), flush=True)
    args.out.write_text(json.dumps(rows, indent=1) + "\n")


def ways(task: Task, output: Any, labels: list[Label]) -> Mapping[str, NDArray[np.float64]]:
    """(n,) confidences in whole answers, by the way to compute them."""
    found = {"parts": 1 - task.uncertainty(output, "least_confidence"), "whole": task.confidence(output, labels)}
    if isinstance(task, Spans):
        tags = task.tag(labels, output).values
        likely = output.values[np.arange(len(tags)), tags].astype(np.float64)
        found["tokens"] = np.exp(output.reduce(np.add, np.log(np.maximum(likely, FLOOR))))
    if isinstance(task, MultiLabel):
        applies = task.encode(labels)
        found["least sure label"] = np.where(applies, output, 1 - output).min(axis=1).astype(np.float64)
    return found


def by_span(
    task: Task, output: Any, labels: list[Label], truth: Any
) -> Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Confidences in single spans, and which are right."""
    if not isinstance(task, Spans) or not isinstance(output, Ragged) or output.places is None:
        return {}
    mean, least, right = [], [], []
    for row, (label, sure) in enumerate(zip(labels, task.span_confidence(output, labels), strict=True)):
        inside = slice(output.splits[row], output.splits[row + 1])
        proba, places = output.values[inside], output.places[inside]
        for span, one in zip(label, sure, strict=True):
            columns = [at for at, tag in enumerate(task.tags) if tag[2:] == span.label]
            tokens = (places[:, 0] < span.end) & (places[:, 1] > span.start)
            mean.append(float(proba[tokens][:, columns].sum(axis=1).mean()))
            least.append(one)
            right.append(span in truth[row])
    hits = np.array(right, bool)
    return {"span, mean": (np.array(mean), hits), "span, least tag": (np.array(least), hits)}


def ece(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The expected calibration error in ten bins of equal width.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(
        sum((bins == one).mean() * abs(sure[bins == one].mean() - right[bins == one].mean()) for one in np.unique(bins))
    )


def _names(gold: Any) -> set[str]:
    from tithe.types import names_in

    return {name for label in gold for name in names_in(label)}


if __name__ == "__main__":
    main()
