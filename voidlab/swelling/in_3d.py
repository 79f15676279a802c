"""What follows from the points of a tilt series: places in the foil, tracks without parallax, density and swelling.

Works on the tables ``points``, ``views`` and ``reconstruction``.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from voidlab.swelling.estimate import SOURCES, Swelling, measure_swelling
from voidlab.swelling.notes import Note
from voidlab.swelling.sample import Foil, Sample, Scale, SwellingError
from voidlab.swelling.stereology import Shape
from voidlab.tables.verdict import DO_NOT_USE
from voidlab.tilt import project, unproject
from voidlab.tilt.geometry import from_axis, to_axis

_SIGMAS = 1.959964  # half a 95 % interval, in standard errors
_LEAST_SIDE_PX = 32.0
BEYOND = 3.0  # standard errors of a depth
# Of parallax between depths, px: what hides less of the specimen than a void is wide is not missed.
_STEP_PX = 8.0
ValidInFrame = Callable[[int], np.ndarray]  # by its number, the pixels (H, W) that show the specimen
Field = tuple[float, float, float, float]
_NUMBERS = ["value", "low95", "low68", "high68", "high95"]
# In these a void counts once, as it is seen: right as they are where only voids centred in the foil count.
_AS_SEEN = {
    "number_density": "number_density_uncorrected",
    "mean_diameter": "mean_diameter_seen",
    "volume_fraction": "volume_fraction_uncorrected",
}
_CUT = ("number_density", "volume_fraction")


def depth_in_foil(points: pd.DataFrame, reconstruction: pd.DataFrame) -> np.ndarray:
    """Distance (n,) of each point from mid-foil, px, along the foil's normal; NaN where no foil is known."""
    if reconstruction.empty:
        return np.full(len(points), np.nan)
    row = reconstruction.iloc[0]
    off = points["z_px"].to_numpy(np.float64) - mid_foil(points[["x_px", "y_px"]].to_numpy(np.float64), row)
    return np.asarray(off * np.cos(inclination(row)))


def mid_foil(xy: np.ndarray, row: pd.Series) -> np.ndarray:
    """Depth (n,) of mid-foil, px, at places (n, 2) in the untilted foil; ``row`` of the table ``reconstruction``."""
    origin = row[["origin_x_px", "origin_y_px"]].to_numpy(np.float64)
    slope = row[["foil_slope_across", "foil_slope_along"]].to_numpy(np.float64)
    return np.asarray(row["foil_z_px"] + to_axis(xy - origin, np.deg2rad(row["tilt_axis_deg"])) @ slope)


def inclination(row: pd.Series) -> float:
    """Angle, radians, between the foil's normal and the beam at stated tilt zero."""
    return float(np.arctan(np.hypot(row["foil_slope_across"], row["foil_slope_along"])))


def flattened(
    linked: pd.DataFrame, points: pd.DataFrame, views: pd.DataFrame, reconstruction: pd.DataFrame
) -> pd.DataFrame:
    """Linked voids of which a point is known, with ``z_px`` of it, and ``x_flat_px``, ``y_flat_px``.

    These are the position as seen less drift, tilt and the parallax of its depth: of a void rightly linked they are
    the same in every view, but for the noise.
    """
    seen = linked.merge(points[["particle", "z_px"]], on="particle")
    seen = seen.merge(views[["frame", "tilt_deg", "drift_x_px", "drift_y_px"]], on="frame")
    if seen.empty:
        return seen.assign(x_flat_px=pd.Series(dtype="float64"), y_flat_px=pd.Series(dtype="float64"))
    row = reconstruction.iloc[0]
    flat = unproject(
        seen[["x_px", "y_px"]].to_numpy(),
        seen["z_px"].to_numpy(),
        seen["tilt_deg"].to_numpy(),
        row["tilt_axis_deg"],
        origin=(row["origin_x_px"], row["origin_y_px"]),
        drift_px=seen[["drift_x_px", "drift_y_px"]].to_numpy(),
    )
    return seen.assign(x_flat_px=flat[:, 0], y_flat_px=flat[:, 1])


def common_field(
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    shape: tuple[int, int],
    *,
    thickness_px: float | None = None,
) -> Field:
    """Left, top, right, bottom, px, of the part of the untilted foil that every view shows, at every depth in it.

    Parameters
    ----------
    shape
        (H, W) of the images, px.
    thickness_px
        Thickness of the foil; None: as the depths give it, if they do.

    Raises
    ------
    SwellingError
        If the views have too little in common.
    """
    row, used = reconstruction.iloc[0], views.dropna(subset="drift_x_px")
    height, width = shape
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    thickness = row["thickness_px"] if thickness_px is None else thickness_px
    half = 0.0 if pd.isna(thickness) else thickness / 2
    middle = mid_foil(corners, row)
    inner = [-np.inf, -np.inf, np.inf, np.inf]
    for view in used.itertuples():
        for depth in (middle - half, middle + half):
            flat = unproject(
                corners,
                depth,
                np.full(4, view.tilt_deg),
                row["tilt_axis_deg"],
                origin=(row["origin_x_px"], row["origin_y_px"]),
                drift_px=np.array([view.drift_x_px, view.drift_y_px]),
            )
            inner[0] = max(inner[0], flat[[0, 2], 0].max())
            inner[1] = max(inner[1], flat[[0, 1], 1].max())
            inner[2] = min(inner[2], flat[[1, 3], 0].min())
            inner[3] = min(inner[3], flat[[2, 3], 1].min())
    left, top, right, bottom = map(float, inner)
    if not min(right - left, bottom - top) >= _LEAST_SIDE_PX:
        raise SwellingError(
            f"the {len(used)} views have too little of the foil in common to count voids in it; expected at least "
            f"{_LEAST_SIDE_PX:.0f} px a side. Leave out the views that lie furthest off."
        )
    return left, top, right, bottom


def in_field(points: pd.DataFrame, field: Field, shown: np.ndarray | None) -> np.ndarray:
    """Which points (n,) lie in a field and, where these are given, on one of the pixels ``shown`` of it."""
    left, top, right, bottom = field
    x, y = points["x_px"].to_numpy(np.float64), points["y_px"].to_numpy(np.float64)
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    if shown is None:
        return np.asarray(inside)
    column, line = ((v - first).astype(int) for v, first in ((x, left), (y, top)))
    height, width = shown.shape
    return np.asarray(inside & shown[line.clip(0, height - 1), column.clip(0, width - 1)])


def shown_by_all(
    field: Field,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    valid: ValidInFrame,
    *,
    thickness_px: float | None = None,
) -> np.ndarray:
    """Pixels of ``field``, a part of the untilted foil, that are valid in every view, at every depth in the foil.

    Parameters
    ----------
    field
        As `common_field` gives it.
    valid
        Gives the pixels (H, W) of a frame, by its number, that show the specimen.
    thickness_px
        As for `common_field`.

    Raises
    ------
    SwellingError
        If there are none.
    """
    row, used = reconstruction.iloc[0], views.dropna(subset="drift_x_px")
    thickness = row["thickness_px"] if thickness_px is None else thickness_px
    half = 0.0 if pd.isna(thickness) else thickness / 2
    left, top, right, bottom = field
    x, y = np.meshgrid(
        *(first + 0.5 + np.arange(int(last - first)) for first, last in ((left, right), (top, bottom)))
    )
    xy = np.column_stack([x.ravel(), y.ravel()])
    middle = mid_foil(xy, row)
    shown = np.ones(len(xy), bool)
    across = from_axis(np.array([[1.0, 0.0]]), np.deg2rad(row["tilt_axis_deg"]))
    columns = ["frame", "tilt_deg", "drift_x_px", "drift_y_px"]
    for frame, tilt, drift_x, drift_y in used[columns].to_numpy(np.float64):
        mask = valid(int(frame))
        if mask.all():
            continue
        origin = (row["origin_x_px"], row["origin_y_px"])
        seen = project(
            np.column_stack([xy, middle]),
            tilt,
            row["tilt_axis_deg"],
            origin=origin,
            drift_px=(drift_x, drift_y),
        )
        reach = half * np.sin(np.deg2rad(tilt))
        for parallax in np.linspace(-reach, reach, 2 + int(2 * abs(reach) / _STEP_PX)):
            column, line = np.rint(seen + parallax * across).astype(int).T
            shown &= mask[line.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)]
    if not shown.any():
        raise SwellingError("no part of the specimen is shown by all views: there is nowhere to count voids.")
    return shown.reshape(x.shape)


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
