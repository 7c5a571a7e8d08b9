"""Intervals that are looked at after every item: how often they ever miss, and how wide they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.errors import ConfigError, DataError
from tithe.rng import stream
from tithe.stats import anytime_mean, anytime_mean_bounds, anytime_share, wilson

LOOKS = 100
RUNS = 1000


def _ever_missed(table: dict[tuple[int, int], tuple[float, float]], share: float, draws: np.ndarray) -> int:
    """How many runs have the truth outside at any look."""
    counts = draws.cumsum(axis=1)
    missed = np.zeros(len(draws), dtype=bool)
    for n in range(1, draws.shape[1] + 1):
        low, high = np.array([table[s, n] for s in range(n + 1)]).T
        missed |= (share < low[counts[:, n - 1]]) | (share > high[counts[:, n - 1]])
    return int(missed.sum())


@pytest.mark.parametrize("share", [0.6, 0.9])
def test_a_share_watched_for_100_items_is_missed_by_at_most_5_of_100_runs_and_wilson_by_far_more(share: float) -> None:
    # A run misses by a chance of at most .05: the count's deviation is sqrt(1000 * .05 * .95) = 6.9. Four of them
    # above 50: a right function fails this test for 3 in 100,000 seeds, if it is as bad as it may be.
    draws = (stream(0, "anytime", round(100 * share)).random((RUNS, LOOKS)) < share).astype(np.int64)
    pairs = [(s, n) for n in range(1, LOOKS + 1) for s in range(n + 1)]
    ours = {(s, n): anytime_share(s, n)[1:] for s, n in pairs}
    fixed = {(s, n): wilson(s, n)[1:] for s, n in pairs}
    assert _ever_missed(ours, share, draws) <= 77
    assert _ever_missed(fixed, share, draws) >= 200


def test_a_share_of_a_small_population_is_missed_by_at_most_5_of_100_runs() -> None:
    right, population, runs = 108, 120, 400
    rng = stream(0, "anytime", "population")
    items = np.repeat([1, 0], [right, population - right])
    missed = 0
    for _ in range(runs):
        counts = rng.permutation(items).cumsum()
        looks = (anytime_share(int(counts[n - 1]), n, population=population) for n in range(5, population + 1, 5))
        missed += any(not low <= right / population <= high for _, low, high in looks)
    assert missed <= 37  # 400 * .05 = 20, four deviations of 4.4


def test_all_of_a_population_leaves_no_doubt() -> None:
    assert anytime_share(9, 12, population=12) == (0.75, 0.75, 0.75)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.8, 0.95]))
def test_an_anytime_interval_holds_the_share_and_is_wider_than_wilsons(right: int, wrong: int, level: float) -> None:
    n = right + wrong
    share, low, high = anytime_share(right, n, level)
    assert 0 <= low <= high <= 1
    if n:
        assert low <= share <= high
        assert high - low > np.subtract(*wilson(right, n, level)[:0:-1])


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 200))
def test_knowing_the_population_never_makes_it_wider(right: int, wrong: int, rest: int) -> None:
    n = right + wrong
    free, known = anytime_share(right, n), anytime_share(right, n, population=n + rest)
    step = 1 / (n + rest)
    assert known.low >= free.low - step
    assert known.high <= free.high + step


def test_means_watched_for_100_items_are_missed_by_at_most_5_of_100_runs() -> None:
    rng, missed, runs = stream(0, "anytime", "mean"), 0, 300
    for _ in range(runs):
        values = rng.beta(2.0, 1.0, LOOKS)  # of mean 2/3
        _, low, high = anytime_mean(values)  # what is once out stays out: the last look shows all before
        missed += not low <= 2 / 3 <= high
    assert missed <= 30  # 300 * .05 = 15, four deviations of 3.8


def test_values_of_small_spread_get_a_narrow_interval() -> None:
    rng = stream(0, "anytime", "narrow")
    near = anytime_mean(rng.normal(0.0, 0.05, 100).clip(-1, 1), low=-1.0, high=1.0)
    far = anytime_mean(rng.choice([-1.0, 1.0], 100), low=-1.0, high=1.0)
    assert near.high - near.low < 0.35 * (far.high - far.low)


def test_a_longer_run_never_widens_the_interval_of_a_mean() -> None:
    values = stream(0, "anytime", "longer").random(80)
    shorter, longer = anytime_mean(values[:40]), anytime_mean(values)
    assert shorter.low <= longer.low
    assert longer.high <= shorter.high


@pytest.mark.parametrize(("right", "n", "population"), [(3, 2, None), (-1, 2, None), (1, 5, 4)])
def test_numbers_that_do_not_fit_are_refused(right: int, n: int, population: int | None) -> None:
    with pytest.raises(DataError, match=r"given|cannot be"):
        anytime_share(right, n, population=population)


def test_values_outside_their_bounds_are_refused() -> None:
    with pytest.raises(DataError, match="between low and high"):
        anytime_mean([0.5, 1.2])
    with pytest.raises(ConfigError, match="level"):
        anytime_mean([0.5], level=1.0)


def test_the_bounds_after_each_value_are_those_of_the_values_so_far() -> None:
    values = stream(0, "anytime", "bounds").random(60)
    bounds = anytime_mean_bounds(values)
    assert bounds.shape == (60, 2)
    for n in (1, 7, 60):
        assert tuple(bounds[n - 1]) == anytime_mean(values[:n])[1:]


def test_where_every_mean_is_ruled_out_the_last_one_standing_is_told() -> None:
    bounds = anytime_mean_bounds([0.0] * 100 + [1.0] * 200)  # no draw: the first hundred and the rest have other means
    assert (bounds[:, 0] <= bounds[:, 1]).all()
    assert bounds[-1, 1] - bounds[-1, 0] == pytest.approx(0.002)


def test_a_mean_that_may_come_back_is_held_by_the_wider_interval() -> None:
    values = stream(0, "anytime", "back").random(80)
    stays, back = anytime_mean_bounds(values), anytime_mean_bounds(values, stays_out=False)
    assert (back[:, 0] <= stays[:, 0]).all()
    assert (back[:, 1] >= stays[:, 1]).all()
    assert stays[:, 0].tolist() == sorted(stays[:, 0].tolist()) != back[:, 0].tolist()
