"""All heads by name, and the fits of those that are put on finished embeddings."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tithe.models.links import Link, Sigmoid
from tithe.models.solver import Basis, fit_affine
from tithe.models.tuning.chain_loss import chain_losses, legal_pairs, marginals
from tithe.models.tuning.moving import moved
from tithe.types import Floats

Head: TypeAlias = Literal["linear", "unit", "chain", "linked"]
"""`linear` on embeddings as they are, `unit` on their directions, `chain` a chain of classifiers on these; `linked` is
`linear` for tags of tokens, with a CRF over each text."""

_PENALTY = 1.0  # on embeddings of length 1: what scikit-learn calls C=1
_PACE = 10  # pairs of tags learn so many times as fast as the rest of a head: they begin at 0 and have far to go
_LEAST = 1e-9


def build(kind: Head, labels: int, width: int) -> nn.Module:
    """A head of this kind whose weights are still to be put in."""
    if kind == "linear":
        return nn.Linear(width, labels)
    kinds: dict[Head, type[Unit | Chain | Linked]] = {"unit": Unit, "chain": Chain, "linked": Linked}
    return kinds[kind](width, labels)


class Unit(nn.Module):
    """A linear map of the directions of embeddings."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(labels, width))
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, states: Tensor) -> Tensor:
        """(s, K) logits."""
        return functional.linear(functional.normalize(states, dim=-1), self.weight, self.bias)


class Chain(nn.Module):
    """Classifiers one behind the other: each also sees what those before it decided.

    Source: Read et al. 2011, Classifier Chains for Multi-label Classification.
    """

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(labels, labels))
        self.weight = nn.Parameter(torch.zeros(labels, width))
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, states: Tensor) -> Tensor:
        """(s, K) logits."""
        logits = functional.linear(functional.normalize(states, dim=-1), self.weight, self.bias)
        decided = torch.zeros_like(logits)
        columns = []
        for column in range(len(self.bias)):
            columns.append(logits[:, column] + decided @ self.own[column].to(logits.dtype))
            decided[:, column] = (columns[-1] > 0).to(logits.dtype)
        return torch.stack(columns, dim=1)


class Linked(nn.Module):
    """A linear map of the embeddings of tokens to tags, and a number for each pair of neighbouring ones: a CRF.

    Source: Lafferty, McCallum and Pereira 2001, Conditional Random Fields.
    """

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(labels, width))
        self.bias = nn.Parameter(torch.zeros(labels))
        self.pairs = nn.Parameter(torch.zeros(labels, labels))

    def forward(self, states: Tensor) -> Tensor:
        """(s, K) logits, before the tags beside them are looked at."""
        return functional.linear(states, self.weight, self.bias)

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor, lengths: Tensor) -> Tensor:
        """() nats a token; see `linked_losses`."""
        owner = torch.zeros_like(lengths)
        return linked_losses(logits, self.pairs[None], targets, weights, lengths=lengths, owner=owner)[0]


def links_of(pairs: Tensor) -> Tensor:
    """(..., K, K) what each tag adds behind each tag, by a head's `pairs`; hardly possible for an illegal step."""
    return legal_pairs(_PACE * pairs)


def linked_losses(
    logits: Tensor, pairs: Tensor, targets: Tensor, weights: Tensor, *, lengths: Tensor, owner: Tensor
) -> Tensor:
    """(M,) nats a token of the paths `targets` (s,) through rows of M models that stand one behind the other.

    Args:
        logits: (s, K) of all rows.
        pairs: (M, K, K), those of the heads.
        weights: (s,), alike for all tokens of a row.
        lengths: (n,) int64 on the CPU, the tokens of each row.
        owner: (n,) int64 on the CPU, the model of each row.
    """
    longest = _longest(lengths)
    lengths, owner = moved([lengths, owner], logits.device)
    inside, padded = _rows(logits, lengths, longest)
    path = torch.zeros(inside.shape, dtype=torch.int64, device=logits.device).masked_scatter(inside, targets)
    each = torch.zeros(inside.shape, device=logits.device).masked_scatter(inside, weights.float())
    links = links_of(pairs)[owner]
    return chain_losses(padded, links, path, lengths, each.amax(dim=1), owner=owner, models=len(pairs))


def log_marginals(logits: Tensor, pairs: Tensor, lengths: Tensor) -> Tensor:
    """(s, K) the logarithm of the probability of each tag at each token, by a head's `pairs` (K, K).

    `lengths` (n,) int64 are on the CPU.
    """
    longest = _longest(lengths)
    (lengths,) = moved([lengths], logits.device)
    inside, padded = _rows(logits, lengths, longest)
    return marginals(padded, links_of(pairs), lengths)[inside].clamp(min=_LEAST).log()


def _longest(lengths: Tensor) -> int:
    """The most tokens that a row has, at least 1."""
    return max(1, int(lengths.max())) if len(lengths) else 1


def _rows(logits: Tensor, lengths: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """(n, t) where a row has a token, and the logits padded to (n, t, K), t the `longest`."""
    inside = torch.arange(longest, device=logits.device) < lengths[:, None]
    padded = logits.new_zeros(*inside.shape, logits.shape[1])
    return inside, padded.masked_scatter(inside[..., None], logits)


def fit_unit(
    states: Floats, targets: NDArray[np.generic], classes: int, link: Link, weights: Floats
) -> dict[str, Floats]:
    """Penalised logistic regression on the directions of states (n, width): the weights of a `Unit` head.

    Args:
        targets: of the link's own kind, n of them, in `classes` columns.
        weights: (n,) of the rows.
    """
    matrix, bias = _fitted(_directions(states), targets, classes, link, weights)
    return {"head.weight": matrix, "head.bias": bias}


def fit_chain(states: Floats, targets: NDArray[np.generic], weights: Floats) -> dict[str, Floats]:
    """A chain of logistic regressions for targets (n, K) of zeros and ones, in the order of the columns.

    Each is fitted with the true labels of those before it.
    """
    rows, labels = _directions(states), targets.shape[1]
    answers = targets.astype(np.float32)
    weight, own = np.zeros((labels, rows.shape[1]), np.float32), np.zeros((labels, labels), np.float32)
    bias = np.zeros(labels, np.float32)
    for column in range(labels):
        seen = np.concatenate([rows, answers[:, :column]], axis=1)
        matrix, offset = _fitted(seen, answers[:, column : column + 1], 1, Sigmoid(), weights)
        weight[column], own[column, :column], bias[column] = (
            matrix[0, : rows.shape[1]],
            matrix[0, rows.shape[1] :],
            offset[0],
        )
    return {"head.weight": weight, "head.own": own, "head.bias": bias}


def _directions(states: Floats) -> Floats:
    return np.asarray(states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12), np.float32)


def _fitted(
    rows: Floats, targets: NDArray[np.generic], classes: int, link: Link, weights: Floats
) -> tuple[Floats, Floats]:
    """The weights (classes, width) and the bias (classes,) on rows as they are."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):  # the sums must not depend on the number of cores
        mean = rows.mean(axis=0)
        basis = Basis.of(rows - mean)
        found = fit_affine(basis.coordinates, basis.spectrum, targets, classes, link, penalty=_PENALTY, weights=weights)
        matrix = np.ascontiguousarray((basis.axes @ found.weights).T)
        return matrix, np.asarray(found.bias - matrix @ mean, np.float32)
