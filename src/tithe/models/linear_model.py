"""What the trainer `linear` makes: linear maps of frozen views, with a temperature and a small committee."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tithe.errors import NeedsError
from tithe.models import Start
from tithe.models.links import Encoded, link_of
from tithe.models.rules import decided
from tithe.models.search import Settings
from tithe.tasks import Task
from tithe.types import Floats, Items, Label, View


@dataclass(frozen=True, eq=False)
class LinearModel:
    """The result of a `Linear` fit.

    `maps` hold, for each view in `names`, weights (1 + m, d, K): the optimum, then m draws around it; K counts the
    labels seen. `biases` are (1 + m, K).
    """

    task: Task
    start: Start
    names: tuple[View, ...]
    maps: tuple[Floats, ...]
    biases: Floats
    encoded: Encoded
    chosen: Settings
    labelled: int
    search_key: str = ""
    members: int = 10

    def __repr__(self) -> str:
        return f"LinearModel({self.task!r}, {self.settings})"

    @property
    def provides(self) -> frozenset[View]:
        """`proba` and `committee`."""
        return frozenset({"proba", "committee"})

    @property
    def settings(self) -> dict[str, Any]:
        """The chosen weights of the views, penalty and temperature, and the labels used."""
        weights = dict(zip(self.names, (w for w in self.chosen.mix if w), strict=True))
        return {
            "mix": weights,
            "penalty": self.chosen.penalty,
            "temperature": round(self.chosen.temperature, 4),
            "labelled": self.labelled,
            f"{link_of(self.task).score_name}_on_asked": round(self.chosen.score, 4),
            **({"rule": self.chosen.rule.kind} if self.chosen.rule else {}),
        }

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights, the labels and the start."""
        state = hashlib.blake2b(repr((self.task.labels, self.start.fingerprint, self.chosen)).encode(), digest_size=16)
        for array in (*self.maps, self.biases, self.encoded.seen, self.encoded.rest):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    def view(self, name: View, items: Items) -> Floats:
        """`proba` (n, C), or `committee` (m, n, C): calibrated probabilities, rows adding up to 1.

        Labels without an answer yet share a small probability, since no declared label is impossible.
        """
        if name == "proba":
            return np.asarray(self._proba(items, slice(0, 1))[0])
        if name == "committee":
            return self._proba(items, slice(1, None))
        raise NeedsError(f"a linear model gives {', '.join(sorted(self.provides))}; not {name!r}")

    def _proba(self, items: Items, which: slice) -> Floats:
        from threadpoolctl import threadpool_limits

        arrays = [self.start.view(name, items) for name in self.names]
        link, biases = link_of(self.task), self.biases[which]
        out = np.empty((len(biases), len(items), len(self.task.labels)), np.float32)
        with threadpool_limits(limits=1, user_api="blas"):
            for member, bias in enumerate(biases):
                for at in range(0, len(items), 16_384):  # blocks bound the memory at a million rows
                    block = slice(at, at + 16_384)
                    logits = bias + sum(
                        array[block] @ maps[which][member] for array, maps in zip(arrays, self.maps, strict=True)
                    )
                    proba = link.proba(logits / np.float32(self.chosen.temperature))
                    out[member, block] = self.encoded.widen(proba, link)
        return out

    def decide(self, output: Floats) -> list[Label]:
        """The labels that the model would give to rows with these probabilities (n, C)."""
        return decided(self.task, output, self.chosen.rule)

    def save(self, into: Path) -> None:
        """`model.safetensors` and `model.json` in a new folder."""
        from tithe.models.saving import write_model

        arrays: dict[str, Any] = {f"map_{name}": array for name, array in zip(self.names, self.maps, strict=True)}
        arrays |= {"biases": self.biases, "seen": self.encoded.seen, "rest": self.encoded.rest}
        facts = {
            "names": list(self.names),
            "chosen": self.chosen.to_json(),
            "labelled": self.labelled,
            "members": self.members,
        }
        write_model(into, "linear", self.task, self.start, arrays=arrays, facts=facts)

    @classmethod
    def restore(cls, task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> LinearModel:
        """The model that `save` wrote, from its parts."""
        names = tuple(facts["names"])
        return cls(
            task,
            start,
            names,
            tuple(arrays[f"map_{name}"] for name in names),
            arrays["biases"],
            Encoded(np.empty(0), arrays["seen"], arrays["rest"]),
            Settings.from_json(facts["chosen"]),
            facts["labelled"],
            members=facts["members"],
        )
