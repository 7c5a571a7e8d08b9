"""Texts that stand more than once: within a file, and in a test file as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tithe.data.ids import first_rows
from tithe.data.profile.labels import shown
from tithe.data.profile.near import Found, groups, near_across
from tithe.data.profile.words import Scan, scan
from tithe.types import Items, Label

_SHOWN = 10


@dataclass(frozen=True)
class Conflict:
    """Texts that are the same, or nearly so, with labels that differ."""

    texts: tuple[str, ...]
    ids: tuple[str, ...]
    """Of one row for each of the first few labels."""
    labels: tuple[tuple[str, int], ...]
    """Each label and how many of the rows have it."""


@dataclass(frozen=True)
class Copies:
    """Texts that stand more than once."""

    identical: int
    """Rows whose text stands in an earlier row, to the letter."""
    same_words: int
    """Further rows whose words stand in an earlier row: case, punctuation and blanks apart."""
    near: int
    """Further rows that are near an earlier one."""
    groups: int
    largest: tuple[tuple[str, int], ...]
    """A text of each of the largest groups, with the group's size."""
    closest: tuple[tuple[str, str, float], ...]
    """A few near pairs, with their similarity."""
    conflicting: int
    """Groups of the same words (spans: of the same text) whose labels differ."""
    near_conflicting: int
    """Near pairs whose labels differ; not for spans."""
    conflicts: tuple[Conflict, ...]
    """The ten gravest."""
    near_conflicts: tuple[Conflict, ...]
    is_whole: bool


@dataclass(frozen=True)
class Leakage:
    """Test texts that stand in the training file as well."""

    test: int
    identical: int
    same_words: int
    near: int
    other_label: int
    """Of the identical and the same, those that bear another label there."""
    undeclared: tuple[tuple[str, int], ...]
    """Labels that only the test file has, and how often."""
    examples: tuple[tuple[str, str, float], ...]
    """(test text, training text, similarity): near ones, the least similar first; then same ones."""
    is_whole: bool


def copies(items: Items, scanned: Scan, found: Found) -> Copies:
    """What the scan and the search for near pairs say of one file."""
    import numpy as np

    count = len(items)
    same = groups(count, scanned.first, ())
    joined = groups(count, scanned.first, found.pairs)
    identical = count - len(set(items.texts))
    rows_same = sum(len(rows) - 1 for rows in same.values())
    is_spans = any(isinstance(label, tuple) for label in items.gold or ())
    alike = groups(count, np.array(first_rows(items.texts), np.int64), ()) if is_spans else same
    sure = [one for rows in alike.values() if (one := _conflict(items, rows))]
    pairs = [] if is_spans else found.pairs
    maybe = [one for pair in pairs if (one := _conflict(items, (pair.a, pair.b)))]
    close = sorted(found.pairs, key=lambda pair: (pair.similarity, pair.a))
    spaced = [close[at * (len(close) - 1) // 4] for at in range(5)] if len(close) > 5 else close
    return Copies(
        identical=identical,
        same_words=rows_same - identical,
        near=sum(len(rows) - 1 for rows in joined.values()) - rows_same,
        groups=len(joined),
        largest=tuple(
            (items.texts[root], len(rows))
            for root, rows in sorted(joined.items(), key=lambda one: (-len(one[1]), one[0]))[:5]
        ),
        closest=tuple((items.texts[pair.a], items.texts[pair.b], pair.similarity) for pair in spaced),
        conflicting=len(sure),
        near_conflicting=len(maybe),
        conflicts=_gravest(sure),
        near_conflicts=_gravest(maybe),
        is_whole=found.is_whole,
    )


def _gravest(conflicts: Sequence[Conflict]) -> tuple[Conflict, ...]:
    """Those with the most rows besides the most frequent label."""
    ranked = sorted(conflicts, key=lambda one: one.labels[0][1] - sum(number for _, number in one.labels))
    return tuple(ranked[:_SHOWN])


def _conflict(items: Items, rows: Sequence[int]) -> Conflict | None:
    """The disagreement of these rows, if they disagree."""
    votes: Counter[Label] = Counter()
    told: dict[Label, int] = {}
    for row in rows:
        label = None if items.gold is None else items.gold[row]
        if label is not None:
            votes[label] += 1
            told.setdefault(label, row)
    if len(votes) < 2:
        return None
    ranked = sorted(votes, key=lambda label: (-votes[label], shown(label)))
    first = [told[label] for label in ranked[:4]]
    texts = tuple(dict.fromkeys(items.texts[row] for row in first))
    labels = tuple((shown(label), votes[label]) for label in ranked)
    return Conflict(texts, tuple(items.ids[row] for row in first), labels)


def leakage(train: Items, scanned: Scan, test: Items, threshold: float) -> Leakage:
    """Which test texts stand in the training file, to the letter, in the same words, or nearly."""
    again = scan(test.texts)
    row_of = dict(zip(scanned.keys.tolist(), scanned.distinct.tolist(), strict=True))
    key_of = dict(zip(again.distinct.tolist(), again.keys.tolist(), strict=True))
    there = [row_of.get(key_of[first]) for first in again.first.tolist()]
    same = [(row, other) for row, other in enumerate(there) if other is not None]
    exact = set(train.texts)
    identical = sum(text in exact for text in test.texts)
    found = near_across((train.texts, scanned), (test.texts, again), threshold)
    near = {pair.b for pair in found.pairs}
    known = {name for label in train.gold or () for name in names_of(label)}
    new = Counter(name for label in test.gold or () for name in names_of(label) if name not in known)
    nearest = sorted(found.pairs, key=lambda pair: (pair.similarity, pair.b))
    return Leakage(
        test=len(test),
        identical=identical,
        same_words=len(same) - identical,
        near=sum(first in near for first in again.first.tolist()),
        other_label=sum(_differ(train, other, test, row) for row, other in same),
        undeclared=tuple(sorted(new.items(), key=lambda one: (-one[1], one[0]))) if train.gold else (),
        examples=(
            *((test.texts[pair.b], train.texts[pair.a], pair.similarity) for pair in nearest[:5]),
            *((test.texts[row], train.texts[other], 1.0) for row, other in same[:5]),
        ),
        is_whole=found.is_whole,
    )


def names_of(label: Label | None) -> list[str]:
    """The declared labels that a label is made of."""
    if label is None or isinstance(label, str):
        return [] if label is None else [label]
    return [one if isinstance(one, str) else one.label for one in label]


def _differ(train: Items, other: int, test: Items, row: int) -> bool:
    a = None if train.gold is None else train.gold[other]
    b = None if test.gold is None else test.gold[row]
    if isinstance(a, tuple) and train.texts[other] != test.texts[row]:
        return False  # the same words at other places: offsets cannot be compared
    return a is not None and b is not None and a != b
