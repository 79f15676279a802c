"""What a segmenter finds in an image: probability, labels and the table of voids; and making it of discs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from scipy import ndimage

from voidlab import tables
from voidlab.measure import circles_touch_edge, measure_voids
from voidlab.segment.discs import Discs
from voidlab.tables.kinds import VOID


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter found in an image.

    Attributes
    ----------
    probability : ndarray of shape (H, W), float32
        Void probability of each pixel.
    labels : ndarray of shape (H, W), int32
        0, or the label of the void a pixel belongs to; loops and dots have no pixels.
    voids : DataFrame
        Table ``voids`` with frame 0; radii are those of full circles, also where voids overlap. Loops and dots that
        were asked for have labels above those of the voids.
    smaller, larger : int
        Detections sure enough to count, but outside the limits of the radius.
    valid : ndarray of shape (H, W), bool, or None
        What of the image shows the specimen; None for all.
    contrast : str
        "bright" or "dark": as what the voids were found.
    """

    probability: np.ndarray
    labels: np.ndarray
    voids: pd.DataFrame
    smaller: int = 0
    larger: int = 0
    valid: np.ndarray | None = None
    contrast: str = "bright"

    @property
    def discs(self) -> Discs:
        """The voids as discs."""
        voids = self.voids[self.voids["kind"] == VOID]
        return Discs(*(voids[name].to_numpy(float) for name in ("x_px", "y_px", "radius_px", "confidence")))

    @property
    def valid_px(self) -> int:
        """Pixels that show the specimen."""
        return self.labels.size if self.valid is None else int(self.valid.sum())

    def within(self, valid: np.ndarray, edge_buffer_px: int) -> Self:
        """Only what lies where the image is ``valid`` (H, W); what reaches to the edge of that touches the edge."""
        inside = ndimage.distance_transform_edt(np.pad(valid, 1, constant_values=True))[1:-1, 1:-1]
        labels = self.voids["label"].to_numpy()
        drawn = (self.voids["kind"] == VOID).to_numpy()
        x, y = (self.voids[name].to_numpy().round().astype(int) for name in ("x_px", "y_px"))
        at = np.clip(y, 0, valid.shape[0] - 1), np.clip(x, 0, valid.shape[1] - 1)
        centred, nearest = valid[at], inside[at] - self.voids["radius_px"].to_numpy()
        if drawn.any():
            nearest[drawn] = ndimage.minimum(inside, self.labels, labels[drawn])
        cut = np.where(valid & np.isin(self.labels, labels[centred]), self.labels, 0)
        pixels = np.bincount(cut.ravel(), minlength=int(labels.max(initial=0)) + 1)[labels]
        voids = self.voids.assign(
            touches_edge=self.voids["touches_edge"] | (nearest - 1 <= edge_buffer_px),
            area_px=np.where(drawn, pixels, self.voids["area_px"]),
        )
        voids = voids[centred & ((pixels > 0) | ~drawn)].reset_index(drop=True)
        return replace(self, labels=cut, voids=voids, valid=valid)


def grey(image: np.ndarray) -> np.ndarray:
    """``image``, if it is one: (H, W).

    Raises
    ------
    ValueError
        If it has colours or no pixels.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}; expected (H, W), one grey value per pixel.")
    if not image.size:
        raise ValueError(f"image has shape {image.shape}, no pixels; expected (H, W), each at least 1.")
    return image


def segmentation_of(
    discs: Discs, labels: np.ndarray, probability: np.ndarray, edge_buffer_px: int
) -> Segmentation:
    """Segmentation of discs drawn as ``labels`` i + 1; one without a pixel of its own has no row."""
    voids = measure_voids(labels, edge_buffer_px=edge_buffer_px)
    of = voids["label"].to_numpy() - 1
    voids = voids.assign(
        x_px=discs.x[of],
        y_px=discs.y[of],
        radius_px=discs.radius[of],
        confidence=discs.confidence[of],
        kind=discs.kind[of],
    )
    return Segmentation(probability, labels, tables.check(voids, "voids"))


def circles_of(discs: Discs, first_label: int, shape: tuple[int, ...], edge_buffer_px: int) -> pd.DataFrame:
    """Table ``voids`` of discs that are no voids: circles without pixels, labelled from ``first_label`` on."""
    table = pd.DataFrame(
        {
            "frame": 0,
            "label": np.arange(first_label, first_label + len(discs)),
            "x_px": discs.x,
            "y_px": discs.y,
            "radius_px": discs.radius,
            "area_px": np.pi * discs.radius**2,
            "kind": discs.kind,
            "confidence": discs.confidence,
        }
    )
    touches = circles_touch_edge(table, (shape[0], shape[1]), edge_buffer_px)
    return tables.check(table.assign(touches_edge=touches), "voids")
