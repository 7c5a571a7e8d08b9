"""Points in clouds that are easy to tell apart, as items with labels and as a start that gives their views."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tithe.errors import NeedsError
from tithe.models import Start
from tithe.models.starts import Together
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tokens import Tokens, places
from tithe.types import Floats, Items, Label, View

_DIMS = 8


@dataclass(frozen=True)
class Clouds:
    """A cloud for each label."""

    seed: int
    labels: tuple[Label, ...]
    tokens: Tokens | None = None
    """The tokens that each item has, where labels are spans."""

    def draw(self, part: str, per_cloud: int) -> tuple[Items, list[Label]]:
        """So many items of each cloud, the clouds in turn; the text says which cloud and which point of it."""
        clouds = [cloud for _ in range(per_cloud) for cloud in range(len(self.labels))]
        texts = [f"cloud c{cloud} point {row} of {part}" for row, cloud in enumerate(clouds)]
        # Shuffled, so that the order of the ids is not the order of the rows.
        numbers = stream(self.seed, "testing", part, len(texts)).permutation(len(texts))
        tokens = None if self.tokens is None else [self.tokens] * len(texts)
        return Items([f"{part}-{number:04d}" for number in numbers], texts, tokens=tokens), [
            self.labels[cloud] for cloud in clouds
        ]


@dataclass(frozen=True)
class CloudStart:
    """A start of given arrays: a row depends on the seed, the view's name and the item's text alone."""

    seed: int
    provides: frozenset[View]

    @property
    def fingerprint(self) -> str:
        """Its settings, in words."""
        return f"clouds {self.seed} {sorted(self.provides)}"

    def view(self, name: View, items: Items) -> Floats | Ragged:
        """(n, 8): a cloud's middle and some noise; for items with tokens ragged rows of (t, 8). Read-only."""
        if name not in self.provides:
            raise NeedsError(f"this start gives {', '.join(sorted(self.provides))}; not {name!r}")
        where = None if items.tokens is None else places(items)
        counts = [1] * len(items) if where is None else where.lengths.tolist()
        parts = [(text, at) for text, count in zip(items.texts, counts, strict=True) for at in range(count)]
        rows = np.zeros((len(parts), _DIMS), np.float32)
        for row, (text, at) in enumerate(parts):
            path = () if where is None else (at,)
            middle = stream(self.seed, "cloud", name, text.split()[1], *path).standard_normal(_DIMS)
            noise = stream(self.seed, "noise", name, text, *path).standard_normal(_DIMS)
            rows[row] = 2 * middle / np.linalg.norm(middle) + 0.3 * noise
        rows.setflags(write=False)
        return rows if where is None else where.with_values(rows)

    def save(self, into: Path) -> dict[str, Any]:
        """Its settings, in a file as well."""
        settings = {"seed": self.seed, "provides": sorted(self.provides)}
        (into / "clouds.json").write_text(json.dumps(settings), "utf-8")
        return settings


def start_of(seed: int, provides: frozenset[View]) -> Start:
    """A start that gives these views of clouds: given arrays; for `pieces` a tiny encoder that reads their texts."""
    if "pieces" not in provides:
        return CloudStart(seed, provides)
    from tithe.testing.tiny import reader_of_clouds  # here, since it loads torch

    others = provides - {"pieces"}
    return Together("clouds", (CloudStart(seed, others), reader_of_clouds())) if others else reader_of_clouds()
