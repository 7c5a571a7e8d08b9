"""The pool: a window on a snapshot and its views, and the only place where ids and rows meet.

A strategy sees rows inside (`candidates`, `labelled`, `view(...)`) and answers with `pick(rows, scores)`, which gives
ids back, so that no position ever leaves this class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tithe import registry
from tithe.errors import ConfigError, DataError, NeedsError, UnknownItemError
from tithe.tasks import Task
from tithe.types import Items, Label, Rows, Selection, View, names_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tithe.ragged import Ragged

Array: TypeAlias = Any
"""A dense (N, ...) array; for sparse views a scipy CSR matrix of N rows, for those of tokens a `Ragged` of N rows."""


class Pool:
    """All items of a data set with what is known of them. Immutable; `with_state` makes the next one.

    A row's text is `pool.items[row].text` (empty in a pool of `from_views`); for spans, its file's own tokens are
    `pool.items[row].tokens`. `pool.view(name)` has what a start or a model says of the rows.
    """

    def __init__(
        self,
        items: Items,
        *,
        task: Task | None = None,
        labels: Mapping[str, Label] | None = None,
        unavailable: Iterable[str] = (),
        views: Mapping[View, Callable[[], Array]] | None = None,
        labels_known: bool = True,
    ) -> None:
        """Makes a window. `labels` are the answers so far; `unavailable` ids are pending or closed."""
        self.items = items
        self.task = task
        self._labels: Mapping[str, Label] = labels or {}
        self._unavailable = frozenset(unavailable)
        self._sources = dict(views or {})
        self._ready: dict[View, Array] = {}
        self._labels_known = labels_known

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Pool({len(self)} items, {len(self._labels)} labelled, source={self.items.source!r})"

    @property
    def ids(self) -> Sequence[str]:
        """All ids, in the order of the rows."""
        return self.items.ids

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {one: row for row, one in enumerate(self.items.ids)}

    def __contains__(self, one: str) -> bool:
        return one in self._row_of

    def rows(self, ids: Iterable[str]) -> Rows:
        """The rows of these ids. Raises UnknownItemError for an id that the pool does not have."""
        import numpy as np

        try:
            return np.fromiter((self._row_of[one] for one in ids), np.int64)
        except KeyError as missing:
            raise UnknownItemError(f"no item {missing.args[0]!r} in this pool of {len(self)} items") from None

    @cached_property
    def candidates(self) -> Rows:
        """The rows that may be asked: not labelled, pending or closed.

        They are in the order of their ids, not of the file, so that a draw over them picks the same items however the
        file was sorted.
        """
        order = self.items.by_id
        return order[self.open[order]]

    @cached_property
    def open(self) -> NDArray[np.bool_]:
        """(N,) whether a row may be asked."""
        import numpy as np

        mask = np.ones(len(self), dtype=bool)
        mask[self.rows({*self._labels, *self._unavailable})] = False
        return mask

    @cached_property
    def labelled(self) -> Rows:
        """The rows with an answer, ascending."""
        import numpy as np

        return np.sort(self.rows(self._labels))

    @property
    def answers(self) -> Mapping[str, Label]:
        """The labels so far, by id. Raises NeedsError where only the ids were given."""
        if not self._labels_known:
            raise NeedsError(
                "this needs the labels themselves, and only the ids of the labelled items were given; "
                "pass labelled={id: label}"
            )
        return self._labels

    @property
    def labels(self) -> list[Label]:
        """The labels of the rows in `labelled`. Raises NeedsError where only the ids were given."""
        answers = self.answers
        return [answers[self.items.ids[row]] for row in self.labelled]

    @property
    def provides(self) -> frozenset[View]:
        """The names of all views that `view` can give."""
        return frozenset(self._sources) | frozenset(self._ready)

    def view(self, name: View) -> Array:
        """A view of all N rows; computed at the first call. Raises NeedsError where nothing provides it."""
        if name not in self._ready:
            if name not in self._sources:
                has = ", ".join(sorted(self.provides)) or "none"
                raise NeedsError(f"the view {name!r} is needed and nothing here provides it; there are: {has}")
            self._ready[name] = self._sources[name]()
        return self._ready[name]

    def pick(self, rows: Sequence[int] | Rows, scores: Sequence[float] | NDArray[Any], reason: str = "") -> Selection:
        """The rows as a Selection of ids, in the order given, which is that of asking; `Strategy.select` has the rule.

        Raises ConfigError for a row that is not a candidate or stands twice: that is a fault of the strategy.
        """
        chosen = [int(row) for row in rows]
        if any(not 0 <= row < len(self) for row in chosen):
            raise ConfigError(f"the strategy picked a row outside 0 to {len(self) - 1}; rows come from pool.candidates")
        if len(set(chosen)) < len(chosen) or not all(self.open[row] for row in chosen):
            raise ConfigError("the strategy picked a row twice, or one that is labelled or pending; it must not")
        if len(scores) != len(chosen):
            raise ConfigError(f"the strategy gave {len(scores)} scores for {len(chosen)} rows; give one for each")
        return Selection(tuple(self.items.ids[row] for row in chosen), tuple(float(s) for s in scores), reason)

    def with_state(
        self,
        labels: Mapping[str, Label],
        unavailable: Iterable[str] = (),
        views: Mapping[View, Callable[[], Array]] | None = None,
        task: Task | None = None,
    ) -> Pool:
        """The same items with other answers; views already computed are kept unless `views` names them anew."""
        pool = Pool(
            self.items,
            task=task or self.task,
            labels=labels,
            unavailable=unavailable,
            views={**self._sources, **(views or {})},
        )
        pool._ready = {name: array for name, array in self._ready.items() if name not in (views or {})}
        if "_row_of" in self.__dict__:  # of the items alone, so the next pool need not make it again
            pool.__dict__["_row_of"] = self._row_of
        return pool

    def without(self, ids: Iterable[str]) -> Pool:
        """The same pool, but these ids may not be asked either, as if they were pending.

        >>> Pool.from_views(["a", "b", "c"]).without(["b"]).candidates.tolist()
        [0, 2]
        """
        pool = Pool(
            self.items,
            task=self.task,
            labels=self._labels,
            unavailable=self._unavailable | frozenset(ids),
            views=self._sources,
            labels_known=self._labels_known,
        )
        pool._ready = self._ready  # shared: whichever of the two computes a view, both have it
        for name in ("_row_of", "labelled"):
            if name in self.__dict__:
                pool.__dict__[name] = self.__dict__[name]
        return pool

    @classmethod
    def from_texts(
        cls, texts: Sequence[str], *, ids: Sequence[str] | None = None, labels: Sequence[Label | None] | None = None
    ) -> Pool:
        """A pool of texts in memory; ids are hashes of the texts where none are given.

        Args:
            labels: the true label of each text (None where unknown), for simulated people and metrics alone.

        >>> Pool.from_texts(["good", "bad"]).items[1].text
        'bad'
        """
        from tithe.data.ids import hashed_ids

        if isinstance(texts, str):
            raise DataError(f"texts are a list of strings; given one string, {texts[:30]!r}: write [text]")
        texts = list(texts)
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"a text is a string; given a {type(text).__name__}, {text!r}, at place {place}")
        named = hashed_ids(texts) if ids is None else [str(one) for one in ids]
        for what, given in (("ids", named), ("labels", labels)):
            if given is not None and len(given) != len(texts):
                raise DataError(f"{len(texts)} texts and {len(given)} {what} were given; give one for each text")
        if len(set(named)) < len(named):
            raise DataError(f"ids repeat: {len(named)} given, {len(set(named))} different; give each item its own")
        return cls(Items(named, texts, None if labels is None else list(labels)))

    @classmethod
    def from_views(
        cls,
        ids: Sequence[str],
        *,
        embeddings: NDArray[Any] | None = None,
        proba: NDArray[Any] | Ragged | Sequence[NDArray[Any]] | None = None,
        committee: NDArray[Any] | None = None,
        labelled: Iterable[str] | Mapping[str, Label] | None = None,
        task: Task | None = None,
    ) -> Pool:
        """A pool of arrays that you have already. The texts of its items are empty.

        Args:
            ids: N different ids.
            embeddings: (N, d) floats.
            proba: (N, C), a column for each declared label; for spans N arrays (t, C) of token marginals, or a `Ragged`
                of them, a column for each of the task's `tags`.
            committee: (m, N, C), one `proba` a member.
            labelled: the ids that have a label, or {id: label} for strategies that read the labels.
            task: needed only where the labels' names matter.

        Raises:
            DataError: shapes do not fit, ids repeat, or an array holds NaN or infinity.
            UnknownItemError: a labelled id is not among the ids.

        >>> import numpy as np
        >>> Pool.from_views(["a", "b", "c"], embeddings=np.eye(3), labelled=["a"]).candidates.tolist()
        [1, 2]
        """
        from tithe.data.arrays import checked_view

        ids = [str(one) for one in ids]
        if len(set(ids)) < len(ids):
            raise DataError(f"ids repeat: {len(ids)} given, {len(set(ids))} different; give each item its own")
        given = {"embeddings": embeddings, "proba": proba, "committee": committee}
        arrays = {name: checked_view(name, array, len(ids)) for name, array in given.items() if array is not None}
        for name in ("proba", "committee"):
            if task is not None and name in arrays:
                _check_columns(name, arrays[name], task)
        known = isinstance(labelled, Mapping)
        # `labelled or ()` would ask a numpy array of ids whether it is true, which it refuses to say.
        plain = labelled if isinstance(labelled, Mapping) else dict.fromkeys(() if labelled is None else labelled, "")
        labels: dict[str, Label] = {str(one): label for one, label in plain.items()}
        pool = cls(Items(ids, [""] * len(ids)), task=task, labels=labels, labels_known=known or not labels)
        pool.rows(labels)  # an unknown id is told now, not when a strategy runs
        pool._ready = dict(arrays)
        return pool


def _check_columns(name: str, array: Array, task: Task) -> None:
    """Raises DataError where a view has not the columns of the task's outputs."""
    from tithe.ragged import Ragged

    tags: tuple[str, ...] | None = getattr(task, "tags", None)
    if tags is not None and name == "proba" and not isinstance(array, Ragged):
        raise DataError(f"{name} of a {task.name} task is a list of arrays (t, C), one an item; given {array.shape}")
    shape = array.values.shape if isinstance(array, Ragged) else array.shape
    if shape[-1] != len(tags or task.labels):
        each = f"{len(tags)} tags, O and then B and I of each label" if tags else f"{len(task.labels)} declared labels"
        raise DataError(f"{name} must have a column for each of the {each}; given {shape}")


def read(path: str | Path, *, task: str | Task | None = None, **options: Any) -> Pool:
    """A pool of the items in a file; the options are those of `tithe.data.reading.read_items`.

    Args:
        path: CSV, TSV, JSONL, Parquet, TXT, CoNLL or XLSX, also gzipped where it is text; or `hf:NAME`.
        task: a task, or its name where the file's own labels declare it; None leaves it open.

    Raises:
        DataError: the file cannot be read; the message names the line.
        ColumnError: a column is missing; the message lists those that are there.
    """
    from tithe.data.reading import read_items

    meaning = task if task is None or isinstance(task, str) else task.name
    items = read_items(path, task=meaning or "choice", **options)
    return Pool(items, task=declared_task(task, items) if isinstance(task, str) else task)


def declared_task(name: str, items: Items, labels: Sequence[str] | None = None) -> Task:
    """The task of this name, with these labels or else those that the items' own file has, sorted.

    Raises ConfigError where there are none.
    """
    from tithe.data.spans import words_note

    found = declared_labels(items) if labels is None else labels
    if not found:
        if words := words_note(items.notes):
            raise ConfigError(f"the task {name!r} has no labels: in {items.source} {words}")
        made = getattr(registry.find("tasks", registry.name_of(name)), "__name__", "Choice")
        raise ConfigError(
            f"the task {name!r} has no labels: none were declared and {items.source} has none; "
            f"declare them with --labels a,b,c, or in Python with {made}(['a', 'b', 'c'])"
        )
    task: Task = registry.build("tasks", name, labels=tuple(found))
    return task


def declared_labels(items: Items) -> list[str]:
    """All labels that the items' own file has, sorted: choices, members of sets, labels of spans.

    >>> declared_labels(Items(["1", "2"], ["a", "b"], [frozenset({"y", "x"}), None]))
    ['x', 'y']
    """
    return sorted({name for label in items.gold or () if label is not None for name in names_in(label)})
