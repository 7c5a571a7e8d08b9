import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import discriminative
from tithe.strategies.discriminative import Discriminative


def made(count=200):
    rng = stream(0, "discriminative")
    points = rng.standard_normal((count, 5))
    return points, [f"{row:03d}" for row in range(count)]


def logistic(points, targets):
    """The optimum of the balanced, ridged logistic loss by Newton's method: weights, and the bias, not ridged."""
    weight = len(targets) / (2 * np.where(targets == 1, (targets == 1).sum(), (targets == 0).sum()))
    design = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    ridge = np.diag([1.0] * points.shape[1] + [0.0])
    theta = np.zeros(design.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-(design @ theta)))
        gradient = design.T @ (weight * (p - targets)) + ridge @ theta
        theta -= np.linalg.solve((design.T * (weight * p * (1 - p))) @ design + ridge, gradient)
    return theta[:-1], theta[-1]


@pytest.mark.parametrize("steps", [1, 3])
def test_picks_are_those_of_an_independent_logistic_regression(steps):
    points, ids = made()
    labelled = [row for row in range(200) if points[row, 0] > 1]  # labelled on one side only
    pool = Pool.from_views(ids, embeddings=points, labelled=[ids[row] for row in labelled])
    selection = Discriminative(steps=steps).select(pool, 6, stream(0))
    centred = points - points.mean(axis=0)
    unit = centred / np.sqrt((centred**2).sum(axis=1).mean())
    done, expected = list(labelled), []
    for _ in range(steps):
        weights, bias = logistic(unit, np.isin(np.arange(200), done, invert=True).astype(float))
        scores = unit @ weights + bias
        scores[done] = -np.inf
        best = np.argsort(-scores)[: 6 // steps]
        expected += [(ids[row], 1 / (1 + np.exp(-scores[row]))) for row in best]
        done += best.tolist()
    assert selection.ids == tuple(one for one, _ in expected)
    assert selection.scores == pytest.approx([score for _, score in expected], abs=1e-3)


def test_a_far_side_is_left_once_a_step_has_labelled_it():
    rng = stream(0, "sides")
    home = np.repeat([0, 1, 2], 60)
    points = 10 * np.eye(3)[home] + 0.1 * rng.standard_normal((180, 3))
    ids = [f"{row:03d}" for row in range(180)]
    pool = Pool.from_views(ids, embeddings=points, labelled=ids[:10])
    picks = [int(one) for one in Discriminative(steps=4).select(pool, 8, stream(0)).ids]
    assert set(home[picks]) == {1, 2}


def test_pending_items_count_as_labelled():
    points = np.array([[-1.0], [-1.1], [1.0], [1.1], [0.0], [1.05]])
    pool = Pool.from_views(list("abcdef"), embeddings=points, labelled=["a"])
    assert Discriminative().select(pool, 1, stream(0)).ids == ("d",)
    # With c, d and f pending, most of what is done lies to the right, so the left end is the least like it.
    assert Discriminative().select(pool.without(["c", "d", "f"]), 1, stream(0)).ids == ("b",)


def test_drawn_parts_of_both_sides_do_not_depend_on_the_order_of_the_rows(monkeypatch):
    monkeypatch.setattr(discriminative, "_KNOWN", 10)
    monkeypatch.setattr(discriminative, "_FEWEST", 20)
    points, ids = made()
    order = stream(0, "order").permutation(200)
    pools = [
        Pool.from_views(ids, embeddings=points, labelled=ids[::9]),
        Pool.from_views([ids[row] for row in order], embeddings=points[order], labelled=ids[::9]),
    ]
    picks = [Discriminative().select(pool, 30, stream(0)) for pool in pools]
    assert picks[0] == picks[1]


@pytest.mark.parametrize("steps", [0, -2, 1.5, "all"])
def test_steps_that_make_no_sense_are_an_error(steps):
    with pytest.raises(ConfigError, match="1 or more steps"):
        Discriminative(steps=steps)
