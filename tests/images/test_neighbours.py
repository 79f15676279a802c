"""Extremes of pixels and those around them, as scipy finds them."""

import numpy as np
import pytest
from scipy import ndimage

from voidlab.images.neighbours import extreme_of_nine


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (70, 1), (64, 5), (65, 130), (200, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_they_are_those_of_filters_of_three_by_three(shape, dtype):
    values = (100 * np.random.default_rng(0).random(shape)).astype(dtype)
    assert np.array_equal(extreme_of_nine(values, np.maximum), ndimage.maximum_filter(values, 3))
    assert np.array_equal(extreme_of_nine(values, np.minimum), ndimage.minimum_filter(values, 3))
