import numpy as np
import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.density import Density, mean_cosines
from tithe.strategies.uncertainty import entropy


def made(count=200):
    rng = stream(0, "density")
    points = rng.standard_normal((count, 6)) + 1.0
    return points, rng.dirichlet(np.ones(3), count), [f"{row:03d}" for row in range(count)]


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_those_of_the_whole_matrix_of_cosines(beta, dtype):
    points, proba, ids = made()
    points, proba = points.astype(dtype), proba.astype(dtype)
    unit = points.astype(float) / np.linalg.norm(points.astype(float), axis=1, keepdims=True)
    cosines = unit[50:] @ unit[50:].T  # the candidates alone
    spread = -(proba.astype(float) * np.log(proba.astype(float))).sum(axis=1) / np.log(3)
    expected = spread[50:] * np.maximum(cosines.mean(axis=1), 0) ** beta
    pool = Pool.from_views(ids, embeddings=points, proba=proba, labelled=ids[:50])
    selection = Density(beta=beta).select(pool, 150, stream(0))
    assert selection.ids == tuple(ids[50 + row] for row in np.argsort(-expected, kind="stable"))
    assert selection.scores == pytest.approx(np.sort(expected)[::-1], rel=1e-4, abs=1e-7)


def test_beta_nought_is_plain_entropy():
    points, proba, ids = made()
    pool = Pool.from_views(ids, embeddings=points, proba=proba)
    assert Density(beta=0).select(pool, 20, stream(0)).ids == entropy().select(pool, 20, stream(0)).ids


def test_an_outlier_is_not_asked_however_unsure_it_is():
    points, proba, ids = made()
    points[7], proba[7] = -5.0, 1 / 3
    pool = Pool.from_views(ids, embeddings=points, proba=proba)
    assert entropy().select(pool, 1, stream(0)).ids == (ids[7],)
    selection = Density().select(pool, 200, stream(0))
    assert dict(zip(selection.ids, selection.scores, strict=True))[ids[7]] == 0.0


def test_rows_of_zeros_and_far_scales_are_no_trouble():
    points, _, _ = made(50)
    points[3] = 0
    plain = mean_cosines(points, np.arange(50))
    assert plain[3] == 0
    for scale in (1e-30, 1e30):
        assert mean_cosines((scale * points).astype(np.float32), np.arange(50)) == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("settings", [{"beta": -1}, {"beta": float("nan")}, {"beta": "two"}, {"measure": "size"}])
def test_settings_that_make_no_sense_are_errors(settings):
    with pytest.raises(ConfigError, match="density takes"):
        Density(**settings)
