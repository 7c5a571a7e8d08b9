"""Stop rules: each number by hand or from scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tithe.errors import ConfigError
from tithe.stats import Interval
from tithe.stopping import Record
from tithe.stopping.audited import AuditTarget
from tithe.stopping.scores import NoGain, Target
from tithe.stopping.settling import OverallUncertainty, Stabilising, kappa
from tithe.stopping.spending import Budget, Price


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
        lambda: OverallUncertainty(0),
        lambda: OverallUncertainty(1.0),
        lambda: OverallUncertainty(float("nan")),
        lambda: NoGain(0),
        lambda: NoGain(2, by=-0.1),
        lambda: NoGain(2, by=1),
        lambda: Price(0, 10),
        lambda: Price(1, float("inf")),
        lambda: Price(1, 10, window=1),
        lambda: Price("cheap", 10),  # type: ignore[arg-type]
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


def test_label_sets_settle_cell_by_cell() -> None:
    # 50 items x 2 labels, half of the cells on; 2 of each kind differ: kappa .92, as above.
    first, second = (np.asarray(half(differ), bool).reshape(50, 2) for differ in (0, 4))
    history = [Record(n, 10, 10, guesses=one) for n, one in enumerate([first, second])]
    assert "the last two by 0.9200" in str(Stabilising(0.9, 1)(history))
    assert Stabilising(0.93, 1)(history) is None


# --- overall uncertainty


def sure(*left: float | None) -> list[Record]:
    return [Record(number, 10, 10, uncertainty=one) for number, one in enumerate(left)]


def test_a_pool_without_doubt_stops_and_only_the_last_round_counts() -> None:
    rule = OverallUncertainty(0.1)
    assert "mean entropy is 0.099, below 0.100 of 1" in str(rule(sure(0.6, 0.099)))
    assert rule(sure(0.05, 0.1)) is None, "at the threshold is not below it"
    assert rule(sure(0.05, None)) is None, "a round without a model says nothing"
    assert rule([]) is None


# --- no gain


def curve(*scores: float | None, cost: int = 100) -> list[Record]:
    return [record(accuracy=one, cost=cost * number) for number, one in enumerate(scores, 1)]


def test_no_gain_compares_the_best_of_the_last_rounds_with_the_best_before() -> None:
    said = str(NoGain(2, by=0.01)(curve(0.7, 0.8, 0.809, 0.79)))
    assert "accuracy on asked items has grown by 0.009 in 2 rounds (best 0.809, before 0.800)" in said
    assert "has fallen by 0.100 in 1 round (" in str(NoGain(1)(curve(0.8, 0.7)))
    assert NoGain(2, by=0.01)(curve(0.7, 0.8, 0.82, 0.79)) is None
    assert NoGain(2, by=0)(curve(0.8, 0.7, 0.6)) is not None


@pytest.mark.parametrize("scores", [(), (0.8,), (0.8, 0.8), (0.8, 0.8, None, 0.8), (None, 0.8, 0.8)])
def test_no_gain_waits_for_rounds_that_all_have_a_score(scores: tuple[float | None, ...]) -> None:
    assert NoGain(2)(curve(*scores)) is None


def test_no_gain_looks_at_the_score_that_is_named() -> None:
    rounds = [Record(n, n, n, {"f1": 0.5, "f2": two}) for n, two in enumerate([0.1, 0.5, 0.9])]
    assert "f1 on asked items" in str(NoGain(1)(rounds))
    assert NoGain(1, score="f2")(rounds) is None
    assert NoGain(1, score="f3")(rounds) is None


def test_a_rising_curve_with_noise_is_not_taken_for_a_standstill() -> None:
    # The score rises by .02 a round with noise of .01, so the best of three later rounds is about .05 above; the rule
    # with 3 rounds and .005 must be wrong less than once in 100 curves of 10 rounds.
    rng = np.random.Generator(np.random.PCG64(0))
    wrong = 0
    for _ in range(300):
        scores = 0.6 + 0.02 * np.arange(10) + rng.normal(0, 0.01, 10)
        wrong += any(NoGain(3, 0.005)(curve(*scores[:n])) is not None for n in range(1, 11))
    assert wrong < 3


# --- price


def logarithmic(slope: float, rounds: int = 5) -> list[Record]:
    return curve(*(0.5 + slope * np.log(100 * n) for n in range(1, rounds + 1)))


def test_a_price_stops_where_the_next_batch_is_worth_less_than_it_costs() -> None:
    # From 500 to 600 labels a curve of .5 + .1 log(labels) gains .1 log(1.2) = 1.823 points; the labels cost 100 x .5.
    history = logarithmic(0.1)
    said = str(Price(0.5, per_point=27.4)(history))
    assert said == "the next 100 labels cost 50 and are expected to gain 1.82 points, which are worth 49.96"
    assert Price(0.5, per_point=27.5)(history) is None, "worth 50.1"


def test_a_falling_curve_is_worth_nothing_and_never_a_negative_sum() -> None:
    assert "gain 0.00 points, which are worth 0" in str(Price(0.01, 1000)(logarithmic(-0.1)))


@pytest.mark.parametrize(
    "history",
    [
        [],
        logarithmic(0.0, 4),
        [record(cost=100 * n) for n in range(1, 9)],
        [*logarithmic(0.0), record(cost=600)],
        [*logarithmic(0.0), record(cost=500, accuracy=0.5)],
        [record(cost=0, accuracy=0.5), *logarithmic(0.0, 4)],
    ],
    ids=["nothing", "short", "no scores", "no model now", "no new answer", "no cost"],
)
def test_a_price_waits_for_a_whole_window(history: list[Record]) -> None:
    assert Price(1, 1)(history) is None


def test_a_price_looks_at_its_window_alone() -> None:
    steep_then_flat = [*logarithmic(0.1, 5), *[record(cost=100 * n, accuracy=1.2) for n in (6, 7, 8)]]
    assert Price(0.01, 100, window=3)(steep_then_flat) is not None
    assert Price(0.01, 100, window=8)(steep_then_flat) is None


def test_an_audit_target_reads_the_lower_bound_of_the_last_record() -> None:
    rule = AuditTarget(0.9)
    good = Record(1, 10, 10.0, audited=Interval(0.97, 0.91, 1.0))
    bad = Record(2, 20, 20.0, audited=Interval(0.97, 0.89, 1.0))
    assert rule([]) is None
    assert rule([record()]) is None
    assert rule([good, bad]) is None
    assert "0.970 and very likely at least 0.910; the target was 0.900" in str(rule([bad, good]))


@pytest.mark.parametrize("score", [0, 1.1])
def test_an_audit_target_outside_its_range_is_refused(score: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 1"):
        AuditTarget(score)
