"""Density, size and swelling from the points of a tilt series, whose centres lie in the foil.

Works on the tables ``points``, ``views`` and ``reconstruction``.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from voidlab.swelling.estimate import SOURCES, Swelling, measure_swelling
from voidlab.swelling.notes import Note
from voidlab.swelling.places_in_foil import (
    ValidInFrame,
    common_field,
    depth_in_foil,
    inclination,
    shown_by_all,
)
from voidlab.swelling.sample import Foil, Sample, Scale, SwellingError
from voidlab.swelling.stereology import Shape
from voidlab.tables.verdict import DO_NOT_USE

_SIGMAS = 1.959964  # half a 95 % interval, in standard errors
BEYOND = 3.0  # standard errors of a depth
_NUMBERS = ["value", "low95", "low68", "high68", "high95"]
# In these a void counts once, as it is seen: right as they are where only voids centred in the foil count.
_AS_SEEN = {
    "number_density": "number_density_uncorrected",
    "mean_diameter": "mean_diameter_seen",
    "volume_fraction": "volume_fraction_uncorrected",
}
_CUT = ("number_density", "volume_fraction")


def swelling_in_3d(
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    shape: tuple[int, int],
    *,
    scale: Scale | None = None,
    foil: Foil | None = None,
    skin_px: float = 0.0,
    valid: ValidInFrame | None = None,
    size_sigma: float = 0.05,
    void_shape: Shape = "sphere",
    beam: tuple[float, float, float] | None = None,
) -> Swelling:
    """Number density, mean size, volume fraction and swelling from voids in 3D, whose centre is in the foil.

    Each void counts once however often it was seen, and one that a surface cuts counts where its centre lies inside:
    no correction for cut voids is made.

    Parameters
    ----------
    points, views, reconstruction : DataFrame
        The tables of these names. Points that have no size (``size_basis``) count in density and volume, and in no
        diameter.
    shape
        (H, W) of the images, px; counted is in the part of the foil that all views show.
    scale
        Width of a pixel; None: in px.
    foil
        Its thickness where known better than from the depths of the voids: the void-populated thickness is that of
        the foil less layers without voids.
    skin_px
        Left out below each surface. A void centred beyond a surface that cuts it looks as if centred in the surface:
        in a foil that was thinned after the voids came, leave out some errors of a depth.
    valid
        As for `shown_by_all`: counted is in what all views show of the specimen; None: all of every image.
    size_sigma, void_shape, beam
        See `voidlab.swelling.sample.Sample`.

    Raises
    ------
    SwellingError
        If the reconstruction is not to be used, has no thickness and none is given, or the views have too little in
        common.
    """
    if reconstruction.empty or reconstruction["linker"].iloc[0] != "tilt":
        raise SwellingError("no tilt series was placed in depth: there are no voids in 3D to count.")
    foil = foil or _foil_of(reconstruction)
    sample = Sample(shape, scale, foil, void_shape, beam, size_sigma)
    thickness = sample.thickness_px
    if thickness is None:
        raise SwellingError(
            "the foil's thickness is given in nm: give the pixel size too, or the thickness in px."
        )
    if not 0 <= 2 * skin_px < thickness:
        raise SwellingError(
            f"skin_px = {skin_px:g}: the foil is {thickness:.4g} px thick; nothing is left of it."
        )
    field = common_field(views, reconstruction, shape, thickness_px=thickness)
    left, top, right, bottom = field
    shown = None
    if valid is not None:
        shown = shown_by_all(field, views, reconstruction, valid, thickness_px=thickness)
    counted = replace(foil, thickness=foil.thickness * (1 - 2 * skin_px / thickness))
    # Along the beam an inclined foil is thicker.
    leans = float(np.rad2deg(inclination(reconstruction.iloc[0])))
    shape = (int(bottom - top), int(right - left))
    sample = replace(sample, shape=shape, valid=shown, foil=counted).tilted(leans)
    # Within a foil as many are moved out by the error of their depth as in; across a face they only move out.
    beyond = 0.0 if skin_px else BEYOND * points["sigma_z_px"].to_numpy()
    inside = points[np.abs(depth_in_foil(points, reconstruction)) <= thickness / 2 - skin_px + beyond]
    placed = inside.assign(x_px=inside["x_px"] - left - 0.5, y_px=inside["y_px"] - top - 0.5)
    of_void = [name for name in ("x_px", "y_px", "radius_px", "size_basis") if name in placed]
    found = measure_swelling(placed[of_void], sample)
    return replace(
        found,
        estimates=_as_seen(found.estimates),
        notes=(_note(points, inside, found, sample), *_kept(found)),
    )


def _foil_of(reconstruction: pd.DataFrame) -> Foil:
    row = reconstruction.iloc[0]
    if row["verdict"] == DO_NOT_USE or pd.isna(row["thickness_px"]):
        reason = row["thickness_reason"] or "the reconstruction is not to be used"
        raise SwellingError(f"the depths give no thickness ({reason}); give the foil's thickness.")
    sigma = (row["thickness_high_px"] - row["thickness_low_px"]) / (2 * _SIGMAS)
    return Foil(float(row["thickness_px"]), float(sigma), "px")


def _as_seen(estimates: pd.DataFrame) -> pd.DataFrame:
    """The estimates without those corrected for voids that a surface cuts; swelling anew from the volume fraction."""
    kept = estimates.drop(index=[*_AS_SEEN, "surface_cut_share", "swelling"], errors="ignore")
    kept = kept.rename(index={seen: name for name, seen in _AS_SEEN.items()})
    fraction = kept.loc[["volume_fraction"], _NUMBERS]
    swelling = kept.loc[["volume_fraction"]].rename(index={"volume_fraction": "swelling"})
    swelling[_NUMBERS] = (fraction / (1 - fraction)).where(fraction < 1).to_numpy()
    swelling[list(SOURCES)] /= 1 - float(fraction["value"].iloc[0])
    return pd.concat([kept, swelling]).rename_axis("quantity")


def _note(points: pd.DataFrame, inside: pd.DataFrame, found: Swelling, sample: Sample) -> Note:
    said = (
        f"{len(inside)} of {len(points)} voids in 3D have their centre in the foil; counted are those in the "
        f"{sample.shape[1]} × {sample.shape[0]} px that all views show"
        + (". " if sample.valid is None else f", {sample.valid.mean():.0%} of which are specimen in all. ")
        + "Each counts once, and no correction is made for voids that a surface cuts."
    )
    value = found.estimates["value"]
    if not value["number_density"] > 0:
        return Note("surfaces", said)
    number, volume = (value[f"{name}_uncorrected"] / value[name] - 1 for name in _CUT)
    return Note(
        "surfaces",
        f"{said} That is right where voids came in the foil as it is; where it was thinned after they had come, the "
        f"caps that the surfaces left of voids centred beyond them count too, and density is up to {number:.0%}, "
        f"volume fraction {volume:.0%} too high: leave them out with skin_px of `voidlab.swelling.swelling_in_3d`.",
    )


def _kept(found: Swelling) -> list[Note]:
    """The notes but for that on cut voids; that on voids without a size says that it is of those in 3D."""
    kept = [note for note in found.notes if note.about != "surfaces"]
    return [Note("sizes", f"In 3D, {note}") if note.about == "sizes" else note for note in kept]
