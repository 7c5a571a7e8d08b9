"""The frozen values that pass between modules. Nothing here computes.

`Items` is columnar: a million items are a few long lists, and an `Item` is made only when one is looked at. Items that
were cut out of others remember where (`base`, `rows`), so that a view computed once for the whole serves every part; a
whole joined of others remembers them (`parts`), so that what was computed for them is not computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tithe.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rows: TypeAlias = "NDArray[np.int64]"
"""Row numbers, (n,); only `Pool` turns them into ids."""

Floats: TypeAlias = "NDArray[np.float32]"

View: TypeAlias = str
"""What a start or a model says of items: `embeddings`, `lexical`, `proba`, `committee`, ..."""


class Span(NamedTuple):
    """A labelled stretch of a text, in Unicode code points, end exclusive."""

    start: int
    end: int
    label: str


Label: TypeAlias = str | frozenset[str] | tuple[Span, ...]

FILE = "file"
"""The annotator of labels that stood in a project's file. They count where no person has labelled the item."""


def names_in(label: Label) -> frozenset[str]:
    """The names that stand in a label: itself, its members, or those of its spans.

    >>> names_in("a"), sorted(names_in((Span(0, 1, "x"), Span(2, 3, "y"))))
    (frozenset({'a'}), ['x', 'y'])
    """
    if isinstance(label, str):
        return frozenset({label})
    return label if isinstance(label, frozenset) else frozenset(span.label for span in label)


def in_words(label: Label | None) -> str:
    """A label as one cell of a table: names parted by `;`, spans as start-end:name; `[]` where there are none.

    Empty for None: blank cells read as unknown, and `[]` as an answer (`data/multilabel.py`).

    >>> in_words(frozenset({"b", "a"})), in_words((Span(0, 3, "PER"),)), in_words(frozenset()), in_words(None)
    ('a;b', '0-3:PER', '[]', '')
    """
    if label is None or isinstance(label, str):
        return label or ""
    if not label:
        return "[]"
    if isinstance(label, frozenset):
        return ";".join(sorted(label))
    return ";".join(f"{span.start}-{span.end}:{span.label}" for span in label)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to label."""

    id: str
    text: str
    tokens: tuple[tuple[int, int], ...] | None = None
    """The (start, end) of its file's own tokens in code points; None where the file has none."""


class Example(NamedTuple):
    """An item with what is known of its label; `weight` 0 < w <= 1 for pseudo and crowd labels."""

    item: Item
    label: Label
    weight: float = 1.0
    known: frozenset[str] | None = None


@dataclass(frozen=True, eq=False)
class Items(Sequence[Item]):
    """Many items, as columns; a sequence of `Item`.

    `gold` holds the file's own labels where it had any (None for a row without one). Simulated people read it and
    metrics do; no strategy, trainer or start ever sees it.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    gold: Sequence[Label | None] | None = None
    source: str = "memory"
    repeats: int = 0
    base: Items | None = field(default=None, repr=False)
    rows: Rows | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    """What a person should know of the file, such as "335 of 4834 texts repeat an earlier one"."""
    tokens: Sequence[tuple[tuple[int, int], ...]] | None = field(default=None, repr=False)
    """The file's own tokens of each text, as (start, end) in code points; None where it has none."""
    parts: tuple[Items, ...] | None = field(default=None, repr=False)
    """Where these are a whole joined of others, one behind the other: views of the parts make the view of the whole."""

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Item:  # type: ignore[override]  # slices: use take()
        return Item(self.ids[row], self.texts[row], None if self.tokens is None else self.tokens[row])

    def __iter__(self) -> Iterator[Item]:
        return map(Item, self.ids, self.texts, repeat(None) if self.tokens is None else self.tokens)

    def take(self, rows: Rows) -> Items:
        """The items at these rows; remembers the whole that it was cut from."""
        import numpy as np

        rows = np.asarray(rows, dtype=np.int64)
        whole, into = (self, rows) if self.base is None or self.rows is None else (self.base, self.rows[rows])
        gold = None if self.gold is None else [self.gold[r] for r in rows]
        tokens = None if self.tokens is None else [self.tokens[r] for r in rows]
        ids, texts = [self.ids[r] for r in rows], [self.texts[r] for r in rows]
        return Items(ids, texts, gold, self.source, 0, base=whole, rows=into, tokens=tokens)

    def cut(self, rows: Iterable[int]) -> Items:
        """The items at these rows as a whole of their own, without the file's labels: their views are computed anew."""
        rows = list(rows)
        tokens = None if self.tokens is None else [self.tokens[row] for row in rows]
        return Items(
            [self.ids[row] for row in rows], [self.texts[row] for row in rows], None, self.source, tokens=tokens
        )

    @cached_property
    def by_id(self) -> Rows:
        """All rows in the order of their ids: what is drawn of them is the same however the file was sorted.

        Sorted by Python, once: numpy would pad each id to the longest of them.
        """
        import numpy as np

        return np.array(sorted(range(len(self)), key=self.ids.__getitem__), dtype=np.int64)

    @cached_property
    def digest(self) -> str:
        """A hash of all ids and texts in order, and of given tokens: the content key of every stored view."""
        state = hashlib.blake2b(digest_size=16)
        for one, text in zip(self.ids, self.texts, strict=True):
            # Lengths go in, so that moving a character from one field to the next changes the hash.
            raw = text.encode("utf-8", "surrogatepass")
            state.update(f"{len(one)}:{len(raw)}:".encode())
            state.update(one.encode("utf-8", "surrogatepass"))
            state.update(raw)
        for tokens in self.tokens or ():
            state.update(repr(tokens).encode())
        return state.hexdigest()


def check_items(items: object) -> None:
    """Raises DataError where a caller gave something else as items: a list of texts, say."""
    if not isinstance(items, Items):
        raise DataError(f"a view is of Items; given a {type(items).__name__}: make them with tithe.Items(ids, texts)")


@dataclass(frozen=True, eq=False)
class Examples(Sequence[Example]):
    """Labelled items, as columns; a sequence of `Example`."""

    items: Items
    labels: Sequence[Label]
    weights: Sequence[float] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> Example:  # type: ignore[override]
        return Example(self.items[row], self.labels[row], 1.0 if self.weights is None else self.weights[row])

    @property
    def sample(self) -> NDArray[np.float64]:
        """(n,) the weights; 1 where none are given."""
        import numpy as np

        return np.ones(len(self)) if self.weights is None else np.asarray(self.weights, np.float64)

    @cached_property
    def digest(self) -> str:
        """A hash of the items, their labels and weights: half of a model's fingerprint."""
        state = hashlib.blake2b(self.items.digest.encode(), digest_size=16)
        for label in self.labels:
            state.update(repr(sorted(label) if isinstance(label, frozenset) else label).encode() + b"\0")
        state.update(repr(None if self.weights is None else list(self.weights)).encode())
        return state.hexdigest()


@dataclass(frozen=True)
class Selection:
    """What a strategy asks next: ids, best first, each with the score that it was chosen for."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]
    reason: str = ""

    def __len__(self) -> int:
        return len(self.ids)
