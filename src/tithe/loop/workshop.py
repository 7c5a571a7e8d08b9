"""What a round keeps for the next: prepared starts, stored views, the last models. It only saves time.

Nothing here changes a result: throw a workshop away between two rounds and the same items are asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from tithe.log import Learning, Snapshot, joined
from tithe.loop.kept import KeptModel
from tithe.models import Model, Start, Tell, quiet
from tithe.models.starts import prepare_start
from tithe.pool import Pool
from tithe.types import Items
from tithe.views import ViewStore, default_root

if TYPE_CHECKING:
    from tithe.tasks import Task

_MODELS_KEPT = 4
ENOUGH = 10_000
"""Items of the first stages that starts learn from: with more, each stage would cost a fit and all views again."""


class Workshop:
    """Caches of one process. Views are kept in `store`, by default in the user's cache folder.

    `warm` shows a fit the model before, whose settings it may take over: quicker, and the same to the last bit.
    Simulations leave it off, so that the times of a resumed run say the same as those of any other. `shelf` says where
    a slow model may lie ready; it must be the one that a fit would give.
    """

    def __init__(self, store: ViewStore | None = None, *, warm: bool = True, tell: Tell = quiet) -> None:
        self.store = store or ViewStore(default_root())
        self.warm = warm
        self.tell = tell
        self.given: dict[str, Start] = {}
        self.shelf: Callable[[Learning], Model | None] = lambda _: None
        self._starts: dict[tuple[str, str], Start] = {}
        self._models: OrderedDict[tuple[object, ...], Model] = OrderedDict()
        self._pools: dict[str, Pool] = {}
        self._learned: tuple[Items, Items] | None = None
        self._window: tuple[Items, tuple[tuple[str, ...], ...], Items] | None = None
        self._slow: tuple[Learning, Model] | None = None

    def _told(self, what: str, done: int, total: int) -> None:
        """Whoever listens now hears of it, not who did when the start was made."""
        self.tell(what, done, total)

    def start(self, spec: str, items: Items) -> Start:
        """The start of this name for these items, prepared once. It does not depend on a run's seed."""
        if spec in self.given:
            return self.given[spec]
        key = (spec, items.digest)
        if key not in self._starts:
            self._starts[key] = prepare_start(spec, items, store=self.store, tell=self._told)
        return self._starts[key]

    def window(self, snapshot: Snapshot) -> Items:
        """The items that a round may look at: those of all stages in their order, or all where the log has no stages.

        Each stage is an `Items` of its own (`stage_of`), so that its views are computed once, whatever comes after it.
        Cost: nothing while stages and items stay, else that of going through all items.
        """
        if snapshot.stages is None:
            return snapshot.items
        last = self._window
        if last is not None and last[0] is snapshot.items and last[1] == snapshot.stages:
            return last[2]
        everyone = Pool(snapshot.items)
        window = joined([snapshot.items.cut(everyone.rows(stage)) for stage in snapshot.stages])
        self._window = (snapshot.items, snapshot.stages, window)
        if last is not None and last[2].digest != window.digest:
            self._pools.pop(last[2].digest, None)
        return window

    def learned_from(self, snapshot: Snapshot) -> Items:
        """The items that starts learn from: the window, or its first stages once those hold `ENOUGH` items."""
        window, last = self.window(snapshot), self._learned
        if snapshot.stages is None:
            return window
        if last is None or last[0] is not window:
            parts = window.parts or (window,)
            before = accumulate((len(part) for part in parts), initial=0)
            found = joined([part for part, size in zip(parts, before, strict=False) if size < ENOUGH])
            if last is not None and last[1].digest != found.digest:  # what learned from others may be large
                self._starts = {key: start for key, start in self._starts.items() if key[1] != last[1].digest}
            self._learned = last = (window, found)
        return last[1]

    def pool(self, items: Items, task: Task) -> Pool:
        """The pool of these items without labels; it keeps its index of ids."""
        if items.digest not in self._pools:
            self._pools[items.digest] = Pool(items, task=task)
        return self._pools[items.digest]

    def model(self, key: tuple[object, ...], fit: Callable[[Model | None], Model]) -> Model:
        """The model of this key, fitted at the first call; `fit` gets a model to begin at, or None."""
        if key not in self._models:
            last = next(reversed(self._models.values()), None) if self.warm else None
            self._models[key] = fit(last)
            while len(self._models) > _MODELS_KEPT:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def slow(self, one: Learning, fit: Callable[[], Model]) -> Model:
        """A slow model, from the shelf or fitted at the first call; what it says of items is kept in the store."""
        if self._slow is None or self._slow[0] is not one:
            self._slow = (one, KeptModel(self.shelf(one) or fit(), self.store, self._told))
        return self._slow[1]


def stage_of(items: Items, ids: Iterable[str]) -> Items:
    """The items of a stage, in its order, as a whole of their own. Raises UnknownItemError for an id not there.

    >>> list(stage_of(Items(["a", "b", "c"], ["1", "2", "3"]), ["c", "a"]).texts)
    ['3', '1']
    """
    return items.cut(Pool(items).rows(ids))
