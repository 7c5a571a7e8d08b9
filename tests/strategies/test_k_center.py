import numpy as np
import pytest

from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import k_center
from tithe.strategies.k_center import KCenter
from tithe.types import Items


def names(count):
    return [f"i{row:05d}" for row in range(count)]


def greedy(points, centres, n):
    """Farthest-first, as slowly and plainly as it can be written, in float64: rows and distances."""
    points = points.astype(np.float64)
    rows, scores, taken = [], [], set(centres)
    for _ in range(n):
        done = [*centres, *rows]
        if done:
            reach = np.min([np.sqrt(((points - points[c]) ** 2).sum(axis=1)) for c in done], axis=0)
            best = max((row for row in range(len(points)) if row not in taken), key=lambda row: (reach[row], -row))
            scores.append(reach[best])
        else:
            gaps = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1))
            best = int(gaps.argmin())
            scores.append(gaps[best])
        rows.append(best)
        taken.add(best)
    return rows, scores


def clouds(kind, count=3000, width=16):
    rng = stream(1, "clouds", kind)
    if kind == "one":
        points = rng.standard_normal((count, width))
    elif kind == "tight":
        points = 10 * rng.standard_normal((30, width))[rng.integers(30, size=count)]
        points += 0.05 * rng.standard_normal((count, width))
    elif kind == "heavy":
        points = rng.standard_t(2, (count, width))
    else:
        points = rng.standard_normal((count, width)) + 300.0  # far from the origin: cancellation in float32
    return points


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["one", "tight", "heavy", "offset"])
def test_picks_are_those_of_plain_greedy(kind, dtype):
    points = clouds(kind).astype(dtype)
    rows, scores = greedy(points, [], 40)
    selection = KCenter().select(Pool.from_views(names(len(points)), embeddings=points), 40, stream(0))
    assert selection.ids == tuple(names(len(points))[row] for row in rows)
    assert selection.scores == pytest.approx(scores, rel=1e-3)


@pytest.mark.parametrize("kind", ["one", "tight"])
def test_labelled_items_are_centres_from_the_start(kind, monkeypatch):
    monkeypatch.setattr(k_center, "_CENTRES", 16)  # several products for one block
    points = clouds(kind)
    done = list(range(0, 3000, 75))
    rows, scores = greedy(points, done, 30)
    pool = Pool.from_views(names(3000), embeddings=points, labelled=[names(3000)[row] for row in done])
    selection = KCenter().select(pool, 30, stream(0))
    assert selection.ids == tuple(names(3000)[row] for row in rows)
    assert selection.scores == pytest.approx(scores, rel=1e-3)


def test_pending_items_are_centres_too():
    points = np.array([[0.0], [10.0], [11.0], [4.0]])
    pool = Pool(
        Items(["a", "b", "c", "d"], [""] * 4),
        labels={"a": "x"},
        unavailable=["c"],
        views={"embeddings": lambda: points},
    )
    assert KCenter().select(pool, 1, stream(0)).ids == ("d",)


def test_ties_go_to_the_smaller_id_whatever_the_order_of_the_rows():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32) * 0.3
    ids = np.array(list("abcdefgh"))
    answers = set()
    for number in range(5):
        order = stream(number, "corners").permutation(8)
        pool = Pool.from_views(list(ids[order]), embeddings=corners[order])
        answers.add(KCenter().select(pool, 8, stream(0)).ids)
    assert len(answers) == 1
    assert next(iter(answers))[:2] == ("a", "h")  # all are equally near to the mean; h is opposite to a


def test_a_permuted_pool_gives_the_same_ids_to_the_last():
    points = clouds("one", 2500).astype(np.float32)
    ids = np.array(names(2500))
    order = stream(0, "order").permutation(2500)
    straight = KCenter().select(Pool.from_views(list(ids), embeddings=points), 300, stream(0))
    assert KCenter().select(Pool.from_views(list(ids[order]), embeddings=points[order]), 300, stream(0)) == straight


def test_duplicates_are_taken_after_everything_else():
    distinct = clouds("one", 30)
    points = np.concatenate([distinct, distinct, distinct]).astype(np.float32)
    selection = KCenter().select(Pool.from_views(names(90), embeddings=points), 90, stream(0))
    assert len({int(one[1:]) % 30 for one in selection.ids[:30]}) == 30
    assert len(set(selection.ids)) == 90
    assert max(selection.scores[30:]) < 1e-2 < min(selection.scores[1:30])


def test_a_memory_mapped_matrix_is_read_as_it_is(tmp_path):
    points = clouds("one", 2000).astype(np.float32)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    pools = [Pool.from_views(names(2000), embeddings=array) for array in (points, mapped)]
    assert KCenter().select(pools[0], 20, stream(0)) == KCenter().select(pools[1], 20, stream(0))


def test_several_picks_share_one_reading_of_the_matrix(monkeypatch):
    readings = []
    cover = k_center._Search.cover
    monkeypatch.setattr(k_center._Search, "cover", lambda self, centres: (readings.append(1), cover(self, centres))[1])
    KCenter().select(Pool.from_views(names(20_000), embeddings=clouds("one", 20_000)), 100, stream(0))
    assert len(readings) < 20
