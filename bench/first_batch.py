"""What a first batch by labels' names is worth: accuracy and macro F1 on held training rows.

python bench/first_batch.py --data ../shared/data --out first-batch
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np
import pyarrow.parquet as pq

from tithe import Plan, simulate
from tithe.rng import stream

SAID = Path(__file__).parents[1] / "docs" / "plans" / "descriptions"
HELD = 1500


def arms(name: str) -> tuple[str, ...]:
    """The strategies that are compared."""
    by = {"names": "names", "descriptions": f"names(descriptions={SAID / name}.json)"}
    chosen = [("names", "margin"), ("names", "balanced_margin")]
    chosen += [("descriptions", one) for one in ("margin", "balanced_margin", "badge")]
    return ("random", "typiclust", *(f"prior(by={by[of]}, strategy={one})" for of, one in chosen))


def main() -> None:
    """Cuts the training files in two by a seed, plays one batch of each size, prints a line an arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    for name in ("trec", "atis8"):
        table = pq.read_table(given.data / name / "train.parquet")
        order = stream(0, "split", name).permutation(len(table))
        folder = given.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for part, rows in (("train", order[HELD:]), ("held", order[:HELD])):
            pq.write_table(table.take(np.sort(rows)), folder / f"{part}.parquet")
        for size in (10, 20, 50):
            plan = Plan(
                str(folder / "train.parquet"), str(folder / "held.parquet"), strategies=arms(name), budgets=(size,),
                seeds=given.seeds, full=False, dedupe=True,
            )  # fmt: skip
            found = defaultdict(list)
            for row in simulate(plan, engine="inline").rounds.to_pylist():
                found[row["strategy"]].append((row["accuracy"], row["f1_macro"]))
            for arm, scores in found.items():
                accuracy, f1 = (mean(one) for one in zip(*scores, strict=True))
                print(f"{name} {size} {arm.replace(f'{SAID}/', '')}: accuracy {accuracy:.3f}, macro F1 {f1:.3f}")


if __name__ == "__main__":
    main()
