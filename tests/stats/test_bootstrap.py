"""The bootstrap over seeds and items: against a plain loop, against t, and how often it covers."""

import time

import numpy as np
import pytest
from scipy import stats as oracle

from tithe.errors import ConfigError, DataError
from tithe.rng import stream
from tithe.stats import bootstrap_gain, bootstrap_mean, mean_interval, resampled_means


def test_draws_have_the_variance_that_follows_from_the_two_way_decomposition() -> None:
    # correct = mean + seed effect + item effect + rest. A draw's variance is then, with w the widening,
    # w^2 mean(seed^2) / S + mean(item^2) / I + w^2 mean(rest^2) / (S I), by the multinomial's covariance.
    # 20,000 draws know a variance to 1 % (sqrt(2 / 20000)); 5 % is five deviations: fails for 6 in 10 million seeds.
    rng = stream(0, "plain")
    S, items = 6, 80
    correct = (rng.random((S, items)) + 0.3 * rng.random(items) + 0.2 * rng.random((S, 1)) > 0.5).astype(float)
    seed = correct.mean(axis=1, keepdims=True) - correct.mean()
    item = correct.mean(axis=0, keepdims=True) - correct.mean()
    rest = correct - correct.mean() - seed - item
    squared = S / (S - 1) * (oracle.t.ppf(0.975, S - 1) / oracle.norm.ppf(0.975)) ** 2
    ours = resampled_means(correct[None], stream(0, "ours"), draws=20_000)[:, 0]
    variance = squared * (seed**2).mean() / S + (item**2).mean() / items + squared * (rest**2).mean() / (S * items)
    assert ours.var() == pytest.approx(variance, rel=0.05)
    plain = [correct[np.ix_(rng.integers(0, S, S), rng.integers(0, items, items))].mean() for _ in range(20_000)]
    variance = (seed**2).mean() / S + (item**2).mean() / items + (rest**2).mean() / (S * items)
    assert np.var(plain) == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_where_only_seeds_vary_it_is_near_the_t_interval(seeds: int) -> None:
    # Percentiles of few seeds are lumpy, so the widths agree within a quarter, not exactly.
    scores = stream(4, "scores").normal(0.8, 0.05, seeds)
    mean, low, high = bootstrap_mean(np.repeat(scores[:, None], 20, axis=1), stream(0, "draws"), draws=4000)
    t = mean_interval(scores)
    assert mean == pytest.approx(t.mean)
    assert high - low == pytest.approx(t.high - t.low, rel=0.25)


def test_where_only_items_vary_it_is_near_the_normal_interval() -> None:
    correct = np.repeat((stream(0, "items").random(800) < 0.9)[None].astype(float), 10, axis=0)
    _, low, high = bootstrap_mean(correct, stream(0, "draws"), draws=4000)
    assert high - low == pytest.approx(2 * 1.96 * correct[0].std() / 800**0.5, rel=0.1)


def test_gain_covers_when_both_seeds_and_items_are_drawn_anew() -> None:
    # A gain of .1 whose seed and item effects are both drawn each time. 400 intervals at .95 deviate by 4.4 from 380;
    # the pigeonhole bootstrap counts the interaction more than once, so only the lower side is bounded:
    # four deviations, 3 in 100,000 seeds fail. (382 with this seed; never missing would be far too wide.)
    rng = stream(0, "coverage", "gain")
    covered = 0
    for _ in range(400):
        gains = 0.1 + rng.normal(0, 0.03, (8, 1)) + rng.normal(0, 0.4, (1, 150)) + rng.normal(0, 0.2, (8, 150))
        _, low, high = bootstrap_gain(gains, np.zeros((8, 150)), rng, draws=500)
        covered += low <= 0.1 <= high
    assert 380 - 18 <= covered < 400


def test_two_thousand_draws_of_ten_seeds_and_800_items_take_well_under_a_second() -> None:
    correct = stream(0, "items").random((10, 800)) < 0.9
    began = time.process_time()  # others may use the processor too
    bootstrap_gain(correct, ~correct, stream(0, "draws"))
    assert time.process_time() - began < 1.0  # some .08 s


def test_the_same_stream_gives_the_same_interval() -> None:
    correct = stream(0, "items").random((4, 50)) < 0.7
    assert bootstrap_mean(correct, stream(1, "x")) == bootstrap_mean(correct, stream(1, "x"))
    assert bootstrap_mean(correct, stream(1, "x")) != bootstrap_mean(correct, stream(2, "x"))


def test_one_seed_still_draws_its_items() -> None:
    correct = stream(0, "items").random((1, 400)) < 0.8
    mean, low, high = bootstrap_mean(correct, stream(0, "draws"))
    assert low < mean < high


def test_equal_arms_have_a_gain_of_exactly_zero() -> None:
    correct = stream(0, "items").random((4, 50)) < 0.7
    assert bootstrap_gain(correct, correct, stream(0, "draws")) == (0, 0, 0)


def test_many_items_are_drawn_in_blocks() -> None:
    wide = np.ones((1, 2, 50_000))
    assert resampled_means(wide, stream(0, "draws"), draws=200) == pytest.approx(np.ones((200, 1)))


def test_arms_of_other_shapes_and_no_draws_are_refused() -> None:
    with pytest.raises(DataError, match="paired by seed and item"):
        bootstrap_gain(np.ones((2, 5)), np.ones((3, 5)), stream(0))
    with pytest.raises(ConfigError, match="draws"):
        bootstrap_mean(np.ones((2, 5)), stream(0), draws=0)
