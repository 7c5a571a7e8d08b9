"""Paired tests against scipy's, by hand where it has none, and their false alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from tithe.errors import DataError
from tithe.rng import stream
from tithe.stats import holm, paired_permutation, paired_t


def scores(name: str, n: int, shift: float = 0.0) -> np.ndarray:
    return stream(3, name).normal(0.8 + shift, 0.02, n)


@pytest.mark.parametrize("n", [2, 5, 10, 40])
def test_paired_t_is_scipys(n: int) -> None:
    a, b = scores("a", n, 0.01), scores("b", n)
    test = paired_t(a, b, level=0.9)
    expected = oracle.ttest_rel(a, b)
    low, high = expected.confidence_interval(0.9)
    assert (test.p, test.low, test.high) == pytest.approx((expected.pvalue, low, high))
    assert test.gain == pytest.approx((a - b).mean())
    assert (test.n, test.method) == (n, "paired t")


@pytest.mark.parametrize("n", [2, 3, 7, 12])
def test_exact_permutation_is_scipys(n: int) -> None:
    a, b = scores("a", n, 0.01), scores("b", n)
    expected = oracle.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True, n_resamples=1e5
    )
    assert paired_permutation(a, b, stream(0, "unused")).p == pytest.approx(expected.pvalue)


def test_drawn_permutation_is_near_the_exact_one() -> None:
    # 17 pairs: scipy counts all 131,072. Ours draws 20,000, so its deviation at p is sqrt(p (1 - p) / 20000) <= .0036;
    # five deviations: fails for 6 in 10 million seeds.
    a, b = scores("a", 17, 0.004), scores("b", 17)
    expected = oracle.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True, n_resamples=2e5
    ).pvalue
    test = paired_permutation(a, b, stream(0, "flips"))
    assert abs(test.p - expected) < 0.018
    assert test.method == "drawn sign flips"


def test_drawn_p_value_is_never_zero() -> None:
    assert paired_permutation(np.full(40, 0.9), np.full(40, 0.1), stream(0, "flips")).p == pytest.approx(1 / 20001)


@pytest.mark.parametrize("n", [6, 10, 16, 20])
def test_interval_of_the_sign_flips_is_the_set_of_shifts_it_keeps(n: int) -> None:
    a, b = scores("a", n, 0.01), scores("b", n)
    test = paired_permutation(a, b, stream(0, "flips"))
    inside, outside = 1e-9, -1e-9
    slack = 0.006 if n > 16 else 0.0  # drawn twice: both ends wander
    for bound, inward in ((test.low, 1), (test.high, -1)):
        assert paired_permutation(a - bound - inward * inside, b, stream(0, "flips")).p > 0.05 - slack
        assert paired_permutation(a - bound - inward * outside, b, stream(0, "flips")).p <= 0.05 + slack


def test_five_pairs_give_no_bounds() -> None:
    test = paired_permutation(scores("a", 5, 0.1), scores("b", 5), stream(0, "flips"))
    assert (test.low, test.high, test.p) == (float("-inf"), float("inf"), 2 / 32)


def test_sign_flip_interval_of_eight_covers_its_level() -> None:
    # The bounds are the 6th of 255 subset means from either end: 2 * 6 / 256 outside, so it covers .953 exactly for any
    # symmetric difference. 2,000 intervals deviate by sqrt(2000 * .953 * .047) = 9.5; four of them: 6 in 100,000.
    draws = stream(0, "coverage", "flips").laplace(0.1, 1, size=(2000, 8))
    tests = [paired_permutation(row, np.zeros(8), stream(0, "unused")) for row in draws]
    assert abs(sum(t.low <= 0.1 <= t.high for t in tests) - 2000 * (1 - 12 / 256)) <= 38


@pytest.mark.parametrize("kind", ["t", "flips"])
def test_no_difference_is_called_one_in_5_of_100(kind: str) -> None:
    # Ten normal pairs without an effect: p <= .05 in 5 % (the exact test: 50 / 1024). Of 2,000 that is 100 with a
    # deviation of 9.7; four of them: 6 in 100,000 seeds fail.
    draws = stream(0, "alarms", kind).normal(size=(2000, 10))
    zeros = np.zeros(10)
    ps = [paired_t(d, zeros).p if kind == "t" else paired_permutation(d, zeros, stream(0)).p for d in draws]
    assert abs(np.sum(np.array(ps) <= 0.05) - 100) <= 39


def test_one_pair_shows_nothing() -> None:
    for test in (paired_t([0.9], [0.1]), paired_permutation([0.9], [0.1], stream(0))):
        assert (test.gain, test.p, test.n) == (pytest.approx(0.8), 1.0, 1)
        assert not np.isfinite([test.low, test.high]).any()


def test_equal_scores_give_p_1_and_no_width() -> None:
    same = [0.9, 0.8, 0.7, 0.9, 0.8, 0.7]
    test = paired_t(same, same)
    assert (test.gain, test.low, test.high, test.p, test.method) == (0, 0, 0, 1, "equal differences")
    assert paired_permutation(same, same, stream(0)).p == 1


def test_equal_differences_count_as_signs_that_agree() -> None:
    a, b = np.array([0.9, 0.7, 0.5, 0.3]), np.array([0.8, 0.6, 0.4, 0.2])  # .1 but for rounding
    test = paired_t(a, b)
    assert (test.p, test.method) == (2.0**-3, "equal differences")
    assert paired_permutation(a, b, stream(0)).p == test.p


def test_scores_that_are_not_paired_are_refused() -> None:
    with pytest.raises(DataError, match="3 and 2 scores"):
        paired_t([1, 2, 3], [1, 2])


def test_holm_by_hand() -> None:
    # Wright 1992 style: sorted .01 .02 .03 .04 .20 times 5 4 3 2 1 = .05 .08 .09 .08 .20, then never falling.
    assert holm([0.20, 0.03, 0.01, 0.04, 0.02]).tolist() == pytest.approx([0.20, 0.09, 0.05, 0.09, 0.08])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_keeps_the_order_and_stays_between_p_and_bonferroni(ps: list[float]) -> None:
    adjusted = holm(ps)
    p = np.array(ps)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * max(len(ps), 1), 1) + 1e-15).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@pytest.mark.parametrize("ps", [[1.2], [-0.1], [float("nan")], [[0.1]]])
def test_what_is_no_p_value_is_refused(ps: list[float]) -> None:
    with pytest.raises(DataError, match="p-values"):
        holm(ps)
