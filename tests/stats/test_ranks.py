"""Ranks over data sets, against scipy and the worked example of Demsar 2006."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as oracle

from tithe.errors import DataError
from tithe.rng import stream
from tithe.stats import cliques, critical_difference, friedman

# Demsar 2006, table 6: AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets. On voting (last but one) the table
# prints .975 twice, but ranks the third before the fourth; the published mean ranks need that, hence the 1e-5.
AUC = [
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.97501, 0.975], [0.957, 0.978, 0.946, 0.970],
]  # fmt: skip


def test_the_worked_example_of_demsar_comes_out() -> None:
    test = friedman(AUC)
    assert test.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert (test.chi2, test.f) == (pytest.approx(9.28, abs=5e-3), pytest.approx(3.69, abs=5e-3))
    assert test.f > oracle.f.ppf(0.95, 3, 39) == pytest.approx(2.85, abs=5e-3)
    assert test.p == pytest.approx(oracle.f.sf(test.f, 3, 39))
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(4, 14, level=0.9) == pytest.approx(1.12, abs=5e-3)


@pytest.mark.parametrize(("n", "k"), [(3, 3), (7, 4), (12, 10)])
def test_friedman_is_that_of_scipy_where_there_are_no_ties(n: int, k: int) -> None:
    scores = stream(0, "test", n, k).normal(size=(n, k)) + np.arange(k) / 3
    test, other = friedman(scores), oracle.friedmanchisquare(*scores.T)
    assert test.chi2 == pytest.approx(other.statistic)
    assert test.p_chi2 == pytest.approx(other.pvalue)


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (10, 3.164)]
)
def test_q_is_that_of_the_published_table(k: int, q: float) -> None:
    assert critical_difference(k, 1) / np.sqrt(k * (k + 1) / 6) == pytest.approx(q, abs=1.5e-3)
    assert q == pytest.approx(oracle.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2), abs=1.5e-3)


def test_strategies_that_are_alike_seldom_differ() -> None:
    rng = stream(1, "test")
    hits = sum(friedman(rng.normal(size=(8, 4))).p < 0.05 for _ in range(400))
    assert 5 <= hits <= 40, "20 are due; the bounds are 3.4 and 4.6 binomial deviations away"


def test_all_equal_is_no_difference_and_full_agreement_is_the_largest() -> None:
    equal = friedman(np.ones((4, 3)))
    assert (equal.ranks, equal.chi2, equal.f, equal.p) == ((2.0, 2.0, 2.0), 0.0, 0.0, 1.0)
    agreed = friedman([[0.1, 0.2, 0.3]] * 5)
    assert (agreed.ranks, agreed.chi2, agreed.f, agreed.p) == ((3.0, 2.0, 1.0), 10.0, float("inf"), 0.0)


@pytest.mark.parametrize(
    ("ranks", "difference", "found"),
    [
        ([1.0, 1.5, 2.0], 5.0, [(0, 1, 2)]),
        ([1.0, 2.0, 3.0], 0.5, []),
        ([3.0, 1.0, 2.0], 1.5, [(1, 2), (2, 0)]),
        ([1.0, 2.0], 1.0, []),
        ([1.0, 1.2, 1.4, 3.0, 3.1], 0.5, [(0, 1, 2), (3, 4)]),
    ],
)
def test_cliques_are_the_largest_groups(ranks: list[float], difference: float, found: list[tuple[int, ...]]) -> None:
    assert cliques(ranks, difference) == found


def test_too_little_to_rank_is_refused() -> None:
    with pytest.raises(DataError, match="two data sets and two strategies"):
        friedman([[0.1, 0.2]])
    with pytest.raises(DataError, match="two strategies or more"):
        critical_difference(1, 5)
