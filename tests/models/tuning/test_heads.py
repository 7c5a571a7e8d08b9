"""Heads fitted on embeddings, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain

from tithe import rng
from tithe.models.links import Sigmoid, Softmax
from tithe.models.tuning import heads


@pytest.fixture
def states():
    return 3 * rng.stream(0, "states").standard_normal((80, 12)).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def logits(kind, arrays, rows):
    head = heads.build(kind, *arrays["head.weight"].shape)
    head.load_state_dict({name.removeprefix("head."): torch.as_tensor(array) for name, array in arrays.items()})
    with torch.no_grad():
        return head(torch.as_tensor(rows)).numpy()


def test_a_chain_is_that_of_scikit_learn(states):
    draws = rng.stream(1, "labels")
    first = states[:, 0] + states[:, 1] > 0
    targets = np.stack([first, first & (states[:, 2] > -1), draws.random(80) < 0.3, states[:, 3] > 0], axis=1)
    targets = targets.astype(np.float32)
    found = logits("chain", heads.fit_chain(states, targets, np.ones(80, np.float32)), states)
    oracle = ClassifierChain(LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)).fit(unit(states), targets)
    assert np.abs(1 / (1 + np.exp(-found)) - oracle.predict_proba(unit(states))).max() < 0.01
    assert np.array_equal(found > 0, oracle.predict(unit(states)) > 0.5)


def test_a_head_of_sets_is_one_regression_a_label(states):
    targets = (states[:, :3] > 0.5).astype(np.float32)
    found = logits("unit", heads.fit_unit(states, targets, 3, Sigmoid(), weights=np.ones(80, np.float32)), states)
    for column in range(3):
        oracle = LogisticRegression(C=1.0, tol=1e-8).fit(unit(states), targets[:, column])
        assert np.abs(found[:, column] - oracle.decision_function(unit(states))).max() < 0.03


def test_a_head_of_a_choice_is_a_regression_over_all_labels_by_weight(states):
    targets = states[:, :3].argmax(axis=1)
    weights = rng.stream(2, "weights").random(80).astype(np.float32)
    found = logits("unit", heads.fit_unit(states, targets, 3, Softmax(), weights=weights), states)
    oracle = LogisticRegression(C=1.0, tol=1e-8).fit(unit(states), targets, sample_weight=weights)
    proba = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert np.abs(proba - oracle.predict_proba(unit(states))).max() < 0.01


def test_labels_that_nothing_or_everything_has_stay_finite(states):
    targets = np.zeros((80, 3), np.float32)
    targets[:, 1], targets[:40, 2] = 1, 1
    found = logits("chain", heads.fit_chain(states, targets, np.ones(80, np.float32)), states)
    assert np.isfinite(found).all()
    assert (found[:, 0] < -2).all()
    assert (found[:, 1] > 2).all()
    choice = heads.fit_unit(states, np.arange(80) % 2, 3, Softmax(), weights=np.ones(80, np.float32))
    assert (logits("unit", choice, states).argmax(axis=1) < 2).all()
