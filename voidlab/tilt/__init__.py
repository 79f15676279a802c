"""Tilt series in 3D: link voids through the tilt, find the axis and the drift, place every void in depth."""

from voidlab.tilt.foil_places import place
from voidlab.tilt.geometry import project, unproject
from voidlab.tilt.pipeline import reconstruct
from voidlab.tilt.result import CONVENTIONS, TiltModel
