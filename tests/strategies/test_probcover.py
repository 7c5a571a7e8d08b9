import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import coverage, probcover
from tithe.strategies.coverage import Pairs
from tithe.strategies.probcover import ProbCover, pure_square
from tithe.tasks.choice import Choice
from tithe.types import Items


def made(count=300, width=5):
    rng = stream(0, "points", count)
    middles = 6 * rng.standard_normal((12, width))
    points = middles[rng.integers(12, size=count)] + rng.standard_normal((count, width))
    return points, [f"{row:05d}" for row in range(count)]


def greedy(points, done, n, delta):
    """Maximum coverage over all N x N pairs, in float64; of equal gains the first. Stops where nothing gains."""
    near = np.linalg.norm(points[:, None] - points[None], axis=2) <= delta
    covered = near[done].any(axis=0)
    rows, gains = [], []
    while len(rows) < n:
        gain = (near & ~covered).sum(axis=1)
        gain[[*done, *rows]] = 0
        best = int(gain.argmax())
        if gain[best] == 0:
            break
        rows.append(best)
        gains.append(gain[best] / len(points))
        covered |= near[best]
    return rows, gains


@pytest.mark.parametrize("delta", [0.0, 0.7, 1.6, 3.0, 8.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_picks_are_those_of_greedy_coverage_over_all_pairs(delta, dtype):
    points, ids = made()
    points = points.astype(dtype)
    done = list(range(0, 300, 25))
    rows, gains = greedy(points.astype(float), done, 60, delta)
    pool = Pool.from_views(ids, embeddings=points, labelled=[ids[row] for row in done])
    selection = ProbCover(delta=delta).select(pool, 60, stream(0))
    assert selection.ids[: len(rows)] == tuple(ids[row] for row in rows)
    assert selection.scores == pytest.approx([*gains, *[0.0] * (60 - len(rows))])
    assert len(set(selection.ids)) == 60


def test_pending_items_cover_too():
    points = np.array([[0.0], [10.0], [11.0], [4.0]])
    pool = Pool(
        Items(["a", "b", "c", "d"], [""] * 4),
        labels={"a": "x"},
        unavailable=["c"],
        views={"embeddings": lambda: points},
    )
    assert ProbCover(delta=1.5).select(pool, 1, stream(0)).ids == ("d",)


def test_what_is_left_once_all_is_covered_is_a_uniform_draw():
    points, ids = made(20)
    pool = Pool.from_views(ids, embeddings=points)
    draws = [ProbCover(delta=1e3).select(pool, 3, stream(number, "rest")) for number in range(400)]
    assert all(draw.scores == (1.0, 0.0, 0.0) and draw.ids[0] == ids[0] for draw in draws)
    counts = np.bincount([int(one) for draw in draws for one in draw.ids[1:]], minlength=20)[1:]
    # Each of 19 is in a pair with p = 2/19: sd sqrt(400 * .105 * .895) = 6.1; 4.5 sd: false alarms under 2e-4.
    assert np.abs(counts - 800 / 19).max() < 4.5 * 6.2


@pytest.mark.parametrize("purity", [0.5, 0.9, 0.95, 1.0])
def test_the_radius_is_the_largest_at_which_enough_balls_are_pure(purity, monkeypatch):
    points, ids = made()
    homes = stream(1, "homes").integers(4, size=300)
    # The pseudo-labels are given, so that this test need not make the same clusters.
    monkeypatch.setattr(probcover, "k_means", lambda points, k, rng: points[:k])
    monkeypatch.setattr(probcover, "squared_distances", lambda points, centres: -np.eye(4)[homes])
    pairs = Pairs.of(Pool.from_views(ids, embeddings=points), 300, 300 * 300, stream(0))
    given = np.sqrt(pure_square(pairs, 4, purity, stream(0)))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    impure = homes[:, None] != homes
    share = {delta: 1 - ((gaps <= delta) & impure).any(axis=1).mean() for delta in np.unique(gaps[impure])}
    last = max((delta for delta, pure in share.items() if pure >= purity), default=0.0)
    beyond = min(delta for delta, pure in share.items() if pure < purity)
    assert last < given == pytest.approx(beyond, rel=1e-4)


def test_a_task_says_how_many_pseudo_labels_there_are(monkeypatch):
    asked = []
    monkeypatch.setattr(probcover, "pure_square", lambda pairs, classes, *rest: asked.append(classes) or 1.0)
    points, ids = made(30)
    for task in (None, Choice(("a", "b", "c"))):
        ProbCover().select(Pool.from_views(ids, embeddings=points, task=task), 2, stream(0))
    assert asked == [10, 3]


def test_far_blobs_are_covered_one_by_one_with_the_calibrated_radius():
    rng = stream(0, "blobs")
    home = np.repeat(np.arange(5), (60, 50, 40, 30, 20))
    points = 40 * np.eye(5, 6)[home] + 0.3 * rng.standard_normal((200, 6))
    pool = Pool.from_views([f"{row:03d}" for row in range(200)], embeddings=points, task=Choice(tuple("abcde")))
    picks = [int(one) for one in ProbCover(purity=0.95).select(pool, 5, stream(0)).ids]
    assert home[picks].tolist() == [0, 1, 2, 3, 4]


def test_a_drawn_part_still_covers_what_is_dense(monkeypatch):
    monkeypatch.setattr(coverage, "_CONSIDERED", 200)
    monkeypatch.setattr(probcover, "_PAIRS", 200 * 200)
    rng = stream(0, "many")
    home = np.repeat(np.arange(4), 500)
    points = 40 * np.eye(4, 6)[home] + rng.standard_normal((2000, 6))
    ids = np.array([f"{row:05d}" for row in range(2000)])
    selection = ProbCover(delta=15).select(Pool.from_views(list(ids), embeddings=points), 4, stream(0))
    assert sorted(home[[int(one) for one in selection.ids]]) == [0, 1, 2, 3]
    order = stream(0, "order").permutation(2000)
    turned = Pool.from_views(list(ids[order]), embeddings=points[order])
    assert ProbCover(delta=15).select(turned, 4, stream(0)) == selection
    assert len(set(ProbCover(delta=15).select(turned, 2000, stream(0)).ids)) == 2000


@pytest.mark.parametrize(
    "settings", [{"delta": -1}, {"delta": float("nan")}, {"delta": "far"}, {"purity": 0}, {"purity": 2}]
)
def test_settings_that_make_no_sense_are_errors(settings):
    with pytest.raises(ConfigError, match="probcover takes"):
        ProbCover(**settings)
