"""Errors that last: what is off in one frame is off in the next."""

import numpy as np


def lasting(random, shape, correlation):
    """Errors of standard deviation 1 whose correlation falls by this factor from frame to frame."""
    errors = random.normal(0, 1, shape)
    for frame in range(1, shape[1]):
        errors[:, frame] = correlation * errors[:, frame - 1] + np.sqrt(1 - correlation**2) * errors[:, frame]
    return errors
