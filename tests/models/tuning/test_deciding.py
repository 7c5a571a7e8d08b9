"""Calibration on made data whose scale and shift are known; few rows, rows that part without an error, odd input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tithe.errors import DataError
from tithe.models.rules import Rule, micro_f1
from tithe.models.tuning.deciding import Calibration, calibrate
from tithe.rng import stream


def sets(rows: int, *, scale: float = 1.0, shift: float = 0.0, labels: int = 8):
    """Logits z and sets drawn with the probabilities sigmoid(scale z + shift), which are low, and these."""
    rng = stream(1, "sets", rows)
    odds = 2.5 * rng.standard_normal((rows, labels)) - 2.5
    proba = 1 / (1 + np.exp(-odds))
    return (odds - shift) / scale, rng.random((rows, labels)) < proba, proba


def choices(rows: int, *, scale: float, labels: int = 5):
    rng = stream(2, "choices", rows)
    logits = 2 * rng.standard_normal((rows, labels))
    drawn = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # as softmax(logits) says
    return logits / scale, drawn


def loss_of(proba: np.ndarray, truth: np.ndarray) -> float:
    p = np.clip(proba.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.where(truth, np.log(p), np.log(1 - p)).mean())


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.4, 2.0), (3.0, -60.0)])
def test_scale_and_shift_of_sets_are_found(scale: float, shift: float) -> None:
    logits, truth, proba = sets(4000, scale=scale, shift=shift)
    found = calibrate(logits, truth)
    # 32,000 cells: the standard error of the scale is about a hundredth of it.
    assert found.scale == pytest.approx(scale, rel=0.05)
    np.testing.assert_allclose(found.proba(logits), proba, atol=0.03)


def test_a_constant_added_to_all_logits_changes_no_probability_and_no_decision() -> None:
    logits, truth, _ = sets(300)
    one, other = calibrate(logits, truth), calibrate(logits + 500.0, truth)
    np.testing.assert_allclose(one.proba(logits), other.proba(logits + 500.0), atol=1e-4)
    assert one.rule is not None
    assert other.rule is not None
    assert one.rule.kind == other.rule.kind
    assert (one.rule.apply(one.proba(logits)) == other.rule.apply(other.proba(logits + 500.0))).mean() > 0.999


def test_logits_without_a_zero_are_worthless_at_one_half_and_not_after_calibration() -> None:
    """What S2 reported of two-way: recall 1, precision next to nothing."""
    logits, truth, proba = sets(1000, shift=-9.0)
    raw = Calibration.none("set")
    found = calibrate(logits[:500], truth[:500])
    assert found.rule is not None
    before = micro_f1(raw.proba(logits[500:]) >= 0.5, truth[500:])
    after = micro_f1(found.rule.apply(found.proba(logits[500:])), truth[500:])
    best = max(micro_f1(proba[500:] >= t, truth[500:]) for t in np.linspace(0.05, 0.95, 37))
    assert before < 0.4 < best - 0.1
    assert after > best - 0.02


def test_the_scale_of_a_choice_is_found() -> None:
    for scale in (0.5, 1.0, 3.0):
        logits, truth = choices(4000, scale=scale)
        found = calibrate(logits, truth)
        assert found.scale == pytest.approx(scale, rel=0.06)
        assert found.shift == 0.0
        assert found.rule is None
        np.testing.assert_allclose(found.proba(logits).sum(axis=1), 1, atol=1e-5)


def test_a_weight_counts_as_so_many_rows() -> None:
    logits, truth, _ = sets(200, scale=2.0)
    weights = np.where(np.arange(200) < 50, 3.0, 1.0)
    weights[-40:] = 0.0
    rows = np.repeat(np.arange(200), weights.astype(int))
    found, wanted = calibrate(logits, truth, weights), calibrate(logits[rows], truth[rows])
    assert (found.scale, found.shift) == pytest.approx((wanted.scale, wanted.shift), rel=1e-3)
    logits, truth = choices(200, scale=2.0)
    assert calibrate(logits, truth, weights).scale == pytest.approx(
        calibrate(logits[rows], truth[rows]).scale, rel=1e-3
    )


def test_a_few_rows_hold_the_scale_near_one() -> None:
    scales = []
    for number in range(30):
        logits, truth, _ = sets(5 + number)
        scales.append(calibrate(logits[:5], truth[:5]).scale)
    assert min(scales) > 0.4
    assert max(scales) < 2.5


def test_rows_that_part_without_an_error_give_finite_odds() -> None:
    truth = stream(4, "parted").random((40, 6)) < 0.2
    found = calibrate(np.where(truth, 1.0, -1.0), truth)
    p = found.proba(np.array([[-1.0, 1.0]]))[0]
    assert p[0] < 0.03
    assert 0.9 < p[1] < 0.9999
    choice = calibrate(np.where(np.eye(4), 9.0, 0.0), np.arange(4))
    assert np.isfinite(choice.scale)
    assert choice.scale < 5


@pytest.mark.parametrize("all_of_them", [False, True])
def test_sets_that_are_all_alike_give_a_rate_and_keep_the_order(all_of_them: bool) -> None:
    logits = stream(5, "alike").standard_normal((30, 4))
    found = calibrate(logits, np.full((30, 4), all_of_them))
    p = found.proba(logits)
    assert ((p > 0.5) == all_of_them).all()
    assert (p.argsort(axis=1) == logits.argsort(axis=1)).all()


def test_a_model_that_ranks_backwards_is_told_to_be_unsure() -> None:
    logits, truth, _ = sets(1000)
    found = calibrate(-logits, truth)
    assert 0 < found.scale < 0.1
    assert loss_of(found.proba(-logits), truth) < loss_of(np.full_like(logits, truth.mean()), truth) * 1.02


def test_without_rows_nothing_is_changed() -> None:
    assert calibrate(np.zeros((0, 3)), np.zeros((0, 3), bool)) == Calibration("set", rule=Rule())
    assert calibrate(np.zeros((0, 3)), np.zeros(0, np.int64)) == Calibration("one")
    assert calibrate(np.ones((1, 3)), np.zeros(1, np.int64), np.zeros(1)) == Calibration("one")


def test_it_survives_json() -> None:
    logits, truth, _ = sets(100, shift=3.0)
    for found in (calibrate(logits, truth), calibrate(*choices(50, scale=2.0))):
        assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_what_cannot_be_calibrated_is_told() -> None:
    with pytest.raises(DataError, match=r"given \(3, 2\), \(2, 2\) and \(3,\)"):
        calibrate(np.zeros((3, 2)), np.zeros((2, 2), bool))
    with pytest.raises(DataError, match="1 of 3 rows have logits that are not finite"):
        calibrate(np.array([[0.0], [np.nan], [1.0]]), np.ones((3, 1), bool))


def test_large_logits_stay_finite() -> None:
    logits, truth, _ = sets(200)
    found = calibrate(1e5 * logits, truth)
    assert np.isfinite(found.proba(1e5 * logits)).all()
    assert calibrate(1e5 * np.eye(3), np.arange(3)[::-1].copy()).scale > 0
