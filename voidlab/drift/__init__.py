"""Frames → shifts between pairs of frames → one drift per frame, with its uncertainty.

A pair is measured by correlating the band-passed frames on a binned copy, and refined on what both of them show. All
pairs together give the drifts by least squares that sets disagreeing pairs aside and measures them again near where
the others say they should be. The motion of a void because of its depth in a tilt series is not drift, and not told
apart from it here.
"""

from voidlab.drift.apply import Canvas, align, mean_image, outside_boxes, reference_row, subtract_drift
from voidlab.drift.correlate import MIN_OVERLAP, Shift
from voidlab.drift.estimate import FLAGS, Drift, estimate_drift, pair_shift
from voidlab.drift.pairs import ALL_PAIRS_UP_TO, plan_pairs
from voidlab.drift.solve import Solution, solve_drift
from voidlab.drift.verdict import Verdict, assess_drift, triangle_closures

__all__ = [
    "ALL_PAIRS_UP_TO",
    "FLAGS",
    "MIN_OVERLAP",
    "Canvas",
    "Drift",
    "Shift",
    "Solution",
    "Verdict",
    "align",
    "assess_drift",
    "estimate_drift",
    "mean_image",
    "outside_boxes",
    "pair_shift",
    "plan_pairs",
    "reference_row",
    "solve_drift",
    "subtract_drift",
    "triangle_closures",
]
