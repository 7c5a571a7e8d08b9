import math

import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.bald import Bald, PowerBald
from tithe.tasks.multilabel import MultiLabel


def made(count=200, members=5, classes=4):
    committee = stream(0, "committee").dirichlet(np.full(classes, 0.5), (members, count))
    return committee, [f"{row:03d}" for row in range(count)]


def by_hand(committee, row):
    """The sum over members and labels of p log(p / mean), over the members: what the definition says, term by term."""
    members, _, classes = committee.shape
    total = 0.0
    for member in range(members):
        for label in range(classes):
            p = float(committee[member, row, label])
            mean = sum(float(committee[other, row, label]) for other in range(members)) / members
            if p > 0:
                total += p * math.log(p / mean) / members
    return total


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_the_mutual_information_by_hand(dtype):
    committee, ids = made()
    committee = committee.astype(dtype)
    expected = [by_hand(committee, row) for row in range(200)]
    selection = Bald().select(Pool.from_views(ids, committee=committee), 200, stream(0))
    assert selection.ids == tuple(ids[row] for row in np.argsort(-np.array(expected)))
    assert selection.scores == pytest.approx(sorted(expected, reverse=True), abs=1e-7)


def test_two_sure_members_that_contradict_each_other_score_log_two():
    committee = np.array([[[1, 0], [0.9, 0.1]], [[0, 1], [0.9, 0.1]]], float)
    selection = Bald().select(Pool.from_views(["a", "b"], committee=committee), 2, stream(0))
    assert selection.ids == ("a", "b")
    assert selection.scores == pytest.approx((math.log(2), 0))


def test_labelled_items_are_left_out_and_blocks_change_nothing(monkeypatch):
    committee, ids = made()
    pool = Pool.from_views(ids, committee=committee, labelled=ids[:150])
    whole = Bald().select(pool, 50, stream(0))
    assert min(whole.ids) == "150"
    monkeypatch.setattr("tithe.strategies.bald.block_rows", lambda width: 7)
    assert Bald().select(pool, 50, stream(0)) == whole


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_power_bald_draws_in_proportion_to_the_power_of_the_score(beta):
    committee, ids = made(8)
    pool = Pool.from_views(ids, committee=committee)
    weights = np.array([by_hand(committee, row) for row in range(8)]) ** beta
    first = weights / weights.sum()
    # The second is drawn in proportion among those left, whichever the first was.
    second = sum(first[j] * np.where(np.arange(8) == j, 0, weights) / (weights.sum() - weights[j]) for j in range(8))
    counts, draws = np.zeros((2, 8)), 4000
    for number in range(draws):
        for place, one in enumerate(PowerBald(beta=beta).select(pool, 2, stream(number, "power")).ids):
            counts[place, int(one)] += 1
    # 16 shares for each of three betas, each within 4.5 sd: false alarms under 48 * 7e-6 = 1 in 3000.
    for place, expected in enumerate((first, second)):
        assert (np.abs(counts[place] / draws - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / draws)).all()


def test_items_over_which_all_agree_are_drawn_last_and_in_any_order():
    committee, ids = made(12)
    committee[:, 6:] = committee[0, 6:]
    pool = Pool.from_views(ids, committee=committee)
    draws = [PowerBald().select(pool, 12, stream(number, "agreed")) for number in range(50)]
    assert all(min(draw.ids[6:]) == "006" and set(draw.scores[6:]) == {0.0} for draw in draws)
    assert len({draw.ids[6:] for draw in draws}) > 40


def test_beta_nought_is_a_uniform_draw_and_a_huge_one_is_bald():
    committee, ids = made(12)
    committee[:, 0] = committee[0, 0]
    pool = Pool.from_views(ids, committee=committee)
    firsts = [PowerBald(beta=0).select(pool, 1, stream(number, "even")).ids[0] for number in range(600)]
    # Twelve counts of mean 50 and sd 6.8; 4.5 sd: false alarms under 1e-4.
    assert max(abs(firsts.count(one) - 50) for one in ids) < 4.5 * 6.8
    assert PowerBald(beta=1e6).select(pool, 11, stream(0)).ids == Bald().select(pool, 11, stream(0)).ids


@pytest.mark.parametrize("beta", [-1, float("nan"), float("inf"), "much"])
def test_a_beta_that_makes_no_sense_is_an_error(beta):
    with pytest.raises(ConfigError, match="beta of 0 or more"):
        PowerBald(beta=beta)


def test_of_label_sets_it_is_the_sum_over_the_labels_by_themselves():
    # Each label is a choice between "applies" and "does not", scored by the formula for a choice.
    committee, ids = made(60)
    pairs = [np.stack([committee[:, :, label], 1 - committee[:, :, label]], axis=2) for label in range(4)]
    expected = np.array([sum(by_hand(pair, row) for pair in pairs) for row in range(60)])
    pool = Pool.from_views(ids, committee=committee, task=MultiLabel(("a", "b", "c", "d")))
    selection = Bald().select(pool, 60, stream(0))
    assert selection.ids == tuple(ids[row] for row in np.argsort(-expected))
    assert selection.scores == pytest.approx(sorted(expected, reverse=True), abs=1e-7)


def test_a_label_that_some_members_alone_rule_out_is_disputed():
    committee = np.array([[[0.5, 0.5], [0.0, 0.0]], [[0.5, 0.5], [1.0, 0.0]]])
    pool = Pool.from_views(["vague", "torn"], committee=committee, task=MultiLabel(("a", "b")))
    assert Bald().select(pool, 2, stream(0)).scores == pytest.approx((math.log(2), 0))
