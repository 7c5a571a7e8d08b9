"""What each loss of `finetune` is worth on label sets, and what a fitted decision rule makes of it.

Each loss is trained on the same rows with the same seeds; the test file is scored three ways: p >= 1/2 of the raw
sigmoids, as S2 (github.com/Jordy-VL/AAPD) did, p >= 1/2 after calibration, and by the decision rule, both fitted on
held-out training rows. S2's own rows stand below: other texts and labels, so compare the pattern, not the level.

    python bench/losses.py --data ../shared/data --out out/losses.json                       (a GPU: minutes)
    python bench/losses.py --limit 300 --steps 40 --test-rows 300 --seeds 1                  (two cores: minutes)
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tithe.data.reading import read_items
from tithe.loop import Workshop
from tithe.models.finetune import Finetune
from tithe.models.finetune_model import device_of
from tithe.models.tuning.deciding import Calibration
from tithe.pool import declared_task
from tithe.registry import split_list
from tithe.rng import stream
from tithe.types import Examples, Items
from tithe.views import ViewStore, default_root

SETS = {
    "arxiv-titles": ("arxiv_titles/train.parquet", "arxiv_titles/test.parquet", "labels_arxiv"),
    "aapd": ("aapd/validation.parquet", "aapd/test.parquet", "labels"),
}
COUNTED = ("f1_micro", "f1_macro", "precision_micro", "recall_micro", "hamming_loss", "subset_accuracy")
RANKED = ("map_label", "map_sample", "lrap")
HEADS = (
    "micro F1",
    "macro F1",
    "precision",
    "recall",
    "Hamming loss",
    "subset acc.",
    "mAP label",
    "mAP sample",
    "LRAP",
)
DECISIONS = ("raw, 1/2", "calibrated, 1/2", "fitted rule")
PUBLISHED = {  # S2's report: micro precision, recall, F1, Hamming loss; 149 labels, 10,000 abstracts, sigmoid > 1/2
    "SciBERT 25K steps, BCE": (0.797, 0.525, 0.633, 0.00594),
    "SciBERT 100K steps, BCE": (0.779, 0.627, 0.695, 0.00536),
    "SciBERT asymmetric(4, 1)": (0.422, 0.901, 0.575, 0.01298),
    "SciBERT asymmetric(1, 1)": (0.753, 0.640, 0.692, 0.00555),
    "SciBERT two-way(4, 1)": (0.0357, 0.9994, 0.0689, 0.263),
}


def main() -> None:
    """Trains, prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default=",".join(SETS), help="data sets")
    parser.add_argument("--losses", default="bce,two_way,asymmetric", help="as finetune knows them")
    parser.add_argument("--start", default="minilm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=3000, help="training rows, a tenth of them held out")
    parser.add_argument("--steps", type=int, default=0, help="0: as many as finetune finds right")
    parser.add_argument("--test-rows", type=int, default=0, help="score on so many rows; 0: on all")
    parser.add_argument("--out", type=Path, default=Path("bench/results/losses.json"))
    args = parser.parse_args()
    rows, began = list[dict[str, Any]](), time.perf_counter()
    for name in args.only.split(","):
        rows += study(name, args)
    told = {
        "command": {key: str(value) for key, value in vars(args).items()},
        "device": machine(),
        "seconds": round(time.perf_counter() - began, 1),
        "rows": rows,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(told, indent=1) + "\n")
    print("\n".join(markdown(rows)))
    print(f"{told['seconds']:.0f} seconds in all on {told['device']}")


def study(name: str, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each loss, seed and decision."""
    train, test, label = SETS[name]
    pool, held = (read_items(args.data / part, task="multilabel", label=label) for part in (train, test))
    task = declared_task("multilabel", pool)
    if args.test_rows:
        held = held.take(np.sort(stream(0, "losses", "test", name).permutation(len(held))[: args.test_rows]))
    start = Workshop(ViewStore(default_root())).start(args.start, pool)
    for seed in range(args.seeds):
        order = stream(seed, "losses", name).permutation(len(pool))[: args.limit]
        chosen = Examples(pool.take(order), [(pool.gold or ())[row] or frozenset() for row in order])
        for loss in split_list(args.losses):
            began = time.perf_counter()
            trainer = Finetune(loss=loss, steps=args.steps)
            model = trainer.fit(task, chosen, start=start, rng=stream(seed, "losses", "fit"))
            seconds = time.perf_counter() - began
            about = {"data": name, "loss": loss, "seed": seed, "train": len(chosen), "fit_s": round(seconds, 2)}
            about["calibration"] = model.calibration.to_json()
            for decision, scores in judged(task, model, held):
                yield {**about, "decision": decision, **scores}
                print(f"{name} {loss} seed {seed}, {decision}: micro F1 {scores['f1_micro']:.3f}", flush=True)


def judged(task: Any, model: Any, held: Items) -> Iterator[tuple[str, dict[str, float]]]:
    """The scores of each decision. Ranks are those of the calibrated model: raw sigmoids near 1 tie in float32."""
    gold = [one or frozenset() for one in held.gold or ()]
    raw = replace(model, calibration=Calibration.none("set")).view("proba", held)
    proba = model.view("proba", held)
    ranked = {key: task.score(gold, proba)[key] for key in RANKED}
    guesses = (task.decode(raw), task.decode(proba), model.decide(proba))
    for decision, guess in zip(DECISIONS, guesses, strict=True):
        scores = task.score(gold, proba, guess)
        yield decision, {key: round(float(scores[key]), 5) for key in COUNTED} | ranked


def markdown(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One table, means over the seeds and half the range of micro F1, in percent but for the Hamming loss."""
    groups = defaultdict[tuple[str, str, str], list[Mapping[str, Any]]](list)
    for row in rows:
        groups[row["data"], row["loss"], row["decision"]].append(row)
    yield f"| data | loss | decision | {' | '.join(HEADS)} |"
    yield f"|---|---|---|{'---:|' * len(HEADS)}"
    for (name, loss, decision), same in groups.items():
        means = {key: float(np.mean([row[key] for row in same])) for key in (*COUNTED, *RANKED)}
        spread = 50 * float(np.ptp([row["f1_micro"] for row in same]))
        cells = [f"{value:.4f}" if key == "hamming_loss" else f"{100 * value:.1f}" for key, value in means.items()]
        cells[0] += f" ± {spread:.1f}"
        yield f"| {name} | `{loss}` | {decision} | {' | '.join(cells)} |"
    for name, (precision, recall, f1, hamming) in PUBLISHED.items():
        cells = [f"{100 * f1:.1f}", "", f"{100 * precision:.1f}", f"{100 * recall:.1f}", f"{hamming:.4f}"]
        yield f"| S2: arXiv abstracts | {name} | raw, 1/2 | {' | '.join([*cells, '', '', '', ''])} |"


def machine() -> str:
    """What it ran on."""
    import torch

    device = device_of("auto")
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"


if __name__ == "__main__":
    main()
