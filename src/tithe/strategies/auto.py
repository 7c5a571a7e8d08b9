"""auto: cover the pool while little is known, then ask what the model is unsure of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies.ranking import distinct, wanted
from tithe.strategies.typiclust import TypiClust
from tithe.strategies.uncertainty import Uncertainty
from tithe.types import Selection, View, names_in

if TYPE_CHECKING:
    from numpy.random import Generator

_CHOICE = 8  # times as many unsure items as are asked for are looked through


@dataclass(frozen=True)
class Auto:
    """The default: typical items until enough are labelled, then margin among items that differ.

    Margin passes over items whose embedding has a cosine above `apart` to one that it has picked for the same batch:
    near copies are unsure together, and one answer settles them all. Enough is `per_class` labels for each class seen
    so far (two at least), or the `share` of the pool where that is less. A batch that crosses this point is typical
    items first, then margin. Reads the labels' values.

    Source: the hand-over from covering to uncertainty follows Hacohen, Dekel and Weinshall 2022, Active Learning on a
    Budget: Opposite Strategies Suit High and Low Budgets; margin after it, Bahri, Jiang, Schuster and Rostamizadeh
    2022, Is Margin All You Need?
    Departs: the point of hand-over is a rule of ours, by labels per class; so is passing over near copies, worth half
    a point on ATIS in batches of fifty (docs/log.md).

    Cost: that of `TypiClust` while covering, then O(N C + n² d).

    >>> import numpy as np
    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(list("abcd"), embeddings=np.eye(4), proba=np.full((4, 2), 0.5), labelled={"a": "yes"})
    >>> Auto(share=0.5).select(pool, 2, stream(0)).reason
    'covering: 1 of 2 typical items, then margin for 1'
    """

    per_class: int = 10
    share: float = 0.05
    apart: float = 0.8
    needs: ClassVar[frozenset[View]] = frozenset({"embeddings", "proba"})

    def __post_init__(self) -> None:
        if self.per_class < 0 or not 0 <= self.share <= 1 or not -1 <= self.apart <= 1:
            raise ConfigError(
                f"auto takes per_class >= 0, a share from 0 to 1 and apart from -1 to 1; given "
                f"per_class={self.per_class}, share={self.share}, apart={self.apart}"
            )

    @property
    def cold(self) -> TypiClust:
        return TypiClust()

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """Typical items, or the least sure ones, or both; all typical while the pool has no `proba`."""
        n, have = wanted(pool, n), len(pool.labelled)
        enough = self.enough(pool)
        cover = n if "proba" not in pool.provides else min(max(enough - have, 0), n)
        typical = self.cold.select(pool, cover, rng) if cover else Selection((), ())
        reason = f"covering: {have} of {enough} typical items" if cover else "margin"
        if cover == n:
            return Selection(typical.ids, typical.scores, reason)
        taken, unsure = set(typical.ids), Uncertainty("margin").select(pool, _CHOICE * n + cover, rng)
        rest = [(one, score) for one, score in zip(unsure.ids, unsure.scores, strict=True) if one not in taken]
        rows = pool.rows([one for one, _ in rest])
        kept = distinct(np.asarray(pool.view("embeddings")[rows]), n - cover, self.apart)
        ids, scores = zip(*(rest[place] for place in kept), strict=True)
        if cover:
            reason = f"{reason}, then margin for {n - cover}"
        return Selection((*typical.ids, *ids), (*typical.scores, *scores), reason)

    def enough(self, pool: Pool) -> int:
        """How many labels end the covering."""
        seen = {name for label in pool.labels for name in names_in(label)}
        return min(self.per_class * max(len(seen), 2), math.ceil(self.share * len(pool)))
