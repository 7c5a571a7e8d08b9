import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.cal import Cal


def made(count=250, classes=4):
    rng = stream(0, "cal")
    points, proba = rng.standard_normal((count, 6)), rng.dirichlet(np.ones(classes), count)
    return points, proba, [f"{row:03d}" for row in range(count)]


def brute_force(points, proba, labelled, k):
    """(N,) the mean KL of the k nearest labelled items' probabilities from each item's own."""
    scores = np.empty(len(points))
    for row, point in enumerate(points):
        near = sorted(labelled, key=lambda other: np.linalg.norm(points[other] - point))[:k]
        scores[row] = np.mean([sum(p * np.log(p / q) for p, q in zip(proba[o], proba[row], strict=True)) for o in near])
    return scores


@pytest.mark.parametrize("k", [1, 3, 10, 99])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_those_of_brute_force_neighbours(k, dtype):
    points, proba, ids = made()
    points, proba = points.astype(dtype), proba.astype(dtype)
    labelled = list(range(0, 250, 11))
    expected = brute_force(points.astype(float), proba.astype(float), labelled, k)
    pool = Pool.from_views(ids, embeddings=points, proba=proba, labelled=[ids[row] for row in labelled])
    selection = Cal(neighbours=k).select(pool, 30, stream(0))
    rest = np.setdiff1d(np.arange(250), labelled)
    best = rest[np.argsort(-expected[rest])][:30]
    assert selection.ids == tuple(ids[row] for row in best)
    assert selection.scores == pytest.approx(expected[best], rel=1e-5)


def test_an_item_between_clusters_that_is_judged_otherwise_comes_first():
    # b lies beside the labelled a, which is judged "no"; c lies beside the labelled d, which is judged alike.
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    pool = Pool.from_views(list("abcd"), embeddings=points, proba=proba, labelled=["a", "d"])
    selection = Cal(neighbours=1).select(pool, 2, stream(0))
    assert selection.ids == ("b", "c")
    # KL((.9, .1) || (.5, .5)) by hand.
    assert selection.scores == pytest.approx((0.9 * np.log(1.8) + 0.1 * np.log(0.2), 0))


def test_pending_items_are_no_neighbours_and_nothing_labelled_means_a_draw():
    points, proba, ids = made(40)
    pool = Pool.from_views(ids, embeddings=points, proba=proba, labelled=ids[:5])
    without = [one for one in Cal().select(pool, 35, stream(0)).ids if one not in ids[5:8]]
    assert list(Cal().select(pool.without(ids[5:8]), 32, stream(0)).ids) == without
    bare = Pool.from_views(ids, embeddings=points, proba=proba)
    assert len({Cal().select(bare, 3, stream(number, "bare")).ids for number in range(20)}) > 15


def test_many_labels_are_looked_at_in_part_and_blocks_change_nothing(monkeypatch):
    points, proba, ids = made()
    pool = Pool.from_views(ids, embeddings=points, proba=proba, labelled=ids[::2])
    whole = Cal().select(pool, 20, stream(0))
    monkeypatch.setattr("tithe.strategies.cal._CELLS", 16 * 125)
    assert Cal().select(pool, 20, stream(0)).ids == whole.ids
    monkeypatch.setattr("tithe.strategies.cal._KNOWN", 9)
    order = stream(0, "order").permutation(250)
    turned = Pool.from_views(
        [ids[row] for row in order], embeddings=points[order], proba=proba[order], labelled=ids[::2]
    )
    assert Cal().select(turned, 20, stream(0)) == Cal().select(pool, 20, stream(0))


@pytest.mark.parametrize("neighbours", [0, -1, 2.5, "many"])
def test_neighbours_that_make_no_sense_are_an_error(neighbours):
    with pytest.raises(ConfigError, match="1 or more neighbours"):
        Cal(neighbours=neighbours)
