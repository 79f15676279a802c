"""From voids to number density, sizes, volume fraction and swelling, each with its interval."""

from voidlab.swelling.estimate import SOURCES, About, Note, Swelling, measure_swelling

__all__ = ["SOURCES", "About", "Note", "Swelling", "measure_swelling"]
