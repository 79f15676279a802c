"""Images as a series: any file, stack or folder as frames, with what their names and headers say of them."""

from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.headers import Calibration
from voidlab.images.microscope import with_microscope_of
from voidlab.images.series import Frames, ImageSeries, open_series, read_image
