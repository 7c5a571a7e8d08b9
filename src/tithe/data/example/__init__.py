"""The bundled example: short messages to a bike-sharing help desk, 8 intents. `README.md` says how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def path(split: Literal["train", "test"]) -> Path:
    """The CSV file (columns id, text, label) of a split.

    >>> path("train").name
    'train.csv'
    """
    return Path(__file__).parent / f"{split}.csv"
