import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import coverage, max_herding
from tithe.strategies.max_herding import MaxHerding


def made(count=300, width=5):
    rng = stream(0, "points", count)
    middles = 3 * rng.standard_normal((12, width))
    points = middles[rng.integers(12, size=count)] + rng.standard_normal((count, width))
    return points, [f"{row:05d}" for row in range(count)]


def check(points, done, rows, scores, sigma):
    """Each pick has the largest gain, by the whole kernel matrix in float64, every gain computed anew."""
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(axis=2) / sigma**2)
    best, closed = kernel[done].max(axis=0, initial=0), list(done)
    for row, score in zip(rows, scores, strict=True):
        gains = np.maximum(kernel - best, 0).mean(axis=1)
        gains[closed] = -1
        assert gains[row] > gains.max() * (1 - 1e-4)  # float32 cannot tell gains apart that are nearer
        assert score == pytest.approx(gains[row], rel=1e-3)
        best = np.maximum(best, kernel[row])
        closed.append(row)


@pytest.mark.parametrize("sigma", [0.8, 2.0, None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("done", [[], list(range(0, 300, 25))])
def test_picks_are_those_of_the_explicit_kernel_matrix(sigma, dtype, done):
    points, ids = made()
    spread = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    pool = Pool.from_views(ids, embeddings=points.astype(dtype), labelled=[ids[row] for row in done])
    selection = MaxHerding(sigma=sigma).select(pool, 40, stream(0))
    check(points, done, [int(one) for one in selection.ids], selection.scores, sigma or spread)


def test_only_few_gains_are_computed_again(monkeypatch):
    asked = []
    gains = max_herding._Kernel.gains
    monkeypatch.setattr(
        max_herding._Kernel, "gains", lambda self, rows: (asked.append(len(rows)), gains(self, rows))[1]
    )
    points, ids = made(2000)
    MaxHerding(sigma=1).select(Pool.from_views(ids, embeddings=points), 100, stream(0))
    assert sum(asked) < 100 * 2000 / 4


def test_the_unit_of_the_embeddings_does_not_matter():
    points, ids = made()
    picks = [
        MaxHerding(sigma=sigma).select(Pool.from_views(ids, embeddings=scale * points), 30, stream(0)).ids
        for scale, sigma in ((1, None), (1024, None), (1e-14, None), (1, 2), (2.0**50, 2.0**51))
    ]
    assert picks[0] == picks[1]
    assert picks[0][:10] == picks[2][:10]
    assert picks[3] == picks[4]


def test_a_drawn_part_still_covers_what_is_dense(monkeypatch):
    monkeypatch.setattr(coverage, "_CONSIDERED", 200)
    monkeypatch.setattr(max_herding, "_PAIRS", 100 * 200)
    rng = stream(0, "many")
    home = np.repeat(np.arange(4), 500)
    points = 40 * np.eye(4, 6)[home] + rng.standard_normal((2000, 6))
    ids = np.array([f"{row:05d}" for row in range(2000)])
    selection = MaxHerding().select(Pool.from_views(list(ids), embeddings=points), 4, stream(0))
    assert sorted(home[[int(one) for one in selection.ids]]) == [0, 1, 2, 3]
    order = stream(0, "order").permutation(2000)
    turned = Pool.from_views(list(ids[order]), embeddings=points[order])
    assert MaxHerding().select(turned, 4, stream(0)) == selection
    assert len(set(MaxHerding().select(turned, 2000, stream(0)).ids)) == 2000


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf"), "wide"])
def test_a_sigma_that_makes_no_sense_is_an_error(sigma):
    with pytest.raises(ConfigError, match="max_herding takes"):
        MaxHerding(sigma=sigma)
