import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.cluster_margin import ClusterMargin
from tithe.strategies.uncertainty import margin

SIZES = (60, 25, 10, 5)


def blobs():
    """Far apart, so that k-means finds them as they are; rows of one blob follow one another; the first 100 unsure."""
    rng = stream(0, "blobs")
    home = np.concatenate([np.repeat(np.arange(4), SIZES), np.repeat(np.arange(4), 100)])
    points = 50 * np.eye(4, 6)[home] + rng.standard_normal((500, 6))
    p = np.concatenate([rng.uniform(0.45, 0.55, 100), rng.uniform(0.8, 1, 400)])
    return points, np.stack([p, 1 - p], axis=1), home, [f"{row:03d}" for row in range(500)]


def test_only_the_unsure_are_picked_and_each_round_starts_with_the_smallest_cluster():
    points, proba, home, ids = blobs()
    pool = Pool.from_views(ids, embeddings=points, proba=proba)
    picks = [int(one) for one in ClusterMargin(times=25).select(pool, 4, stream(0)).ids]
    assert max(picks) < 100
    assert home[picks].tolist() == [3, 2, 1, 0]


def test_clusters_that_are_used_up_are_passed_over(monkeypatch):
    monkeypatch.setattr("tithe.strategies.cluster_margin._CLUSTERS", 4)
    points, proba, home, ids = blobs()
    pool = Pool.from_views(ids, embeddings=points, proba=proba)
    picks = [int(one) for one in ClusterMargin(times=2).select(pool, 50, stream(0)).ids]
    # By hand: five rounds of four empty the blob of 5, five of three the blob of 10; then 15 of the two largest.
    assert home[picks].tolist() == [3, 2, 1, 0] * 5 + [2, 1, 0] * 5 + [1, 0] * 7 + [1]


def test_picks_within_a_cluster_are_drawn_uniformly():
    points, proba, _, ids = blobs()
    pool = Pool.from_views(ids, embeddings=points, proba=proba)
    draws = 600
    counts = np.zeros(500)
    for number in range(draws):
        counts[int(ClusterMargin(times=25).select(pool, 4, stream(number, "draw")).ids[0])] += 1
    # The five of the smallest blob: 120 each, sd sqrt(600 * .2 * .8) = 9.8; 4.5 sd: false alarms under 4e-5.
    assert np.abs(counts[95:100] - 120).max() < 4.5 * 9.8


def test_scores_are_those_of_margin_and_times_one_is_margin_itself():
    points, proba, _, ids = blobs()
    pool = Pool.from_views(ids, embeddings=points, proba=proba, labelled=ids[::7])
    known = dict(zip(*(lambda all_: (all_.ids, all_.scores))(margin().select(pool, 500, stream(0))), strict=True))
    selection = ClusterMargin(times=1).select(pool, 30, stream(0))
    assert set(selection.ids) == set(margin().select(pool, 30, stream(0)).ids)
    assert selection.scores == tuple(known[one] for one in selection.ids)


@pytest.mark.parametrize("times", [0.5, float("nan"), float("inf"), "all"])
def test_times_below_one_is_an_error(times):
    with pytest.raises(ConfigError, match="times of 1 or more"):
        ClusterMargin(times=times)
