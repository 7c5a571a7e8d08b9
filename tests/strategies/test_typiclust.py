import numpy as np
import pytest

from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import k_means, typiclust
from tithe.strategies.typiclust import TypiClust

SIZES = (60, 50, 40, 30, 20)


def blobs(sizes=SIZES, width=6):
    """Far apart; the rows of a blob follow one another."""
    rng = stream(0, "blobs", len(sizes))
    middles = 40 * np.eye(width)[: len(sizes)]
    home = np.repeat(np.arange(len(sizes)), sizes)
    points = middles[home] + rng.standard_normal((len(home), width)) * rng.exponential(1, (len(home), 1))
    return points, home, [f"{row:05d}" for row in range(len(home))]


def typical(points):
    """The row with the smallest mean distance to its 20 nearest others, and 1 / (that + 1e-5)."""
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    means = np.sort(gaps, axis=1)[:, 1 : min(20, len(points) - 1) + 1].mean(axis=1)
    return int(means.argmin()), 1 / (means.min() + 1e-5)


def test_one_pick_a_blob_the_largest_first_and_the_densest_of_each():
    points, home, ids = blobs()
    selection = TypiClust().select(Pool.from_views(ids, embeddings=points), 5, stream(0))
    rows = [int(one) for one in selection.ids]
    assert home[rows].tolist() == [0, 1, 2, 3, 4]
    for blob, (row, score) in enumerate(zip(rows, selection.scores, strict=True)):
        members = np.flatnonzero(home == blob)
        best, density = typical(points[members])
        assert row == members[best]
        assert score == pytest.approx(density, rel=1e-4)


def test_blobs_with_labels_wait():
    points, home, ids = blobs()
    pool = Pool.from_views(ids, embeddings=points, labelled=[ids[0], ids[1], ids[60]])  # two of the first, one of next
    rows = [int(one) for one in TypiClust().select(pool, 2, stream(0)).ids]
    assert home[rows].tolist() == [2, 3]


def test_tiny_clusters_come_last():
    points, home, ids = blobs((30, 4, 20))
    rows = [int(one) for one in TypiClust().select(Pool.from_views(ids, embeddings=points), 3, stream(0)).ids]
    assert home[rows[:2]].tolist() == [0, 2]
    assert home[rows[2]] != 1
    everything = TypiClust().select(Pool.from_views(ids, embeddings=points), 54, stream(0)).ids
    assert len(set(everything)) == 54


def test_sampled_fits_and_large_clusters_still_cover_every_blob(monkeypatch):
    monkeypatch.setattr(k_means, "_FIT", 600)
    monkeypatch.setattr(typiclust, "_PART", 16)
    monkeypatch.setattr(typiclust, "_STRIP", 5)
    points, home, ids = blobs((600, 500, 400, 300, 200))
    pool = Pool.from_views(ids, embeddings=points)
    rows = [int(one) for one in TypiClust().select(pool, 5, stream(0)).ids]
    assert home[rows].tolist() == [0, 1, 2, 3, 4]
    assert len(set(TypiClust().select(pool, 2000, stream(0)).ids)) == 2000


def test_many_clusters_are_capped_and_do_not_depend_on_the_order_of_the_rows(monkeypatch):
    monkeypatch.setattr(typiclust, "_CLUSTERS", 60)  # above 50: mini-batches
    points = stream(0, "many").standard_normal((900, 5)).astype(np.float32)
    ids = np.array([f"{row:03d}" for row in range(900)])
    order = stream(0, "order").permutation(900)
    straight = TypiClust().select(Pool.from_views(list(ids), embeddings=points, labelled=ids[:40]), 100, stream(2))
    turned = TypiClust().select(
        Pool.from_views(list(ids[order]), embeddings=points[order], labelled=ids[:40]), 100, stream(2)
    )
    assert turned == straight


def test_picks_are_more_typical_than_the_pool():
    points, home, ids = blobs()
    rows = [int(one) for one in TypiClust().select(Pool.from_views(ids, embeddings=points), 10, stream(0)).ids]
    gaps = np.linalg.norm(points - 40 * np.eye(6)[home], axis=1)
    assert np.median(gaps[rows]) < np.median(gaps) / 4
