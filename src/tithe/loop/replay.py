"""Was each question that people were shown one that `propose` asks? The log alone tells.

Whatever a round reads stands in its snapshot, recipe and seed, and the log has all three for each item shown: so each
proposal can be made again, at any time and on any machine of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tithe.errors import TitheError
from tithe.log import Asked, Event, Snapshot
from tithe.loop.propose import Recipe, propose
from tithe.loop.workshop import Workshop

NO_PROPOSALS = frozenset({"audit", "chosen"})
"""What stands for the strategy where an item was shown as an audit item, or because a person picked it."""


class Readable(Protocol):
    """A log: `tithe.log.Log`, or a project of a store."""

    def events(self, after: int = 0) -> Sequence[Event]: ...


@dataclass(frozen=True)
class Replayed:
    """A proposal that was made again: at `position`, by `recipe`, with `seed`, of `n` items.

    `shown` are the items that people saw of it, with the position of the `Asked` of each; `proposed` those it has now.
    `trouble` says why it could not be made again, if so.
    """

    position: int
    recipe: Recipe
    seed: int
    n: int
    shown: tuple[tuple[str, int], ...]
    proposed: tuple[str, ...]
    trouble: str = ""

    @property
    def strangers(self) -> tuple[tuple[str, int], ...]:
        """What was shown and is not in the proposal; empty where all is as it should be."""
        proposed = {*self.proposed}
        return tuple((item, at) for item, at in self.shown if item not in proposed)


def replay(log: Readable, *, workshop: Workshop | None = None) -> list[Replayed]:
    """Each proposal of which something was shown, made again, in the order of their positions.

    What was asked outside of a proposal (`NO_PROPOSALS`), and what was logged without the number asked for (`n` = 0),
    is left out. Cost: a round for each proposal, and a fit for each slow model that asked; views are taken from the
    workshop's store.
    """
    events = log.events()
    workshop = workshop or Workshop()
    found, snapshot = [], Snapshot.empty()
    for key, shown in sorted(_proposals(events).items(), key=lambda one: one[0][0]):
        position, seed, n, start, trainer, strategy, initial, slow = key
        recipe = Recipe.kept(
            start=start, trainer=trainer, strategy=strategy, initial_strategy=initial, slow=slow or None
        )
        proposed: tuple[str, ...] = ()
        if not 0 <= position < shown[0][1]:
            trouble = f"it is said to come from position {position}, which is not before it was shown"
        else:
            snapshot = snapshot.apply(events[snapshot.position : position])
            proposed, trouble = _again(snapshot, recipe, seed, n, workshop)
        found.append(Replayed(position, recipe, seed, n, tuple(shown), proposed, trouble))
    return found


_Key = tuple[int, int, int, str, str, str, str, str]


def _proposals(events: Sequence[Event]) -> dict[_Key, list[tuple[str, int]]]:
    """What was shown of each proposal, with positions ascending."""
    found: dict[_Key, list[tuple[str, int]]] = {}
    for at, event in enumerate(events, 1):
        if isinstance(event, Asked) and event.n and event.strategy not in NO_PROPOSALS:
            names = (event.start, event.trainer, event.strategy, event.initial, event.slow)
            found.setdefault((event.position, event.seed, event.n, *names), []).extend((one, at) for one in event.ids)
    return found


def _again(snapshot: Snapshot, recipe: Recipe, seed: int, n: int, workshop: Workshop) -> tuple[tuple[str, ...], str]:
    """The ids of the proposal, or why it cannot be made."""
    try:
        return propose(snapshot, recipe, seed=seed, n=n, workshop=workshop).selection.ids, ""
    except TitheError as error:  # a log that was changed by hand may name what is not there
        return (), str(error)
