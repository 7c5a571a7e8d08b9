import numpy as np
import pytest

from tithe.rng import stream
from tithe.strategies.blocks import Blocks, block_rows, scaled


def joined(blocks):
    return np.concatenate([block.copy() for _, block in blocks])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_give_the_rows_asked_for_as_float32(dtype, order):
    rng = stream(0, "blocks")
    matrix = np.asarray(10 * rng.standard_normal((50, 3)), dtype=dtype, order=order)
    rows = rng.permutation(50)[:33]
    blocks = Blocks(matrix, rows, 10)
    assert joined(blocks).dtype == np.float32
    assert np.array_equal(joined(blocks), matrix[rows].astype(np.float32))
    assert np.array_equal(blocks.take(np.array([4, 1])), matrix[rows[[4, 1]]].astype(np.float32))


def test_the_matrix_is_never_changed():
    matrix = stream(0, "kept").standard_normal((20, 3))
    before = matrix.copy()
    blocks, _ = scaled(matrix, np.arange(20), step=7, centred=True)
    joined(blocks)
    assert np.array_equal(matrix, before)


def test_centred_blocks_keep_distances_that_float32_would_lose():
    matrix = 1e6 + stream(0, "offset").standard_normal((40, 4))
    blocks, factor = scaled(matrix, np.arange(40), step=16, centred=True)
    assert factor == 1.0
    assert np.allclose(joined(blocks), matrix - matrix.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1e30, 1e200])
def test_values_whose_squares_leave_float32_are_scaled_by_a_power_of_two(size):
    matrix = stream(0, "scale").standard_normal((40, 4)) * size
    blocks, factor = scaled(matrix, np.arange(40), step=16, centred=False)
    assert np.log2(factor) == int(np.log2(factor))
    assert np.allclose(joined(blocks), matrix * factor, rtol=1e-6)
    assert np.isfinite(joined(blocks) ** 2).all()
    assert (joined(blocks) ** 2).max() > 1e-12


def test_a_block_holds_rows_at_any_width():
    assert block_rows(384) == 682
    assert block_rows(10**6) == 64
    assert block_rows(0) > 0
