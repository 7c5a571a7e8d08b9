"""Characters that seldom belong in a text: what a broken export leaves behind, and what hides from the eye."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CYRILLIC, _GREEK, _LATIN = "\u0400-\u052f", "\u0370-\u03ff", "A-Za-z\u00c0-\u024f"

KINDS: dict[str, tuple[str, str]] = {
    "replacement character": (r"\ufffd", "bytes were lost when the text was decoded (�)"),
    "mojibake": (
        r"\u00c3[\u0080-\u00bf]|\u00c2[\u0080-\u00bf]|\u00e2\u20ac|\u00e2\u0080|\u00ef\u00bb\u00bf|\u00f0\u0178"
        r"|\u00f0\u009f|[\u00d0\u00d1][\u0080-\u00bf\u20ac\u201a-\u201e]",
        "UTF-8 was read as another encoding (Ã©, â€™)",
    ),
    "control character": (r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "invisible codes other than tab and line break"),
    "zero-width character": (
        rf"[\u200b\u2060\ufeff\u00ad\u180e]|(?<=[{_LATIN}])[\u200c\u200d]",
        "invisible, and parts words that look whole",
    ),
    "direction mark": (r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "invisible, turns the direction of writing"),
    "unusual blank": (r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2028\u2029\x85]", "a blank that is not a blank"),
    "private or unassigned": (
        r"[\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff]",
        "means something only to its maker",
    ),
    "half a surrogate pair": (r"[\ud800-\udfff]", "cannot be written as UTF-8"),
    "mixed scripts": (
        rf"[{_LATIN}][{_CYRILLIC}]|[{_CYRILLIC}][{_LATIN}]|[A-Za-z]{{2}}[{_GREEK}]|[{_GREEK}]{{2}}[A-Za-z]",
        "letters of two alphabets in one word, which may look alike",
    ),
    "spreadsheet escape": (r"_x00[01][0-9A-Fa-f]_", "a line break or control code that a spreadsheet wrote as _x000D_"),
    "HTML": (
        r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,6});|</?(?:a|b|br|p|i|div|span|em|strong|li|ul|td|tr|img|h\d)\b[^<>]{0,200}>",
        "entities or tags that were not taken out",
    ),
}

_PATTERNS = {name: re.compile(pattern, re.IGNORECASE if name == "HTML" else 0) for name, (pattern, _) in KINDS.items()}
# What may be odd at all, as one class of characters: the patterns themselves are slow, and most texts have none of it.
_SUSPECT = re.compile(
    r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\xc2\xc3\xd0\xd1\xe2\xef\xf0\u0370-\u052f\u1680\u180e\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u2069\u3000\ud800-\uf8ff\ufdd0-\ufdef\ufeff\ufffd-\uffff\U000f0000-\U0010ffff]"
)


@dataclass(frozen=True)
class Oddity:
    """One kind of odd character: how many texts have it, and where."""

    kind: str
    meaning: str
    texts: int
    examples: tuple[tuple[int, str], ...]
    """(row, what is about it) of the first few, with invisible characters spelt out."""


def odd_characters(texts: Sequence[str], *, examples: int = 3) -> tuple[Oddity, ...]:
    """The kinds that occur, the most frequent first.

    >>> [(one.kind, one.texts) for one in odd_characters(["caf\\u00c3\\u00a9", "fine", "a&amp;b"])]
    [('HTML', 1), ('mojibake', 1)]
    """
    counts = dict.fromkeys(KINDS, 0)
    found: dict[str, list[tuple[int, str]]] = {kind: [] for kind in KINDS}
    for row, text in enumerate(texts):
        is_marked = "<" in text or "&" in text or "_x00" in text
        if not is_marked and (text.isprintable() if text.isascii() else not _SUSPECT.search(text)):
            continue
        for kind, pattern in _PATTERNS.items():
            match = pattern.search(text)
            if match is not None:
                counts[kind] += 1
                if len(found[kind]) < examples:
                    found[kind].append((row, spelt(text[max(0, match.start() - 20) : match.end() + 20])))
    ranked = sorted((kind for kind in KINDS if counts[kind]), key=lambda kind: (-counts[kind], kind))
    return tuple(Oddity(kind, KINDS[kind][1], counts[kind], tuple(found[kind])) for kind in ranked)


def spelt(text: str) -> str:
    """A text with its invisible characters as their numbers.

    >>> spelt("a\\u200bb")
    'a<200B>b'
    """
    return "".join(c if c.isprintable() else f"<{ord(c):04X}>" for c in text)
