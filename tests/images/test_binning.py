"""Means of n × n pixels, and back: known answers on non-square images."""

import numpy as np
import pytest

from voidlab.images.binning import block_mean, enlarge, twice_as_large


def test_what_fills_no_block_is_left_out_or_filled_up_with_what_lies_at_the_border():
    image = np.arange(12, dtype=np.float32).reshape(2, 6)[:, :5]
    assert block_mean(image, 2).tolist() == [[3.5, 5.5]]
    assert block_mean(image, 2, pad=True).tolist() == [[3.5, 5.5, 7.0]]
    assert block_mean(image, 2).dtype == np.float32


@pytest.mark.parametrize(("factor", "shape"), [(4, (161, 226)), (3, (50, 64)), (1, (9, 7))])
def test_what_is_reduced_and_enlarged_stays_where_it_was(factor, shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    back = enlarge(block_mean(2 * x + y, factor, pad=True), factor, shape)
    assert back.shape == shape
    inner = (slice(factor, -2 * factor), slice(factor, -2 * factor))
    np.testing.assert_allclose(back[inner], (2 * x + y)[inner], atol=1e-3)


@pytest.mark.parametrize("factor", [2, 3, 4, 7, 8, 16])
@pytest.mark.parametrize("shape", [(16, 48), (61, 83), (17, 16), (16, 17)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
def test_means_are_those_of_numpy_to_the_bit(factor, shape, dtype):
    image = (250 * np.random.default_rng(0).random(shape)).astype(dtype)
    for each in (image, np.asfortranarray(image), image[::-1], image[:, ::-1]):
        height, width = (side // factor for side in each.shape)
        blocks = each[: height * factor, : width * factor].reshape(height, factor, width, factor)
        means = block_mean(each, factor)
        assert means.dtype == blocks.mean(axis=(1, 3)).dtype
        assert np.array_equal(means, blocks.mean(axis=(1, 3)))


def test_twice_as_large_what_was_at_x_is_at_two_x_and_a_half():
    y, x = np.mgrid[:20, :30]
    image = (3.0 * x - 2.0 * y).astype(np.float32)
    large = twice_as_large(image)
    assert large.shape == (40, 60)
    v, u = np.mgrid[8:32, 8:52]
    np.testing.assert_allclose(large[8:32, 8:52], 3 * (u - 0.5) / 2 - (v - 0.5), atol=0.02)


def test_twice_as_large_what_is_not_known_stays_so():
    image = np.ones((10, 12), np.float32)
    image[:, 7:] = np.nan
    large = twice_as_large(image)
    assert np.isnan(large[:, 14:]).all()
    np.testing.assert_allclose(large[:, :14], 1, atol=1e-5)
    assert np.isnan(twice_as_large(np.full((4, 4), np.nan, np.float32))).all()
