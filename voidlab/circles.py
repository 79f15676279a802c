"""Two circles: how much of them they share."""

from __future__ import annotations

import numpy as np


def circle_iou(distance: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of two circles of radii ``first`` and ``second``, their centres ``distance`` apart."""
    small, large = np.minimum(first, second), np.maximum(first, second)
    apart = np.clip(distance, large - small, large + small)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.arccos(np.clip((apart**2 + small**2 - large**2) / (2 * apart * small), -1, 1))
        b = np.arccos(np.clip((apart**2 + large**2 - small**2) / (2 * apart * large), -1, 1))
    lens = small**2 * (a - np.sin(2 * a) / 2) + large**2 * (b - np.sin(2 * b) / 2)
    shared = np.where(
        distance <= large - small, np.pi * small**2, np.where(distance >= large + small, 0, lens)
    )
    return shared / (np.pi * (small**2 + large**2) - shared)
