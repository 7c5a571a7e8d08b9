"""The solver: the same optimum as scikit-learn's, whatever the weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tithe.models.links import Softmax, log_softmax
from tithe.models.solver import Affine, Basis, fit_affine
from tithe.rng import stream

TOLERANCE = 0.005
"""How far two probabilities of the same optimum may lie apart, as `fit_affine` promises."""


def made(rows: int, width: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Centred features of unit mean square around a centre for each class, and targets that have every class."""
    rng = stream(seed, "made", rows, width, classes)
    targets = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    features = (rng.normal(size=(rows, width)) + rng.normal(size=(classes, width))[targets]).astype(np.float32)
    features -= features.mean(axis=0)
    return features / np.sqrt((features**2).sum(axis=1).mean()), targets


def fitted(features: np.ndarray, targets: np.ndarray, **more: object) -> tuple[np.ndarray, Basis, Affine]:
    basis = Basis.of(features)
    found = fit_affine(basis.coordinates, basis.spectrum, targets, int(targets.max()) + 1, Softmax(), **more)  # type: ignore[arg-type]
    return np.exp(log_softmax(found.logits(basis.coordinates))), basis, found


def reference(
    features: np.ndarray, targets: np.ndarray, penalty: float, weights: np.ndarray | None = None
) -> np.ndarray:
    # Of two classes scikit-learn fits one weight vector, the difference of ours: half the penalty.
    half = 2 if targets.max() == 1 else 1
    model = LogisticRegression(C=half / penalty, tol=1e-8, max_iter=20_000)
    return model.fit(features.astype(float), targets, weights).predict_proba(features.astype(float))


@pytest.mark.parametrize("penalty", [0.001, 0.03, 1.0])
@pytest.mark.parametrize(("rows", "width", "classes"), [(120, 16, 4), (40, 64, 3), (200, 100, 20), (30, 5, 2)])
def test_the_optimum_is_that_of_scikit_learn(rows: int, width: int, classes: int, penalty: float) -> None:
    features, targets = made(rows, width, classes)
    proba, _, _ = fitted(features, targets, penalty=penalty)
    np.testing.assert_allclose(proba, reference(features, targets, penalty), atol=TOLERANCE)


def test_a_weight_of_two_is_the_row_twice_and_a_weight_of_almost_nothing_is_no_row() -> None:
    features, targets = made(60, 12, 3)
    weights = np.where(np.arange(60) < 20, 2.0, np.where(np.arange(60) < 40, 1.0, 1e-9))
    weighted, _, _ = fitted(features, targets, penalty=0.1, weights=weights)
    rows = np.concatenate([np.arange(40), np.arange(20)])
    doubled = LogisticRegression(C=10, tol=1e-8, max_iter=5000).fit(features[rows].astype(float), targets[rows])
    np.testing.assert_allclose(weighted, doubled.predict_proba(features.astype(float)), atol=TOLERANCE)
    plain, _, _ = fitted(features, targets, penalty=0.1)
    assert abs(plain - weighted).max() > 10 * TOLERANCE


def test_at_the_optimum_the_loss_is_flat_in_every_direction() -> None:
    features, targets = made(50, 8, 3)
    weights = np.linspace(0.2, 1, 50)
    _, basis, found = fitted(features, targets, penalty=0.3, weights=weights)

    def loss(step: np.ndarray) -> float:
        """The documented loss, written down again in float64, at the optimum plus a step of (r + 1, K)."""
        w, b = found.weights.astype(float) + step[:-1], found.bias.astype(float) + step[-1]
        logits = basis.coordinates.astype(float) @ w + b
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return float(-(weights * logs[np.arange(50), targets]).sum() + 0.15 * (w**2).sum())

    from_zero = -np.concatenate([found.weights, found.bias[None]])
    here, there = [], []
    for number in range(20):
        way = stream(number).normal(size=from_zero.shape)
        way *= 1e-4 / np.linalg.norm(way)
        here.append(abs(loss(way) - loss(-way)) / 2e-4)
        there.append(abs(loss(from_zero + way) - loss(from_zero - way)) / 2e-4)
        assert loss(500 * way) > loss(0 * way), "a minimum, not a saddle"
    assert max(here) < 0.01 * max(there)


@pytest.mark.parametrize(("rows", "width"), [(30, 80), (80, 30)])
def test_a_basis_is_an_exact_change_of_variables(rows: int, width: int) -> None:
    features, _ = made(rows, width, 2)
    basis = Basis.of(features)
    np.testing.assert_allclose(features @ basis.axes, basis.coordinates, atol=1e-4)
    np.testing.assert_allclose(basis.coordinates @ basis.axes.T, features, atol=2e-3)
    np.testing.assert_allclose((basis.coordinates**2).sum(axis=0), basis.spectrum, rtol=2e-3, atol=1e-4)
    assert (np.diff(basis.spectrum) <= 0).all()


def test_the_head_of_a_basis_holds_the_share_asked_for_and_no_axis_more() -> None:
    features, _ = made(60, 40, 2)
    basis = Basis.of(features)
    head = basis.head(0.8)
    total = basis.spectrum.sum()
    assert head.spectrum.sum() >= 0.8 * total > head.spectrum[:-1].sum()
    np.testing.assert_array_equal(head.coordinates, basis.coordinates[:, : len(head.spectrum)])


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=6))
@settings(max_examples=50, deadline=None)
def test_log_softmax_adds_up_to_one_and_never_overflows(row: list[float]) -> None:
    logs = log_softmax(np.asarray([row], np.float32))
    assert np.isfinite(logs).all()
    assert np.exp(logs.astype(float)).sum() == pytest.approx(1, abs=1e-4)
