"""One pass over texts: their lengths, which of them are the same words, and a MinHash signature of each."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tithe.rng import stream
from tithe.tokens import SINGLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HASHES = 96
_BLOCK = 16_384
_MOST_WORDS = 1_000_000  # hashes of words kept at once; the table is emptied when it is full
_WORD = re.compile(rf"[{SINGLE}]|[^\W{SINGLE}]+")

Done: TypeAlias = Callable[[int], object]


def words(text: str) -> list[str]:
    """The words of a text, without case, punctuation and forms of the same character; CJK characters one by one.

    >>> words("Don't SHOUT, 你好!")
    ['don', 't', 'shout', '你', '好']
    """
    return _WORD.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold())


def pairs(text: str) -> set[tuple[str, str]]:
    """The pairs of neighbouring words, with the begin and the end of the text as words too.

    >>> sorted(pairs("a b"))
    [('', 'a'), ('a', 'b'), ('b', '')]
    """
    found = words(text) or [_wordless(text)]
    return set(zip(["", *found], [*found, ""], strict=True))


def similarity(a: str, b: str) -> float:
    """The Jaccard similarity of the word pairs of two texts, 0 to 1."""
    one, other = pairs(a), pairs(b)
    return len(one & other) / len(one | other)


@dataclass(frozen=True, eq=False)
class Scan:
    """What one pass over n texts found."""

    characters: NDArray[np.int32]
    """(n,) lengths in code points."""
    words: NDArray[np.int32]
    """(n,) numbers of words."""
    first: NDArray[np.int64]
    """(n,) the row where the same words stand first."""
    signatures: NDArray[np.uint16]
    """(m, HASHES) a MinHash signature of the word pairs of each row that is its own first, in order."""
    keys: NDArray[np.uint64]
    """(m,) a hash of the words of each of these rows."""

    @property
    def distinct(self) -> NDArray[np.int64]:
        """(m,) the rows that are their own first."""
        import numpy as np

        return np.flatnonzero(self.first == np.arange(len(self.first)))


def scan(texts: Sequence[str], done: Done = lambda count: None) -> Scan:
    """One pass over texts. Memory: about 250 bytes a text, whatever its length."""
    import numpy as np

    lengths, counts, first, keys = array("i"), array("i"), array("q"), array("Q")
    seen: dict[int, int] = {}
    known: dict[str, int] = {}
    signatures: list[NDArray[np.uint16]] = []
    for start in range(0, len(texts), _BLOCK):
        fresh: list[list[str]] = []
        for row, text in enumerate(texts[start : start + _BLOCK], start):
            found = words(text)
            lengths.append(len(text))
            counts.append(len(found))
            found = found or [_wordless(text)]
            key = _hash(" ".join(found))
            if (at := seen.setdefault(key, row)) == row:
                keys.append(key)
                fresh.append(found)
            first.append(at)
        if len(known) > _MOST_WORDS:
            known.clear()
        signatures.append(_signatures(fresh, known))
        done(min(start + _BLOCK, len(texts)))
    empty = np.empty((0, HASHES), np.uint16)
    return Scan(
        np.array(lengths, np.int32),
        np.array(counts, np.int32),
        np.array(first, np.int64),
        np.concatenate([empty, *signatures]),
        np.array(keys, np.uint64),
    )


def _wordless(text: str) -> str:
    """A text without words as one word of its own, as ":-)" and "!!!" are not the same."""
    return f"\0{text.strip()}"


def _hash(content: str) -> int:
    return int.from_bytes(hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _signatures(texts: Iterable[Sequence[str]], known: dict[str, int]) -> NDArray[np.uint16]:
    """(m, HASHES) the lowest hash of each text's word pairs under each of many hash functions, 16 bits of it."""
    import numpy as np

    flat, starts = array("Q"), array("q")
    for found in texts:
        starts.append(len(flat) - len(starts))  # one pair fewer than marks and words, for each text before
        flat.append(1)
        for word in found:
            value = known.get(word)
            if value is None:
                value = known[word] = _hash(word)
            flat.append(value)
        flat.append(2)
    if not starts:
        return np.empty((0, HASHES), np.uint16)
    marks = np.array(flat, np.uint64)
    shingles = marks[:-1] * np.uint64(0x9E3779B97F4A7C15) + marks[1:]
    inside = np.ones(len(shingles), bool)
    inside[np.flatnonzero((marks[:-1] == 2) & (marks[1:] == 1))] = False  # from the end of one text to the next
    shingles = _mixed(shingles[inside])
    draws = stream(0, "minhash").integers(1, 2**63, size=(2, HASHES), dtype=np.uint64)
    out = np.empty((len(starts), HASHES), np.uint16)
    at = np.array(starts, np.int64)
    for column in range(HASHES):
        hashed = shingles * (draws[0, column] | np.uint64(1)) + draws[1, column]
        out[:, column] = np.minimum.reduceat(hashed, at) >> np.uint64(24)
    return out


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each number with its bits spread. Source: Steele, Lea & Flood 2014 (SplitMix)."""
    import numpy as np

    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
