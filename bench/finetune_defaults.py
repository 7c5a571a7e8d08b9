"""Which settings of `finetune` do for 20 labels and for 5,000: each arm against the defaults, paired by seed.

    python bench/finetune_defaults.py --data DIR --start minilm --out defaults.json
    python bench/finetune_defaults.py --data ../shared/data --task spans --sets conll2003 --sizes 100 --judges 600 \\
        --arms "finetune(crf=false) @ minilm; finetune @ minilm+lexical" --out spans.json

`DIR/NAME/train.csv` (id, text, label) or `train.parquet` for each of --sets. A fifth of each training file, drawn by
the seed, judges; the labels are drawn from the rest. No test file is read. Arms are specs of trainers, where `@` names
another start than `--start`; the first is what others are compared with, by accuracy or for spans by entity F1. With
`--engine stacked` alike fits share the GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from tithe import registry
from tithe.data.reading import read_items
from tithe.engines import Job
from tithe.loop.propose import trainer_of
from tithe.models.finetune import targets_of
from tithe.models.starts import prepare_start
from tithe.pool import declared_task
from tithe.rng import stream
from tithe.types import Examples, Items
from tithe.views import ViewStore

ARMS = (
    "finetune",
    "finetune(rate=0.00005)",
    "finetune(rate=0.0002)",
    "finetune(head_rate=0.0005)",
    "finetune(layer_decay=0.9)",
    "finetune(layer_decay=0.8)",
    "finetune(dropout=0.2)",
    "finetune(smoothing=0.1)",
    "finetune(words=true)",
    "finetune(freeze=2)",
    "finetune(semi=true)",
    "finetune(semi=true, augment=0.2)",
    "finetune(patience=99)",
)
SIZES = (20, 50, 109, 250, 545, 1090, 3500)

_READ: dict[str, Items] = {}
_STORE = ViewStore(None)


def one(data: str, name: str, size: int, seed: int, arm: str, given: argparse.Namespace) -> dict[str, object]:
    """Fits one model and judges it."""
    spec, _, start = (part.strip() for part in arm.partition("@"))
    kind = given.task
    if name not in _READ:
        file = Path(data) / name / "train.csv"
        _READ[name] = read_items(file if file.exists() else file.with_suffix(".parquet"), task=kind)
    items = _READ[name]
    task = declared_task(kind, items, None)
    order = stream(seed, "defaults", name).permutation(len(items))
    judges = min(given.judges, len(items) // 5)
    dev, pool = order[:judges], order[judges:]
    rows = pool[:size]
    gold = list(items.gold or ())
    made = trainer_of(spec, task)
    began = time.perf_counter()
    prepared = prepare_start(start or given.start, items, store=_STORE)
    model = made.fit(
        task,
        Examples(items.take(rows), [gold[row] for row in rows]),
        start=prepared,
        rng=stream(seed, "fit"),
        unlabelled=items.take(pool[size:]),
    )
    output = model.view("proba", items.take(dev))
    truth = [gold[row] for row in dev]
    scores = task.score(truth, output, model.decide(output))
    columns = targets_of(task, truth, items.take(dev))
    values = output.values if kind == "spans" else output
    log_loss = -float(np.log(np.maximum(values[np.arange(len(columns)), columns], 1e-9)).mean())
    macro = "entity_f1" if kind == "spans" else "f1_macro"
    return {
        "set": name,
        "size": size,
        "seed": seed,
        "arm": arm,
        "accuracy": scores["token_accuracy" if kind == "spans" else "accuracy"],
        macro: scores[macro],
        "log_loss": log_loss,
        "seconds": time.perf_counter() - began,
        "settings": {key: value for key, value in model.settings.items() if not isinstance(value, dict)},
    }


def main() -> None:
    """Runs all fits, prints the table, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--task", default="choice", choices=("choice", "spans"))
    parser.add_argument("--sets", default="trec,atis8")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--arms", default="", help="specs, parted by ;")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--start", default="minilm")
    parser.add_argument("--judges", type=int, default=2000, help="items that judge, at most")
    parser.add_argument("--engine", default="inline")
    parser.add_argument("--out", required=True)
    given = parser.parse_args()
    arms = [arm.strip() for arm in given.arms.split(";") if arm.strip()] or list(ARMS)
    engine = registry.build("engines", given.engine)
    rows: list[dict[str, object]] = []
    for name in given.sets.split(","):
        for size in map(int, given.sizes.split(",")):
            began = time.perf_counter()
            jobs = [
                Job(f"{name} {size} {seed} {arm}", one, (given.data, name, size, seed, arm, given))
                for arm in arms
                for seed in range(given.seeds)
            ]
            rows += [result.value for result in engine.map(jobs, stackable=True)]
            show(rows, name, size, arms)
            print(f"({time.perf_counter() - began:.0f} s)", flush=True)
            Path(given.out).write_text(json.dumps(rows), "utf-8")
    engine.close()


def show(rows: list[dict[str, object]], name: str, size: int, arms: list[str]) -> None:
    """One line an arm: mean accuracy, gain over the first arm with its standard error, log-loss, seconds."""
    print(f"\n{name}, {size} labels")
    base: np.ndarray | None = None
    for arm in arms:
        own = sorted(
            (row for row in rows if (row["set"], row["size"], row["arm"]) == (name, size, arm)),
            key=lambda row: str(row["seed"]),
        )
        scores = np.array([float(str(row.get("entity_f1", row["accuracy"]))) for row in own])
        base = scores if base is None else base
        gain = scores - base
        error = gain.std(ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else float("nan")
        macro, loss, seconds = (
            np.mean([float(str(row.get(key, "nan"))) for row in own]) for key in ("f1_macro", "log_loss", "seconds")
        )
        print(
            f"{arm:<40} {scores.mean():.4f} {100 * gain.mean():+6.2f} ± {100 * error:4.2f}  macro {macro:.3f}  "
            f"log-loss {loss:.3f}  {seconds:6.1f} s"
        )


if __name__ == "__main__":
    main()
