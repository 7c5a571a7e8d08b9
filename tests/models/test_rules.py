"""Decision rules: each finds the best of its kind, and the choice between them is made on rows not fitted on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tithe.models.rules import Rule, choose_rule, expected_threshold, fit_rule, micro_f1
from tithe.rng import stream


def made(rows: int = 400, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = stream(0, "rules", rows)
    proba = rng.beta(0.5, 1.5, (rows, 6)).astype(np.float32)
    truth = rng.random((rows, 6)) < proba
    return np.clip(proba - shift, 0, 1).astype(np.float32), truth


def test_rules_decide_as_they_say() -> None:
    proba = np.array([[0.9, 0.4, 0.3], [0.2, 0.1, 0.1]], np.float32)
    assert Rule().apply(proba).tolist() == [[True, False, False], [False, False, False]]
    assert Rule("global", (0.2,)).apply(proba).tolist() == [[True, True, True], [True, False, False]]
    assert Rule("per_class", (0.95, 0.1, 0.2)).apply(proba).tolist() == [[False, True, True], [False, True, False]]
    assert Rule("top_k", (2,)).apply(proba).tolist() == [[True, True, False], [True, True, False]]
    # .9 + .4 + .3 = 1.6 rounds to 2; .4 rounds to 0
    assert Rule("count", ()).apply(proba).tolist() == [[True, True, False], [False, False, False]]


def test_the_global_threshold_is_the_best_of_its_grid() -> None:
    proba, truth = made(shift=0.2)
    rule = fit_rule("global", proba, truth)
    best = max(f1_score(truth, proba >= t, average="micro") for t in np.linspace(0.05, 0.95, 37))
    assert micro_f1(rule.apply(proba), truth) == pytest.approx(best, abs=1e-6)
    assert rule.values[0] < 0.4  # the probabilities are .2 too low


def test_the_threshold_of_each_label_is_the_best_of_its_grid() -> None:
    proba, truth = made(shift=0.2)
    grid = np.linspace(0.05, 0.95, 37, dtype=np.float32)
    proba[:40, 0] = grid[np.arange(40) % 37]  # on the thresholds themselves, which count as reached
    values = fit_rule("per_class", proba, truth).values
    for column, value in enumerate(values):
        scores = [f1_score(truth[:, column], proba[:, column] >= t, zero_division=0) for t in grid]
        assert value == grid[int(np.argmax(scores))]


def test_a_label_with_few_positives_takes_the_common_threshold() -> None:
    proba, truth = made(shift=0.2)
    truth[:, 0] = False
    truth[:5, 0] = True
    rule = fit_rule("per_class", proba, truth)
    assert rule.values[0] == fit_rule("global", proba, truth).values[0]


def test_probabilities_that_are_too_low_get_a_rule_that_mends_them() -> None:
    proba, truth = made(shift=0.3)
    fold = np.arange(len(proba)) % 5
    rule = choose_rule(proba, truth, fold)
    fresh, answers = made(401, shift=0.3)
    assert rule.kind != "half"
    assert micro_f1(rule.apply(fresh), answers) > micro_f1(fresh >= 0.5, answers) + 0.05


def test_few_rows_keep_one_half() -> None:
    proba, truth = made(19)
    assert choose_rule(proba, truth, np.arange(19) % 5) == Rule()


def test_a_fixed_number_of_labels_is_found() -> None:
    rng = stream(2, "two of six")
    scores = rng.random((300, 6)).astype(np.float32)
    truth = np.argsort(np.argsort(-scores, axis=1), axis=1) < 2
    rule = choose_rule(scores, truth, np.arange(300) % 5)
    assert rule == Rule("top_k", (2,), least=1)


def test_the_expected_threshold_has_the_best_f1_to_expect() -> None:
    proba, _ = made()
    draws = stream(3, "draws").random((200, *proba.shape)) < proba

    def mean_f1(threshold: float) -> float:
        guess = proba >= threshold
        return float(np.mean([micro_f1(guess, draw) for draw in draws]))

    found = expected_threshold(proba)
    # The ratio of means stands for the mean of ratios: they differ by O(1 / 2400 labels).
    assert mean_f1(found) >= max(mean_f1(t) for t in np.linspace(0.05, 0.95, 37)) - 1e-3
    assert found == pytest.approx(mean_f1(found) / 2, abs=0.01)  # Lipton et al. 2014, theorem 1


def test_honest_probabilities_keep_the_rule_that_has_nothing_to_fit() -> None:
    kinds = []
    for number in range(40):
        proba, truth = made(100 + number)
        kinds.append(choose_rule(proba, truth, np.arange(len(proba)) % 5).kind)
    # Of five rivals one beats two standard errors of five folds by chance in 5 x 6 % of cases at most.
    assert kinds.count("expected") >= 40 * 0.6


def test_where_each_row_has_a_label_each_decision_has_one() -> None:
    proba = np.array([[0.1, 0.2], [0.05, 0.01]], np.float32)
    assert Rule("expected", (0.9,), least=1).apply(proba).tolist() == [[False, True], [True, False]]
    rng = stream(4, "least")
    many = rng.random((100, 3)).astype(np.float32)
    truth = many >= many.max(axis=1, keepdims=True)
    fold = np.arange(100) % 5
    assert choose_rule(many, truth, fold).least == 1
    truth[0] = False
    assert choose_rule(many, truth, fold).least == 0
