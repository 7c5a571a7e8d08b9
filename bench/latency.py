"""From `tell` of one answer to the next `ask`: how long a person waits.

10,000 real texts (ATIS and TREC questions together, 14 labels) are embedded first; 200 labels are told; then one
answer at a time. Prints the distribution and the time that a full, cold round takes beside it; writes JSON.

    python bench/latency.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from tithe import ActiveLearner, Choice, Items, Pool, Recipe
from tithe.data.reading import read_items
from tithe.loop import Workshop
from tithe.views import ViewStore, default_root


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=200)
    parser.add_argument("--answers", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path("bench/results/latency.json"))
    args = parser.parse_args()

    files = [read_items(args.data / name) for name in ("atis8/train.parquet", "trec/train.parquet")]
    texts = [text for items in files for text in items.texts][: args.items]
    gold = [label for items in files for label in items.gold or ()][: args.items]
    ids = [f"{row:05d}" for row in range(len(texts))]
    truth = dict(zip(ids, gold, strict=True))
    pool = Pool(Items(ids, texts))
    labels = sorted({str(label) for label in gold})

    found = {}
    for strategy in ("margin", "auto", "badge"):
        workshop = Workshop(ViewStore(default_root()))
        learner = ActiveLearner(pool, Choice(tuple(labels)), Recipe(strategy=strategy), workshop=workshop)
        first = learner.ask(args.first)
        learner.tell({item.id: truth[item.id] for item in first})
        asked = learner.ask(1)
        waits = []
        for _ in range(args.answers):
            began = time.perf_counter()
            learner.tell({asked[0].id: truth[asked[0].id]})
            asked = learner.ask(1)
            waits.append(time.perf_counter() - began)
        record = learner.history[-1]
        shares = {f"p{q}": round(float(np.percentile(waits, q)), 4) for q in (10, 50, 90, 99, 100)}
        found[strategy] = shares | {"fit_s": round(record.fit_s, 4), "select_s": round(record.select_s, 4)}
        print(
            f"{strategy:<8} tell to ask, {len(texts)} items: " + ", ".join(f"{k} {v:.3f} s" for k, v in shares.items())
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"items": len(texts), "labels": len(labels), "waits": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
