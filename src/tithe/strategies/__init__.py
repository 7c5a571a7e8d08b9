"""Query strategies: which items to ask next. One family a file, each with its paper.

Write your own in ten lines: `docs/first-strategy.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

    from tithe.pool import Pool


class Strategy(Protocol):
    """Chooses items. Holds settings only: all that it knows of the data comes with the pool.

    `needs` names the views that `select` reads. `cold` is the strategy to use while no model can be trained, where
    this one chooses its own first batch (itself, or a part of it); None where it takes the shared first batch.

    A strategy that fits some tasks only may name them in a further attribute `tasks`, as in
    `tasks: ClassVar[frozenset[str]] = frozenset({"multilabel"})`; see `tithe.tasks.tasks_of`.
    """

    @property
    def needs(self) -> frozenset[View]: ...

    @property
    def cold(self) -> Strategy | None: ...

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates in the order in which to ask them; all of them where fewer are left.

        The order is what counts: whoever stops within the batch has asked its beginning. Each score is what the
        strategy's measure said of the item when it was taken: a finite number, larger for more. Scores fall where items
        are simply ranked. Where a batch is made one by one, of clusters in turn or by a draw, they may rise too. They
        are stored and shown; no item is chosen or sorted by them afterwards.
        """


WHOLE_ITEMS = frozenset({"choice", "multilabel"})
"""The tasks whose `proba` is one row (C,) an item: what strategies name that read it as a matrix (N, C)."""
