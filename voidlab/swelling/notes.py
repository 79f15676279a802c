"""Sentences on estimates of density and swelling: what is missing, what was corrected and by how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from voidlab.swelling.sample import Sample
from voidlab.tables.kinds import only_voids
from voidlab.tables.listing import are, number_of
from voidlab.tables.size_basis import is_size

About = Literal["scale", "thickness", "edges", "sizes", "kinds", "surfaces"]


class Note(str):
    """A sentence on what is missing or was corrected, and what it is about."""

    __slots__ = ("about",)
    about: About

    def __new__(cls, about: About, text: str) -> Note:
        note = super().__new__(cls, text)
        note.about = about
        return note


def notes_on(
    voids: pd.DataFrame, counted: pd.DataFrame, widths: np.ndarray, estimates: pd.DataFrame, sample: Sample
) -> Iterable[Note]:
    """What is missing, left out or corrected in the ``estimates`` from ``voids``, of which these are ``counted``."""
    whole, every = len(counted), len(only_voids(voids))
    if sample.scale is None:
        yield Note("scale", "The pixel size is not known: lengths are in px.")
    if sample.foil is None:
        yield Note(
            "thickness",
            "The foil thickness is not known: number density, volume fraction and swelling cannot be given, only "
            "voids and their volume per area, and nothing is corrected for voids that the surfaces cut.",
        )
    elif sample.thickness_px is None:
        yield Note(
            "scale",
            f"The foil is {sample.foil.thickness:g} nm thick, but how many px these are is not known: number "
            "density, volume fraction and swelling cannot be given without the pixel size.",
        )
    if whole < every:
        yield Note(
            "edges",
            f"{every - whole} of {number_of(every, 'void')} {are(every - whole)} not whole in the image; whole ones "
            "of such sizes count for them.",
        )
    if said := unsized_in_words(2 * counted["radius_px"].to_numpy(float), is_size(counted)):
        yield Note("sizes", said)
    if np.count_nonzero(is_size(counted)) == 1:
        yield Note(
            "sizes", "One void with a size does not tell how much diameters scatter: no interval is given."
        )
    if others := len(voids) - every:
        what = "is no void and does" if others == 1 else "are no voids and do"
        yield Note(
            "kinds",
            f"{others} of {number_of(len(voids), 'object')} {what} not count.",
        )
    if (widths > 1).any() and sample.thickness_px is not None:
        wide = int((widths > 1).sum())
        yield Note(
            "thickness",
            f"{number_of(wide, 'void')} {are(wide)} wider than the foil is thick: check the thickness.",
        )
    if whole and sample.thickness_px is not None:
        value = estimates["value"]
        number, volume = (
            value[f"{n}_uncorrected"] / value[n] - 1 for n in ("number_density", "volume_fraction")
        )
        yield Note(
            "surfaces",
            f"About {value['surface_cut_share']:.0%} of the voids seen are cut by a surface of the foil. Density, "
            "mean diameter, volume fraction and swelling are corrected for it, taking voids as spheres spread evenly "
            f"through the foil; uncorrected, the density would be {number:+.1%} and the volume {volume:+.1%} off.",
        )


def unsized_in_words(diameter: np.ndarray, sized: np.ndarray) -> str:
    """What becomes of voids that are smaller than their fringe; empty where all of them are ``sized``."""
    if sized.all():
        return ""
    volume, none = diameter**3, int((~sized).sum())
    around = (
        "it: its radius is no size, and comes out"
        if none == 1
        else "them: their radii are no sizes, and come out"
    )
    return (
        f"{none:,} of {number_of(len(sized), 'void')} {are(none)} smaller than the fringe around {around} too large. "
        "Such voids count in the density, but not in mean and median diameter "
        f"or the size distribution; {volume[~sized].sum() / volume.sum():.1%} of the volume, as it is measured, "
        "is theirs."
    )
