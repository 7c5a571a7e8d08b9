"""What the views are worth to the trainer `linear`, and how well cross-validation chooses among them.

Uses training files only: random labels, scored on training rows that were not labelled. For each number of labels it
prints the accuracy of each fixed mix of views, of the mix that cross-validation chose, and of an average of all mixes
weighted by their held-out loss.

    python bench/features.py --data ../shared/data --seeds 8
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tithe.data.reading import read_items
from tithe.loop import Workshop
from tithe.models.blocks import Blocks, mixes_of, views_of
from tithe.models.links import Softmax
from tithe.models.search import folds_of, held_out, search, temperature_of
from tithe.models.solver import Basis, fit_affine
from tithe.rng import stream
from tithe.views import ViewStore, default_root

SETS = {
    "trec": ("trec/train.parquet", (55, 109, 273, 545)),
    "covidq": ("covidq/category_train.parquet", (60, 120, 200)),
    "atis8": ("atis8/train.parquet", (97, 242, 338)),
}


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("bench/results/features.json"))
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    for name, (file, sizes) in SETS.items():
        items = read_items(args.data / file)
        start = Workshop(ViewStore(default_root())).start("minilm+lexical", items)
        names, views = views_of(start, items)
        codes = np.unique([str(label) for label in items.gold or ()], return_inverse=True)[1]
        for count in sizes:
            found: dict[str, list[float]] = defaultdict(list)
            for seed in range(args.seeds):
                order = stream(seed, "features", name).permutation(len(items))
                with threadpool_limits(1, user_api="blas"):
                    for what, score in scores(names, views, codes, order[:count], order[max(sizes) :], seed).items():
                        found[what].append(score)
            rows[f"{name} {count}"] = {what: round(float(np.mean(values)), 4) for what, values in found.items()}
            print(
                f"{name} {count}: " + ", ".join(f"{k} {v:.4f}" for k, v in rows[f"{name} {count}"].items()), flush=True
            )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"seeds": args.seeds, "accuracy": rows}, indent=1) + "\n")


def scores(names: Any, views: Any, codes: Any, train: Any, held: Any, seed: int) -> dict[str, float]:
    """The accuracy on the held-out rows of each way to mix the views."""
    blocks = Blocks.of(names, [view[train] for view in views])
    seen, targets = np.unique(codes[train], return_inverse=True)
    mixes = mixes_of(names)
    chosen = search(blocks, targets, len(seen), mixes, stream(seed, "folds"), link=Softmax())
    fold = folds_of(targets, stream(seed, "folds"))
    judged = np.flatnonzero(fold >= 0)
    logits, losses = {}, {}
    for mix in mixes:
        basis = Basis.of(blocks.mixed(mix))
        guess = held_out(basis.head(0.97), targets, len(seen), fold, Softmax(), penalty=chosen.penalty)
        temperature, losses[mix] = temperature_of(guess[judged], targets[judged], Softmax())
        fit = fit_affine(basis.coordinates, basis.spectrum, targets, len(seen), Softmax(), penalty=chosen.penalty)
        maps, bias = blocks.to_raw((basis.axes @ fit.weights)[None], fit.bias, mix)
        used = [views[names.index(name)][held] for name in blocks.kept(mix)]
        logits[mix] = (bias[0] + sum(view @ part[0] for view, part in zip(used, maps, strict=True))) / temperature
    weights = {mix: np.exp(-len(judged) * (losses[mix] - min(losses.values()))) for mix in mixes}
    average = sum(weights[mix] / sum(weights.values()) * logits[mix] for mix in mixes)

    def accuracy(output: Any) -> float:
        return float((seen[output.argmax(axis=1)] == codes[held]).mean())

    fixed = {"+".join(f"{w:g} {n}" for n, w in zip(names, mix, strict=True) if w): logits[mix] for mix in mixes}
    return {
        what: accuracy(output) for what, output in ({"chosen": logits[chosen.mix], "averaged": average} | fixed).items()
    }


if __name__ == "__main__":
    main()
