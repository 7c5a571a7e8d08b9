"""The trainer `linear`: multinomial logistic regression on frozen views, refitted in milliseconds.

It takes what the start gives of `embeddings`, `middle` and `lexical`, and lets cross-validation on the labelled items
decide how much of each and how much regularisation: with 50 labels the embedding alone is often best, with 500 the
words are worth points (docs/log.md has the tables).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tithe.errors import LabelError, NeedsError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.search import Settings, mixed, search
from tithe.models.softmax import Basis, Softmax, fit_softmax, log_softmax
from tithe.tasks import Task
from tithe.types import Examples, Floats, Items, View

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

_BLOCKS: tuple[View, ...] = ("embeddings", "middle", "lexical")
# Weights of the blocks to choose from, the default first.
_MIXES = ((1.0, 1.0, 0.5), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 2.0))
_LADDER = 1.1  # settings are searched anew when the labels have grown by a tenth
_MOST_CELLS = 50_000  # rows x classes that a search looks at
_MEMBERS = 10


@dataclass(frozen=True)
class Linear:
    """Logistic regression on frozen views; its settings come from cross-validation on the labelled items alone.

    Settings are chosen on the first k labels, k the largest rung of 20 x 1.1^i that is not above their number: so they
    depend on the labels alone, and yet most refits can take over those of the model before.

    Cost: 1,000 labels of 77 classes take under two seconds with the search and half a second without.
    """

    members: int = _MEMBERS

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> LinearModel:
        """The model that `LinearModel.save` wrote."""
        return LinearModel.restore(task, start, arrays, facts)

    @property
    def needs_any(self) -> frozenset[View]:
        """Any of `embeddings`, `middle`, `lexical`."""
        return frozenset(_BLOCKS)

    @property
    def provides(self) -> frozenset[View]:
        """`proba` and `committee`."""
        return frozenset({"proba", "committee"})

    def fit(
        self,
        task: Task,
        examples: Examples,
        *,
        start: Start,
        rng: Generator,
        unlabelled: Items | None = None,
        tell: Tell = quiet,
        warm: Model | None = None,
    ) -> LinearModel:
        """A calibrated model of these examples.

        Args:
            examples: in the order of their answers; settings are searched on a beginning of them.
            warm: an earlier `LinearModel`: its weights shorten the fit, its settings the search where they are those
                that a search would find. The optimum stays the same (probabilities to .005).

        Raises:
            LabelError: fewer than two different labels.
            NeedsError: the start gives none of the views.
        """
        from threadpoolctl import threadpool_limits

        columns = task.encode(examples.labels)
        seen = np.unique(columns[columns >= 0])
        if len(seen) < 2:
            raise LabelError(f"a model needs answers of at least two labels; {len(examples)} answers have {len(seen)}")
        names, rows = _views(start, examples.items)
        with threadpool_limits(limits=1, user_api="blas"):  # the sums must not depend on the number of cores
            earlier = warm if isinstance(warm, LinearModel) else None
            return self._fit(task, examples, start, names, rows, seen, rng, earlier)

    def _fit(
        self,
        task: Task,
        examples: Examples,
        start: Start,
        names: tuple[View, ...],
        rows: list[Floats],
        seen: NDArray[np.int64],
        rng: Generator,
        warm: LinearModel | None,
    ) -> LinearModel:
        columns = task.encode(examples.labels)
        targets = np.searchsorted(seen, columns)
        first = _rung(len(targets), len(seen))
        key = _search_key(examples, first, start.fingerprint, names)
        folds, draws = rng.spawn(2)
        if warm is not None and warm.search_key == key:
            chosen = warm.chosen
        else:
            blocks = [block for block, _, _ in _standardised([row[:first] for row in rows])]
            known, beginning = np.unique(targets[:first], return_inverse=True)
            chosen = search(blocks, beginning, len(known), _mixes(names), folds)
        blocks_now = _standardised(rows)
        basis = Basis.of(mixed([block for block, _, _ in blocks_now], chosen.mix))
        weights = None if examples.weights is None else np.asarray(examples.weights, np.float32)
        fitted = fit_softmax(
            basis.coordinates,
            basis.spectrum,
            targets,
            len(seen),
            penalty=chosen.penalty,
            weights=weights,
            warm=None if warm is None else warm.as_start(names, blocks_now, chosen.mix, basis, seen),
        )
        spread = _posterior_sd(basis, fitted, chosen.penalty)
        noise = draws.standard_normal((self.members, *spread.shape), dtype=np.float32) * spread
        kept = [name for name, weight in zip(names, chosen.mix, strict=True) if weight]
        stack = np.concatenate([fitted.weights[None], fitted.weights + noise])  # (1 + m, r, K)
        primal = np.matmul(basis.axes, stack)  # (1 + m, D, K)
        maps, biases = _unstandardised(primal, fitted.bias, blocks_now, chosen.mix)
        return LinearModel(
            task, start, tuple(kept), tuple(maps), biases, seen, chosen, len(targets), key, members=self.members
        )


def _views(start: Start, items: Items) -> tuple[tuple[View, ...], list[Floats]]:
    """The blocks that this start gives, each only once where one view stands in for another."""
    arrays: dict[View, Floats] = {}
    for name in _BLOCKS:
        if name in start.provides:
            array = start.view(name, items)
            if not any(other.shape == array.shape and np.array_equal(other, array) for other in arrays.values()):
                arrays[name] = array
    if not arrays:
        raise NeedsError(
            f"the trainer 'linear' needs one of the views {', '.join(_BLOCKS)}; the start gives "
            f"{', '.join(sorted(start.provides)) or 'none'}; use a start such as minilm or lexical"
        )
    return tuple(arrays), list(arrays.values())


def _mixes(names: Sequence[View]) -> list[tuple[float, ...]]:
    """The mixes that these blocks allow, each once, in order."""
    at = [_BLOCKS.index(name) for name in names]
    cut = (tuple(mix[i] for i in at) for mix in _MIXES)
    # Blocks of equal weight are the same features whatever the weight: (2,) is (1,).
    scaled = (tuple(weight / max(mix) for weight in mix) for mix in cut if any(mix))
    return list(dict.fromkeys(scaled))


def _rung(count: int, classes: int) -> int:
    """How many of the first answers settings are searched on."""
    most = min(2000, max(400, _MOST_CELLS // classes))
    rung = 20.0
    while rung * _LADDER <= min(count, most):
        rung *= _LADDER
    return min(count, int(rung)) if count >= 20 else count


def _search_key(examples: Examples, first: int, start: str, names: Sequence[View]) -> str:
    """A hash of all that a search depends on."""
    state = hashlib.blake2b(digest_size=16)
    for one, label in zip(examples.items.ids[:first], examples.labels[:first], strict=True):
        state.update(f"{one}\0{label}\0".encode())
    state.update(repr((first, start, list(names))).encode())
    return state.hexdigest()


def _standardised(rows: Sequence[Floats]) -> list[tuple[Floats, Floats, float]]:
    """Each block (n, d) centred and of unit mean square, with its mean (d,) and the factor."""
    out = []
    for block in rows:
        mean = block.mean(axis=0)
        centred = block - mean
        power = float(np.sqrt((centred * centred).sum(axis=1).mean()))
        factor = 1.0 / power if power > 0 else 1.0
        out.append((centred * np.float32(factor), mean, factor))
    return out


def _posterior_sd(basis: Basis, fitted: Softmax, penalty: float) -> Floats:
    """(r, K) the standard deviation of each weight, by a diagonal Laplace approximation in principal coordinates.

    Source: MacKay 1992, The Evidence Framework Applied to Classification Networks.
    """
    proba = np.exp(log_softmax(fitted.logits(basis.coordinates)))
    curvature = (basis.coordinates**2).T @ (proba * (1 - proba)) + penalty
    return np.asarray(1.0 / np.sqrt(curvature), dtype=np.float32)


def _unstandardised(
    primal: Floats, bias: Floats, blocks: Sequence[tuple[Floats, Floats, float]], mix: Sequence[float]
) -> tuple[list[Floats], Floats]:
    """Weights (1 + m, d_b, K) for the raw views, and biases (1 + m, K): standardisation folded in."""
    norm = float(np.sqrt(sum(weight**2 for weight in mix)))
    maps, at = [], 0
    biases = np.repeat(bias[None], len(primal), axis=0)
    for (block, mean, factor), weight in zip(blocks, mix, strict=True):
        if weight:
            part = primal[:, at : at + block.shape[1]] * np.float32(factor * weight / norm)
            at += block.shape[1]
            biases = biases - np.einsum("d,mdk->mk", mean, part)
            maps.append(np.ascontiguousarray(part))
    return maps, biases


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
    members: int = _MEMBERS

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

    def as_start(
        self,
        names: Sequence[View],
        blocks: Sequence[tuple[Floats, Floats, float]],
        mix: Sequence[float],
        basis: Basis,
        seen: NDArray[np.int64],
    ) -> Softmax | None:
        """These weights in the coordinates of another fit; None where views or labels differ."""
        kept = tuple(name for name, weight in zip(names, mix, strict=True) if weight)
        if kept != self.names or not np.array_equal(seen, self.seen):
            return None
        norm = float(np.sqrt(sum(weight**2 for weight in mix)))
        used = [(mean, factor * weight / norm) for (_, mean, factor), weight in zip(blocks, mix, strict=True) if weight]
        primal = np.concatenate([m[0] / np.float32(scale) for m, (_, scale) in zip(self.maps, used, strict=True)])
        shift = sum(mean @ m[0] for m, (mean, _) in zip(self.maps, used, strict=True))
        return Softmax(basis.axes.T @ primal, np.asarray(self.biases[0] + shift, np.float32))

    def save(self, into: Path) -> None:
        """`model.safetensors` and `model.json` in a new folder."""
        from tithe.models.saving import write_model

        arrays: dict[str, Any] = {f"map_{name}": array for name, array in zip(self.names, self.maps, strict=True)}
        arrays |= {"biases": self.biases, "seen": self.seen}
        chosen = {"mix": list(self.chosen.mix), "penalty": self.chosen.penalty, "temperature": self.chosen.temperature}
        facts = {"names": list(self.names), "chosen": chosen, "labelled": self.labelled, "members": self.members}
        write_model(into, "linear", self.task, self.start, arrays, facts)

    @classmethod
    def restore(cls, task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> LinearModel:
        """The model that `save` wrote, from its parts."""
        names = tuple(facts["names"])
        chosen = facts["chosen"]
        return cls(
            task,
            start,
            names,
            tuple(arrays[f"map_{name}"] for name in names),
            arrays["biases"],
            cast("NDArray[np.int64]", arrays["seen"]),
            Settings(tuple(chosen["mix"]), chosen["penalty"], chosen["temperature"]),
            facts["labelled"],
            members=facts["members"],
        )
