"""Images with soft discs, and a series of them, for tests of segmenters."""

import numpy as np
import pandas as pd

SHAPE = (120, 180)


def image_with(*discs, contrast=0.3, noise=0.05, seed=0, shape=SHAPE):
    """Soft discs (x, y, radius) on an uneven background, with noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 0.4 + 0.1 * np.sin(x / 60) + 0.05 * y / shape[0]
    for cx, cy, radius in discs:
        edge = np.clip(2 * (np.hypot(x - cx, y - cy) - radius), -50, 50)
        image = image + contrast / (1 + np.exp(edge))
    return (image + np.random.default_rng(seed).normal(0, noise, shape)).astype(np.float32)


class Series(list):
    """Images with a table of frames; an exception in place of an image is raised when it is asked for."""

    def __init__(self, images, status=None):
        super().__init__(images)
        count = len(images)
        self.shape = SHAPE
        self.frames = pd.DataFrame(
            {"frame": np.arange(count) + 5, "path": "x.tif", "tilt_deg": np.nan, "time_s": np.nan,
             "status": status or ["ok"] * count}
        )  # fmt: skip

    def __getitem__(self, row):
        image = super().__getitem__(row)
        if isinstance(image, Exception):
            raise image
        return image
