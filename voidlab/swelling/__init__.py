"""From voids to number density, sizes, volume fraction and swelling, each with its interval."""

from voidlab.swelling.estimate import SOURCES, About, Note, Swelling, measure_swelling
from voidlab.swelling.in_3d import swelling_in_3d
from voidlab.swelling.sample import Foil, Sample, Scale

__all__ = [
    "SOURCES",
    "About",
    "Foil",
    "Note",
    "Sample",
    "Scale",
    "Swelling",
    "measure_swelling",
    "swelling_in_3d",
]
