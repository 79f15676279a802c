"""Void masks that are shifted against each other, for tests of the drift."""

from contextlib import closing

import numpy as np

from voidlab.drift.binned_frames import BinnedFrames
from voidlab.drift.correlate import Correlator

SHAPE = (200, 300)


def masks(shifts, seed=0, shape=SHAPE, voids=60):
    """Void masks whose content lies off by each of the ``shifts`` (x, y); voids come and go at the border."""
    random = np.random.default_rng(seed)
    margin = 80
    count = round(voids * (1 + 2 * margin / shape[0]) * (1 + 2 * margin / shape[1]))
    centres = random.uniform(-margin, (shape[1] + margin, shape[0] + margin), (count, 2))
    radii = np.maximum(6 * random.lognormal(0, 0.3, count), 2.5)
    y, x = np.mgrid[: shape[0], : shape[1]]
    images = []
    for shift in np.asarray(shifts, float):
        mask = np.zeros(shape, bool)
        for (cx, cy), radius in zip(centres + shift, radii, strict=True):
            if -radius < cx < shape[1] + radius and -radius < cy < shape[0] + radius:
                mask |= (x - cx) ** 2 + (y - cy) ** 2 <= radius**2
        images.append(mask)
    return images


def pair_shift(a, b, *, valid=None):
    """Shift of the content from frame ``a`` to frame ``b`` (H, W): drift of b minus drift of a."""
    with closing(BinnedFrames.of([a, b], valid)) as frames:
        return Correlator(frames).shift(0, 1)
