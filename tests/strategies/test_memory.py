"""No strategy copies the matrices, and none writes out pairs or gradients."""

import tracemalloc

import numpy as np
import pytest

from tithe import registry
from tithe.pool import Pool
from tithe.rng import stream

COUNT, WIDTH, CLASSES = 20_000, 128, 16


@pytest.fixture(scope="module")
def pool():
    rng = stream(0, "memory")
    labelled = {f"{row:05d}": "ab"[row % 2] for row in range(20)}
    made = Pool.from_views(
        [f"{row:05d}" for row in range(COUNT)],
        embeddings=rng.standard_normal((COUNT, WIDTH), dtype=np.float32),
        proba=rng.dirichlet(np.ones(CLASSES), COUNT).astype(np.float32),
        committee=np.stack([rng.dirichlet(np.ones(CLASSES), COUNT).astype(np.float32) for _ in range(4)]),
        labelled=labelled,
    )
    made.candidates  # noqa: B018  # sorted ids are the pool's own cost
    return made


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        # As shares of the embeddings' 10 MB. Pairs would be 156 of them, gradients 16.
        ("random", 0.1),
        ("margin", 0.9),  # blocks in float64
        ("entropy", 0.9),
        ("k_center", 0.8),
        ("badge", 0.8),
        ("typiclust", 2.5),  # k-means holds up to 50 000 items, twice while it starts
        ("bald", 0.8),
        ("power_bald", 0.8),
        ("cluster_margin", 0.8),
        ("probcover", 3.0),  # 8 MB of bits and 8192 items, whatever the size of the pool
        ("max_herding", 9.0),  # 67 MB of kernel values, whatever the size of the pool
        ("cal", 1.0),
        ("drop_query", 1.5),  # k-means holds up to 4000 items
        ("discriminative", 1.0),
        ("density", 0.9),
        ("design", 2.0),  # 8192 items in float32 and scaled, whatever the size of the pool
        ("balanced_margin", 0.9),
        ("mix", 0.9),
    ],
)
def test_extra_memory_stays_below_a_share_of_the_embeddings(pool, name, limit):
    strategy = registry.build("strategies", name)
    eye = np.eye(3)
    small = Pool.from_views(list("abc"), embeddings=eye, proba=eye, committee=eye[None], labelled={"a": "b"})
    strategy.select(small, 1, stream(0))  # imports are not what is measured
    tracemalloc.start()
    try:
        strategy.select(pool, 60, stream(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit * 4 * COUNT * WIDTH
