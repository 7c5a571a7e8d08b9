"""Near duplicates: texts whose word pairs are mostly the same, found by MinHash and checked one by one.

Signatures are cut into 24 bands of 4; texts that agree in a band are candidates, so a pair at similarity .7 is met with
probability .998, one at .8 with 1 - 4e-6. Each candidate's Jaccard similarity is then computed exactly from the texts,
so nothing is reported that is not so.

Source: Broder 1997, On the resemblance and containment of documents; bands: Leskovec, Rajaraman & Ullman, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tithe.data.profile.words import HASHES, Done, Scan, similarity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]

THRESHOLD = 0.7
_BANDS, _WIDE = 24, 4
_NEIGHBOURS = 10
"""In a band, each text is compared with this many that follow it; groups are joined through chains of them."""
_SLACK = 0.12
"""An estimate from 96 hashes is within this of a similarity of .7 in 99.5 % of cases; others are not looked at."""
_MOST_CHECKS = 3_000_000


class Pair(NamedTuple):
    """Two rows and the Jaccard similarity of their word pairs."""

    a: int
    b: int
    similarity: float


class Found(NamedTuple):
    """Pairs, and whether the search was ended early as there were too many to check."""

    pairs: list[Pair]
    is_whole: bool


def near_pairs(
    texts: Sequence[str], scanned: Scan, threshold: float = THRESHOLD, done: Done = lambda count: None
) -> Found:
    """Pairs that join the near duplicates among different texts into groups: as few pairs as that takes.

    Rows of the same words are one text here; see `Scan.first`. Time: about 10 s for a million short texts, after
    30 s of `scan`; more where many are near, up to three million exact checks.
    """
    import numpy as np

    rows = scanned.distinct
    parent = np.arange(len(rows))
    found: list[Pair] = []
    refused: set[int] = set()
    for band in range(_BANDS):
        for a, b in _agreeing(scanned.signatures, band, threshold):
            one, other = _root(parent, a), _root(parent, b)
            code = a * len(rows) + b
            if one == other or code in refused:
                continue
            if len(found) + len(refused) >= _MOST_CHECKS:
                return Found(found, False)
            alike = similarity(texts[rows[a]], texts[rows[b]])
            if alike >= threshold:
                parent[max(one, other)] = min(one, other)
                found.append(Pair(int(rows[a]), int(rows[b]), alike))
            else:
                refused.add(code)
        done(band + 1)
    return Found(found, True)


def near_across(
    train: tuple[Sequence[str], Scan], test: tuple[Sequence[str], Scan], threshold: float = THRESHOLD
) -> Found:
    """For each different test text the most similar train text at or above the threshold, as (train row, test row).

    Texts of the same words are not near but the same, and left out.
    """
    import numpy as np

    (train_texts, train_scan), (test_texts, test_scan) = train, test
    train_rows, test_rows = train_scan.distinct, test_scan.distinct
    same = np.isin(test_scan.keys, train_scan.keys)
    best: dict[int, Pair] = {}
    checked: set[int] = set()
    for band in range(_BANDS):
        keys, wanted = _keys(train_scan.signatures, band), _keys(test_scan.signatures, band)
        order = np.argsort(keys, kind="stable")
        left = np.searchsorted(keys, wanted, "left", sorter=order)
        right = np.minimum(np.searchsorted(keys, wanted, "right", sorter=order), left + _NEIGHBOURS)
        for at in np.flatnonzero((right > left) & ~same).tolist():
            near = order[left[at] : right[at]]
            agree = (train_scan.signatures[near] == test_scan.signatures[at]).mean(axis=1)
            for candidate in near[agree >= threshold - _SLACK].tolist():
                code = candidate * len(test_rows) + at
                if code in checked:
                    continue
                if len(checked) >= _MOST_CHECKS:
                    return Found([best[key] for key in sorted(best)], False)
                checked.add(code)
                alike = similarity(train_texts[train_rows[candidate]], test_texts[test_rows[at]])
                if alike >= threshold and (at not in best or alike > best[at].similarity):
                    best[at] = Pair(int(train_rows[candidate]), int(test_rows[at]), alike)
    return Found([best[key] for key in sorted(best)], True)


def groups(count: int, first: Rows, pairs: Sequence[Pair]) -> dict[int, list[int]]:
    """The rows of each group of the same words or near ones, by the group's first row; groups of one are left out."""
    import numpy as np

    parent = np.array(first)
    for pair in pairs:
        one, other = _root(parent, pair.a), _root(parent, pair.b)
        parent[max(one, other)] = min(one, other)
    gathered: dict[int, list[int]] = {}
    for row in range(count):
        gathered.setdefault(_root(parent, row), []).append(row)
    return {root: rows for root, rows in gathered.items() if len(rows) > 1}


def _agreeing(signatures: NDArray[np.uint16], band: int, threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs that agree in a band and whose whole signatures say that they may be near."""
    import numpy as np

    keys = _keys(signatures, band)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for step in range(1, min(_NEIGHBOURS, len(keys) - 1) + 1):
        at = np.flatnonzero(keys[step:] == keys[:-step])
        for start in range(0, len(at), 65_536):
            block = at[start : start + 65_536]
            a, b = order[block], order[block + step]
            likely = (signatures[a] == signatures[b]).sum(axis=1) >= (threshold - _SLACK) * HASHES
            yield from zip(a[likely].tolist(), b[likely].tolist(), strict=True)
        if not len(at):
            return


def _keys(signatures: NDArray[np.uint16], band: int) -> NDArray[np.uint64]:
    """(m,) the four 16-bit hashes of a band as one number."""
    import numpy as np

    part = np.ascontiguousarray(signatures[:, band * _WIDE : (band + 1) * _WIDE])
    return part.view(np.uint64).ravel()


def _root(parent: Rows, at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = int(parent[at])
    return at
