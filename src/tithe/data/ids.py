"""Stable ids, and texts that repeat."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from tithe.errors import DataError
from tithe.types import FILE, Label


def hashed_ids(texts: Sequence[str]) -> list[str]:
    """An id for each text: a hash of it alone, with `-2`, `-3`, ... for later occurrences of the same text.

    >>> hashed_ids(["hello", "world", "hello"])
    ['a7b6eda801e5347d', '5831c37fa7d6930f', 'a7b6eda801e5347d-2']
    """
    seen: Counter[str] = Counter()
    ids = []
    for text in texts:
        # Occurrences are counted by hash, not by text: even two texts that collide get different ids.
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        seen[key] += 1
        ids.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return ids


def checked_ids(given: Sequence[str | None], *, where: str, unit: str, lines: Sequence[int]) -> list[str]:
    """The ids of a file's own column.

    Raises:
        DataError: an id is empty or stands twice; the message has the lines.
    """
    seen: dict[str, int] = {}
    for one, line in zip(given, lines, strict=True):
        if one is None or not one or one.isspace():
            raise DataError(f"{where}, {unit} {line}: the id is empty; give every row an id, or leave the column out")
        first = seen.setdefault(one, line)
        if first != line:
            raise DataError(
                f"{where}: the id {one!r} stands in {unit} {first} and again in {unit} {line}; ids must differ"
            )
    return list(seen)


def first_rows(texts: Sequence[str]) -> list[int]:
    """For each row, the row where its text stands first.

    >>> first_rows(["a", "b", "a"])
    [0, 1, 0]
    """
    first: dict[str, int] = {}
    return [first.setdefault(text, row) for row, text in enumerate(texts)]


def corrected(first: Sequence[int], labels: Sequence[Label | None], annotators: Sequence[object]) -> list[Label | None]:
    """The labels without those of the annotator "file" where a person labelled the same text.

    >>> corrected([0, 0, 2], ["x", "y", "x"], ["file", "ann", "file"])
    [None, 'y', 'x']
    """
    rows = zip(first, labels, annotators, strict=True)
    people = {row for row, label, who in rows if label is not None and who != FILE}
    return [
        None if who == FILE and row in people else label
        for row, label, who in zip(first, labels, annotators, strict=True)
    ]


def merged_labels(first: Sequence[int], labels: Sequence[Label | None]) -> tuple[list[Label | None], int]:
    """One label for each different text, in the order of first occurrence, and how many texts had several.

    The most frequent label wins, whole: sets and spans are not mixed; of equally frequent ones, the first in the file.
    Rows without a label have no say.

    >>> merged_labels([0, 1, 0, 0], ["x", None, "y", "y"])
    (['y', None], 1)
    """
    repeated = {row for at, row in enumerate(first) if row != at}
    votes: dict[int, Counter[Label]] = {row: Counter() for row in repeated}  # of a million texts few repeat
    for row, label in zip(first, labels, strict=True):
        if label is not None and row in repeated:
            votes[row][label] += 1
    # max keeps the first of equals, and a Counter keeps the order of first sight
    merged = [
        max(votes[row], key=votes[row].__getitem__, default=None) if row in repeated else label
        for row, (before, label) in enumerate(zip(first, labels, strict=True))
        if row == before
    ]
    return merged, sum(len(counted) > 1 for counted in votes.values())
