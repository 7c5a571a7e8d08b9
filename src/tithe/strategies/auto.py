"""auto: cover the pool while little is known, then ask what the model is unsure of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies import Strategy
from tithe.strategies.design import Design
from tithe.strategies.ranking import distinct, wanted
from tithe.strategies.sequences import Mnlp
from tithe.strategies.typiclust import TypiClust
from tithe.strategies.uncertainty import Uncertainty
from tithe.types import Selection, View, names_in

if TYPE_CHECKING:
    from numpy.random import Generator

_CHOICE = 8  # times as many unsure items as are asked for are looked through

SECOND: Mapping[str, Strategy] = {"multilabel": Design(), "spans": Mnlp()}
"""Who chooses once enough is covered, by the name of the task; margin for a task that is not here.

Any beginning of its ranking has to be a sensible batch, and `embeddings` and `proba` all that it needs.
"""
COVERS = frozenset({"multilabel"})
"""The tasks whose second phase covers by itself: it takes over at the second batch, and its batches stand."""


@dataclass(frozen=True)
class Auto:
    """The default: typical items until enough are labelled, then margin among items that differ; sets by `design`.

    Margin passes over items whose embedding has a cosine above `apart` to one that it has picked for the same batch:
    near copies are unsure together, and one answer settles them all. Enough is `per_class` labels for each class seen
    so far (two at least), or the `share` of the pool where that is less. A batch that crosses this point is typical
    items first, then margin. For spans `mnlp` takes the place of margin. Reads the labels' values.

    On label sets the first batch is typical items and the others are those of `design`: there every measure of
    uncertainty asks for what is noise, and falls behind a random draw (docs/log.md).

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
        """Typical items, or those of the second phase, or both; all typical while the pool has no `proba`."""
        n, have = wanted(pool, n), len(pool.labelled)
        enough = self.enough(pool)
        cover = n if "proba" not in pool.provides else min(max(enough - have, 0), n)
        typical = self.cold.select(pool, cover, rng) if cover else Selection((), ())
        covering = "covering" if self._covers(pool) else f"covering: {have} of {enough} typical items"
        if cover == n:
            return Selection(typical.ids, typical.scores, covering)
        rest = self._rest(pool.without(typical.ids), n - cover, rng)
        reason = f"{covering}, then {rest.reason} for {n - cover}" if cover else rest.reason
        return Selection((*typical.ids, *rest.ids), (*typical.scores, *rest.scores), reason)

    def _rest(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n choices of the second phase; near copies of one another are passed over where it does not see to that."""
        second = SECOND.get("" if pool.task is None else pool.task.name, Uncertainty("margin"))
        if self._covers(pool):
            return second.select(pool, n, rng)
        ranked = second.select(pool, _CHOICE * n, rng)
        kept = distinct(np.asarray(pool.view("embeddings")[pool.rows(ranked.ids)]), n, self.apart)
        return Selection(
            tuple(ranked.ids[place] for place in kept), tuple(ranked.scores[place] for place in kept), ranked.reason
        )

    def enough(self, pool: Pool) -> int:
        """How many labels end the covering."""
        if self._covers(pool):
            return 0
        seen = {name for label in pool.labels for name in names_in(label)}
        return min(self.per_class * max(len(seen), 2), math.ceil(self.share * len(pool)))

    @staticmethod
    def _covers(pool: Pool) -> bool:
        return pool.task is not None and pool.task.name in COVERS
