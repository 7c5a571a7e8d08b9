"""What the trainer `linear` makes: linear maps of frozen views, with a temperature and a small committee."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tithe.errors import NeedsError
from tithe.models import Start
from tithe.models.search import Settings
from tithe.models.softmax import log_softmax
from tithe.tasks import Task
from tithe.types import Floats, Items, View

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    seen: NDArray[np.int64]
    chosen: Settings
    labelled: int
    search_key: str = ""
    members: int = 10

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
            "accuracy_on_asked": round(self.chosen.accuracy, 4),
        }

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights, the labels and the start."""
        state = hashlib.blake2b(repr((self.task.labels, self.start.fingerprint, self.chosen)).encode(), digest_size=16)
        for array in (*self.maps, self.biases, self.seen):
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
        unseen = len(self.task.labels) - len(self.seen)
        floor = 0.5 / (self.labelled + len(self.task.labels)) if unseen else 0.0
        biases = self.biases[which]
        out = np.full((len(biases), len(items), len(self.task.labels)), floor, np.float32)
        with threadpool_limits(limits=1, user_api="blas"):
            for member, bias in enumerate(biases):
                for at in range(0, len(items), 16_384):  # blocks bound the memory at a million rows
                    block = slice(at, at + 16_384)
                    logits = bias + sum(
                        array[block] @ maps[which][member] for array, maps in zip(arrays, self.maps, strict=True)
                    )
                    proba = np.exp(log_softmax(logits / np.float32(self.chosen.temperature)))
                    out[member, block, self.seen] = proba.T * np.float32(1 - unseen * floor)
        return out

    def save(self, into: Path) -> None:
        """`model.safetensors` and `model.json` in a new folder."""
        from tithe.models.saving import write_model

        arrays: dict[str, Any] = {f"map_{name}": array for name, array in zip(self.names, self.maps, strict=True)}
        arrays |= {"biases": self.biases, "seen": self.seen}
        # JSON has no NaN: what was not measured becomes null.
        chosen = {name: None if value != value else value for name, value in asdict(self.chosen).items()}
        facts = {"names": list(self.names), "chosen": chosen, "labelled": self.labelled, "members": self.members}
        write_model(into, "linear", self.task, self.start, arrays=arrays, facts=facts)

    @classmethod
    def restore(cls, task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> LinearModel:
        """The model that `save` wrote, from its parts."""
        names = tuple(facts["names"])
        chosen: dict[str, Any] = {k: float("nan") if v is None else v for k, v in facts["chosen"].items()}
        return cls(
            task,
            start,
            names,
            tuple(arrays[f"map_{name}"] for name in names),
            arrays["biases"],
            cast("NDArray[np.int64]", arrays["seen"]),
            Settings(**{**chosen, "mix": tuple(chosen["mix"])}),
            facts["labelled"],
            members=facts["members"],
        )
