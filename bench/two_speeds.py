"""What two speeds cost, and how often a comparison on so few answers is wrong.

    python bench/two_speeds.py --data ../shared/data/trec --labels 100 --items 2000 --slow "finetune(steps=100)"
    python bench/two_speeds.py --odds

The first fits, compares and reads as the service does, each part in a process of its own, and tells processor seconds
and the most memory of each, with the accuracy of both models on the test file. The second needs no data: it draws
comparisons of two models whose true accuracies are known.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tithe.data.reading import read_items
from tithe.log import Added, Answered, Begun, Compared, Declared, Learning, Log
from tithe.loop import Recipe, Workshop, propose
from tithe.loop.kept import KeptModel
from tithe.loop.swapping import LEAST_HELD, compare
from tithe.models.saving import load_model
from tithe.rng import stream
from tithe.views import ViewStore

PARTS = ("fast fit", "comparison", "slow fit", "reading")


def log_of(folder: Path, labels: int, items: int, slow: str) -> Log:
    """A draw of a data set, so many of it answered, and a slow model begun."""
    every = read_items(folder / "train.parquet", task="choice", require_label=True)
    part = every.take(stream(0, "bench").choice(len(every), min(items, len(every)), replace=False))
    gold = [str(label) for label in part.gold or ()]
    answers = [Answered(one, label) for one, label in list(zip(part.ids, gold, strict=True))[:labels]]
    declared = Declared("choice", tuple(sorted(set(gold))))
    return Log([declared, Added(part.cut(range(len(part)))), *answers, Begun("linear", slow, "minilm", 0)])


def run(part: str, log: Log, folder: Path, cache: Path) -> dict[str, Any]:
    """One part, and what it came to."""
    learning = log.snapshot().begun
    assert learning is not None
    workshop = Workshop(ViewStore(cache))
    if part == "fast fit":
        return _scored(log, learning, "linear", folder, workshop)
    if part == "comparison":
        found: Compared = compare(learning, workshop=workshop)
        return {"held": found.held, "slow_right": found.slow_right, "fast_right": found.fast_right}
    if part == "slow fit":
        return _scored(log, learning, learning.begun.slow, folder, workshop, save=cache / "slow")
    model = KeptModel(load_model(cache / "slow", store=workshop.store), workshop.store)
    model.keep(["proba", "embeddings"], log.snapshot().items)
    return {"items": len(log.snapshot().items)}


def _scored(
    log: Log, learning: Learning, trainer: str, folder: Path, workshop: Workshop, save: Path | None = None
) -> dict[str, Any]:
    model = propose(learning.at, Recipe("minilm", trainer), seed=0, workshop=workshop).model
    assert model is not None
    if save is not None:
        model.save(save)
    spent_s = resource.getrusage(resource.RUSAGE_SELF)
    test = read_items(folder / "test.parquet", task="choice", require_label=True)
    guesses = model.decide(model.view("proba", test))
    right = sum(one == other for one, other in zip(guesses, test.gold or (), strict=True))
    return {"test_accuracy": round(right / len(test), 4), "cpu_s": round(spent_s.ru_utime + spent_s.ru_stime, 1)}


def costs(given: argparse.Namespace) -> dict[str, Any]:
    """Each part in a process of its own."""
    found = {}
    with TemporaryDirectory() as cache:
        for part in PARTS:
            command = [sys.executable, __file__, *sys.argv[1:], "--part", part, "--cache", cache]
            found[part] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def odds(draws: int = 20_000) -> list[dict[str, Any]]:
    """How often the slow model takes over, for true accuracies. Half of the items are three times as hard for both."""
    rng, rows = stream(0, "odds"), []
    for held in (LEAST_HELD, 50, 100):
        for fast, slow in ((0.75, 0.65), (0.75, 0.75), (0.75, 0.85), (0.75, 0.95)):
            hardness = np.where(rng.random((draws, held)) < 0.5, 0.5, 1.5)
            right = [rng.random((draws, held)) >= (1 - one) * hardness for one in (fast, slow)]
            swaps = (right[1].sum(axis=1) > right[0].sum(axis=1)).mean()
            rows.append({"held": held, "fast": fast, "slow": slow, "swaps": round(float(swaps), 3)})
    return rows


def main() -> None:
    """Prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--slow", default="finetune")
    parser.add_argument("--odds", action="store_true")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.odds:
        print(json.dumps(odds(), indent=1))
        return
    if given.part is None:
        print(json.dumps(costs(given), indent=1))
        return
    found = run(given.part, log_of(given.data, given.labels, given.items, given.slow), given.data, given.cache)
    used = resource.getrusage(resource.RUSAGE_SELF)
    total = {"cpu_s": round(used.ru_utime + used.ru_stime, 1), "memory_mb": round(used.ru_maxrss / 1000)}
    print(json.dumps(total | found))


if __name__ == "__main__":
    main()
