"""From voids to number density, sizes, volume fraction and swelling, each with its interval."""

from voidlab.swelling.depth import density_over_depth, with_points
from voidlab.swelling.estimate import SOURCES, Swelling, measure_swelling
from voidlab.swelling.in_3d import swelling_in_3d
from voidlab.swelling.sample import Detection, Foil, Sample, Scale, SwellingError
from voidlab.swelling.series import measure_series
