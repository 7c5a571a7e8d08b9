"""The features of the trainers on frozen views: several views side by side, each centred and of unit mean square."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tithe.errors import NeedsError
from tithe.models import Start
from tithe.ragged import Ragged
from tithe.types import Floats, Items, View

NAMES: tuple[View, ...] = ("embeddings", "middle", "lexical")
"""The views that are taken, in this order, where the start gives them."""

TOKEN_NAMES: tuple[View, ...] = ("tokens", "word_forms")
"""The same for tasks of spans: views with a row for each token."""

# Weights of the blocks to choose from, the default first.
_MIXES = ((1.0, 1.0, 0.5), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 2.0))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Views of n items: `centred` (n, d_b) each, with the `means` (d_b,) taken off and the `factors` multiplied in."""

    names: tuple[View, ...]
    centred: tuple[Floats, ...]
    means: tuple[Floats, ...]
    factors: tuple[float, ...]

    @classmethod
    def of(cls, names: Sequence[View], rows: Sequence[Floats]) -> Blocks:
        """Standardises raw views (n, d_b) by their own means and mean squares."""
        centred, means, factors = [], [], []
        for block in rows:
            mean = block.mean(axis=0)
            away = block - mean
            power = float(np.sqrt((away * away).sum(axis=1).mean()))
            factors.append(1.0 / power if power > 0 else 1.0)
            centred.append(away * np.float32(factors[-1]))
            means.append(mean)
        return cls(tuple(names), tuple(centred), tuple(means), tuple(factors))

    def mixed(self, mix: Sequence[float]) -> Floats:
        """(n, D) the blocks times their weights, side by side, of unit mean square; weight 0 is left out."""
        parts = [block * np.float32(weight) for block, weight in zip(self.centred, _unit(mix), strict=True) if weight]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def kept(self, mix: Sequence[float]) -> tuple[View, ...]:
        """The names of the blocks with a weight."""
        return tuple(name for name, weight in zip(self.names, mix, strict=True) if weight)

    def frame(self, mix: Sequence[float]) -> Frame:
        """What makes features such as `mixed` of other rows."""
        scales = self._scales(mix)
        return Frame(self.kept(mix), tuple(mean for _, mean, _ in scales), tuple(scale for _, _, scale in scales))

    def to_raw(self, weights: Floats, bias: Floats, mix: Sequence[float]) -> tuple[tuple[Floats, ...], Floats]:
        """Weights (m, D, K) on mixed features as weights (m, d_b, K) on the raw views, and biases (m, K)."""
        maps, at = [], 0
        biases = np.repeat(bias[None], len(weights), axis=0)
        for block, mean, scale in self._scales(mix):
            part = weights[:, at : at + block.shape[1]] * np.float32(scale)
            at += block.shape[1]
            biases = biases - np.einsum("d,mdk->mk", mean, part)
            maps.append(np.ascontiguousarray(part))
        return tuple(maps), biases

    def _scales(self, mix: Sequence[float]) -> list[tuple[Floats, Floats, float]]:
        rows = zip(self.centred, self.means, self.factors, _unit(mix), strict=True)
        return [(block, mean, factor * weight) for block, mean, factor, weight in rows if weight]


def _unit(mix: Sequence[float]) -> list[float]:
    norm = float(np.sqrt(sum(weight**2 for weight in mix)))
    return [weight / norm for weight in mix]


@dataclass(frozen=True, eq=False)
class Frame:
    """How raw views become features: for each view its means (d_b,) to take off and the factor to multiply in."""

    names: tuple[View, ...]
    means: tuple[Floats, ...]
    factors: tuple[float, ...]

    def features(self, rows: Sequence[Floats]) -> Floats:
        """(n, D) raw views (n, d_b), in the order of `names`, side by side."""
        views = zip(rows, self.means, self.factors, strict=True)
        return np.concatenate([(row - mean) * np.float32(factor) for row, mean, factor in views], axis=1)


def views_of(start: Start, items: Items) -> tuple[tuple[View, ...], list[Floats]]:
    """The blocks that this start gives for these items, each only once where one view stands in for another.

    Raises NeedsError where it gives none.
    """
    arrays: dict[View, Floats] = {}
    for name in NAMES:
        if name in start.provides:
            array = start.view(name, items)
            if not any(other.shape == array.shape and np.array_equal(other, array) for other in arrays.values()):
                arrays[name] = array
    if not arrays:
        raise NeedsError(
            f"the trainer needs one of the views {', '.join(NAMES)}; the start gives "
            f"{', '.join(sorted(start.provides)) or 'none'}; use a start such as minilm or lexical"
        )
    return tuple(arrays), list(arrays.values())


def token_views_of(start: Start, items: Items) -> tuple[tuple[View, ...], list[Ragged]]:
    """The blocks of each token that this start gives for these items. Raises NeedsError where it gives none."""
    given: dict[View, Ragged] = {}
    for name in TOKEN_NAMES:
        if name in start.provides:
            given[name] = start.view(name, items)
    if not given:
        raise NeedsError(
            f"the trainer 'linear' needs one of the views {', '.join(TOKEN_NAMES)} for spans; the start gives "
            f"{', '.join(sorted(start.provides)) or 'none'}; use a start such as minilm or lexical"
        )
    return tuple(given), list(given.values())


def mixes_of(names: Sequence[View]) -> list[tuple[float, ...]]:
    """The mixes that these blocks allow, each once, the default first.

    >>> mixes_of(["embeddings"]), mixes_of(["embeddings", "middle"])
    ([(1.0,)], [(1.0, 1.0), (1.0, 0.0)])
    """
    at = [NAMES.index(name) for name in names]
    cut = (tuple(mix[i] for i in at) for mix in _MIXES)
    # Only ratios count: (2,) is the same as (1,).
    scaled = (tuple(weight / max(mix) for weight in mix) for mix in cut if any(mix))
    return list(dict.fromkeys(scaled))
