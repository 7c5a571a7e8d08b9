"""A linear-chain CRF for fine-tuned taggers: loss and marginals over padded sentences, legal paths alone.

The score of a path is the sum of its tokens' logits and of `pairs` (K, K), from a row's tag to a column's; a sentence
begins as if behind an O, as in `tithe.tasks.paths`, whose `best_paths` decodes with the same pairs. Columns are
(O, B-a, I-a, B-b, I-b, ...). What stands behind a sentence's length is padding and takes part in nothing. Sentences of
several models go together where `pairs` are those of each sentence, (b, K, K).

Source: Lafferty, McCallum and Pereira 2001, Conditional Random Fields.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tithe.models.tuning.losses import precise

ILLEGAL = -1e4
"""What an illegal step scores: nothing beside any real logit in float32, and finite, so that slopes stay defined."""


def legal_pairs(pairs: Tensor) -> Tensor:
    """The pairs (..., K, K), K = 1 + 2 L, with `ILLEGAL` where the column is I-x and the row neither B-x nor I-x.

    >>> legal_pairs(torch.zeros(3, 3)).tolist()
    [[0.0, 0.0, -10000.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    tag = torch.arange(pairs.shape[-1], device=pairs.device)
    inside = (tag % 2 == 0) & (tag > 0)
    kind = (tag + 1) // 2  # B-x and I-x share theirs, and O has 0
    return torch.where(inside & (kind[:, None] != kind), ILLEGAL, pairs)


def chain_loss(logits: Tensor, pairs: Tensor, targets: Tensor, lengths: Tensor, weights: Tensor) -> Tensor:
    """() minus the log-likelihood of the true paths in nats a token, as cross-entropy is; 0 where nothing has a weight.

    Args:
        logits: (b, t, K), padded.
        pairs: (K, K) or (b, K, K), as `legal_pairs` makes them.
        targets: (b, t) int64, legal paths; padding may be any.
        lengths: (b,) int64, how many tokens each sentence has.
        weights: (b,), of all tokens of a sentence alike.

    Cost: O(b t K²) time and memory.
    """
    one = torch.zeros_like(lengths)
    return chain_losses(logits, pairs, targets, lengths, weights, owner=one, models=1)[0]


def chain_losses(
    logits: Tensor, pairs: Tensor, targets: Tensor, lengths: Tensor, weights: Tensor, *, owner: Tensor, models: int
) -> Tensor:
    """(models,) `chain_loss` of the sentences of each model; `owner` (b,) int64 says whose each is."""
    logits, pairs = precise(logits), precise(pairs)
    each = log_partition(logits, pairs, lengths) - path_score(logits, pairs, targets, lengths)
    belongs = (owner == torch.arange(models, device=owner.device)[:, None]).to(each.dtype)
    tokens = belongs @ (weights * lengths).to(each.dtype)
    return (belongs @ (each * weights)) / torch.where(tokens > 0, tokens, 1.0)


def log_partition(logits: Tensor, pairs: Tensor, lengths: Tensor) -> Tensor:
    """(b,) the logarithm of the sum over all paths of the exponential of their scores; 0 for no tokens."""
    return _whole(_ahead(logits, pairs), lengths)


def path_score(logits: Tensor, pairs: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """(b,) the scores of the paths `targets` (b, t); 0 for no tokens."""
    inside = _inside(logits, lengths)
    path = torch.where(inside, targets, 0)
    before = torch.cat([torch.zeros_like(path[:, :1]), path[:, :-1]], dim=1)
    steps = pairs[before, path] if pairs.ndim == 2 else _of_each(pairs, before, path)
    each = logits.gather(-1, path[..., None])[..., 0] + steps
    return torch.where(inside, each, 0.0).sum(dim=1)


def marginals(logits: Tensor, pairs: Tensor, lengths: Tensor) -> Tensor:
    """(b, t, K) the probability of each tag at each token, rows adding up to 1, by forward and backward sums.

    Rows of padding are 0.
    """
    logits, pairs = precise(logits), precise(pairs)
    inside = _inside(logits, lengths)
    ahead = _ahead(logits, pairs)
    behind = [torch.zeros_like(logits[:, 0])]
    for at in range(logits.shape[1] - 1, 0, -1):
        came = (pairs + (logits[:, at] + behind[-1])[:, None, :]).logsumexp(dim=2)
        behind.append(torch.where(inside[:, at, None], came, 0.0))
    proba = (ahead + torch.stack(behind[::-1], dim=1)).softmax(dim=-1)
    return torch.where(inside[..., None], proba, 0.0)


def _of_each(pairs: Tensor, before: Tensor, path: Tensor) -> Tensor:
    """(b, t) what the pairs (b, K, K) of each sentence add on its path."""
    return pairs.flatten(1).gather(1, before * pairs.shape[-1] + path)


def _ahead(logits: Tensor, pairs: Tensor) -> Tensor:
    """(b, t, K) the log-sum over the beginnings of paths that end in each tag at each token."""
    sums = [logits[:, 0] + pairs[..., 0, :]]
    for at in range(1, logits.shape[1]):
        sums.append((sums[-1][:, :, None] + pairs).logsumexp(dim=1) + logits[:, at])
    return torch.stack(sums, dim=1)


def _whole(ahead: Tensor, lengths: Tensor) -> Tensor:
    last = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, ahead.shape[2])
    return torch.where(lengths > 0, ahead.gather(1, last)[:, 0].logsumexp(dim=-1), 0.0)


def _inside(logits: Tensor, lengths: Tensor) -> Tensor:
    """(b, t) whether a place is a token's."""
    return torch.arange(logits.shape[1], device=logits.device) < lengths[:, None]
