"""What comes of one image of a series, whoever asks for it: a run, another process, or a microscope at work."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images.label_stack import PackedLabels
from voidlab.images.sample import SeriesOfImages
from voidlab.segment.odd_frames import sharpness
from voidlab.segment.segmenter import Segmenter

EXCLUDED, UNREADABLE, BLANK, OK = "excluded", "unreadable", "blank", "ok"


@dataclass(frozen=True)
class FrameResult:
    """What came of an image.

    Attributes
    ----------
    status : str
        "ok", "blank", "unreadable" or "excluded", as in the table ``frames``.
    voids : DataFrame
        Table ``voids`` with frame 0.
    labels : ndarray of shape (H, W), int32, or PackedLabels, or None
        Label image; None where there is none.
    labelled_px, valid_px : int
        Pixels of voids; pixels that show the specimen.
    smaller, larger : int
        Detections outside the limits of the radius.
    sharpness : float
        See `voidlab.segment.odd_frames`; NaN where the image was not looked at.
    reason : str
        Why it could not be read.
    """

    status: str
    voids: pd.DataFrame = field(default_factory=lambda: tables.empty("voids"))
    labels: np.ndarray | PackedLabels | None = None
    labelled_px: int = 0
    valid_px: int = 0
    smaller: int = 0
    larger: int = 0
    sharpness: float = np.nan
    reason: str = ""

    @property
    def was_seen(self) -> bool:
        """Whether the image itself says so: one that cannot be read, or is left out, may be seen another time."""
        return self.status in (OK, BLANK)


def segment_frame(series: SeriesOfImages, segmenter: Segmenter, row: int) -> FrameResult:
    """Find the voids in row ``row`` of a series; the contrast of the ``segmenter`` is decided already."""
    if series.frames["status"].iloc[row] == EXCLUDED:
        return FrameResult(EXCLUDED)
    try:
        image = series[row]
    except OSError as error:
        return FrameResult(UNREADABLE, reason=str(error))
    known = image[np.isfinite(image)]
    if known.size == 0 or known.min() == known.max():
        # It says nothing of the voids: an empty count, not a count of 0.
        return FrameResult(BLANK)
    segmenter = segmenter.in_frame(row)
    found = segmenter.run(image)
    if known.size < image.size:
        found = found.within(np.isfinite(image), segmenter.edge_buffer_px)
    return FrameResult(
        OK,
        found.voids,
        found.labels,
        int(np.count_nonzero(found.labels)),
        found.valid_px,
        found.smaller,
        found.larger,
        sharpness(image),
    )
