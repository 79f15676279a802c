"""A blur as scipy makes it."""

import numpy as np
import pytest
from scipy import ndimage

from voidlab.images.smooth import gaussian


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (64, 33), (70, 131)])
@pytest.mark.parametrize(("sigma", "truncate"), [(0.6, 3.0), (1.0, 4.0), (2.5, 4.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_that_of_scipy(shape, sigma, truncate, dtype):
    image = np.random.default_rng(0).normal(size=shape).astype(dtype)
    smooth = gaussian(image, sigma, truncate=truncate)
    assert smooth.dtype == dtype
    # To the bit, but where the compiler of one of the two joins a product and a sum.
    tolerance = 4 * np.finfo(dtype).eps
    expected = ndimage.gaussian_filter(image, sigma, truncate=truncate)
    np.testing.assert_allclose(smooth, expected, rtol=tolerance, atol=tolerance)
