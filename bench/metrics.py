"""All metrics of a simulation against random, and what the arms asked, where a report shows one metric only.

For each metric: its mean over the budgets, then the paired t test over the seeds of the gain over random, with Holm's
correction over all arms and metrics printed. With the training file also the labels of an asked item, and the share of
these that are not among the six most frequent labels.

    python bench/metrics.py out/arxiv --train ../shared/data/arxiv_titles/train.parquet --label labels_arxiv
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tithe.data.reading import read_items
from tithe.stats.paired import holm, paired_t

METRICS = ("f1_micro", "f1_macro", "lrap", "map_label", "subset_accuracy")
FREQUENT = 6


def main() -> None:
    """Reads the folder and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--metrics", nargs="+", default=METRICS)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--label")
    args = parser.parse_args()
    curves: dict[str, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in pq.read_table(args.folder / "rounds.parquet").to_pylist():
        curves[row["strategy"]][row["seed"]].append(row)
    gains(curves, args.metrics)
    if args.train:
        asked(args.folder, read_items(args.train, task="multilabel", label=args.label))


def gains(curves: dict[str, dict[int, list[dict[str, Any]]]], metrics: list[str]) -> None:
    """The mean at each budget, and the test of the mean over them against random."""
    tests = []
    for metric in metrics:
        scores = {
            arm: np.array([[row[metric] for row in rows] for _, rows in sorted(seeds.items())])  # (seeds, budgets)
            for arm, seeds in curves.items()
        }
        tests += [
            (metric, arm, mine.mean(axis=0), paired_t(mine.mean(axis=1), scores["random"].mean(axis=1)))
            for arm, mine in scores.items()
        ]
    adjusted = iter(holm([test.p for _, arm, _, test in tests if arm != "random"]))
    for metric, arm, means, test in tests:
        line = f"{metric:16} {arm:12} " + " ".join(f"{mean:.4f}" for mean in means)
        if arm != "random":
            line += (
                f"  {100 * test.gain:+.2f} ({100 * test.low:+.2f} to {100 * test.high:+.2f}) p = {next(adjusted):.4f}"
            )
        print(line)


def asked(folder: Path, items: Any) -> None:
    """Labels of an asked item, and the share of them outside the most frequent ones, for each arm and round."""
    gold = dict(zip(items.ids, items.gold, strict=True))
    counts = Counter(name for labels in gold.values() for name in sorted(labels))
    frequent = {name for name, _ in counts.most_common(FREQUENT)}
    batches = defaultdict(list)
    for row in pq.read_table(folder / "selections.parquet").to_pylist():
        batches[row["config"].split("/")[-1], row["round"]].append(gold[row["item"]])
    for (arm, number), sets in sorted(batches.items()):
        names = [name for labels in sets for name in labels]
        rare = sum(name not in frequent for name in names) / len(names)
        print(f"{arm:12} batch {number}: {len(names) / len(sets):.2f} labels an item, {rare:.3f} of them not frequent")


if __name__ == "__main__":
    main()
