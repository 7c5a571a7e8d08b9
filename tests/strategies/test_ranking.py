import pytest

from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.ranking import covered, largest, wanted


def test_largest_is_a_stable_descending_sort():
    rng = stream(0, "largest")
    for n in (0, 1, 5, 40, 100):
        values = rng.integers(10, size=100).astype(float)  # many ties
        assert largest(values, n).tolist() == sorted(range(100), key=lambda i: (-values[i], i))[:n]


def test_more_are_wanted_than_there_are():
    pool = Pool.from_views(["a", "b", "c"], labelled=["b"])
    assert wanted(pool, 1) == 1
    assert wanted(pool, 9) == 2


def test_a_number_that_is_not_positive_is_an_error():
    with pytest.raises(ConfigError, match="must be positive; given 0"):
        wanted(Pool.from_views(["a"]), 0)


def test_covered_rows_come_in_the_order_of_their_ids():
    assert covered(Pool.from_views(["c", "x", "a", "b"], labelled=["a", "b", "c"])).tolist() == [2, 3, 0]
