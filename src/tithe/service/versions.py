"""The versions of a project's model: what each came to, beside its files.

    models/00000042.json    what version 42 (fitted at position 42 of the log) came to
    models/00000042/        its weights, while it is one of the newest or has been asked for

All of it can be made again from the log; deleting the folder costs time alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tithe.data.files import replacing_text
from tithe.loop.propose import Recipe

Guess = tuple[Any, float]
"""A label as JSON, and the model's confidence in it."""


@dataclass(frozen=True)
class Version:
    """A fitted model: its number is the position of the log that it was fitted at.

    `scores` are on asked items, by cross-validation. `audit` has its guesses on the audit items, so that answers which
    come later can judge it too. `slow` tells the models of the slow trainer from those of the fast one.
    """

    version: int
    fingerprint: str
    labelled: int
    cost: float
    scores: Mapping[str, float]
    recipe: Mapping[str, str]
    seed: int
    fit_s: float
    audit: Mapping[str, Guess]
    at: float = 0.0
    slow: bool = False

    @property
    def score(self) -> float | None:
        """The first of the scores on asked items."""
        return next(iter(self.scores.values()), None)

    @property
    def measure(self) -> str | None:
        """What `score` counts, in words."""
        from tithe.experiment.summary.words import metric_name  # not before the first question; see test_light

        return next((metric_name(name) for name in self.scores), None)

    def json(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Version:
        """From JSON."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name in known})


def recipe_out(recipe: Recipe) -> dict[str, str]:
    """A recipe of names as JSON."""
    return {
        "start": recipe.start,
        "trainer": str(recipe.trainer),
        "strategy": str(recipe.strategy),
        "initial": str(recipe.initial_strategy),
        "slow": str(recipe.slow or ""),
    }


def recipe_in(said: Mapping[str, str]) -> Recipe:
    """The recipe that `recipe_out` wrote."""
    slow = said.get("slow") or None  # versions of before have no word of it
    return Recipe.kept(
        start=said["start"],
        trainer=said["trainer"],
        strategy=said["strategy"],
        initial_strategy=said["initial"],
        slow=slow,
    )


class Versions:
    """The folder of a project's versions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, Version] = {}

    def all(self) -> list[Version]:
        """All versions, the oldest first; a file that cannot be read is passed over, as it can be made again.

        Each file is read once: a version never changes.
        """
        paths = sorted(self.folder.glob("*.json"))
        for path in paths:
            if path not in self._known:
                try:
                    self._known[path] = Version.of(json.loads(path.read_text("utf-8")))
                except (ValueError, TypeError, OSError):
                    continue
        return [self._known[path] for path in paths if path in self._known]

    def add(self, version: Version) -> None:
        """Writes what a version came to, in whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing_text(self._record(version.version)) as file:
            json.dump(version.json(), file)

    def model(self, version: int) -> Path:
        """The folder of its weights, which may not be there."""
        return self.folder / f"{version:08d}"

    def saved(self) -> list[int]:
        """The versions whose weights are on the disk, the oldest first."""
        return sorted(int(path.parent.name) for path in self.folder.glob("[0-9]*/model.json"))

    def _record(self, version: int) -> Path:
        return self.folder / f"{version:08d}.json"
