"""Strategies for spans, on the token marginals of each item and its most probable legal paths of tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.ragged import Ragged
from tithe.strategies.blocks import block_rows, item_width
from tithe.strategies.ranking import largest, wanted
from tithe.tasks.paths import best_paths, n_best
from tithe.tasks.spans import logs
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator

Scores = NDArray[np.float64]

SPANS = frozenset({"spans"})


@dataclass(frozen=True)
class Mnlp:
    """The smallest log-probability of the best legal path, divided by the number of tokens.

    The score is its negative, in nats: 0 where the model is sure. Without the division the longest sentences would
    always be the least probable.

    Source: Shen, Yun, Lipton, Kronrod and Anandkumar 2018, Deep Active Learning for Named Entity Recognition ("MNLP").
    Departs: the path is the best one under independent token marginals with legal steps, whatever the model's decoder.

    Cost: O(T C) time for T tokens; a block of memory.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["sure", "torn"], proba=[np.array([[0.9, 0.1, 0.0]]), np.array([[0.6, 0.4, 0.0]] * 2)])
    >>> Mnlp().select(pool, 1, stream(0)).ids
    ('torn',)
    """

    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = SPANS

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest score. Draws nothing."""
        return _most(pool, n, self.scores, name="mnlp", reason="the best path is improbable for its length")

    def scores(self, proba: Ragged) -> Scores:
        """(n,) in nats a token, 0 or more; 0 for a row without tokens."""
        return np.asarray(-best_paths(logs(proba))[1] / np.maximum(proba.lengths, 1))


@dataclass(frozen=True)
class TokenLeastConfidence:
    """1 - the largest probability of each token, put together as `how` says: mean, sum or max.

    The mean is what `least_confidence` asks; the sum grows with the length of a sentence, and max looks at its least
    sure token alone.

    Source: Settles and Craven 2008, An Analysis of Active Learning Strategies for Sequence Labeling Tasks (least
    confidence); by token and aggregated, as in Marcheggiani and Artières 2014, An Experimental Comparison of Active
    Learning Strategies for Partially Labeled Sequences.

    Cost: O(T C) time for T tokens; a block of memory.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["a", "b"], proba=[np.array([[0.6, 0.4, 0], [1, 0, 0]]), np.array([[0.7, 0.3, 0]])])
    >>> [TokenLeastConfidence(how).select(pool, 1, stream(0)).ids[0] for how in ("mean", "max")]
    ['b', 'a']
    """

    how: Literal["mean", "sum", "max"] = "mean"
    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = SPANS

    def __post_init__(self) -> None:
        _check_how("token_least_confidence", self.how, ("mean", "sum", "max"))

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest score. Draws nothing."""
        return _most(pool, n, self.scores, name="token_least_confidence", reason="tokens are unsure")

    def scores(self, proba: Ragged) -> Scores:
        """(n,) mean and max in [0, 1]; sum up to the number of tokens."""
        each = 1.0 - proba.values.max(axis=1).astype(np.float64)
        if self.how == "mean":
            return proba.mean(each)
        return proba.reduce(np.add if self.how == "sum" else np.maximum, each)


@dataclass(frozen=True)
class TokenEntropy:
    """The entropy of each token in nats: their mean, or with `how="total"` their sum.

    Source: Settles and Craven 2008, An Analysis of Active Learning Strategies for Sequence Labeling Tasks (token
    entropy, and total token entropy, which asks for long sentences).

    Cost: O(T C) time for T tokens; a block of memory.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["a", "b"], proba=[np.array([[0.6, 0.4, 0]]), np.array([[0.7, 0.3, 0]] * 2)])
    >>> [TokenEntropy(how).select(pool, 1, stream(0)).ids[0] for how in ("mean", "total")]
    ['a', 'b']
    """

    how: Literal["mean", "total"] = "mean"
    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = SPANS

    def __post_init__(self) -> None:
        _check_how("token_entropy", self.how, ("mean", "total"))

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest score. Draws nothing."""
        return _most(pool, n, self.scores, name="token_entropy", reason="the tags of its tokens are spread wide")

    def scores(self, proba: Ragged) -> Scores:
        """(n,) in nats, 0 or more; 0 for a row without tokens."""
        p = proba.values.astype(np.float64)
        each = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        return proba.mean(each) if self.how == "mean" else proba.reduce(np.add, each)


@dataclass(frozen=True)
class NBestEntropy:
    """The entropy over the `paths` most probable legal paths of a sentence, as if there were no others; in [0, 1].

    Source: Kim, Song, Kim, Cha and Lee 2006, MMR-based Active Machine Learning for Bio Named Entity Recognition: their
    probabilities are made to add up to 1, and the entropy is divided by log N. Settles and Craven 2008 compare it as
    N-best sequence entropy.
    Departs: paths under independent token marginals with legal steps, not those of a CRF.

    Cost: O(T C N log N) time for T tokens and N paths; N C numbers for each item of a block.

    >>> from tithe.rng import stream
    >>> pool = Pool.from_views(["sure", "torn"], proba=[np.array([[0.9, 0.1, 0.0]]), np.array([[0.6, 0.4, 0.0]])])
    >>> NBestEntropy(2).select(pool, 1, stream(0)).ids
    ('torn',)
    """

    paths: int = 5
    needs: ClassVar[frozenset[View]] = frozenset({"proba"})
    cold: ClassVar[None] = None
    tasks: ClassVar[frozenset[str]] = SPANS

    def __post_init__(self) -> None:
        if not isinstance(self.paths, int) or isinstance(self.paths, bool) or self.paths < 2:
            raise ConfigError(f"n_best_entropy takes 2 or more paths; given {self.paths!r}")

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """The n candidates of the largest score. Draws nothing."""
        return _most(pool, n, self.scores, name="n_best_entropy", reason="several paths are probable")

    def scores(self, proba: Ragged) -> Scores:
        """(n,) in [0, 1]."""
        found = n_best(logs(proba), self.paths)
        share = np.exp(found - found[:, :1])
        share /= share.sum(axis=1, keepdims=True)
        entropy = -(share * np.log(np.maximum(share, 1e-300))).sum(axis=1) / np.log(self.paths)
        return np.asarray(np.clip(entropy, 0.0, 1.0))


def _most(pool: Pool, n: int, scores_of: Callable[[Ragged], Scores], *, name: str, reason: str) -> Selection:
    """The n candidates of the largest score, computed a block of rows at a time; ties go to the smaller id.

    Raises ConfigError where the pool has no token marginals.
    """
    n, rows, proba = wanted(pool, n), pool.candidates, pool.view("proba")
    if not isinstance(proba, Ragged):
        raise ConfigError(
            f"{name} needs token marginals, rows of (t, C) for each item, and proba has the shape {np.shape(proba)}; "
            "use margin, entropy or least_confidence"
        )
    scores, step = np.empty(len(rows)), block_rows(item_width(proba))
    for start in range(0, len(rows), step):
        scores[start : start + step] = scores_of(proba[rows[start : start + step]])
    best = largest(scores, n)
    return pool.pick(rows[best], scores[best], reason)


def _check_how(name: str, how: object, known: tuple[str, ...]) -> None:
    if how not in known:
        raise ConfigError(f"{name} takes how={', '.join(known[:-1])} or {known[-1]}; given {how!r}")
