"""What the trainer `linear` makes for spans: linear maps of views of tokens, and transitions between tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import NeedsError
from tithe.models import Start
from tithe.models.blocks import token_views_of
from tithe.models.chain import Chain
from tithe.models.links import Encoded
from tithe.models.search import Settings
from tithe.ragged import Ragged
from tithe.tasks import Task
from tithe.types import Floats, Items, Label, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

BESIDE: View = "word_forms beside"
"""The block of the word forms of both neighbours; made of the view `word_forms`, never stored."""

_SENTENCES = 8192  # in a block; bounds the memory at a million sentences


def beside(values: Floats, splits: NDArray[np.int64], step: int) -> Floats:
    """(T, ...) for each token the row of the one `step` places on, in the same sentence; 0 beyond its ends.

    >>> beside(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 3]), 1).tolist()
    [2.0, 0.0, 0.0]
    """
    lengths = np.diff(splits)
    place = np.arange(len(values)) - np.repeat(splits[:-1], lengths)
    there = np.flatnonzero((place + step >= 0) & (place + step < np.repeat(lengths, lengths)))
    out = np.zeros_like(values)
    out[there] = values[there + step]
    return out


@dataclass(frozen=True, eq=False)
class TaggerModel:
    """The result of a fit for spans: `maps` (d, K) for each block in `names`, `bias` (K,), `pairs` (K, K).

    K counts the tags seen.
    """

    task: Task
    start: Start
    names: tuple[View, ...]
    maps: tuple[Floats, ...]
    bias: Floats
    pairs: Floats
    encoded: Encoded
    chosen: Settings
    labelled: int
    search_key: str = ""

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})

    @property
    def settings(self) -> dict[str, Any]:
        """The weights of the blocks, penalty and temperature, and the labels used."""
        return {
            "mix": dict(zip(self.names, self.chosen.mix, strict=True)),
            "penalty": self.chosen.penalty,
            "temperature": round(self.chosen.temperature, 4),
            "labelled": self.labelled,
            "token_accuracy_on_asked": round(self.chosen.score, 4),
        }

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights, the labels and the start."""
        state = hashlib.blake2b(repr((self.task.labels, self.start.fingerprint, self.chosen)).encode(), digest_size=16)
        for array in (*self.maps, self.bias, self.pairs, self.encoded.seen, self.encoded.rest):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    def view(self, name: View, items: Items) -> Ragged:
        """`proba`: ragged rows of (t, C) calibrated token marginals, with places.

        Tags without an answer yet share a small probability, since no declared label is impossible.
        """
        from threadpoolctl import threadpool_limits

        if name != "proba":
            raise NeedsError(f"a linear model of spans gives proba; not {name!r}")
        names, rows = token_views_of(self.start, items)
        given, where = dict(zip(names, rows, strict=True)), rows[0]
        seen, rest = self.encoded.seen, self.encoded.rest
        others = np.setdiff1d(np.arange(len(rest)), seen)
        out = np.empty((len(where.values), len(rest)), np.float32)
        out[:, others] = rest[others]
        left = np.float32(1 - rest[others].sum())
        with threadpool_limits(limits=1, user_api="blas"):
            for at in range(0, len(items), _SENTENCES):
                splits = where.splits[at : at + _SENTENCES + 1]
                tokens = slice(splits[0], splits[-1])
                part = {name: np.asarray(row.values[tokens], np.float32) for name, row in given.items()}
                out[tokens, seen] = self._marginals(part, splits - splits[0]) * left
        return where.with_values(out)

    def _marginals(self, views: dict[View, Floats], splits: NDArray[np.int64]) -> Floats:
        """(T, K) the marginals of some whole sentences."""
        logits = np.repeat(self.bias[None], splits[-1], axis=0)
        for name, weights in zip(self.names, self.maps, strict=True):
            if name == BESIDE:  # the neighbours' scores are moved, not their features: K columns and not 2 d
                forms, half = views["word_forms"], len(weights) // 2
                for step, part in ((-1, weights[:half]), (1, weights[half:])):
                    logits += beside(forms @ part, splits, step)
            else:
                logits += views[name] @ weights
        heat = np.float32(self.chosen.temperature)
        return Chain.of(Ragged(logits, splits)).marginals(logits / heat, self.pairs / heat)

    def decide(self, output: Any) -> list[Label]:
        """The spans of the most probable legal path by these token marginals."""
        return self.task.decode(output)

    def save(self, into: Path) -> None:
        """`model.safetensors` and `model.json` in a new folder."""
        from tithe.models.saving import write_model

        arrays: dict[str, Any] = {f"map_{at}": array for at, array in enumerate(self.maps)}
        arrays |= {"bias": self.bias, "pairs": self.pairs, "seen": self.encoded.seen, "rest": self.encoded.rest}
        facts = {"names": list(self.names), "chosen": self.chosen.to_json(), "labelled": self.labelled}
        write_model(into, "linear", self.task, self.start, arrays=arrays, facts=facts)

    @classmethod
    def restore(cls, task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> TaggerModel:
        """The model that `save` wrote, from its parts."""
        names = tuple(facts["names"])
        return cls(
            task,
            start,
            names,
            tuple(arrays[f"map_{at}"] for at in range(len(names))),
            arrays["bias"],
            arrays["pairs"],
            Encoded(np.empty(0), arrays["seen"], arrays["rest"]),
            Settings.from_json(facts["chosen"]),
            facts["labelled"],
        )
