from collections import Counter

import numpy as np
import pytest

from tithe.errors import NeedsError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.balanced_margin import BalancedMargin
from tithe.strategies.uncertainty import margin
from tithe.tasks.choice import Choice

TASK = Choice(("common", "some", "rare"))


def skewed():
    """940 items that look common and are unsure, 50 of the next label and 10 of the rare one, which are sure."""
    rng = stream(0, "skewed")
    guess = np.repeat([0, 1, 2], (940, 50, 10))
    best = np.where(guess == 0, rng.uniform(0.4, 0.6, 1000), rng.uniform(0.8, 0.95, 1000))
    proba = np.tile((1 - best)[:, None] / 2, (1, 3))
    proba[np.arange(1000), guess] = best
    return proba, guess, [f"{row:04d}" for row in range(1000)]


def pool_of(labelled):
    proba, guess, ids = skewed()
    return Pool.from_views(ids, proba=proba, labelled=labelled, task=TASK), guess


def test_rare_predicted_classes_are_reached_where_margin_reaches_none():
    labelled = {f"{row:04d}": "common" for row in range(18)} | {"0940": "some", "0990": "rare"}
    pool, guess = pool_of(labelled)
    assert Counter(guess[int(one)] for one in margin().select(pool, 20, stream(0)).ids) == {0: 20}
    picks = [int(one) for one in BalancedMargin().select(pool, 20, stream(0)).ids]
    # Weights 1/19, 1/2, 1/2: one of the common class, and 19 for the others, of whom nine of the rare class are left.
    counts = Counter(guess[picks])
    assert counts[0] in (0, 1, 2)
    assert counts[2] == 9


def test_shares_follow_the_labels_and_each_class_gives_its_smallest_margins():
    labelled = {"0000": "common", "0940": "some", "0941": "some", "0990": "rare"}
    pool, guess = pool_of(labelled)
    selection = BalancedMargin().select(pool, 8, stream(0))
    picks = np.array([int(one) for one in selection.ids])
    # Weights 1/2, 1/3, 1/2 of 8: exactly 3, 2 and 3.
    assert np.bincount(guess[picks]).tolist() == [3, 2, 3]
    scores = dict(zip(*(lambda all_: (all_.ids, all_.scores))(margin().select(pool, 1000, stream(0))), strict=True))
    assert selection.scores == tuple(scores[one] for one in selection.ids)
    for label in range(3):
        best = sorted((one for one in scores if guess[int(one)] == label), key=lambda one: -scores[one])
        assert [f"{row:04d}" for row in picks[guess[picks] == label]] == best[: (3, 2, 3)[label]]


def test_batches_of_one_go_to_each_class_as_often_as_its_share_says():
    pool, guess = pool_of({"0000": "common", "0940": "some", "0941": "some", "0990": "rare"})
    draws = 2000
    picks = [int(BalancedMargin().select(pool, 1, stream(number, "one")).ids[0]) for number in range(draws)]
    expected = np.array([3, 2, 3]) / 8
    # Three shares, each within 4.5 sd: false alarms under 2e-5.
    bound = 4.5 * np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(np.bincount(guess[picks]) / draws - expected) < bound).all()


def test_without_a_task_the_guesses_of_the_labelled_items_stand_in_for_their_labels():
    proba, _, ids = skewed()
    labelled = {"0000": "common", "0940": "some", "0941": "some", "0990": "rare"}
    bare = Pool.from_views(ids, proba=proba, labelled=list(labelled))
    told, _ = pool_of(labelled)
    assert BalancedMargin().select(bare, 8, stream(0)) == BalancedMargin().select(told, 8, stream(0))


def test_ids_without_labels_are_an_error_where_there_is_a_task():
    with pytest.raises(NeedsError, match="labels themselves"):
        BalancedMargin().select(pool_of(["0000"])[0], 3, stream(0))
