"""Made-up rounds with known truth: rising curves, seeds that share their noise, test items of mixed difficulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tithe.rng import stream

BUDGETS = (48, 97, 145, 193, 242, 338, 483, 702, 1116)
SPEED = {"random": 60.0, "margin": 30.0, "auto": 25.0}
"""Labels in which the error falls to a third: smaller is faster."""


def rounds(
    speed: Mapping[str, float] = SPEED,
    *,
    seeds: int = 10,
    budgets: Sequence[int] = BUDGETS,
    items: int = 800,
    dataset: str = "atis",
    full: bool = True,
    per_item: bool = True,
) -> dict[str, list[Any]]:
    """The columns of a rounds table; each strategy's error is .007 + .35 exp(-sqrt(labels / speed))."""
    rows: list[dict[str, Any]] = []
    hardness = stream(0, "made", "items").gumbel(0, 1, items)  # the same items are hard for all
    ready = [("full", 0, 4834, 1e-9)] if full else []
    ready += [(name, seed, budget, one) for name, one in speed.items() for seed in range(seeds) for budget in budgets]
    for name, seed, labelled, pace in ready:
        noise = stream(1, "made", seed, labelled).normal(0, 0.15)  # shared by the strategies of a seed
        own = stream(2, "made", name, seed, labelled).normal(0, 0.8, items)
        error = 0.007 + 0.35 * np.exp(-np.sqrt(labelled / pace))
        line = np.quantile(hardness + own, 1 - error)
        right = hardness + own + noise * (0 if name == "full" else 1) < line
        rows.append(_row(name, seed, labelled, right, dataset, budgets) | ({} if per_item else {"test_correct": None}))
    return {key: [row[key] for row in rows] for key in rows[0]}


def _row(
    name: str, seed: int, labelled: int, right: np.ndarray, dataset: str, budgets: Sequence[int]
) -> dict[str, Any]:
    accuracy = float(right.mean())
    return {
        "config": f"{dataset}-{name}",
        "dataset": dataset,
        "strategy": name,
        "trainer": "linear",
        "start": "minilm",
        "seed": seed,
        "round": 0 if name == "full" else list(budgets).index(labelled),
        "labelled": labelled,
        "cost": float(labelled),
        "accuracy": accuracy,
        "f1_macro": accuracy - 1.5 * (1 - accuracy),
        "f1_micro": accuracy,
        "f1_weighted": accuracy - 0.1 * (1 - accuracy),
        "precision_macro": accuracy - 1.2 * (1 - accuracy),
        "recall_macro": accuracy - 1.7 * (1 - accuracy),
        "auc": 1 - 0.2 * (1 - accuracy),
        "fit_s": 0.05 + labelled / 9000,
        "view_s": 0.02,
        "select_s": 0.001 if name == "random" else 0.03,
        "test_correct": np.packbits(right).tobytes(),
        "test_items": len(right),
    }
