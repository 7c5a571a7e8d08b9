"""A long tail: a pool thinned so that the sizes of its classes fall geometrically."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tithe.errors import ConfigError
from tithe.rng import stream
from tithe.types import Items

if TYPE_CHECKING:
    from tithe.tasks import Task


def long_tail(pool: Items, task: Task, ratio: float, seed: int) -> tuple[Items, str]:
    """The pool with classes of sizes n, ..., n / ratio in geometric steps, and the sizes in words.

    The largest class keeps all its n items; the others follow in the order of their sizes, equal ones as the seed draws
    them, so the head stays the head. A class that is smaller than its step keeps what it has; each keeps at least one
    item. Which items stay is drawn by the seed, whatever the order of the file.

    Source: Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples (long-tailed CIFAR). Departs:
    their classes are equal and stand in the order of their numbers.

    Raises ConfigError where the task is no choice.
    """
    if task.name != "choice":
        raise ConfigError(f"imbalance is for a choice, where each item has one class; the task is {task.name}")
    classes = np.asarray([str(label) for label in pool.gold or ()])
    counts = Counter(classes.tolist())
    ties = stream(seed, "imbalance", "ties").permutation(len(counts))
    ranked = sorted(zip(sorted(counts), ties.tolist(), strict=True), key=lambda one: (-counts[one[0]], one[1]))
    ids = np.asarray(pool.ids, dtype=np.str_)
    kept: list[int] = []
    sizes: list[tuple[str, int]] = []
    for rank, (name, _) in enumerate(ranked):
        step = counts[ranked[0][0]] * ratio ** (-rank / max(1, len(ranked) - 1))
        size = min(counts[name], max(1, round(step)))
        rows = np.flatnonzero(classes == name)
        rows = rows[np.argsort(ids[rows], kind="stable")]
        kept += stream(seed, "imbalance", name).choice(rows, size, replace=False).tolist()
        sizes.append((name, size))
    said = ", ".join(f"{name} {size}" for name, size in sizes)
    real = sizes[0][1] / min(size for _, size in sizes)
    return pool.take(np.sort(np.asarray(kept, dtype=np.int64))), (
        f"thinned to a long tail of {len(kept)} of {len(pool)} items, the largest class {real:.4g} times the smallest: "
        f"{said}"
    )
