"""What a data set is like, before anything is trained: numbers in frozen values; pages and tables are made above.

`profile` is the door. One pass over the texts, then searches that are bounded at a million rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tithe.data.profile.characters import Oddity, odd_characters
from tithe.data.profile.copies import Conflict, Copies, Leakage, copies, leakage
from tithe.data.profile.labels import Labels, label_facts
from tithe.data.profile.language import Languages, languages
from tithe.data.profile.lengths import Spread, spread
from tithe.data.profile.near import THRESHOLD, near_pairs
from tithe.data.profile.words import scan
from tithe.types import Items

__all__ = ["Conflict", "Copies", "Labels", "Languages", "Leakage", "Oddity", "Profile", "Spread", "profile"]

Tell: TypeAlias = Callable[[str, int, int], None]
"""Told what is going on: what, how much is done, of how much."""


@dataclass(frozen=True)
class Profile:
    """All that `tithe profile` says of a file."""

    source: str
    items: int
    notes: tuple[str, ...]
    characters: Spread
    words: Spread
    tokens: Spread | None
    """The file's own tokens an item, where it has any."""
    labels: Labels | None
    copies: Copies
    languages: Languages
    oddities: tuple[Oddity, ...]
    shortest: tuple[str, ...]
    longest: tuple[str, ...]
    wordless: int
    """Texts without a single letter or digit."""
    leakage: Leakage | None
    threshold: float


def profile(
    items: Items,
    *,
    firsts: Sequence[str | None] | None = None,
    test: Items | None = None,
    threshold: float = THRESHOLD,
    tell: Tell = lambda what, done, total: None,
) -> Profile:
    """The profile of a file's items.

    Args:
        firsts: the first label of each item, where their order means something (`reading.first_labels`).
        test: a test file, to look for leakage.
        threshold: the Jaccard similarity of word pairs from which texts are near.
    """
    texts = items.texts
    scanned = scan(texts, lambda done: tell("reading the texts", done, len(texts)))
    found = near_pairs(texts, scanned, threshold, lambda done: tell("near duplicates", done, 24))
    tell("characters and languages", 0, 2)
    oddities = odd_characters(texts)
    tell("characters and languages", 1, 2)
    guessed = languages(texts)
    tell("characters and languages", 2, 2)
    order = sorted(range(len(texts)), key=scanned.characters.__getitem__)
    return Profile(
        source=items.source,
        items=len(items),
        notes=items.notes,
        characters=spread("characters", scanned.characters),
        words=spread("words", scanned.words),
        tokens=None if items.tokens is None else spread("tokens", [len(tokens) for tokens in items.tokens]),
        labels=label_facts(items, firsts),
        copies=copies(items, scanned, found),
        languages=guessed,
        oddities=oddities,
        shortest=tuple(texts[row] for row in order[:5]),
        longest=tuple(texts[row] for row in order[::-1][:3]),
        wordless=int((scanned.words == 0).sum()),
        leakage=None if test is None else leakage(items, scanned, test, threshold),
        threshold=threshold,
    )
