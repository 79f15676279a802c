"""Tilt series in 3D: link voids through the tilt, find the axis and the drift, place every void in depth."""

from voidlab.tilt.geometry import project

__all__ = ["project"]
