"""From images to voids: the segmenters, and the voids of a whole series of images."""

from voidlab.segment.load import (
    SHIPPED,
    ClassicalSegmenter,
    ModelError,
    Progress,
    Segmentation,
    Segmenter,
    SeriesOfImages,
    check_segmenter,
    from_parameters,
    load_segmenter,
    sample,
    segment_series,
)

__all__ = [
    "SHIPPED",
    "ClassicalSegmenter",
    "ModelError",
    "Progress",
    "Segmentation",
    "Segmenter",
    "SeriesOfImages",
    "check_segmenter",
    "from_parameters",
    "load_segmenter",
    "sample",
    "segment_series",
]
