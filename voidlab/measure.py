"""Label image → voids: one pass over the pixels, whatever the number of voids; and how much two circles share."""

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab import tables


def measure_voids(
    labels: np.ndarray, *, frame: int = 0, edge_buffer_px: int = 8, probability: np.ndarray | None = None
) -> pd.DataFrame:
    """Measure the voids of a label image.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integer
        0 where there is no void, else the number of the void; numbers need not follow each other.
    frame : int
        Number of the image, written into every row.
    edge_buffer_px : int
        A void touches the edge when its bounding box comes within this many pixels of the image's border: first
        row or column ≤ buffer, or last + 1 ≥ size − buffer.
    probability : ndarray of shape (H, W), optional
        Void probability; its mean over a void is the void's confidence, which is NaN without it.

    Returns
    -------
    DataFrame
        Table ``voids``: centroid, radius of the circle of the same area, labelled pixels.

    Raises
    ------
    ValueError
        If ``labels`` is no label image, or ``probability`` has another shape.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "bui":
        raise ValueError(f"labels are {labels.dtype} of shape {labels.shape}; expected (H, W) of integers.")
    if probability is not None and probability.shape != labels.shape:
        raise ValueError(f"probability has shape {probability.shape}, labels have {labels.shape}.")
    labels = labels.astype(np.int32, copy=False)
    boxes = ndimage.find_objects(labels)
    there = np.flatnonzero([box is not None for box in boxes])
    if there.size == 0:
        return tables.empty("voids")
    rows, columns = np.nonzero(labels)
    number = labels[rows, columns]
    area = np.bincount(number)[there + 1]
    box = np.array([[s.start for s in boxes[i]] + [s.stop for s in boxes[i]] for i in there])
    height, width = labels.shape
    confidence = np.full(len(there), np.nan)
    if probability is not None:
        confidence = np.bincount(number, probability[rows, columns])[there + 1] / area
    voids = pd.DataFrame(
        {
            "frame": frame,
            "label": there + 1,
            "x_px": np.bincount(number, columns)[there + 1] / area,
            "y_px": np.bincount(number, rows)[there + 1] / area,
            "radius_px": np.sqrt(area / np.pi),
            "area_px": area,
            "kind": "void",
            "confidence": confidence,
            "touches_edge": (box[:, :2].min(axis=1) <= edge_buffer_px)
            | (box[:, 2] >= height - edge_buffer_px)
            | (box[:, 3] >= width - edge_buffer_px),
        }
    )
    return tables.check(voids, "voids")


def circles_touch_edge(circles: pd.DataFrame, shape: tuple[int, int], edge_buffer_px: float) -> np.ndarray:
    """Whether each circle (``x_px, y_px, radius_px``) comes nearer than a buffer to the outermost pixels' centres.

    For voids without pixels; `measure_voids` looks at the bounding box of those that have them.
    """
    x, y, radius = (circles[name].to_numpy("float64") for name in ("x_px", "y_px", "radius_px"))
    reach = radius + edge_buffer_px
    return (x < reach) | (y < reach) | (x > shape[1] - 1 - reach) | (y > shape[0] - 1 - reach)


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
