"""Which labels there are, how many an item has, and which go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tithe.data.profile.lengths import Spread, spread
from tithe.types import Items, Label


@dataclass(frozen=True)
class Together:
    """How often a label stands beside another: counts[i][j] of items with rows[i] and columns[j]."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    totals: tuple[int, ...]
    """The items with each of `rows`."""
    is_ordered: bool
    """Whether the rows are first labels and the columns the others; else both are any."""


@dataclass(frozen=True)
class Labels:
    """The labels of a file."""

    labelled: int
    unlabelled: int
    empty: int
    """Items that are known to have no label or span."""
    counts: tuple[tuple[str, int], ...]
    """Items (spans: entities) with each label, the most frequent first."""
    imbalance: float
    """The most frequent label's count over the rarest one's."""
    per_item: Spread | None
    """Labels or spans an item; None for choice."""
    combinations: tuple[tuple[str, int], ...]
    """The most frequent sets, for multilabel."""
    distinct_combinations: int
    together: Together | None
    surfaces: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    """For spans: the most frequent texts of each label."""
    span_words: Spread | None
    overlapping: int
    """Items with spans that overlap."""


def shown(label: Label | None) -> str:
    """A label as a person reads it.

    >>> shown(frozenset({"b", "a"})), shown(frozenset()), shown(None)
    ('a; b', '(none)', '(unknown)')
    """
    if label is None:
        return "(unknown)"
    if isinstance(label, str):
        return label
    if isinstance(label, frozenset):
        return "; ".join(sorted(label)) or "(none)"
    return "; ".join(f"{span.label} {span.start}-{span.end}" for span in label) or "(none)"


def label_facts(items: Items, firsts: Sequence[str | None] | None = None, *, most: int = 15) -> Labels | None:
    """The facts of the file's own labels; None where it has none.

    Args:
        firsts: the first label of each item, for the co-occurrence of primary and other labels.
        most: how many labels the co-occurrence shows.
    """
    gold = [label for label in items.gold or () if label is not None]
    if not gold:
        return None
    counts: Counter[str] = Counter()
    sizes: list[int] = []
    for label in gold:
        names = [label] if isinstance(label, str) else _names(label)
        counts.update(names)
        sizes.append(len(names))
    is_choice = isinstance(gold[0], str)
    sets = Counter(shown(label) for label in gold) if isinstance(gold[0], frozenset) else Counter[str]()
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    surfaces, words, overlapping = _spans(items) if isinstance(gold[0], tuple) else ((), None, 0)
    return Labels(
        labelled=len(gold),
        unlabelled=len(items) - len(gold),
        empty=sum(size == 0 for size in sizes),
        counts=tuple(ranked),
        imbalance=ranked[0][1] / ranked[-1][1] if ranked else 1.0,
        per_item=None if is_choice else spread("spans" if isinstance(gold[0], tuple) else "labels", sizes),
        combinations=tuple(sorted(sets.items(), key=lambda one: (-one[1], one[0]))[:10]),
        distinct_combinations=len(sets),
        together=_together(items, firsts, [name for name, _ in ranked], most) if sets else None,
        surfaces=surfaces,
        span_words=words,
        overlapping=overlapping,
    )


def _names(label: Label) -> list[str]:
    return (
        sorted(label) if isinstance(label, frozenset) else [span.label for span in label if not isinstance(span, str)]
    )


def _together(items: Items, firsts: Sequence[str | None] | None, ranked: Sequence[str], most: int) -> Together:
    gold = [label if isinstance(label, frozenset) else frozenset() for label in items.gold or ()]
    # Where the lists of a file are all sorted, their first label is only the first in the alphabet.
    ordered = firsts is not None and any(
        first is not None and len(label) > 1 and first != min(label) for first, label in zip(firsts, gold, strict=True)
    )
    both: Counter[tuple[str, str]] = Counter()
    alone: Counter[str] = Counter()
    for at, label in enumerate(gold):
        heads = [firsts[at]] if ordered and firsts is not None else sorted(label)
        for head in heads:
            if head is not None:
                alone[head] += 1
                both.update((head, other) for other in label if other != head)
    rows = sorted(alone, key=lambda name: (-alone[name], name))[:most] if ordered else list(ranked[:most])
    second: Counter[str] = Counter()
    for (_, other), count in both.items():
        second[other] += count
    columns = sorted(second, key=lambda name: (-second[name], name))[:most] if ordered else rows
    counts = tuple(tuple(both[row, column] for column in columns) for row in rows)
    return Together(tuple(rows), tuple(columns), counts, tuple(alone[row] for row in rows), ordered)


def _spans(items: Items) -> tuple[tuple[tuple[str, tuple[tuple[str, int], ...]], ...], Spread | None, int]:
    """The most frequent texts of each label, the words of a span, and the items whose spans overlap."""
    texts: dict[str, Counter[str]] = {}
    words: list[int] = []
    overlapping = 0
    for text, label in zip(items.texts, items.gold or (), strict=True):
        reach, crosses = 0, False
        for span in label if isinstance(label, tuple) else ():
            inside = text[span.start : span.end]
            texts.setdefault(span.label, Counter())[inside] += 1
            words.append(len(inside.split()))
            crosses |= span.start < reach
            reach = max(reach, span.end)
        overlapping += crosses
    ranked = sorted(texts, key=lambda name: (-texts[name].total(), name))
    found = tuple((name, tuple(sorted(texts[name].items(), key=lambda one: (-one[1], one[0]))[:5])) for name in ranked)
    return found, spread("words", words) if words else None, overlapping
