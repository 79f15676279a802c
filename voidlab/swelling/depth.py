"""Density of a tilt series by its voids in 3D: whether its thickness counts, and what follows from it.

The thickness that depths give is that of the layer that holds voids. Where the foil has rims without voids it is
thinner than the foil, and the density is that of the layer.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from voidlab import tables
from voidlab.swelling.estimate import SOURCES
from voidlab.swelling.in_3d import BEYOND, swelling_in_3d
from voidlab.swelling.places_in_foil import (
    ValidInFrame,
    common_field,
    depth_in_foil,
    in_field,
    inclination,
    shown_by_all,
)
from voidlab.swelling.sample import Sample, SwellingError
from voidlab.swelling.series import Outcome, ValidArea
from voidlab.tables.verdict import GOOD

OF_3D = ("swelling", "volume_fraction", "number_density", "mean_diameter")
_SIGMAS = 1.959964  # half a 95 % interval, in standard errors
_LAYER = (
    "From 3D: density, mean diameter, volume fraction and swelling count the voids centred in the layer that holds "
    "voids, and its thickness is taken for that of the foil. Rims without voids are not seen: where there are any, "
    "density, volume fraction and swelling of the whole foil are lower."
)


@dataclass(frozen=True)
class Layer:
    """Thickness of the layer that holds voids and its 95 % interval, in ``unit``, all errors included.

    ``own`` is its relative standard error by the depths alone, ``scale`` that of the pixel size.
    """

    thickness: float
    low: float
    high: float
    own: float
    scale: float
    unit: str

    @property
    def sigma(self) -> float:
        """Standard error, in ``unit``."""
        return float(np.hypot(self.own, self.scale)) * self.thickness

    def __str__(self) -> str:
        errors = " with the error of the pixel size" if self.scale else ""
        return (
            f"{self.thickness:.3g} {self.unit} (95 %{errors}: {self.low:.3g} to {self.high:.3g} {self.unit})"
        )


def layer_of(reconstruction: pd.DataFrame, sample: Sample) -> Layer | None:
    """The layer that a reconstruction of verdict good measured; None where there is none."""
    if reconstruction.empty:
        return None
    row = reconstruction.iloc[0]
    if row["linker"] != "tilt" or row["verdict"] != GOOD or pd.isna(row["thickness_px"]):
        return None
    size = sample.pixel
    low, thickness, high = (float(row[f"thickness{name}_px"]) * size for name in ("_low", "", "_high"))
    own, scale = (high - low) / (2 * _SIGMAS * thickness), sample.errors["scale"]
    wider = float(np.hypot(own, scale)) / own if own > 0 else 1.0
    low, high = (thickness + wider * (end - thickness) for end in (low, high))
    return Layer(thickness, low, high, own, scale, sample.unit)


def with_points(
    outcome: Outcome,
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    sample: Sample,
    *,
    frames: pd.DataFrame | None = None,
    valid_area: ValidArea | None = None,
) -> Outcome:
    """``outcome`` with what a good tilt series adds in 3D, or, where the thickness was given, whether they agree.

    Parameters
    ----------
    points, views, reconstruction
        The tables of these names; empty where no tilt series was placed in depth.
    sample
        As `measure_series` was given it. Its foil outweighs the depths.
    frames
        Table ``frames``.
    valid_area
        As for `measure_series`: voids are counted in what all views show of the specimen. Without it nothing is
        counted in 3D where ``frames`` says that parts of an image show none.

    Returns
    -------
    Outcome
        With quantities that end in ``_3d``, and ``layer_thickness_3d``.
    """
    layer = layer_of(reconstruction, sample)
    if layer is None or outcome.frame is None:
        return outcome if layer or reconstruction.empty else _unused(outcome, reconstruction)
    if sample.thickness_px is not None and not outcome.doubt:
        return _compared(outcome, layer, sample)
    try:
        found = swelling_in_3d(
            points,
            views,
            reconstruction,
            sample.shape,
            scale=sample.scale,
            valid=_valid_in_frame(frames, sample.shape, valid_area),
            size_sigma=sample.with_sizes_of(outcome.summary.counted).errors["size"],
            void_shape=sample.void_shape,
            beam=sample.beam,
        )
    except SwellingError as error:
        return replace(outcome, notes=(*outcome.notes, f"Nothing is counted in 3D: {error}"))
    added = pd.concat([found.estimates.loc[list(OF_3D)].rename(index="{}_3d".format), _thickness(layer)])
    estimates = pd.concat([outcome.summary.estimates, added]).rename_axis("quantity")
    missing = [note for note in outcome.summary.notes if note.about == "thickness"]
    notes = [note for note in outcome.notes if note not in missing]
    return replace(
        outcome,
        summary=replace(outcome.summary, estimates=estimates),
        over_time=_with_rows(outcome, added),
        notes=(
            *notes,
            f"The thickness of the layer that holds voids, as their depths give it, is {layer}.",
            _LAYER,
            *(note for note in found.notes if note.about in ("surfaces", "sizes")),
        ),
    )


def _valid_in_frame(
    frames: pd.DataFrame | None, shape: tuple[int, int], valid_area: ValidArea | None
) -> ValidInFrame | None:
    """What a frame shows of the specimen, by its number; None where all images show nothing else."""
    if frames is None or "valid_px" not in frames:
        return None
    if (frames.loc[frames["status"] == "ok", "valid_px"] == shape[0] * shape[1]).all():
        return None
    if valid_area is None:
        raise SwellingError("parts of the images show no specimen, and which these are was not given.")
    row = dict(zip(frames["frame"].tolist(), range(len(frames)), strict=True))
    return lambda frame: valid_area(row[frame])


def _with_rows(outcome: Outcome, added: pd.DataFrame) -> pd.DataFrame:
    """Table ``swelling`` with the rows from 3D, at the frame that speaks for the dataset."""
    of_frame = outcome.over_time[outcome.over_time["frame"] == outcome.frame]
    about = {name: of_frame[name].iloc[0] for name in ("frame", "time_s", "dose_dpa")}
    rows = added.rename_axis("quantity").reset_index().assign(**about)
    both = pd.concat([outcome.over_time, tables.select(rows, "swelling")], ignore_index=True)
    return tables.select(both.sort_values("frame", kind="stable", ignore_index=True), "swelling")


def _thickness(layer: Layer) -> pd.DataFrame:
    """The thickness as an estimate."""
    row = {"value": layer.thickness, "unit": layer.unit}
    row |= {"low95": layer.low, "low68": layer.thickness - layer.sigma}
    row |= {"high68": layer.thickness + layer.sigma, "high95": layer.high, **dict.fromkeys(SOURCES, np.nan)}
    sources = {"thickness": layer.own, "scale": layer.scale or np.nan}
    return pd.DataFrame(row | sources, index=["layer_thickness_3d"])


def _compared(outcome: Outcome, layer: Layer, sample: Sample) -> Outcome:
    """``outcome`` with a sentence on whether the thickness that was given is that of the depths."""
    assert sample.foil is not None
    factor = sample.pixel if sample.foil.unit == "px" else 1.0
    given, sigma = sample.foil.thickness * factor, sample.foil.sigma * factor
    joint = float(np.hypot(sigma, layer.sigma))
    said = (
        f"The foil is given as {given:.3g} ± {sigma:.2g} {layer.unit} thick, and that is used; by the depths of the "
        f"voids the thickness of the layer that holds them is {layer}"
    )
    if abs(given - layer.thickness) <= _SIGMAS * joint:
        return replace(outcome, notes=(*outcome.notes, f"{said}: they agree."))
    why = (
        "rims without voids, or one of the two is wrong"
        if given > layer.thickness
        else "one of the two is wrong"
    )
    warning = (
        f"{said}: they differ by more than their joint error of {joint:.2g} {layer.unit} explains ({why})."
    )
    return replace(outcome, notes=(*outcome.notes, warning), warnings=(*outcome.warnings, warning))


def _unused(outcome: Outcome, reconstruction: pd.DataFrame) -> Outcome:
    """``outcome`` with the reason why the reconstruction gives no thickness."""
    row = reconstruction.iloc[0]
    reason = row["thickness_reason"] if row["verdict"] == GOOD else f"its verdict is '{row['verdict']}'"
    return replace(
        outcome,
        notes=(*outcome.notes, f"The reconstruction in 3D gives no thickness that is used: {reason}."),
    )


def density_over_depth(
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
    shape: tuple[int, int],
    *,
    frames: pd.DataFrame | None = None,
    valid_area: ValidArea | None = None,
) -> pd.DataFrame:
    """Voids per volume over the depth in the foil, with 68 % intervals from counting alone; lengths in px.

    Counted is in the part of the foil that all views show, in slices no thinner than twice the error of a depth. A
    void that lies beyond a face by no more than that error lets it counts in the slice at that face. ``frames`` and
    ``valid_area`` as for `with_points`.

    Returns
    -------
    DataFrame
        ``low_px, high_px`` (distance from mid-foil of a slice's faces), ``voids``, ``density_px3`` and its interval;
        empty where no tilt series was placed in depth or the views have too little in common.
    """
    columns = ["low_px", "high_px", "voids", "density_px3", "low68_px3", "high68_px3"]
    none = pd.DataFrame(columns=columns, dtype="float64")
    if points.empty or reconstruction.empty:
        return none
    try:
        field = common_field(views, reconstruction, shape)
        valid = _valid_in_frame(frames, shape, valid_area)
        shown = None if valid is None else shown_by_all(field, views, reconstruction, valid)
    except SwellingError:
        return none
    inside = in_field(points, field, shown)
    if not inside.any():
        return none
    thickness = reconstruction["thickness_px"].iloc[0]
    depth = _within(depth_in_foil(points, reconstruction), thickness / 2, points["sigma_z_px"])[inside]
    edges = _slices(depth, float(points["sigma_z_px"].median()), thickness)
    counts = np.histogram(depth, edges)[0]
    left, top, right, bottom = field
    area = (right - left) * (bottom - top) if shown is None else float(shown.sum())
    # A field of the untilted image is as much larger in an inclined foil as that leans.
    room = area / np.cos(inclination(reconstruction.iloc[0])) * np.diff(edges)
    low = np.where(counts > 0, gammaincinv(counts + 0.5, 0.16), 0.0)  # Jeffreys' prior
    high = gammaincinv(counts + 0.5, 0.84)
    values = (edges[:-1], edges[1:], counts, counts / room, low / room, high / room)
    return pd.DataFrame(dict(zip(columns, values, strict=True)))


def _within(depth: np.ndarray, half: float, sigma: pd.Series) -> np.ndarray:
    """Depths; those that their error took beyond a face put back to it, as across it none are moved in instead."""
    moved = np.abs(depth) <= half + BEYOND * sigma.to_numpy()
    face = half * (1 - 1e-9)  # the slice within, not the one beyond
    return np.where(moved, depth.clip(-face, face), depth)


def _slices(depth: np.ndarray, sigma: float, thickness: float) -> np.ndarray:
    """Edges of slices from mid-foil outwards, whole ones between the faces where these are known."""
    span = thickness if np.isfinite(thickness) else float(2 * np.abs(depth).max())
    width = max(span / 10, 2 * sigma, span / max(np.sqrt(len(depth)), 1.0))
    number = max(int(span / width), 1)
    width = span / number
    beyond = max(int(np.ceil((np.abs(depth).max() - span / 2) / width - 1e-9)), 1)
    return -span / 2 + width * np.arange(-beyond, number + beyond + 1)
