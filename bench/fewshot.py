"""Few labels: trainers side by side on k labels a class (or n labels in all), drawn from a training file.

Scores are on the rest of that file, at most `--judged` rows of it, so no test file is touched. Prints a row a trainer,
and writes one JSON with a row for each trainer, seed and size.

    python bench/fewshot.py train.parquet --k 8 --trainer "linear,finetune,setfit,finetune(lora=8)" --out fewshot.json
    python bench/fewshot.py titles.parquet --task multilabel --labels 100 --trainer "linear,setfit(head=chain)"
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from tithe import registry
from tithe.data.reading import read_items
from tithe.models import for_task
from tithe.models.starts import prepare_start
from tithe.rng import stream
from tithe.types import Examples, Items
from tithe.views import ViewStore

SHOWN = {"choice": ("accuracy", "f1_macro"), "multilabel": ("f1_micro", "f1_macro", "map_label", "subset_accuracy")}


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--task", default="choice", choices=list(SHOWN))
    parser.add_argument("--label", help="the column of the labels")
    parser.add_argument("--k", type=int, default=0, help="labels a class (choice)")
    parser.add_argument("--labels", type=int, default=0, help="labels in all")
    parser.add_argument("--trainer", default="linear,finetune,setfit")
    parser.add_argument("--start", default="minilm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--judged", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    items = read_items(args.file, task=args.task, label=args.label, require_label=True)
    start = prepare_start(args.start, items, store=ViewStore(None))
    rows: list[dict[str, Any]] = []
    for seed in range(args.seeds):
        train, judged = drawn(items, args.k, args.labels, args.judged, seed)
        for spec in registry.split_list(args.trainer):
            rows.append(
                {"trainer": spec, "seed": seed, "labels": len(train)}
                | measure(args.task, items, start, spec, train, judged, seed)
            )
            print(
                f"seed {seed} {spec}: " + " ".join(f"{rows[-1][name]:.4f}" for name in (*SHOWN[args.task], "fit_s")),
                flush=True,
            )
    for spec in registry.split_list(args.trainer):
        own = [row for row in rows if row["trainer"] == spec]
        means = {name: np.mean([row[name] for row in own]) for name in (*SHOWN[args.task], "log_loss", "fit_s")}
        spread = np.std([row[SHOWN[args.task][0]] for row in own], ddof=1) if len(own) > 1 else float("nan")
        print(f"{spec:<40}" + "  ".join(f"{name} {mean:.4f}" for name, mean in means.items()) + f"  sd {spread:.4f}")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


def drawn(items: Items, k: int, labels: int, judged: int, seed: int) -> tuple[Any, Any]:
    """The rows that train, in a drawn order, and those that judge."""
    order = stream(seed, "bench", "few").permutation(len(items))
    gold = items.gold
    assert gold is not None  # require_label
    if not k:
        return order[:labels], np.sort(order[labels : labels + judged])
    taken: dict[Any, int] = {}
    train, rest = [], []
    for row in order:
        few = taken.get(gold[row], 0) < k
        taken[gold[row]] = taken.get(gold[row], 0) + few
        (train if few else rest).append(row)
    return np.array(train), np.sort(rest[:judged])


def measure(
    task_name: str, items: Items, start: Any, spec: str, train: Any, judged: Any, seed: int
) -> dict[str, float]:
    """The scores of one fit, its seconds and the log-loss of its probabilities."""
    gold = items.gold
    assert gold is not None  # require_label
    names = {one for label in gold for one in ([label] if task_name == "choice" else label)}
    task = registry.build("tasks", task_name, labels=tuple(sorted(names)))
    trainer = for_task(registry.build("trainers", spec), task)
    examples = Examples(_alone(items, train), [gold[row] for row in train])
    began = time.perf_counter()
    model = trainer.fit(task, examples, start=start, rng=stream(seed, "bench", "fit"))
    took = time.perf_counter() - began
    truth = [gold[row] for row in judged]
    proba = model.view("proba", _alone(items, judged))
    scores: dict[str, float] = task.score(truth, proba, model.decide(proba))
    wanted, clipped = task.encode(truth), np.clip(proba, 1e-6, 1 - 1e-6)
    if task_name == "choice":
        lost = -np.log(clipped[np.arange(len(wanted)), wanted])
    else:
        lost = -np.where(wanted, np.log(clipped), np.log1p(-clipped)).sum(axis=1)
    return scores | {"fit_s": took, "log_loss": float(lost.mean())}


def _alone(items: Items, rows: Any) -> Items:
    """These items as a whole of their own, so that views of all others are not computed."""
    return Items([items.ids[row] for row in rows], [items.texts[row] for row in rows])


if __name__ == "__main__":
    main()
