"""In which order rows train: epochs without replacement, alike lengths together, the same again at any step."""

import numpy as np
import pytest

from tithe.models.tuning.orders import Beside, Shuffled
from tithe.rng import stream

SIZES = stream(3, "sizes").integers(5, 60, 320)


@pytest.mark.parametrize(("count", "batch"), [(256, 32), (96, 32), (64, 8), (20, 32), (7, 7)])
def test_each_row_comes_once_an_epoch(count, batch):
    order = Shuffled(SIZES[:count], batch, seed=1)
    steps = -(-count // batch)
    epochs = [np.concatenate([order.rows(epoch * steps + step) for step in range(steps)]) for epoch in range(3)]
    assert all(sorted(epoch.tolist()) == list(range(count)) for epoch in epochs)
    assert count <= batch or epochs[0].tolist() != epochs[1].tolist()


@pytest.mark.parametrize("count", [5, 20, 33, 60, 100, 300])
def test_rows_come_equally_often_and_hardly_twice_in_a_batch(count):
    order = Shuffled(SIZES[:count], 32, seed=2)
    batches = [order.rows(step) for step in range(200)]
    size = min(32, count)
    assert {len(rows) for rows in batches} == {size}
    assert np.mean([len(set(rows.tolist())) for rows in batches]) > 0.8 * size
    often = np.bincount(np.concatenate(batches), minlength=count)
    assert often.max() - often.min() <= 2


def test_a_batch_holds_rows_of_about_one_length():
    def padded(order):
        batches = [SIZES[order.rows(step)] for step in range(80)]
        return sum(len(rows) * rows.max() for rows in batches) / sum(rows.sum() for rows in batches)

    shuffled = Shuffled(SIZES, 32, seed=1)
    at_random = Shuffled(np.ones_like(SIZES), 32, seed=1)
    assert padded(shuffled) < 1.25 < 1.6 < padded(at_random)


def test_batches_are_not_sorted_from_short_to_long():
    order = Shuffled(SIZES, 32, seed=1)
    longest = np.array([SIZES[order.rows(step)].max() for step in range(80)])
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.4


def test_a_resumed_order_goes_on_with_the_same_rows():
    whole = Shuffled(SIZES[:50], 8, seed=4)
    expected = [whole.rows(step).tolist() for step in range(40)]
    for first in (1, 7, 13, 39):
        resumed = Shuffled(SIZES[:50], 8, seed=4)
        assert [resumed.rows(step).tolist() for step in range(first, 40)] == expected[first:]
    assert whole.rows(2).tolist() == expected[2]  # also back


def test_another_seed_is_another_order():
    first, second = (Shuffled(SIZES, 32, seed=seed) for seed in (1, 2))
    assert first.rows(0).tolist() != second.rows(0).tolist()


def test_orders_beside_each_other_are_moved_by_their_offsets():
    left, right = Shuffled(SIZES[:6], 2, seed=1), Shuffled(SIZES[:9], 3, seed=2)
    both = Beside([left, right], [0, 6])
    for step in range(5):
        assert both.rows(step).tolist() == [*left.rows(step).tolist(), *(6 + right.rows(step)).tolist()]
