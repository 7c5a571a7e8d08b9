"""Curves against scikit-learn's isotonic regression, and their invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from tithe.errors import DataError
from tithe.stats import area_under_curve, isotonic, isotonic_rows, labels_to

curve = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), min_size=1, max_size=15)


@given(curve)
def test_isotonic_is_scikit_learns_and_keeps_the_mean(points: list[tuple[float, int]]) -> None:
    y, weights = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    x = np.arange(len(y)) * 10.0
    fit = isotonic(x, y, weights)
    assert (np.diff(fit) >= 0).all()
    assert (fit * weights).sum() == pytest.approx((y * weights).sum())
    assert fit == pytest.approx(IsotonicRegression().fit_transform(x, y, sample_weight=weights))
    assert isotonic(x, fit, weights) == pytest.approx(fit)
    assert isotonic_rows(np.stack([y, y[::-1]]))[0] == pytest.approx(isotonic(x, y))


@given(curve, st.floats(0, 1))
def test_labels_to_lies_where_the_fit_has_the_target(points: list[tuple[float, int]], target: float) -> None:
    y = np.array([score for score, _ in points])
    x = 5.0 + np.arange(len(y)) ** 2
    fit, labels = isotonic(x, y), labels_to(x, y, target)
    if labels is None:
        assert fit[-1] < target
    elif labels == x[0]:
        assert fit[0] >= target - 1e-9 or np.interp(labels, x, fit) == pytest.approx(target, abs=1e-6)
    else:
        assert np.interp(labels, x, fit) == pytest.approx(target, abs=1e-6)


def test_a_dip_does_not_reach_the_target_twice() -> None:
    # .90 is touched at 100, lost at 150, regained at 200: on the fit the first three are at .88 and .90 lies between.
    x, y = [50, 100, 150, 200], [0.80, 0.90, 0.86, 0.92]
    assert labels_to(x, y, 0.90) == pytest.approx(150 + 50 * (0.90 - 0.88) / (0.92 - 0.88))


def test_target_at_the_first_budget_and_beyond_the_last() -> None:
    assert labels_to([48, 97], [0.9, 0.95], 0.85) == 48
    assert labels_to([48, 97], [0.9, 0.95], 0.951) is None
    assert labels_to([48, 97], [0.9, 0.95], 0.95) == 97
    assert labels_to([48, 97, 145], [0.9, 0.95, 0.95], 0.95) == 97


def test_area_is_the_mean_score_over_the_budgets() -> None:
    assert area_under_curve([10, 20, 40], [0.7, 0.7, 0.7]) == pytest.approx(0.7)
    assert area_under_curve([0, 1, 3], [0.0, 1.0, 1.0]) == pytest.approx((0.5 + 2) / 3)
    assert area_under_curve([48], [0.9]) == 0.9


@pytest.mark.parametrize(
    ("x", "y"), [([1, 1], [0.1, 0.2]), ([2, 1], [0.1, 0.2]), ([1, 2, 3], [0.1, 0.2]), ([], []), ([1], [float("nan")])]
)
def test_curves_without_rising_labels_or_full_scores_are_refused(x: list[float], y: list[float]) -> None:
    for function in (isotonic, area_under_curve):
        with pytest.raises(DataError):
            function(x, y)


def test_weights_must_be_positive_and_match() -> None:
    with pytest.raises(DataError, match="weights"):
        isotonic([1, 2], [0.1, 0.2], [1, 0])
    with pytest.raises(DataError, match="weights"):
        isotonic([1, 2], [0.1, 0.2], [1])
