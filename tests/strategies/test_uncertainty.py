import numpy as np
import pytest

from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.uncertainty import Uncertainty, entropy, least_confidence, margin
from tithe.tasks.choice import Choice
from tithe.types import Items

PROBA = np.array([[0.5, 0.25, 0.25], [0.45, 0.4, 0.15], [0.8, 0.1, 0.1], [1.0, 0.0, 0.0]])
POOL = Pool.from_views(["a", "b", "c", "d"], proba=PROBA)
LOG3 = np.log(3)


@pytest.mark.parametrize(
    ("strategy", "ids", "scores"),
    [
        (least_confidence(), ("b", "a", "c", "d"), (0.55, 0.5, 0.2, 0.0)),
        (margin(), ("b", "a", "c", "d"), (0.95, 0.75, 0.3, 0.0)),
        # entropies by hand: a = 1.5 log 2; b = -(.45 log .45 + .4 log .4 + .15 log .15) = 1.0104128
        (entropy(), ("a", "b", "c", "d"), (1.5 * np.log(2) / LOG3, 1.0104128 / LOG3, 0.639032 / LOG3, 0.0)),
    ],
)
def test_the_least_sure_come_first_with_hand_computed_scores(strategy, ids, scores):
    selection = strategy.select(POOL, 4, stream(0))
    assert selection.ids == ids
    assert selection.scores == pytest.approx(scores, abs=1e-6)


def test_ties_go_to_the_smaller_id():
    pool = Pool.from_views(["d", "b", "c", "a"], proba=np.full((4, 2), 0.5))
    assert margin().select(pool, 3, stream(0)).ids == ("a", "b", "c")


def test_labelled_items_are_left_out():
    pool = Pool.from_views(["a", "b", "c", "d"], proba=PROBA, labelled=["b"])
    assert margin().select(pool, 2, stream(0)).ids == ("a", "c")


def test_the_task_says_what_unsure_means():
    class Reversed(Choice):
        def uncertainty(self, output, measure):
            return 1 - super().uncertainty(output, measure)

    pool = Pool(Items(["a", "b", "c", "d"], [""] * 4), task=Reversed(("x", "y", "z")), views={"proba": lambda: PROBA})
    assert margin().select(pool, 4, stream(0)).ids == ("d", "c", "a", "b")


def test_blocks_do_not_change_the_scores(monkeypatch):
    proba = stream(0, "proba").dirichlet(np.ones(5), 1000).astype(np.float32)
    pool = Pool.from_views([f"{row:04d}" for row in range(1000)], proba=proba)
    whole = Uncertainty("entropy").select(pool, 1000, stream(0))
    monkeypatch.setattr("tithe.strategies.uncertainty.block_rows", lambda width: 37)
    assert Uncertainty("entropy").select(pool, 1000, stream(0)) == whole
