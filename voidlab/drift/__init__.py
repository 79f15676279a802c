"""Frames → shifts between pairs of frames → one drift per frame, with its uncertainty.

A pair is measured by correlating the band-passed frames on a binned copy, and refined on what both of them show. All
pairs together give the drifts by least squares that sets disagreeing pairs aside and measures them again near where
the others say they should be. The motion of a void because of its depth in a tilt series is not drift, and not told
apart from it here.
"""

from voidlab.drift.apply import (
    Canvas,
    align,
    mean_image,
    position_columns,
    reference_row,
    subtract_drift,
)
from voidlab.drift.estimate import Drift, estimate_drift
from voidlab.drift.pairs import plan_pairs
from voidlab.drift.solve import solve_drift
from voidlab.drift.two_sources import differences_in_words, measure_drift, with_other_source
from voidlab.drift.verdict import Verdict, assess_drift, assess_drift_of_voids, triangle_closures
