"""Links: losses and slopes against independent oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss

from tithe.errors import LabelError
from tithe.models.links import Sigmoid, Softmax, link_of
from tithe.models.solver import Basis, fit_affine
from tithe.rng import stream
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel

RNG = stream(0, "links")
LOGITS = RNG.normal(0, 3, (40, 5)).astype(np.float32)
COLUMNS = RNG.integers(0, 5, 40)
APPLIES = (RNG.random((40, 5)) < 0.4).astype(np.float32)
WEIGHTS = RNG.random(40).astype(np.float32)


@pytest.mark.parametrize(("link", "targets"), [(Softmax(), COLUMNS), (Sigmoid(), APPLIES)])
def test_the_slope_is_the_derivative_of_the_loss(link: Any, targets: Any) -> None:
    _, slope = link.loss(LOGITS, targets, WEIGHTS)
    step = 1e-2
    for row, column in ((0, 0), (7, 3), (39, 4)):
        up, down = LOGITS.copy(), LOGITS.copy()
        up[row, column] += step
        down[row, column] -= step
        numeric = (link.loss(up, targets, WEIGHTS)[0] - link.loss(down, targets, WEIGHTS)[0]) / (2 * step)
        assert slope[row, column] == pytest.approx(numeric, abs=5e-3)


def test_mean_losses_are_those_of_scikit_learn() -> None:
    proba = Softmax().proba(LOGITS).astype(float)
    proba /= proba.sum(axis=1, keepdims=True)
    assert Softmax().mean_loss(LOGITS, COLUMNS) == pytest.approx(log_loss(COLUMNS, proba, labels=range(5)), rel=1e-5)
    each = [log_loss(APPLIES[:, c], Sigmoid().proba(LOGITS)[:, c].astype(float), labels=[0, 1]) for c in range(5)]
    assert Sigmoid().mean_loss(LOGITS, APPLIES) == pytest.approx(sum(each), rel=1e-4)


def test_scores_are_accuracy_and_micro_f1() -> None:
    assert Softmax().score(LOGITS, COLUMNS) == (LOGITS.argmax(axis=1) == COLUMNS).mean()
    assert Sigmoid().score(LOGITS, APPLIES) == pytest.approx(f1_score(APPLIES > 0, LOGITS > 0, average="micro"))


def test_extreme_logits_neither_overflow_nor_give_nan() -> None:
    far = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    for link, targets in ((Softmax(), np.array([1, 1])), (Sigmoid(), np.array([[0, 1], [0, 1]], np.float32))):
        value, slope = link.loss(far, targets, np.ones(2, np.float32))
        assert np.isfinite(value)
        assert np.isfinite(slope).all()


def test_one_vs_rest_has_the_optimum_of_scikit_learn_for_each_label() -> None:
    rng = stream(1, "one-vs-rest")
    applies = rng.random((150, 3)) < [0.5, 0.3, 0.1]
    features = (rng.normal(size=(150, 12)) + applies @ rng.normal(size=(3, 12))).astype(np.float32)
    features -= features.mean(axis=0)
    features /= np.sqrt((features**2).sum(axis=1).mean())
    basis = Basis.of(features)
    found = fit_affine(
        basis.coordinates, basis.spectrum, applies.astype(np.float32), 3, Sigmoid(), penalty=0.03, tolerance=1e-4
    )
    ours = Sigmoid().proba(found.logits(basis.coordinates))
    for column in range(3):
        model = LogisticRegression(C=1 / 0.03, tol=1e-8, max_iter=5000).fit(features.astype(float), applies[:, column])
        np.testing.assert_allclose(ours[:, column], model.predict_proba(features.astype(float))[:, 1], atol=0.005)


def test_labels_that_all_or_no_answers_have_keep_their_rate_off_zero_and_one() -> None:
    task = MultiLabel(("always", "some", "never"))
    encoded = Sigmoid().encode(task, [frozenset({"always", "some"}), frozenset({"always"}), frozenset({"always"})])
    assert encoded.seen.tolist() == [1]
    assert encoded.rest.tolist() == pytest.approx([3.5 / 4, 1.5 / 4, 0.5 / 4])


def test_answers_that_leave_nothing_to_learn_are_an_error() -> None:
    with pytest.raises(LabelError, match="2 answers leave none"):
        Sigmoid().encode(MultiLabel(("a", "b")), [frozenset({"a"})] * 2)
    with pytest.raises(LabelError, match="at least two labels"):
        Softmax().encode(Choice(("a", "b")), ["a", "a"])


def test_strata_of_sets_are_their_rarest_label() -> None:
    applies = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], np.float32)
    assert Sigmoid().strata(applies).tolist() == [1, 0, 0, -1]


def test_each_task_has_its_link() -> None:
    assert isinstance(link_of(Choice(("a", "b"))), Softmax)
    assert isinstance(link_of(MultiLabel(("a", "b"))), Sigmoid)
