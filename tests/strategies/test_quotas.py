import numpy as np
import pytest

from tithe.rng import stream
from tithe.strategies.quotas import interleaved, portions


def test_whole_shares_are_exact_whatever_the_draw():
    for number in range(20):
        assert portions([0.9, 0.1], 50, stream(number, "whole")).tolist() == [45, 5]
        assert portions([1, 1, 1], 9, stream(number, "thirds")).tolist() == [3, 3, 3]


def test_no_portion_is_off_by_one_or_more_and_they_add_up():
    for number in range(200):
        rng = stream(number, "any")
        weights, n = rng.random(6) + 0.01, int(rng.integers(0, 40))
        given = portions(weights, n, rng)
        assert given.sum() == n
        assert (np.abs(given - n * weights / weights.sum()) < 1).all()


@pytest.mark.parametrize("n", [1, 3])
def test_small_batches_follow_the_shares_on_average(n):
    shares, draws = np.array([0.62, 0.3, 0.08]), 3000
    total = sum(portions(shares, n, stream(number, "mean", n)) for number in range(draws))
    # Each portion varies by less than one, so its variance is at most 1/4: the mean of 3000 has an sd of at most .0092;
    # 5 sd for three shares: false alarms under 2e-6.
    assert np.abs(total / draws - n * shares).max() < 5 * 0.0092


def test_what_a_full_part_cannot_take_goes_to_the_others_in_proportion():
    assert portions([8, 2, 2], 12, stream(0), most=[2, 9, 9]).tolist() == [2, 5, 5]
    assert portions([8, 2, 2], 100, stream(0), most=[2, 3, 4]).tolist() == [2, 3, 4]
    assert portions([1, 1], 0, stream(0)).tolist() == [0, 0]
    for number in range(50):
        rng = stream(number, "caps")
        most = rng.integers(0, 6, size=5)
        given = portions(rng.random(5) + 0.01, 9, rng, most=most)
        assert given.sum() == min(9, most.sum())
        assert (given <= most).all()


def test_every_beginning_of_an_interleaved_batch_follows_the_counts():
    counts = np.array([12, 0, 5, 3])
    parts, places = interleaved(counts)
    assert np.bincount(parts, minlength=4).tolist() == counts.tolist()
    assert all(places[parts == part].tolist() == list(range(counts[part])) for part in range(4))
    for end in range(1, 21):
        assert (np.abs(np.bincount(parts[:end], minlength=4) - end * counts / 20) <= 1).all()
