"""How long a fit of the trainer `linear` takes, with and without the search, beside scikit-learn's.

Embeddings are a mixture of Gaussians, one thread for all. scikit-learn fits LogisticRegressionCV over the same number
of penalties and folds on one mix of views alone: less than tithe searches.

    python bench/fit.py
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tithe import Choice, Examples, Items
from tithe.models.linear import Linear
from tithe.rng import stream

WIDTHS = {"embeddings": 384, "middle": 384, "lexical": 512}


class Start:
    """A start of arrays."""

    provides = frozenset(WIDTHS)
    fingerprint = "bench"

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = arrays

    def view(self, name: str, items: Items) -> Any:
        """The rows of these items."""
        return self.arrays[name]


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/results/fit.json"))
    args = parser.parse_args()
    rows = []
    print(f"{'labels':>7}{'classes':>9}{'search + fit':>14}{'warm refit':>12}{'scikit-learn':>14}{'ratio':>7}")
    for labels, classes in ((100, 8), (300, 8), (1000, 8), (1000, 77), (3000, 8)):
        row = measure(labels, classes)
        rows.append(row)
        print(
            f"{labels:>7}{classes:>9}{row['cold_s']:>12.2f} s{row['warm_s']:>10.2f} s{row['sklearn_s']:>12.2f} s",
            end="",
        )
        print(f"{row['sklearn_s'] / row['cold_s']:>6.1f}x", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(rows, indent=1) + "\n")


def measure(labels: int, classes: int) -> dict[str, float]:
    """Seconds of each way to fit."""
    from sklearn.linear_model import LogisticRegressionCV

    rng = stream(0, "bench", labels, classes)
    codes = np.concatenate([np.arange(classes), rng.integers(classes, size=labels - classes)])
    arrays = {}
    for name, width in WIDTHS.items():
        centres = rng.standard_normal((classes, width), dtype=np.float32)
        points = centres[codes] + 2.5 * rng.standard_normal((labels, width), dtype=np.float32)
        points *= np.linspace(2, 0.1, width, dtype=np.float32)  # a falling spectrum, as real views have
        arrays[name] = points / np.linalg.norm(points, axis=1, keepdims=True)
    items = Items([f"{row:05d}" for row in range(labels)], [""] * labels)
    task = Choice(tuple(f"c{code:02d}" for code in range(classes)))
    examples = Examples(items, [f"c{code:02d}" for code in codes])
    start: Any = Start(arrays)
    cold, model = timed(lambda: Linear().fit(task, examples, start=start, rng=stream(0, "fit")))
    warm, _ = timed(lambda: Linear().fit(task, examples, start=start, rng=stream(0, "fit"), warm=model))
    both = np.concatenate(list(arrays.values()), axis=1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = LogisticRegressionCV(Cs=[1000, 300, 100, 30, 10, 3, 1], cv=5, scoring="neg_log_loss", max_iter=200)
        theirs, _ = timed(lambda: peer.fit(both * 10, codes))
    return {"labels": labels, "classes": classes, "cold_s": cold, "warm_s": warm, "sklearn_s": theirs}


def timed(call: Any) -> tuple[float, Any]:
    """Seconds, and what came out."""
    began = time.perf_counter()
    result = call()
    return round(time.perf_counter() - began, 3), result


if __name__ == "__main__":
    main()
