"""A study of two small data sets with different tasks, made from the bundled example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tithe import Plan, Study
from tithe.data import write_rows

STRATEGIES = ("random", "margin")


def two_sets(example: Any, folder: Path, **more: Any) -> Study:
    """The example as it is, and with one label more for each text that asks a question."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, items in (("train", example.pool), ("test", example.held)):
        labels = [
            f"{label};question" if "?" in text or text.lower().startswith(("how", "what", "can")) else str(label)
            for text, label in zip(items.texts, items.gold, strict=True)
        ]
        write_rows(folder / f"{name}.csv", {"id": list(items.ids), "text": list(items.texts), "labels": labels})
    how = {"strategies": STRATEGIES, "starts": ("lexical",), "budgets": (16, 30), "seeds": 2} | more
    tags = how | {"budgets": (20, 40), "initial_strategy": "random"}
    return Study(
        (
            Plan(str(example.train), str(example.test), name="intents", **how),
            Plan(str(folder / "train.csv"), str(folder / "test.csv"), name="tags", task="multilabel", **tags),
        )
    )
