"""Word features learned without labels: the form of each word type and the company that it keeps in the pool.

A word's form is the set of its spelling, prefixes, suffixes, shape and a few flags, weighted by rarity; its company is
the words beside it. Both go through a truncated SVD, so that a token's features are one dense row, the same wherever
its type stands. Company helps beside an encoder, and most without one (docs/log.md).

Source: Deerwester et al. 1990 (LSA); Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import DataError
from tithe.ragged import Ragged
from tithe.tokens import places
from tithe.types import Items

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.types import Floats

RECIPE = "word forms v1"
"""The name that the view is stored under: another recipe is another view."""

FORM, COMPANY = 256, 64
"""Dimensions of the two parts of a row."""

_AFFIX = 4
_NEIGHBOURS = 3000  # the frequent words that company is counted with
_FEWEST = 2  # times that a feature or a word must occur
_RUNS = re.compile(r"(.)\1+")
_EDGE = "\n"  # before the first and behind the last token; no token holds one


@dataclass(frozen=True, eq=False)
class Forms:
    """What was learned of the words of a pool."""

    features: tuple[str, ...]
    weights: Floats  # (V,) of the features
    axes: Floats  # (V, d)
    words: tuple[str, ...]  # lower case
    company: Floats  # (W, c)

    @classmethod
    def of(cls, items: Items, seed: int) -> Forms:
        """Learns from the tokens of texts. Cost: linear in tokens and in types; seconds for 24,000 types.

        Raises DataError where there is no token at all.
        """
        from threadpoolctl import threadpool_limits

        sentences = _strings(items, places(items))
        types = Counter(word for words in sentences for word in words)
        if not types:
            raise DataError("no text of the pool has a word in it, so there are no forms to learn; give other texts")
        with threadpool_limits(1, user_api="blas"):  # the sums must not depend on the number of cores
            features, weights, axes = _learn_forms(types, seed)
            words, company = _learn_company(sentences, seed)
        return cls(features, weights, axes, words, company)

    def save(self, into: Path) -> None:
        """`forms.json` and `forms.safetensors`."""
        from safetensors.numpy import save_file

        names = {"features": self.features, "words": self.words}
        (into / "forms.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        save_file({"weights": self.weights, "axes": self.axes, "company": self.company}, into / "forms.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Forms:
        """What `save` wrote."""
        from safetensors.numpy import load_file

        names = json.loads((folder / "forms.json").read_text("utf-8"))
        arrays = load_file(folder / "forms.safetensors")
        return cls(tuple(names["features"]), words=tuple(names["words"]), **arrays)

    def rows(self, items: Items) -> Ragged:
        """(T, d + c) float16 a row for each token: its form, then its company (0 where the word is unknown)."""
        where = places(items)
        types, codes = _codes([word for words in _strings(items, where) for word in words])
        known = self._row_of_word
        at = np.array([known.get(word.lower(), len(self.words)) for word in types], dtype=np.int64)
        company = np.concatenate([self.company, np.zeros((1, self.company.shape[1]), np.float32)])[at]
        form = np.asarray(_form_matrix(types, self._row_of_feature, self.weights) @ self.axes, np.float32)
        each = np.concatenate([form, company], axis=1).astype(np.float16)
        return where.with_values(each[codes])

    @cached_property
    def _row_of_feature(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.features)}

    @cached_property
    def _row_of_word(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}


def features_of(word: str) -> Iterator[str]:
    """The features of a word's form.

    >>> " ".join(features_of("U.S."))
    'w=U.S. l=u.s. s=X.X. r=X.X. <u .> <u. s.> <u.s .s.> <u.s. u.s.> n=4 dot upper title'
    """
    low = word.lower()
    shape = shape_of(word)
    runs = _RUNS.sub(r"\1", shape)
    yield from (f"w={word}", f"l={low}", f"s={shape[:12]}", f"r={runs}")
    for size in range(1, min(_AFFIX, len(low)) + 1):
        yield from (f"<{low[:size]}", f"{low[-size:]}>")
    yield f"n={min(len(word), 10)}"
    flags = {
        "digit": any(c.isdigit() for c in word),
        "hyphen": "-" in word,
        "dot": "." in word,
        "upper": word.isupper(),
        "title": word[:1].isupper(),
        "mark": not any(c.isalnum() for c in word),
    }
    yield from (name for name, holds in flags.items() if holds)


def shape_of(word: str) -> str:
    """Letters as X or x, digits as 9, the rest as it is.

    >>> shape_of("McDonald's-2")
    "XxXxxxxx'x-9"
    """
    return "".join("X" if c.isupper() else "x" if c.islower() else "9" if c.isdigit() else c for c in word)


def _strings(items: Items, where: Ragged) -> list[list[str]]:
    places_of = where.values.tolist()
    cuts = where.splits.tolist()
    return [
        [text[a:b] for a, b in places_of[begin:end]]
        for text, begin, end in zip(items.texts, cuts, cuts[1:], strict=False)
    ]


def _codes(tokens: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The types, sorted, and (T,) which of them each token is."""
    types = sorted(set(tokens))
    row = {word: number for number, word in enumerate(types)}
    return types, np.fromiter((row[word] for word in tokens), np.int64, len(tokens))


def _learn_forms(types: Counter[str], seed: int) -> tuple[tuple[str, ...], Floats, Floats]:
    from scipy import sparse

    names = sorted(types)
    counts = np.array([types[name] for name in names], np.float32)
    times: Counter[str] = Counter()
    for name in names:
        for feature in features_of(name):
            times[feature] += types[name]
    fewest = _FEWEST if max(times.values()) >= _FEWEST else 1
    features = tuple(sorted(feature for feature, count in times.items() if count >= fewest))
    weights = np.array([np.log(counts.sum() / times[f]) + 1 for f in features], np.float32)
    matrix = _form_matrix(names, {name: row for row, name in enumerate(features)}, weights)
    _, _, axes = _svd(sparse.diags(np.sqrt(counts)) @ matrix, FORM, seed)
    return features, weights, np.ascontiguousarray(axes.T, np.float32)


def _form_matrix(types: Sequence[str], row_of: dict[str, int], weights: Floats) -> Any:
    """(types, V) sparse: the weights of the features that each type has, of length 1."""
    from scipy import sparse
    from sklearn.preprocessing import normalize

    columns = [[row_of[f] for f in features_of(word) if f in row_of] for word in types]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in columns])])
    flat = np.array([column for one in columns for column in one], dtype=np.int64)
    matrix = sparse.csr_matrix((weights[flat], flat, starts), shape=(len(types), len(weights)))
    return normalize(matrix) if len(types) else matrix


def _learn_company(sentences: Sequence[Sequence[str]], seed: int) -> tuple[tuple[str, ...], Floats]:
    """Lower-case words of at least two places, and (W, c) rows of length 1 for them."""
    from scipy import sparse

    padded = [[_EDGE, *(word.lower() for word in words), _EDGE] for words in sentences if words]
    types, codes = _codes([word for words in padded for word in words])
    times = np.bincount(codes, minlength=len(types))
    edge = types.index(_EDGE)
    inner = np.flatnonzero(codes != edge)
    order = np.argsort(-times, kind="stable")  # the edge counts as a neighbour too
    column = np.full(len(types), _NEIGHBOURS)  # all rare words are one neighbour
    column[order[:_NEIGHBOURS]] = np.arange(min(_NEIGHBOURS, len(types)))
    kept = np.flatnonzero((times >= _FEWEST) & (np.arange(len(types)) != edge))
    if not len(kept):
        return (), np.zeros((0, COMPANY), np.float32)
    row = np.full(len(types), -1)
    row[kept] = np.arange(len(kept))
    inner = inner[row[codes[inner]] >= 0]
    width = _NEIGHBOURS + 1
    pairs = [(row[codes[inner]], column[codes[inner + step]] + side * width) for side, step in ((0, -1), (1, 1))]
    rows, columns = (np.concatenate(part) for part in zip(*pairs, strict=True))
    counts = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(kept), 2 * width)).tocsr().tocoo()
    by_row, by_column = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    pmi = np.log(counts.data * counts.data.sum() / (by_row[counts.row] * by_column[counts.col]))
    positive = sparse.csr_matrix((np.maximum(pmi, 0), (counts.row, counts.col)), shape=counts.shape)
    left, values, _ = _svd(positive, COMPANY, seed)
    points = left * np.sqrt(values)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-6)
    wide = np.zeros((len(kept), COMPANY), np.float32)
    wide[:, : points.shape[1]] = points
    return tuple(types[code] for code in kept), wide


def _svd(matrix: Any, dims: int, seed: int) -> Any:
    from sklearn.utils.extmath import randomized_svd

    return randomized_svd(matrix, min(dims, *matrix.shape), n_iter=4, random_state=seed)
