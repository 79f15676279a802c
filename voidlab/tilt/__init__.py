"""Tilt series in 3D: link voids through the tilt, find the axis and the drift, place every void in depth."""

from voidlab.tilt.geometry import project, unproject
from voidlab.tilt.model import CONVENTIONS, TiltModel
from voidlab.tilt.pipeline import reconstruct
from voidlab.tilt.place import place

__all__ = ["CONVENTIONS", "TiltModel", "place", "project", "reconstruct", "unproject"]
