"""Where a learning curve goes: made curves whose end is known, and what a forecast must not do."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.errors import DataError
from tithe.rng import stream
from tithe.stats import forecast, looked_at

LABELS = np.array([20, 30, 40, 60, 80, 100, 130, 160, 200])


def made(rng: np.random.Generator, items: int, power: float, now: float = 0.25) -> np.ndarray:
    """(k, items) right or wrong of models whose error is a power law, each item becoming right once and for all."""
    error = now * (LABELS / LABELS[-1]) ** -power
    return (rng.random(items)[None, :] > error[:, None]).astype(float)


def gain_of(power: float, more: float, now: float = 0.25) -> float:
    return now * (1 - ((LABELS[-1] + more) / LABELS[-1]) ** -power)


@pytest.mark.parametrize("power", [0.2, 0.5, 0.9])
def test_the_interval_holds_the_gain_of_a_power_law_that_it_was_not_told(power: float) -> None:
    # 60 curves; an honest 95 % interval misses 3 of them, of deviation 1.7: more than 10 in 100,000 tries once.
    rng, missed = stream(0, "forecast", round(10 * power)), 0
    for _ in range(60):
        gain = forecast(LABELS, made(rng, 60, power), [200]).gains[0]
        missed += not gain.low <= gain_of(power, 200) <= gain.high
    assert missed <= 10


def test_more_items_make_the_interval_narrower() -> None:
    rng = stream(0, "forecast", "width")
    widths = []
    for items in (20, 2000):
        found = [forecast(LABELS, made(rng, items, 0.5), [50]).gains[0] for _ in range(10)]
        widths.append(np.mean([one.high - one.low for one in found]))
    assert widths[1] < 0.5 * widths[0]


def test_a_flat_curve_promises_little_and_a_steep_one_much() -> None:
    rng = stream(0, "forecast", "flat")
    flat = forecast(LABELS, np.tile(rng.random(400) < 0.8, (len(LABELS), 1)), [50, 200])
    steep = forecast(LABELS, made(rng, 400, 0.9), [50, 200])
    assert flat.gains[1].mean < 0.02 < steep.gains[1].mean
    assert flat.gains[0].mean < flat.gains[1].mean
    assert steep.now.mean == pytest.approx(0.75, abs=0.05)
    assert all(0 <= one.mean <= 1 for one in steep.later)


def test_all_right_on_few_items_does_not_promise_that_nothing_can_change() -> None:
    gain = forecast(LABELS, np.ones((len(LABELS), 20)), [200]).gains[0]
    assert gain.low < 0 < gain.high


def test_models_that_guess_alike_tie_their_scores() -> None:
    rng = stream(0, "forecast", "apart")
    rows = np.tile(rng.random(30) < 0.8, (len(LABELS), 1)).astype(float)
    k = len(LABELS)
    same, other = np.zeros((k, k)), 0.4 * (1 - np.eye(k))
    near, far = (forecast(LABELS, rows, [200], apart=one).gains[0] for one in (same, other))
    assert near.high - near.low < far.high - far.low


def test_the_points_looked_at_alone_give_the_same_forecast() -> None:
    labels = np.arange(5, 500, 5)
    rng = stream(0, "forecast", "thin")
    rows = (rng.random(50)[None, :] > 0.3 * (labels / 500)[:, None] ** -0.4).astype(float)
    kept = looked_at(labels)
    assert len(kept) <= 16
    assert kept[-1] == len(labels) - 1
    assert forecast(labels, rows, [50]) == forecast(labels[kept], rows[kept], [50])


@pytest.mark.parametrize(
    ("labels", "scores", "more", "says"),
    [
        ([10, 10], [[1.0], [1.0]], [5], "rising labels"),
        ([0, 10], [[1.0], [1.0]], [5], "above 0"),
        ([10, 20], [[1.0]], [5], "shape"),
        ([10, 20], [[1.0], [1.5]], [5], r"\[0, 1\]"),
        ([10, 20], [[1.0], [1.0]], [], "looks ahead"),
        ([10, 20], [[1.0], [1.0]], [0], "looks ahead"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(
    labels: list[int], scores: list[list[float]], more: list[float], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        forecast(labels, scores, more)


def test_distances_of_another_number_of_models_are_refused() -> None:
    with pytest.raises(DataError, match="a row and a column for each of 2 models"):
        forecast([10, 20], [[1.0, 0.0], [1.0, 1.0]], [5], apart=np.zeros((3, 3)))
