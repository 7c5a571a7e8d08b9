"""Small pools for the kit, with texts, every view that a strategy may ask for and a record of what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tithe.pool import Array, Pool
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tasks import Task
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.tasks.spans import Spans
from tithe.types import Items, Label, Span, View

if TYPE_CHECKING:
    from numpy.random import Generator

Maker = Callable[["Generator", int], Array]
"""Makes a view of this many items; the items stand along the first axis (the second for `committee`)."""

LABELS = ("a", "b", "c")

_WORDS = ("open", "an", "account", "the", "tyre", "is", "flat", "Zürich", "李雷", "👍🏿", "e\u0301te", "NO!", "12,50")


def texts(rng: Generator, count: int) -> tuple[str, ...]:
    """`count` texts of 3 to 20 words, not all of them English."""
    return tuple(" ".join(rng.choice(_WORDS, size)) for size in rng.integers(3, 21, count))


def embeddings(rng: Generator, count: int) -> NDArray[Any]:
    """(count, 8): three clouds."""
    clouds = 4 * rng.standard_normal((3, 8))
    return np.asarray(clouds[rng.integers(3, size=count)] + rng.standard_normal((count, 8)), np.float32)


def proba(rng: Generator, count: int) -> NDArray[Any]:
    """(count, 3)."""
    return rng.dirichlet(np.ones(3), count).astype(np.float32)


def committee(rng: Generator, count: int) -> NDArray[Any]:
    """(4, count, 3)."""
    return np.stack([proba(rng, count) for _ in range(4)])


def independent(rng: Generator, count: int) -> NDArray[Any]:
    """(count, 3), where a row need not add up to 1."""
    return rng.random((count, 3)).astype(np.float32)


def independent_committee(rng: Generator, count: int) -> NDArray[Any]:
    """(4, count, 3)."""
    return np.stack([independent(rng, count) for _ in range(4)])


def marginals(rng: Generator, count: int) -> Ragged:
    """count rows of 0 to 6 tokens, each (7,): three labels have seven tags."""
    lengths = rng.integers(0, 7, count)
    values = rng.dirichlet(np.full(7, 0.5), int(lengths.sum())).astype(np.float32)
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))


def lexical(rng: Generator, count: int) -> Array:
    """(count, 40), sparse, a third of it counts."""
    from scipy.sparse import csr_matrix

    return csr_matrix(np.where(rng.random((count, 40)) < 0.3, rng.random((count, 40)), 0).astype(np.float32))


MAKERS: Mapping[View, Maker] = {
    "embeddings": embeddings,
    "proba": proba,
    "committee": committee,
    "lexical": lexical,
}


@dataclass(frozen=True)
class Kind:
    """A task, labels of it that come round, and the views that look otherwise than for a choice."""

    task: Task
    labels: tuple[Label, ...]
    makers: Mapping[View, Maker] = field(default_factory=dict)


KINDS: Mapping[str, Kind] = {
    "choice": Kind(Choice(LABELS), LABELS),
    "multilabel": Kind(
        MultiLabel(LABELS),
        (frozenset({"a"}), frozenset({"b", "c"}), frozenset(), frozenset(LABELS)),
        {"proba": independent, "committee": independent_committee},
    ),
    "spans": Kind(
        Spans(LABELS),
        ((Span(0, 4, "a"),), (), (Span(0, 4, "b"), Span(5, 7, "c")), (Span(8, 12, "a"),)),
        {"proba": marginals},
    ),
}
"""The tasks that the kit can make worlds of, by name."""


@dataclass(frozen=True, eq=False)
class World:
    """Items with their views, labels and pending ids; `asked` collects the views that pools of it were asked for."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    views: Mapping[View, Array]
    labels: Mapping[str, Label]
    pending: frozenset[str] = frozenset()
    labels_known: bool = True
    kind: Kind = KINDS["choice"]
    asked: set[View] = field(default_factory=set)

    def pool(self) -> Pool:
        """A fresh pool. Its arrays cannot be written to."""
        return Pool(
            Items(self.ids, self.texts),
            task=self.kind.task,
            labels=self.labels if self.labels_known else dict.fromkeys(self.labels, ""),
            unavailable=self.pending,
            views={name: self._source(name, array) for name, array in self.views.items()},
            labels_known=self.labels_known,
        )

    def _source(self, name: View, array: Array) -> Callable[[], Array]:
        def give() -> Array:
            self.asked.add(name)
            numbers_of(array).setflags(write=False)
            return array

        return give

    def answered(self, ids: tuple[str, ...]) -> World:
        """The same items with these labelled, and none pending."""
        known = self.kind.labels
        return replace(self, labels={one: known[row % len(known)] for row, one in enumerate(ids)}, pending=frozenset())

    def permuted(self, order: NDArray[np.int64]) -> World:
        """The same items in another order."""
        return replace(self.alike(order), ids=tuple(self.ids[row] for row in order))

    def alike(self, rows: NDArray[np.int64]) -> World:
        """The same ids, each with the text and the views of one of these rows."""
        views = {name: rows_of(name, array, rows) for name, array in self.views.items()}
        return replace(self, texts=tuple(self.texts[row] for row in rows), views=views)

    def seen_as(self, change: Callable[[View, Array], Array]) -> World:
        """The same items with changed views."""
        return replace(self, views={name: change(name, array) for name, array in self.views.items()})

    def only(self, names: frozenset[View]) -> World:
        """The same items with these views alone."""
        return replace(self, views={name: array for name, array in self.views.items() if name in names})


def numbers_of(array: Array) -> NDArray[Any]:
    """The numbers of a view, dense, sparse or ragged, as they are stored."""
    if isinstance(array, Ragged):
        return array.values
    return array if isinstance(array, np.ndarray) else np.asarray(array.data)


def with_numbers(array: Array, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Array:
    """A dense or ragged view with other numbers."""
    return array.with_values(change(array.values)) if isinstance(array, Ragged) else change(array)


def rows_of(name: View, array: Array, rows: NDArray[np.int64]) -> Array:
    """These rows of a view, as a copy."""
    return array[:, rows] if name == "committee" else array[rows]


def make_world(
    makers: Mapping[View, Maker], seed: int, *, count: int = 60, labelled: int = 10, task: str = "choice"
) -> World:
    """A world of `count` items, of which some are labelled and three are pending."""
    rng = stream(seed, "testing", "world", count, labelled)
    # Shuffled, so that the order of the ids is not the order of the rows.
    ids = tuple(f"item-{number:04d}" for number in rng.permutation(count))
    views = {name: maker(rng, count) for name, maker in makers.items()}
    said = texts(stream(seed, "testing", "texts", count, labelled), count)
    world = World(ids, said, views, {}, kind=KINDS[task]).answered(ids[:labelled])
    return replace(world, pending=frozenset(ids[labelled : labelled + 3]))
