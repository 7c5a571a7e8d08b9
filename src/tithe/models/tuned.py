"""What models with trained weights of a pretrained network share: facts, decisions, and how they are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from tithe.models import Start
from tithe.models.rules import decided
from tithe.models.tuning.deciding import Calibration
from tithe.tasks import Task
from tithe.types import Label


@dataclass(frozen=True, eq=False)
class TunedModel:
    """The result of a fit. `arrays` are the trained weights by name, float32; what stayed frozen is the start's."""

    trainer: ClassVar[str]

    task: Task
    start: Start
    arrays: dict[str, Any]
    calibration: Calibration
    facts: dict[str, Any]
    device: str = "auto"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.task!r}, {self.settings})"

    @property
    def settings(self) -> dict[str, Any]:
        """The steps taken, the labels used and held (or why none was), the calibration, and scores on held labels.

        The rule that decides on sets was fitted on these labels too, so their `f1_micro_on_asked` is a little too good.
        """
        return {
            "steps": self.facts["steps"],
            "labelled": self.facts["labelled"],
            "held": self.facts.get("held", 0),
            **{name: self.facts[name] for name in ("unheld", "pseudo") if name in self.facts},
            "temperature": round(1 / self.calibration.scale, 4),
            **self.facts.get("scores", {}),
        }

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights, the calibration, the start and the facts that its views depend on."""
        about = repr((self.task.labels, self.start.fingerprint, self.calibration.to_json(), self._telling))
        state = hashlib.blake2b(about.encode(), digest_size=16)
        for name in sorted(self.arrays):
            state.update(self.arrays[name].tobytes())
        return state.hexdigest()

    @property
    def _telling(self) -> list[Any]:
        """The facts that views depend on."""
        return sorted(self.facts.items())

    def decide(self, output: Any) -> list[Label]:
        """The labels that the model would give to rows with these probabilities; for spans the best legal path."""
        return decided(self.task, output, self.calibration.rule)

    def save(self, into: Path) -> None:
        """`model.safetensors` and `model.json` in a new folder; of the network what was trained."""
        from tithe.models.saving import write_model

        facts = {"calibration": self.calibration.to_json(), "facts": self.facts}
        write_model(
            into, self.facts.get("trainer", self.trainer), self.task, self.start, arrays=self.arrays, facts=facts
        )

    @classmethod
    def restore(cls, task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> Self:
        """The model that `save` wrote, from its parts."""
        return cls(task, start, arrays, Calibration.from_json(facts["calibration"]), facts["facts"])
