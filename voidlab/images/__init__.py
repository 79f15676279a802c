"""Images as a series: any file, stack or folder as frames, with what their names and headers say of them."""

from voidlab.images.series import (
    Calibration,
    Frames,
    ImageReadError,
    ImageSeries,
    ImagesError,
    open_series,
    read_image,
)

__all__ = [
    "Calibration",
    "Frames",
    "ImageReadError",
    "ImageSeries",
    "ImagesError",
    "open_series",
    "read_image",
]
