"""Words of a text, as offsets: the places where a span may begin and end unless the file has tokens of its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from tithe.types import Item, Items

if TYPE_CHECKING:
    from tithe.ragged import Ragged

Tokens: TypeAlias = tuple[tuple[int, int], ...]
"""The (start, end) of each token in code points, end exclusive, ascending."""

# Scripts that put no blanks between words (and Hangul, whose particles cling): each character is a token.
SINGLE = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3105-\u312f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
_JAMO = "\u1100-\u11ff\ud7b0-\ud7ff"  # a syllable may be written as several of these
_EMOJI = "\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff"
_TONES = "\U0001f3fb-\U0001f3ff"


@cache
def _pattern() -> re.Pattern[str]:
    marks = _class_of("Mn", "Mc", "Me", "Cf", but="\u200b")  # a zero-width space parts words
    clinging = _class_of("Mn", "Mc", "Me", "Cf", but="\u200b\u200d")  # the joiner needs a partner
    extend = f"[{clinging}{_TONES}]*"
    return re.compile(
        rf"[0-9#*]\ufe0f?\u20e3"  # keycaps
        rf"|[\U0001f1e6-\U0001f1ff]{{2}}"  # flags
        rf"|[{SINGLE}][{marks}]*"
        rf"|[{_JAMO}]+[{marks}]*"
        rf"|\d+(?:[.,]\d+)+"  # 1,000.50
        rf"|(?:[^\W{SINGLE}{_JAMO}][{marks}]*)+"
        rf"|\S{extend}(?:\u200d[{_EMOJI}]{extend})*"  # anything else alone, with the marks and tones upon it
    )


def tokenise(text: str) -> Tokens:
    """The tokens of a text: words, numbers, single punctuation marks, single CJK characters, whole emoji.

    Every character but blanks is in exactly one token. "don't" is three tokens, so that a span may end at "Merkel" in
    "Merkel's".

    >>> [("I ♥ 你好, 1,000.5 don't" [a:b]) for a, b in tokenise("I ♥ 你好, 1,000.5 don't")]
    ['I', '♥', '你', '好', ',', '1,000.5', 'don', "'", 't']
    """
    return tuple(match.span() for match in _pattern().finditer(text))


def joined(tokens: Sequence[str]) -> tuple[str, Tokens]:
    """The text of tokens with one blank between them, and where each token is in it.

    >>> joined(["EU", "rejects"])
    ('EU rejects', ((0, 2), (3, 10)))
    """
    offsets, at = [], 0
    for token in tokens:
        offsets.append((at, at + len(token)))
        at += len(token) + 1
    return " ".join(tokens), tuple(offsets)


def tokens_of(item: Item) -> Tokens:
    """The tokens of an item: those of its file where it has any, else `tokenise`."""
    return tokenise(item.text) if item.tokens is None else item.tokens


def places(items: Items) -> Ragged:
    """Where the tokens of each item stand in its text: rows of (t, 2) code points, end exclusive.

    They are those of the items' file where it has tokens of its own, else those of `tokenise`. `values` and `places`
    of the result are the same.

    >>> places(Items(["1", "2"], ["so so", ""])).values.tolist()
    [[0, 2], [3, 5]]
    """
    import numpy as np

    from tithe.ragged import Ragged

    rows = [tokens_of(item) for item in items]
    values = np.array([token for row in rows for token in row], dtype=np.int64).reshape(-1, 2)
    splits = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(values, splits, values)


def _class_of(*categories: str, but: str) -> str:
    """The inside of a character class of all characters of these Unicode categories."""
    ranges: list[tuple[int, int]] = []
    for code in (*range(0x80, 0x20000), *range(0xE0000, 0xE01F0)):
        if unicodedata.category(chr(code)) in categories and chr(code) not in but:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in ranges)
