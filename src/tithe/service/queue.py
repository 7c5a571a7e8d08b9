"""The questions that one round proposed, with what the model suggests for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tithe.data.files import replacing_text
from tithe.log import Asked
from tithe.service.versions import Guess


@dataclass(frozen=True)
class Queue:
    """A proposal: the best questions in order, and all that it takes to make it again (`tithe.loop.replay`).

    `slow` is the version that asks, where it is a slow one.
    """

    position: int
    n: int
    seed: int
    recipe: Mapping[str, str]
    ids: tuple[str, ...]
    reason: str = ""
    cold: str = ""
    suggestions: Mapping[str, Guess] = field(default_factory=dict)
    slow: int | None = None

    def asked(self, item: str) -> Asked:
        """The event that one of these items was shown."""
        return Asked(
            (item,),
            self.recipe["strategy"],
            self.seed,
            self.position,
            n=self.n,
            start=self.recipe["start"],
            trainer=self.recipe["trainer"],
            initial=self.recipe["initial"],
            slow=self.recipe.get("slow", ""),
        )

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Queue:
        """From what the learner or `save` wrote."""
        names = ("position", "n", "seed", "recipe", "reason", "cold", "suggestions")
        return cls(ids=tuple(said["ids"]), slow=said.get("slow"), **{name: said[name] for name in names})

    def save(self, path: Path) -> None:
        """Keeps it for the next start of the server."""
        with replacing_text(path) as file:
            json.dump(asdict(self), file)

    @classmethod
    def load(cls, path: Path, most: int) -> Queue | None:
        """What `save` kept; None where there is none, it is damaged, or is from beyond the log's last position."""
        try:
            found = cls.of(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.position <= most else None
