"""LogME against direct maximisation of the evidence, closed forms, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, ortho_group

from tithe.errors import DataError
from tithe.models.transfer.logme import log_evidence, logme
from tithe.rng import stream


def drawn(n: int, d: int, *, noise: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = stream(seed, "logme", n, d)
    features = draw.normal(size=(n, d))
    return features, features @ draw.normal(size=d) + noise * draw.normal(size=n)


def directly(features: np.ndarray, target: np.ndarray) -> float:
    """The largest log density of the target under N(0, F F' / alpha + I / beta), found without any of our algebra."""
    kernel = features @ features.T

    def cost(logs: np.ndarray) -> float:
        alpha, beta = np.exp(np.clip(logs, -20, 20))  # the best may lie at infinity
        covariance = kernel / alpha + np.eye(len(target)) / beta
        return -float(multivariate_normal(np.zeros(len(target)), covariance).logpdf(target))

    starts = [(a, b) for a in (-4.0, 0.0, 4.0) for b in (-2.0, 2.0)]
    return -min(minimize(cost, one, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000}).fun
                for one in starts) / len(target)  # fmt: skip


@pytest.mark.parametrize(("n", "d"), [(30, 4), (12, 12), (10, 25), (40, 1)])
def test_the_fixed_point_is_the_largest_evidence(n: int, d: int) -> None:
    features, target = drawn(n, d)
    assert log_evidence(features, target) == pytest.approx(directly(features, target), abs=1e-5)


def test_zeros_and_ones_of_few_rows_too() -> None:
    draw = stream(3, "bits")
    features, target = draw.normal(size=(24, 5)), (draw.random(24) < 0.4).astype(float)
    features[:, 0] += target
    assert log_evidence(features, target) == pytest.approx(directly(features, target), abs=1e-5)


def test_features_that_explain_nothing_leave_the_density_of_noise() -> None:
    target = np.array([1.0, -2.0, 0.5, 3.0])
    noise_alone = -0.5 * (np.log(2 * np.pi * np.mean(target**2)) + 1)
    assert log_evidence(np.zeros((4, 3)), target) == pytest.approx(noise_alone)
    across = np.array([[2.0], [1.0], [0.0], [0.0]])  # at right angles to the target
    assert log_evidence(across, target) == pytest.approx(noise_alone, abs=1e-6)


def test_orthonormal_features_have_a_closed_form() -> None:
    # All singular values are 1, so one rate of shrinking s holds for all; setting the slope by it to zero gives it.
    features = ortho_group.rvs(8, random_state=stream(1, "rotation"))[:, :3]
    target = 5 * features[:, 0] + stream(2, "rest").normal(size=8)
    inside = float(((features.T @ target) ** 2).sum())
    outside = float((target**2).sum()) - inside
    n, d = 8, 3
    s = min(1.0, outside * d / ((n - d) * inside))
    closed = 0.5 * (np.log(n / (s * inside + outside)) - np.log(2 * np.pi) - 1) + 0.5 * d * np.log(s) / n
    assert log_evidence(features, target) == pytest.approx(closed, abs=1e-8)


def test_rotation_scale_and_order_change_nothing() -> None:
    features, target = drawn(40, 6)
    before = log_evidence(features, target)
    turned = features @ ortho_group.rvs(6, random_state=stream(5, "rotation"))
    order = stream(6, "order").permutation(40)
    for other, of in ((turned, target), (features * 1e3, target), (features[order], target[order])):
        assert log_evidence(other, of) == pytest.approx(before, abs=1e-7)
    padded = np.concatenate([features, np.zeros((40, 3))], axis=1)
    assert log_evidence(padded, target) == pytest.approx(before, abs=1e-7)


def test_a_target_of_another_unit_moves_by_its_logarithm() -> None:
    features, target = drawn(40, 6)
    assert log_evidence(features, 10 * target) == pytest.approx(log_evidence(features, target) - np.log(10), abs=1e-7)


def test_a_feature_that_holds_the_label_beats_noise() -> None:
    draw = stream(0, "classes")
    classes = draw.integers(0, 4, 120)
    targets = np.eye(4)[classes]
    noise = draw.normal(size=(120, 20))
    useful = noise.copy()
    useful[:, :4] += 2 * targets
    assert logme(useful, targets) > logme(noise, targets) + 0.1
    mean = np.mean([log_evidence(useful, column) for column in targets.T])
    assert logme(useful, targets) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("features", "targets"),
    [
        (np.ones((3, 2)), np.ones((4, 1))),
        (np.ones(3), np.ones((3, 1))),
        (np.full((3, 2), np.nan), np.ones((3, 1))),
        (np.ones((3, 2)), np.zeros((3, 1))),
        (np.ones((0, 2)), np.ones((0, 1))),
    ],
)
def test_what_cannot_be_scored_is_refused(features: np.ndarray, targets: np.ndarray) -> None:
    with pytest.raises(DataError, match="LogME"):
        logme(features, targets)
