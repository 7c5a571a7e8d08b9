"""Stop rules: each number by hand or from scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tithe.errors import ConfigError
from tithe.stopping import Budget, Record, Stabilising, Target, kappa


def record(guesses: list[int] | None = None, *, cost: float = 10, accuracy: float | None = None) -> Record:
    asked = {} if accuracy is None else {"accuracy": accuracy}
    return Record(0, int(cost), cost, asked, None if guesses is None else np.asarray(guesses))


def half(differ: int) -> list[int]:
    """100 guesses of two classes, of which some differ from `half(0)`, as many of each class."""
    return [1 - label if row % 50 < differ // 2 else label for row, label in enumerate([0] * 50 + [1] * 50)]


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40)


@given(pairs)
def test_kappa_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    a, b = np.asarray(rows).T
    if len(set(a) | set(b)) > 1:
        assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))


def test_kappa_of_one_class_alone_is_full_agreement() -> None:
    assert kappa(np.zeros(5, int), np.zeros(5, int)) == 1.0


def test_a_budget_stops_at_its_cost_and_not_before() -> None:
    rule = Budget(50)
    assert rule([]) is None
    assert rule([record(cost=49)]) is None
    assert rule([record(cost=60), record(cost=50)]) == "the budget of 50 is spent"


def test_a_target_looks_at_the_last_record_alone() -> None:
    rule = Target(0.9)
    assert rule([]) is None
    assert rule([record(accuracy=0.95), record(accuracy=0.89)]) is None
    assert rule([record()]) is None
    assert "0.900, the target was 0.900" in str(rule([record(accuracy=0.9)]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Target(0),
        lambda: Target(1.1),
        lambda: Stabilising(1.0),
        lambda: Stabilising(0.9, 0),
        lambda: Budget(0),
        lambda: Budget("many"),  # type: ignore[arg-type]
    ],
)
def test_settings_out_of_range_are_refused(make: object) -> None:
    with pytest.raises(ConfigError, match="given"):
        make()  # type: ignore[operator]


def test_the_bound_is_the_one_computed_by_hand() -> None:
    # 100 guesses, 50 of each class; 4 differ, 2 of each class: observed .96, expected .5, kappa = .46 / .5 = .92.
    # The bound is 4 (1 - .92) / .92 = .348.
    history = [record(half(0)), record(half(4))]
    said = str(Stabilising(0.9, 1)(history))
    assert "kappa 0.9200 on average, the last two by 0.9200" in said
    assert "F1 changed by at most 0.348" in said
    assert Stabilising(0.93, 1)(history) is None


def test_the_mean_is_over_the_window_and_the_bound_over_the_last_pair() -> None:
    history = [record(half(40)), record(half(0)), record(half(4)), record(half(4))]  # kappas .2, .92, 1
    assert "kappa 0.9600 on average, the last two by 1.0000" in str(Stabilising(0.95, 2)(history))
    assert Stabilising(0.95, 3)(history) is None, "the mean of .2, .92 and 1 is .71"


@pytest.mark.parametrize("short", [0, 1, 2, 3])
def test_fewer_models_than_the_window_needs_say_nothing(short: int) -> None:
    assert Stabilising(0.5, 3)([record(half(0))] * short) is None


def test_a_round_without_a_model_in_the_window_says_nothing() -> None:
    history = [record(half(0)), record(None), record(half(0)), record(half(0))]
    assert Stabilising(0.5, 3)(history) is None
    assert Stabilising(0.5, 1)(history) is not None


def test_a_last_pair_that_does_not_agree_has_no_bound_and_does_not_stop() -> None:
    history = [record(half(0)), record(half(0)), record(half(0)), record(half(50))]  # kappas 1, 1, 0
    assert kappa(np.asarray(half(0)), np.asarray(half(50))) == pytest.approx(0)
    assert Stabilising(0.5, 3)(history) is None
