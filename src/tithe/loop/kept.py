"""A model whose views are computed once and kept: for one that is too slow to be asked of the same items again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe.models import Model, Tell, quiet
from tithe.tasks import Task
from tithe.tasks.spans import Spans
from tithe.types import Items, Label, View

if TYPE_CHECKING:
    from tithe.views import ViewStore

SHARD = 512
"""Items in a shard: of a slow model on two cores a few seconds' work, which is what a killed process loses."""

_BY_MEMBER = frozenset({"committee"})  # rows of items come second there, so it is not kept


@dataclass(frozen=True, eq=False)
class KeptModel:
    """The model, with views from the store: by stage, in shards, keyed by its fingerprint.

    New items cost their own views and no more, and a killed process goes on at its last shard.
    """

    model: Model
    store: ViewStore
    tell: Tell = quiet

    @property
    def provides(self) -> frozenset[View]:
        """Those of the model."""
        return self.model.provides

    @property
    def task(self) -> Task:
        """That of the model."""
        return self.model.task

    @property
    def fingerprint(self) -> str:
        """That of the model."""
        return self.model.fingerprint

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the model."""
        return self.model.settings

    def view(self, name: View, items: Items) -> Any:
        """What the model says, from the store where it is there. Raises NeedsError for a view that it does not give."""
        if name in _BY_MEMBER or name not in self.provides or not len(items):
            return self.model.view(name, items)
        return self._get(name, items, partial(self.model.view, name))

    def keep(self, names: Iterable[View], items: Items) -> None:
        """Puts these views of the items into the store. A model that makes several in one go makes them once."""
        first, *others = [name for name in names if name not in _BY_MEMBER] or ["proba"]
        beside: dict[tuple[View, str], Any] = {}

        def both(part: Items) -> Any:
            for name in others:
                beside[name, part.digest] = self.model.view(name, part)
            return self.model.view(first, part)

        def kept(name: View, part: Items) -> Any:
            found = beside.pop((name, part.digest), None)
            return self.model.view(name, part) if found is None else found

        self._get(first, items, both)
        for name in others:
            self._get(name, items, partial(kept, name))

    def _get(self, name: View, items: Items, compute: Callable[[Items], Any]) -> Any:
        def told(done: int, total: int) -> None:
            self.tell("reading the texts with the slow model", done, total)

        # Every view of spans has a row a token.
        get = self.store.get_tokens if isinstance(self.task, Spans) else self.store.get
        return get(items, self.fingerprint, f"slow:{name}", compute, shard_rows=SHARD, tell=told)

    def decide(self, output: Any) -> list[Label]:
        """As the model does."""
        return self.model.decide(output)

    def save(self, into: Path) -> None:
        """As the model does."""
        self.model.save(into)
