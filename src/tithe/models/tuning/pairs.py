"""Contrastive training on pairs of labelled items: which pairs, and what they should look like to the encoder.

Source: Tunstall et al. 2022, Efficient Few-Shot Learning Without Prompts (SetFit); Reimers and Gurevych 2019,
Sentence-BERT (the loss).
Departs: pairs are drawn step by step, half of them alike, and no list of all pairs is made; two label sets are alike
where they share a label, or are both empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tithe.models.tuning.orders import Shuffled
from tithe.rng import stream
from tithe.types import Rows

_TRIES = 16  # draws for a partner with another label; where one label is nearly everywhere, some pairs stay alike


class Pairs:
    """The pairs of each step: (b, 2) rows, first those that are meant to be alike, then the others.

    The first row of each pair comes from epochs without replacement. Its partner shares one of its labels, drawn among
    them alike, or none. A row that shares no label with another is its own partner: dropout makes two of it.

    Cost: memory of the labels, time of a step by the pairs in it, however many rows there are.
    """

    def __init__(self, applies: NDArray[np.bool_], batch: int, *, seed: int) -> None:
        """`applies` (n, K) says which labels each row has; `batch` counts pairs, at least 2."""
        self._applies, self._seed = applies, seed
        # A row without any label has the label "none", so that such rows are alike.
        kinds = np.concatenate([applies, ~applies.any(axis=1, keepdims=True)], axis=1)
        shared = kinds & (kinds.sum(axis=0) > 1)
        self._kinds = [np.flatnonzero(some if some.any() else own) for some, own in zip(shared, kinds, strict=True)]
        self._members = [np.flatnonzero(column) for column in kinds.T]
        self._codes = kinds
        self._half = max(1, batch // 2)
        self._first = [Shuffled(np.ones(len(applies), np.int64), self._half, seed=seed + side) for side in (0, 1)]

    def rows(self, step: int) -> Rows:
        """See `Order`."""
        rng = stream(self._seed, "pairs", step)
        alike, others = (order.rows(step) for order in self._first)
        partners = []
        for row in alike:
            kind = self._kinds[row][rng.integers(len(self._kinds[row]))]
            members = self._members[kind]
            at = int(rng.integers(max(1, len(members) - 1)))
            partners.append(members[at + (members[at] >= row) if len(members) > 1 else 0])
        strangers = rng.integers(len(self._codes), size=len(others))
        for _ in range(_TRIES):
            same = np.flatnonzero((self._codes[others] & self._codes[strangers]).any(axis=1))
            if not len(same):
                break
            strangers[same] = rng.integers(len(self._codes), size=len(same))
        first, second = np.concatenate([alike, others]), np.concatenate([partners, strangers])
        return np.stack([first, second], axis=1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class PairLoss:
    """The squared distance of each pair's cosine from 1 for alike pairs and 0 for others.

    A `Loss` whose "logits" (2b, width) are the embeddings of pairs, one behind the other, and whose targets are the
    labels of their items. A pair weighs the product of its items' weights.
    """

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """() the mean over pairs."""
        one, other = logits[0::2].float(), logits[1::2].float()
        wanted = _alike(targets[0::2], targets[1::2]).to(one.dtype)
        each = (functional.cosine_similarity(one, other, dim=-1) - wanted) ** 2
        share = weights[0::2] * weights[1::2]
        return (each * share).sum() / share.sum().clamp(min=1e-12)


def _alike(one: Tensor, other: Tensor) -> Tensor:
    """(b,) whether two labels are equal, or two sets share a label or are both empty."""
    if one.ndim == 1:
        return one == other
    shared = (one * other).sum(dim=-1) > 0
    empty = (one.sum(dim=-1) == 0) & (other.sum(dim=-1) == 0)
    return shared | empty
