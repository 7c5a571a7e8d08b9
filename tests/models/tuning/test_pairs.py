"""Pairs for contrastive training: half alike, drawn by the stream, never listed; and their loss."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from torch.nn import functional

from tithe import rng
from tithe.models.tuning.pairs import PairLoss, Pairs


def one_hot(codes):
    codes = np.asarray(codes)
    return codes[:, None] == np.arange(codes.max() + 1)


def test_half_of_the_pairs_are_alike_and_half_are_not():
    codes = rng.stream(0, "codes").integers(4, size=60)
    pairs = Pairs(one_hot(codes), 16, seed=3)
    for step in range(20):
        rows = pairs.rows(step)
        same = codes[rows[:, 0]] == codes[rows[:, 1]]
        assert rows.shape == (16, 2)
        assert same[:8].all()
        assert not same[8:].any()
        assert (rows[:8, 0] != rows[:8, 1]).all()


def test_a_step_is_a_function_of_the_seed_and_its_number():
    applies = one_hot(np.arange(40) % 5)
    one, other = Pairs(applies, 8, seed=1), Pairs(applies, 8, seed=1)
    one.rows(0)
    assert np.array_equal(one.rows(7), other.rows(7))
    assert not np.array_equal(one.rows(7), Pairs(applies, 8, seed=2).rows(7))


def test_each_row_comes_first_equally_often():
    pairs = Pairs(one_hot(np.arange(24) % 3), 12, seed=0)
    first = np.concatenate([pairs.rows(step)[:, 0] for step in range(40)])  # 480 pairs: 20 for each of 24 rows
    assert np.bincount(first).tolist() == [20] * 24


def test_partners_are_any_of_the_others():
    pairs = Pairs(one_hot([0, 0, 0, 0, 1]), 2, seed=0)
    alike = np.concatenate([pairs.rows(step)[:1] for step in range(200)])
    found = {tuple(pair) for pair in alike.tolist()}
    assert found == {(a, b) for a in range(4) for b in range(4) if a != b} | {(4, 4)}


def test_sets_are_alike_where_they_share_a_label_and_empty_ones_are_alike():
    applies = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)
    pairs = Pairs(applies, 8, seed=0)
    rows = np.concatenate([pairs.rows(step) for step in range(60)])
    alike = np.concatenate([pairs.rows(step)[:4] for step in range(60)])
    assert {tuple(sorted(pair)) for pair in alike.tolist()} == {(0, 1), (2, 2), (3, 4)}
    targets = torch.as_tensor(applies[rows.ravel()].astype(np.float32))
    embedded = torch.ones(len(targets), 4)
    share_apart = float(PairLoss()(embedded, targets, torch.ones(len(targets))))
    assert share_apart == pytest.approx(0.5)  # cosine 1: the pairs that are not alike lose 1 each


def test_a_label_that_all_have_leaves_pairs_that_the_loss_still_calls_alike():
    applies = np.ones((6, 1), bool)
    rows = Pairs(applies, 4, seed=0).rows(0)
    targets = torch.ones(2 * len(rows), 1)
    assert float(PairLoss()(torch.ones(len(targets), 3), targets, torch.ones(len(targets)))) == pytest.approx(0)


def test_memory_is_that_of_the_labels_and_not_of_all_pairs():
    count = 20_000
    applies = one_hot(np.arange(count) % 10)
    tracemalloc.start()
    Pairs(applies, 16, seed=0).rows(5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * count  # bytes; a list of all pairs would need a hundred times more


def test_the_loss_is_the_squared_distance_of_cosines_weighed_by_both_items():
    draws = rng.stream(0, "loss")
    embedded = torch.as_tensor(draws.standard_normal((6, 5)))
    targets, weights = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([1.0, 0.5, 1.0, 1.0, 0.0, 1.0])
    cosines = [float(functional.cosine_similarity(embedded[at], embedded[at + 1], dim=0)) for at in (0, 2, 4)]
    wanted = (0.5 * (cosines[0] - 1) ** 2 + 1.0 * cosines[1] ** 2) / 1.5
    assert float(PairLoss()(embedded, targets, weights)) == pytest.approx(wanted)
