"""Pixels without a value: what stands in for them."""

import numpy as np


def filled(image: np.ndarray) -> np.ndarray:
    """The image as float32, with its median where it has no value."""
    known = np.isfinite(image)
    if known.all():
        return np.asarray(image, np.float32)
    return np.where(known, image, np.median(image[known]) if known.any() else 0.0).astype(np.float32)
