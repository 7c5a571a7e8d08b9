"""Heads fitted on embeddings, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain

from tithe import rng
from tithe.models.chain import Chain
from tithe.models.links import Sigmoid, Softmax
from tithe.models.tuning import heads
from tithe.ragged import Ragged


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


def linked_rows():
    """A linked head, logits of rows of 3, 0, 5 and 1 tokens, legal paths and weights."""
    draws = rng.stream(0, "linked")
    lengths = torch.tensor([3, 0, 5, 1])
    head = heads.Linked(4, 5)
    with torch.no_grad():
        head.pairs.copy_(torch.as_tensor(draws.normal(0, 0.1, (5, 5))))
    logits = torch.as_tensor(draws.standard_normal((9, 5)).astype(np.float32))
    path = torch.tensor([0, 1, 2, 3, 4, 4, 0, 1, 3])
    weights = torch.as_tensor(draws.uniform(0.5, 2, 4).astype(np.float32)).repeat_interleave(lengths)
    return head, logits, path, weights, lengths


def test_the_loss_of_linked_rows_is_that_of_the_chain_of_the_linear_tagger():
    head, logits, path, weights, lengths = linked_rows()
    chain = Chain.of(Ragged(np.empty((9, 5)), np.array([0, 3, 3, 8, 9])))
    links = heads.links_of(head.pairs.detach()).double().numpy()
    begun = logits.double().numpy()
    begun[[0, 3, 8]] += links[0]  # a text begins as if behind an O, which that chain does not know
    value, slope, _ = chain.loss(begun, links, path.numpy(), weights.double().numpy())
    logits.requires_grad_()
    loss = head.loss(logits, path, weights, lengths)
    loss.backward()
    total = float(weights.sum())
    assert float(loss.detach()) == pytest.approx(value / total, rel=1e-5)
    np.testing.assert_allclose(logits.grad.numpy(), slope / total, atol=1e-6)
    found = heads.log_marginals(logits.detach(), head.pairs.detach(), lengths).exp().numpy()
    np.testing.assert_allclose(found, chain.marginals(begun, links), atol=1e-6)


def test_linked_rows_without_tokens_lose_nothing():
    head = heads.Linked(4, 5)
    none = torch.empty(0, 5)
    for lengths in (torch.tensor([0, 0]), torch.empty(0, dtype=torch.int64)):
        loss = head.loss(none, torch.empty(0, dtype=torch.int64), torch.empty(0), lengths)
        assert float(loss.detach()) == 0
        assert heads.log_marginals(none, head.pairs, lengths).shape == (0, 5)
