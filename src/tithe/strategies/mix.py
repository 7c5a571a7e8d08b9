"""mix: shares of each batch by several strategies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies import Strategy
from tithe.strategies.named import strategy
from tithe.strategies.quotas import interleaved, portions
from tithe.strategies.ranking import wanted
from tithe.tasks import tasks_of
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

_DEFAULT = {"auto": 0.9, "random": 0.1}


@dataclass(frozen=True)
class Mix:
    """Parts, each a name, a strategy and its share of a batch; made by `mix`.

    The strategies choose one after the other, and what one has chosen is closed, as if pending, for those that follow.
    Portions are the shares in whole numbers, rounded by one draw, so that batches of 1 follow the shares too. The
    batch goes round the parts, and each item keeps the score of the strategy that chose it.
    """

    parts: tuple[tuple[str, Strategy, float], ...]

    @property
    def needs(self) -> frozenset[View]:
        """What any part needs."""
        return frozenset[View]().union(*(part.needs for _, part, _ in self.parts))

    @property
    def tasks(self) -> frozenset[str] | None:
        """The tasks that all parts are for; None, for any, where no part says."""
        said = [tasks for _, part, _ in self.parts if (tasks := tasks_of(part)) is not None]
        return frozenset.intersection(*said) if said else None

    @property
    def cold(self) -> Mix | None:
        """The mix of the cold parts, with the same shares; None where a part has none."""
        if all(part.cold is None for _, part, _ in self.parts):
            return None
        # A part that needs nothing, such as random, is its own cold part here.
        cold = [(name, part.cold or (None if part.needs else part), share) for name, part, share in self.parts]
        found = tuple((name, part, share) for name, part, share in cold if part is not None)
        return Mix(found) if len(found) == len(cold) else None

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """n candidates, a portion of them by each part."""
        n = wanted(pool, n)
        counts = portions([share for _, _, share in self.parts], n, rng)
        streams = rng.spawn(len(self.parts))  # a part's draws do not depend on how many the others made
        chosen: list[Selection] = []
        for (_, part, _), count, own in zip(self.parts, counts.tolist(), streams, strict=True):
            chosen.append(part.select(pool, count, own) if count else Selection((), ()))
            pool = pool.without(chosen[-1].ids)
        turns = list(zip(*(order.tolist() for order in interleaved(np.array(counts))), strict=True))
        names = [name for name, _, _ in self.parts]
        return Selection(
            tuple(chosen[part].ids[place] for part, place in turns),
            tuple(chosen[part].scores[place] for part, place in turns),
            ", ".join(f"{count} by {name}" for count, name in zip(counts.tolist(), names, strict=True)),
        )


def mix(**shares: float) -> Mix:
    """Shares of each batch by several strategies, such as `mix(auto=0.9, random=0.1)`, which is the default.

    Args:
        shares: for each strategy its weight, above 0; they need not add up to 1.

    Raises:
        ConfigError: a weight is not a finite number above 0.
        UnknownNameError: nothing has such a name.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(list("abcdef"), proba=np.array([[0.5 + row / 20, 0.5 - row / 20] for row in range(6)]))
    >>> mix(margin=3, random=1).select(pool, 4, stream(0)).reason
    '3 by margin, 1 by random'
    """
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < math.inf:
            raise ConfigError(f"a share of mix must be a finite number above 0; given {name}={share!r}")
    return Mix(tuple((name, strategy(name), float(share)) for name, share in (shares or _DEFAULT).items()))
