"""The most probable legal paths of tags through sentences, in one pass over all sentences at once.

The columns of a token are O, then B and I of each label: (O, B-a, I-a, B-b, I-b, ...). A path is legal where I-x
follows B-x or I-x alone, so that a sentence begins with O or a B. Tokens are independent given the model, or linked by
learned transitions; either way the log-probability of a path is a sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.ragged import Ragged
from tithe.types import Rows

Scores: TypeAlias = NDArray[np.float64]


def best_paths(log_proba: Ragged, transitions: Scores | None = None) -> tuple[Ragged, Scores]:
    """The best legal path of each sentence: columns (T,) int64 as ragged rows, and the (n,) log-probabilities.

    Of equally good paths it is one that O comes before B and I, from the last token backwards. A sentence without
    tokens has the log-probability 0.

    Args:
        log_proba: rows of (t, C) log-probabilities of the tokens, C = 1 + 2 L.
        transitions: (C, C) what going from a row's tag to a column's adds; a sentence begins as if behind an O. They
            replace the rules of legality, so an illegal step must be -inf. None: legal steps add 0.

    Cost: O(T C), O(T C²) with transitions; T C bytes of back pointers and as many float64 as the longest rows have.

    >>> path, log_p = best_paths(Ragged.of([np.log([[0.2, 0.5, 0.3], [0.3, 0.1, 0.6]])]))
    >>> path.values.tolist(), np.exp(log_p).round(2).tolist()
    ([1, 2], [0.3])
    """
    values = log_proba.values
    width = values.shape[1]
    back = np.zeros(values.shape, dtype=np.int16 if width < 2**15 else np.int64)
    order = np.argsort(-log_proba.lengths, kind="stable")
    score = np.full((len(order), width), -np.inf)
    score[:, 0] = 0.0  # as if behind an O
    step = _legal_step if transitions is None else _linked_step(np.asarray(transitions, np.float64))
    for tokens in positions(log_proba, order):
        count = len(tokens)
        came, back[tokens] = step(score[:count])
        score[:count] = came + values[tokens]
    columns = np.zeros(len(values), dtype=np.int64)
    last = score.argmax(axis=1) if width else np.zeros(len(order), np.int64)
    for tokens in reversed(list(positions(log_proba, order))):
        count = len(tokens)
        columns[tokens] = last[:count]
        last[:count] = back[tokens, last[:count]]
    best = np.empty(len(order))
    best[order] = score.max(axis=1)
    return log_proba.with_values(columns), best


def n_best(log_proba: Ragged, k: int) -> Scores:
    """(n, k) the log-probabilities of the k best legal paths of each sentence, best first; -inf where it has fewer.

    Cost: O(T C k log k) time; O(n C k) memory.

    >>> np.exp(n_best(Ragged.of([np.log([[0.2, 0.5, 0.3]])]), 3)).round(2).tolist()
    [[0.5, 0.2, 0.0]]
    """
    values = log_proba.values
    width = values.shape[1]
    order = np.argsort(-log_proba.lengths, kind="stable")
    score = np.full((len(order), width, k), -np.inf)
    score[:, 0, 0] = 0.0
    for tokens in positions(log_proba, order):
        count = len(tokens)
        before = score[:count]
        came = np.empty_like(before)
        came[:, 0] = _top(before.reshape(count, width * k), k)
        came[:, 1::2] = came[:, :1]
        pairs = np.concatenate([before[:, 1::2], before[:, 2::2]], axis=2)  # (count, L, 2 k): behind B and I
        came[:, 2::2] = _top(pairs, k)
        score[:count] = came + values[tokens][:, :, None]
    best = np.empty((len(order), k))
    best[order] = _top(score.reshape(len(order), width * k), k)
    return best


def _top(scores: Scores, k: int) -> Scores:
    """The k largest of the last axis, largest first."""
    kept = scores if scores.shape[-1] <= k else np.partition(scores, -k, axis=-1)[..., -k:]
    return np.asarray(np.sort(kept, axis=-1)[..., ::-1])


def positions(rows: Ragged, order: Rows) -> Iterator[Rows]:
    """The tokens at each position from the first on, of the rows that reach it; `order` has the longest first."""
    starts, lengths = rows.splits[:-1][order], rows.lengths[order]
    for position in range(int(lengths[0]) if len(lengths) else 0):
        yield starts[: int(np.searchsorted(-lengths, -position, side="left"))] + position


def _legal_step(before: Scores) -> tuple[Scores, NDArray[Any]]:
    """(count, C) the best score that leads to each tag, and the tag before it, where legal steps add nothing."""
    came = np.empty_like(before)
    back = np.empty(before.shape, dtype=np.int64)
    back[:, :] = before.argmax(axis=1)[:, None]
    came[:, :] = before.max(axis=1)[:, None]
    begun, inside = before[:, 1::2], before[:, 2::2]
    stays = inside > begun
    came[:, 2::2] = np.where(stays, inside, begun)
    back[:, 2::2] = np.arange(1, before.shape[1], 2) + stays
    return came, back


def _linked_step(transitions: Scores) -> Any:
    def step(before: Scores) -> tuple[Scores, NDArray[Any]]:
        came = np.empty_like(before)
        back = np.empty(before.shape, dtype=np.int64)
        for column in range(before.shape[1]):  # a column at a time: (count, C, C) at once would be large
            through = before + transitions[:, column]
            back[:, column] = through.argmax(axis=1)
            came[:, column] = through.max(axis=1)
        return came, back

    return step
