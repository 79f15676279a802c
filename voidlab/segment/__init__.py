"""From images to voids: the segmenters, and the voids of a whole series of images."""

from voidlab.images.sample import SeriesOfImages, sample
from voidlab.segment.classical_segmenter import ClassicalSegmenter
from voidlab.segment.frame import FrameResult, segment_frame
from voidlab.segment.load import (
    SHIPPED,
    check_asked,
    check_mode,
    check_segmenter,
    from_parameters,
    load_segmenter,
)
from voidlab.segment.model_file import ModelError
from voidlab.segment.segmentation import Segmentation
from voidlab.segment.segmenter import Segmenter
from voidlab.segment.series import segment_series
