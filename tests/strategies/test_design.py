import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.design import Design, information

COUNT = 40
IDS = [f"{row:02d}" for row in range(COUNT)]
POINTS = stream(0, "design").standard_normal((COUNT, 5)) * [3, 2, 1, 1, 0.1] + 1.0
PROBA = stream(0, "design", "proba").random((COUNT, 4))


def pool(labelled=(), points=POINTS):
    return Pool.from_views(IDS, embeddings=points, proba=PROBA, labelled=list(labelled))


def variance(chosen, weights, noise):
    """The mean over the pool of w x' M^-1 x with M written out: the definition, by a solver and no update formula."""
    x = POINTS - POINTS.mean(axis=0)
    x = x / np.sqrt((x * x).sum(axis=1).mean())
    matrix = noise * np.eye(5) + sum(weights[row] * np.outer(x[row], x[row]) for row in chosen)
    return float(np.mean([weights[row] * x[row] @ np.linalg.solve(matrix, x[row]) for row in range(COUNT)]))


@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weigh", [True, False])
def test_each_pick_lessens_the_variance_the_most_and_its_score_is_by_how_much(noise, weigh):
    weights = (PROBA * (1 - PROBA)).sum(axis=1) if weigh else np.ones(COUNT)
    weights = weights / weights.mean()
    asked = [3, 17]
    selection = Design(noise=noise, weigh=weigh).select(pool([IDS[row] for row in asked]), 6, stream(0))
    for one, score in zip(selection.ids, selection.scores, strict=True):
        before = variance(asked, weights, noise)
        gains = {row: before - variance([*asked, row], weights, noise) for row in range(COUNT) if row not in asked}
        assert IDS.index(one) == max(gains, key=gains.__getitem__)
        assert score == pytest.approx(max(gains.values()), rel=1e-3)
        asked.append(IDS.index(one))


def test_pending_items_count_as_asked():
    first = Design().select(pool(["03"]), 2, stream(0)).ids
    assert Design().select(pool(["03"]).without(first[:1]), 1, stream(0)).ids == first[1:]


def test_copies_of_a_pick_wait_for_what_differs():
    points = np.concatenate([np.tile([5.0, 0.0], (20, 1)), np.tile([-5.0, 0.0], (19, 1)), [[0.0, 20.0]]])
    found = Design(noise=0.01, weigh=False).select(pool(points=points), 2, stream(0)).ids
    assert "39" in found


def test_weights_are_the_information_of_all_columns_over_its_mean():
    proba = np.array([[0.5, 0.5], [0.0, 1.0], [0.5, 1.0]])
    assert information(proba, np.arange(3)).tolist() == pytest.approx([2.0, 0.0, 1.0])
    assert information(np.ones((3, 2)), np.arange(3)).tolist() == [1.0, 1.0, 1.0]


def test_all_points_alike_are_no_reason_to_fail():
    assert sorted(Design().select(pool(points=np.ones((COUNT, 3))), COUNT, stream(0)).ids) == IDS


def test_a_large_pool_is_drawn_from(monkeypatch):
    monkeypatch.setattr("tithe.strategies.design._CONSIDERED", 10)
    found = Design().select(pool(), 8, stream(0)).ids
    assert found != Design().select(pool(), 8, stream(1)).ids
    assert len(set(Design().select(pool(), 30, stream(0)).ids)) == 30


def test_the_first_batch_needs_no_model():
    assert Design(noise=2.0).cold == Design(noise=2.0, weigh=False)
    assert Design().cold.needs == {"embeddings"}


@pytest.mark.parametrize("noise", [0, -1.0, float("inf"), "x"])
def test_noise_is_a_positive_number(noise):
    with pytest.raises(ConfigError, match="design takes a finite noise above 0"):
        Design(noise=noise)
