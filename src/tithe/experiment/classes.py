"""Per-class counts as columns of `rounds.parquet`: the names as JSON, the numbers packed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

COLUMNS = ("classes", "class_counts")


def packed(counts: Mapping[str, tuple[int, int, int]]) -> dict[str, Any]:
    """The columns of a row: `classes`, a JSON list of names, and `class_counts`, three uint32 for each, little-endian.

    >>> unpacked(packed({"a": (1, 2, 3), "b": (0, 0, 4)}))
    {'a': (1, 2, 3), 'b': (0, 0, 4)}
    """
    numbers = np.array(list(counts.values()), dtype="<u4").reshape(-1, 3)
    return {"classes": json.dumps(list(counts), ensure_ascii=False), "class_counts": numbers.tobytes()}


def unpacked(row: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """The counts of each class of a row: rightly guessed, guessed, true. Empty where the row has none."""
    if not row.get("classes"):
        return {}
    numbers = np.frombuffer(row["class_counts"], dtype="<u4").reshape(-1, 3).tolist()
    return {name: (a, b, c) for name, (a, b, c) in zip(json.loads(row["classes"]), numbers, strict=True)}
