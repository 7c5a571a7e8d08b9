"""The chain in torch against sums over all legal paths, against the NumPy chain, and what padding does."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from tithe.models.chain import Chain
from tithe.models.tuning.chain_loss import ILLEGAL, chain_loss, legal_pairs, log_partition, marginals, path_score
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tasks.paths import best_paths

TAGS = 5  # O, B-a, I-a, B-b, I-b
LENGTHS = (3, 1, 4, 2)


def made(lengths: tuple[int, ...] = LENGTHS, tags: int = TAGS):
    """Logits (b, t, K), legal pairs, legal targets, lengths and weights in float64."""
    rng = stream(1, "chain", len(lengths))
    logits = torch.from_numpy(rng.standard_normal((len(lengths), max(lengths), tags)))
    pairs = legal_pairs(torch.from_numpy(rng.standard_normal((tags, tags))))
    targets = torch.from_numpy(rng.integers(tags // 2 + 1, size=logits.shape[:2])) * 2 - 1  # B alone, or O
    return logits, pairs, targets.clamp(min=0), torch.tensor(lengths), torch.tensor(rng.uniform(0.1, 1, len(lengths)))


def legal(path: tuple[int, ...]) -> bool:
    return all(one not in (2, 4) or before in (one - 1, one) for before, one in pairwise((0, *path)))


def by_hand(logits: np.ndarray, pairs: np.ndarray) -> dict[tuple[int, ...], float]:
    """The score of each legal path of a sentence."""
    return {
        path: float(
            sum(logits[at, tag] for at, tag in enumerate(path)) + sum(pairs[a, b] for a, b in pairwise((0, *path)))
        )
        for path in product(range(TAGS), repeat=len(logits))
        if legal(path)
    }


def test_only_steps_to_an_inner_tag_of_another_kind_are_illegal() -> None:
    pairs = legal_pairs(torch.zeros(TAGS, TAGS))
    wanted = [
        [not legal((b,)) if a == 0 else not legal((a, b)) and b in (2, 4) for b in range(TAGS)] for a in (0, 1, 3)
    ]
    assert (pairs[[0, 1, 3]] == ILLEGAL).tolist() == wanted
    assert (pairs[[2, 4]] == ILLEGAL).tolist() == [[b == 4 for b in range(TAGS)], [b == 2 for b in range(TAGS)]]


def test_log_partition_and_path_scores_are_those_of_all_legal_paths() -> None:
    logits, pairs, targets, lengths, _ = made()
    totals, own = log_partition(logits, pairs, lengths), path_score(logits, pairs, targets, lengths)
    for row, length in enumerate(LENGTHS):
        scores = by_hand(logits[row, :length].numpy(), pairs.numpy())
        assert totals[row].item() == pytest.approx(np.logaddexp.reduce(list(scores.values())), rel=1e-10)
        assert own[row].item() == pytest.approx(scores[tuple(targets[row, :length].tolist())], rel=1e-10)


def test_marginals_are_sums_over_all_legal_paths() -> None:
    logits, pairs, _, lengths, _ = made()
    given = marginals(logits, pairs, lengths).numpy()
    for row, length in enumerate(LENGTHS):
        scores = by_hand(logits[row, :length].numpy(), pairs.numpy())
        total = np.logaddexp.reduce(list(scores.values()))
        wanted = np.zeros((length, TAGS))
        for path, score in scores.items():
            wanted[np.arange(length), list(path)] += np.exp(score - total)
        np.testing.assert_allclose(given[row, :length], wanted, atol=1e-6)
        assert not given[row, length:].any()


def test_marginals_are_the_slopes_of_the_log_partition() -> None:
    logits, pairs, _, lengths, _ = made()
    logits.requires_grad_()
    log_partition(logits, pairs, lengths).sum().backward()
    np.testing.assert_allclose(logits.grad.numpy(), marginals(logits.detach(), pairs, lengths).numpy(), atol=1e-6)


def test_the_chain_of_linear_says_the_same() -> None:
    """It has no score for the first tag, so that one goes into the first token's logits."""
    logits, pairs, targets, lengths, weights = made((6, 9, 2))
    rows = [one[:length].numpy().astype(np.float32) for one, length in zip(logits, lengths, strict=True)]
    for row in rows:
        row[0] += pairs[0].numpy()
    ragged = Ragged.of(rows)
    chain, sample = Chain.of(ragged), np.repeat(weights.numpy(), lengths.numpy()).astype(np.float32)
    paths = np.concatenate([one[:length].numpy() for one, length in zip(targets, lengths, strict=True)])
    value, slope, pair_slope = chain.loss(ragged.values, pairs.numpy().astype(np.float32), paths, sample)
    logits.requires_grad_(), pairs.requires_grad_()
    tokens = float((weights * lengths).sum())
    given = chain_loss(logits, pairs, targets, lengths, weights) * tokens
    assert given.item() == pytest.approx(value, rel=1e-4)
    given.backward()
    flat = np.concatenate([one[:length].numpy() for one, length in zip(logits.grad, lengths, strict=True)])
    np.testing.assert_allclose(flat, slope, atol=1e-5)
    # Ours has the steps from the O before each sentence besides.
    np.testing.assert_allclose(pairs.grad.numpy()[1:], pair_slope[1:], atol=1e-5)
    own = flat[ragged.splits[:-1]]
    np.testing.assert_allclose(pairs.grad.numpy()[0], pair_slope[0] + own.sum(axis=0), atol=1e-5)
    mine = marginals(logits.detach(), pairs.detach(), lengths).numpy()
    theirs = chain.marginals(ragged.values, pairs.detach().numpy().astype(np.float32))
    got = np.concatenate([one[:length] for one, length in zip(mine, lengths, strict=True)])
    np.testing.assert_allclose(got, theirs, atol=1e-5)


def test_slopes_are_those_of_finite_differences() -> None:
    logits, _, targets, lengths, _ = made((3, 2))
    free = torch.from_numpy(stream(2, "pairs").standard_normal((TAGS, TAGS)))

    def surplus(logits: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
        pairs = legal_pairs(free)
        return log_partition(logits, pairs, lengths) - path_score(logits, pairs, targets, lengths)

    assert torch.autograd.gradcheck(surplus, (logits.requires_grad_(), free.requires_grad_()))


def test_padding_and_empty_sentences_take_part_in_nothing() -> None:
    logits, pairs, targets, lengths, weights = made()
    wanted = chain_loss(logits, pairs, targets, lengths, weights).item()
    wide = torch.cat([logits, torch.full((4, 3, TAGS), 77.0, dtype=torch.float64)], dim=1)
    tall = torch.cat([wide, torch.full_like(wide[:1], 99.0)]).requires_grad_()
    filler = torch.full((5, 7), -100)
    filler[:4, :4] = targets
    more, heavy = torch.cat([lengths, torch.tensor([0])]), torch.cat([weights, torch.ones(1)])
    given = chain_loss(tall, pairs, filler, more, heavy)
    assert given.item() == pytest.approx(wanted, rel=1e-6)
    given.backward()
    assert not tall.grad[:, 4:].any()
    assert not tall.grad[4].any()
    assert marginals(tall.detach(), pairs, more)[4].abs().sum() == 0


def test_nothing_at_all_is_no_loss() -> None:
    logits, pairs, targets, lengths, weights = made()
    assert chain_loss(logits, pairs, targets, torch.zeros_like(lengths), weights).item() == 0.0


def test_a_long_sentence_with_large_bfloat16_logits_stays_defined() -> None:
    logits = torch.from_numpy(40 * stream(3, "long").standard_normal((1, 500, TAGS))).bfloat16().requires_grad_()
    pairs, targets, lengths = legal_pairs(torch.zeros(TAGS, TAGS)), torch.zeros(1, 500, dtype=torch.int64), [500]
    given = chain_loss(logits, pairs, targets, torch.tensor(lengths), torch.ones(1))
    given.backward()
    assert given.dtype == torch.float32
    assert torch.isfinite(given)
    assert torch.isfinite(logits.grad).all()
    np.testing.assert_allclose(
        marginals(logits.detach(), pairs, torch.tensor(lengths)).sum(dim=2).numpy(), 1, atol=1e-5
    )


def test_what_is_learned_is_decoded_by_the_task() -> None:
    """Tags alternate behind a B that the first token alone tells: only the pairs can say the rest."""
    targets = torch.tensor([[1, 2, 0] * 3, [0, 1, 2] * 3])
    logits = torch.zeros(2, 9, 3)
    logits[0, 0, 1] = logits[1, 0, 0] = 5.0
    free = torch.zeros(3, 3, requires_grad=True)
    learner, lengths = torch.optim.Adam([free], lr=0.3), torch.tensor([9, 9])
    for _ in range(60):
        learner.zero_grad()
        chain_loss(logits, legal_pairs(free), targets, lengths, torch.ones(2)).backward()
        learner.step()
    rows = Ragged.of([row.astype(np.float64) for row in logits.numpy()])
    path, _ = best_paths(rows, legal_pairs(free).detach().numpy())
    assert path.values.tolist() == targets.flatten().tolist()
    assert (marginals(logits, legal_pairs(free).detach(), lengths).argmax(dim=2) == targets).all()
