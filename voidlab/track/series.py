"""Which linker follows the voids of a dataset, and what comes of it: tracks, and for a tilt series points in 3D.

There is one linking and one drift: where a tilt series is placed in depth, its tracks and its drift come from there.
"""

from dataclasses import dataclass

import pandas as pd

from voidlab import tables
from voidlab.drift import subtract_drift
from voidlab.project.parameters.models import TrackParameters
from voidlab.project.paths import stages_for
from voidlab.tables.size_basis import basis_of_particles, is_size
from voidlab.tables.tilts import is_tilted
from voidlab.tables.verdict import DO_NOT_USE
from voidlab.tilt import TiltModel, place, reconstruct
from voidlab.track.assign import link_by_assignment
from voidlab.track.corrections import flag_tracks
from voidlab.track.link import LinkError, link_voids, linkable
from voidlab.track.mergers import find_merges, follow_larger
from voidlab.track.search_range import USUAL_PX, SearchRange, search_range_of

_RELINKED = ("cut", "joined")


@dataclass(frozen=True)
class Linking:
    """Voids on tracks, the drift that their corrected positions rest on, and what is known in 3D.

    ``linker``: what linked; ``linked``: voids with ``particle`` and corrected positions; the others are the tables of
    these names. ``points`` and ``views`` are empty where no tilt series was placed in depth; ``reconstruction`` has
    its row where that was tried. ``search_range``: how far a void was looked for, and why.
    """

    linker: str
    linked: pd.DataFrame
    drift: pd.DataFrame
    points: pd.DataFrame
    views: pd.DataFrame
    reconstruction: pd.DataFrame
    search_range: SearchRange


def link_series(
    voids: pd.DataFrame,
    drift: pd.DataFrame,
    frames: pd.DataFrame,
    asked: TrackParameters,
    *,
    shape: tuple[int, int],
) -> Linking:
    """Link the voids of a dataset with the linker that was ``asked`` for; of two that merge the larger goes on.

    Parameters
    ----------
    voids, drift, frames
        The tables of these names.
    shape
        (H, W) of the images, px.

    Raises
    ------
    LinkError
        If the voids cannot be linked as asked.
    """
    chosen = linkable(voids, link_edge_voids=asked.link_edge_voids)
    model = None
    if "reconstruct" in stages_for(frames["tilt_deg"], asked.linker):
        model = _reconstruct(chosen, frames, shape, flip=asked.flip_depth)
        if asked.linker == "tilt" and model.checks is None:
            raise LinkError(
                f"linker = tilt: the voids cannot be placed in depth: {'; '.join(model.reasons)}. Put that right, "
                "or use linker = auto or trackpy."
            )
        if model.verdict != DO_NOT_USE or asked.linker == "tilt":
            return _in_depth(model, drift, asked)
    elif asked.linker == "tilt":
        known = int(frames["tilt_deg"].nunique())
        raise LinkError(
            f"linker = tilt: {known} different tilt angle(s) are known; expected three or more, a degree or "
            "more apart. Give tilt_angles_deg, or use linker = auto or trackpy."
        )
    tilted = is_tilted(frames["tilt_deg"])  # there parallax moves voids otherwise than by diffusion
    other = "trackpy" if asked.linker == "trackpy" or (asked.linker == "auto" and tilted) else "assign"
    placed = subtract_drift(chosen, drift)
    search_range = search_range_of(placed, asked.search_range_px)
    linked = _in_plane(placed, other, asked.memory, search_range.px)
    if not tilted:  # where the foil tilts, one void may just hide another
        linked = follow_larger(linked, find_merges(linked, memory=asked.memory))
    return Linking(
        other,
        linked,
        drift,
        tables.empty("points"),
        tables.empty("views"),
        tables.empty("reconstruction") if model is None else _row(model, other, mirrored=asked.flip_depth),
        search_range,
    )


def corrected_points(found: Linking, linked: pd.DataFrame) -> pd.DataFrame:
    """The points of ``found`` as the tracks of ``linked`` are since they were corrected by hand; with ``corrected``.

    Tracks that were cut or joined are placed anew, in the views as they were found: the errors are those of the
    detections alone. What is left in a single view has no point; a point whose track is gone is deleted.
    """
    if found.points.empty:
        return tables.check(found.points, "points")
    row = found.reconstruction.iloc[0]
    relinked = linked[linked["corrected"].isin(_RELINKED)]
    anew = place(
        relinked,
        found.views,
        tilt_axis_deg=row["tilt_axis_deg"],
        origin_px=(row["origin_x_px"], row["origin_y_px"]),
        sigma_px=row["sigma_px"],
    )
    untouched = found.points[~found.points["particle"].isin(anew["particle"])]
    points = pd.concat([untouched, anew.astype(untouched.dtypes[anew.columns])], ignore_index=True)
    points = _with_sizes(points, linked)
    flagged = flag_tracks(points.sort_values("particle", ignore_index=True), linked)
    lone = flagged["particle"].isin(set(relinked["particle"]) - set(anew["particle"]))
    gone = ~flagged["particle"].isin(linked["particle"]) | lone
    return tables.select(flagged.assign(corrected=flagged["corrected"].mask(gone, "deleted")), "points")


def _reconstruct(
    voids: pd.DataFrame, frames: pd.DataFrame, shape: tuple[int, int], *, flip: bool
) -> TiltModel:
    looked_at = frames[frames["status"] == "ok"]
    angles = dict(zip(looked_at["frame"].tolist(), looked_at["tilt_deg"].tolist(), strict=True))
    model = reconstruct(voids, angles, shape=shape)
    return model.flipped() if flip else model


def _in_depth(model: TiltModel, drift: pd.DataFrame, asked: TrackParameters) -> Linking:
    sigma = (model.drift_sigma_px**2).mean(axis=1) ** 0.5
    views = tables.select(model.views.assign(drift_sigma_px=sigma), "views")
    used = tables.used_drift(drift, views)
    linked = model.voids.dropna(subset="particle").astype({"particle": "int64"})
    return Linking(
        "tilt",
        subtract_drift(linked, used),
        used,
        tables.select(_with_sizes(model.points, linked), "points"),
        views,
        _row(model, "tilt", mirrored=asked.flip_depth),
        SearchRange(
            USUAL_PX if asked.search_range_px == "auto" else asked.search_range_px,
            "not used by the tilt linker",
        ),
    )


def _with_sizes(points: pd.DataFrame, linked: pd.DataFrame) -> pd.DataFrame:
    """``points`` with what their radii rest on; where these are sizes, by the views in which they are."""
    median = linked[is_size(linked)].groupby("particle")["radius_px"].median()
    basis = points["particle"].map(basis_of_particles(linked)).fillna("")
    sized = is_size(pd.DataFrame({"size_basis": basis}))
    radius = points["particle"].map(median).where(sized).fillna(points["radius_px"])
    return points.assign(radius_px=radius, size_basis=basis)


def _in_plane(placed: pd.DataFrame, linker: str, memory: int, search_range_px: float) -> pd.DataFrame:
    """``placed`` voids with ``particle``, linked by how near they are from frame to frame."""
    if linker == "trackpy":
        return link_voids(placed, search_range_px=search_range_px, memory=memory)
    try:
        return link_by_assignment(placed, search_range_px=search_range_px, memory=memory)
    except ValueError as error:
        raise LinkError(str(error)) from None


def _row(model: TiltModel, linker: str, *, mirrored: bool) -> pd.DataFrame:
    """Table ``reconstruction`` of a model; ``linker``: whose tracks are used."""
    low, high = model.thickness_interval_px
    z, across, along = model.foil_plane
    checks = model.checks
    row = {
        "linker": linker,
        "verdict": model.verdict,
        "reasons": "\n".join(model.reasons),
        "tilt_axis_deg": model.tilt_axis_deg,
        "tilt_axis_sigma_deg": model.tilt_axis_sigma_deg,
        "axis_by_stretch_deg": model.axis_by_stretch_deg,
        "origin_x_px": model.origin_px[0],
        "origin_y_px": model.origin_px[1],
        "sigma_px": model.sigma_px,
        "thickness_px": model.thickness_px,
        "thickness_low_px": low,
        "thickness_high_px": high,
        "thickness_method": model.thickness_method,
        "thickness_reason": model.thickness_reason,
        "foil_tilt_deg": model.foil_tilt_deg,
        "foil_tilt_sigma_deg": model.foil_tilt_sigma_deg,
        "foil_z_px": z,
        "foil_z_sigma_px": model.foil_z_sigma_px,
        "foil_slope_across": across,
        "foil_slope_along": along,
        "used": float("nan") if checks is None else checks.used,
        "coverage": float("nan") if checks is None else checks.coverage,
        "duplicates": float("nan") if checks is None else checks.duplicates,
        "mirrored": mirrored,
    }
    return tables.select(pd.DataFrame([row]), "reconstruction")
