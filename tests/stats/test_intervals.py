"""Intervals against scipy's, and how often they cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from tithe.errors import ConfigError, DataError
from tithe.rng import stream
from tithe.stats import mean_interval, wilson


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_mean_interval_is_scipys_t_interval(values: list[float], level: float) -> None:
    mean, low, high = mean_interval(values, level)
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = oracle.t.ppf(0.5 + level / 2, len(values) - 1) * error
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=1e-12)


def test_one_run_has_a_mean_and_no_bounds() -> None:
    mean, low, high = mean_interval([0.9])
    assert mean == 0.9
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("values", [[], [0.1, float("nan")], [[0.1, 0.2]]])
def test_scores_that_are_none_or_nan_or_a_table_are_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match="values must be"):
        mean_interval(values)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_level_outside_0_to_1_is_refused(level: float) -> None:
    with pytest.raises(ConfigError, match="level must lie between"):
        mean_interval([0.1, 0.2], level)


def test_t_interval_of_five_normal_scores_covers_95_of_100() -> None:
    # 4,000 intervals that each cover with chance .95: the count's deviation is sqrt(4000 * .95 * .05) = 13.8.
    # Four of them either side: a right function fails this test for 6 in 100,000 seeds.
    draws = stream(0, "coverage", "t").normal(0.7, 0.1, size=(4000, 5))
    covered = sum(low <= 0.7 <= high for _, low, high in map(mean_interval, draws))
    assert abs(covered - 3800) <= 55


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(successes: int, failures: int, level: float) -> None:
    n = successes + failures
    share, low, high = wilson(successes, n, level)
    if n == 0:
        assert np.isnan(share)
        assert (low, high) == (0.0, 1.0)
        return
    expected = oracle.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= share <= high <= 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_more_successes_than_items_are_refused(successes: int, n: int) -> None:
    with pytest.raises(DataError, match="between 0 and n"):
        wilson(successes, n)
