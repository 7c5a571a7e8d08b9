import numpy as np

from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.random import Random

POOL = Pool.from_views(list("abcdefghij"), labelled=["a", "e"])


def test_every_candidate_is_drawn_equally_often():
    draws = 4000
    counts = dict.fromkeys("bcdfghij", 0)
    for number in range(draws):
        for one in Random().select(POOL, 2, stream(0, "uniform", number)).ids:
            counts[one] += 1
    # Each is in a pair with p = 1/4: sd sqrt(4000 * 3/16) = 27.4; 4.5 sd for eight cells: false alarms under 1e-4.
    assert max(abs(count - draws / 4) for count in counts.values()) < 4.5 * 27.4


def test_a_longer_draw_begins_with_the_shorter_one():
    few, many = (Random().select(POOL, n, stream(3, "prefix")).ids for n in (3, 8))
    assert many[:3] == few
    assert np.array_equal(sorted(many), list("bcdfghij"))
