"""The numbers of a frame, of a void, or of those selected, as the explorer says them."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.project.corrections import Correction
from voidlab.report.swelling_words import format_number
from voidlab.swelling.estimate import median_diameter_seen
from voidlab.tables.kinds import VOID
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import EDGE, FRINGE, NETWORK, NOT_A_SIZE, is_size
from voidlab.tables.units import HasPixelSize, unit_of

_RESTS_ON = {
    FRINGE: "physical, from the Fresnel fringe",
    NETWORK: "as detected",
    EDGE: "of its edge",
    NOT_A_SIZE: "no size: the fringe is wider than the void",
}
_DRAWN = {"loop": "pink, dashes and dots", "dot": "yellow, dots"}


def frame_in_words(
    number: int,
    tilt_deg: float,
    detections: pd.DataFrame,
    *,
    asked: Collection[str],
    sizes: str,
    edits: int,
    bad: bool,
    accepted: bool,
) -> str:
    """What is in frame ``number``: of the kinds ``asked`` for how many, the ``sizes`` of the voids, what was done.

    Parameters
    ----------
    tilt_deg
        NaN where unknown.
    detections
        Table ``voids`` of the frame, of all kinds.
    sizes
        As `sizes_in_words` gives it.
    edits
        How many corrections by hand count in it.
    bad
        Whether the frame is left out.
    accepted
        Whether somebody looked through it and accepted it.
    """
    frame = f"frame {number}" + ("" if np.isnan(tilt_deg) else f", {tilt_deg:g}°")
    if bad:
        return f"{frame}: left out, marked as bad"
    counted, kinds = tables.kept(tables.only_voids(detections)), tables.kept(detections)["kind"]
    unsized = int((~is_size(counted)).sum())
    without = f" ({unsized} without a size)" if unsized else ""
    said = (
        [f"{number_of(len(counted), 'void')}{without}", *([sizes] if sizes else [])] if VOID in asked else []
    )
    said += [f"{number_of((kinds == kind).sum(), kind)} ({_DRAWN[kind]})" for kind in asked if kind in _DRAWN]
    said += [f"{number_of(edits, 'edit')} by hand"] if edits else []
    said += ["accepted"] if accepted else []
    return f"{frame}: {', '.join(said)}"


def void_in_words(void: pd.Series, particle: int, calibration: HasPixelSize) -> str:
    """Place, radius with error and what it rests on, edge where that is another, confidence, track, corrections."""
    size, unit = unit_of(calibration)
    sigma = void["radius_sigma_px"]
    error = "" if pd.isna(sigma) else f" ± {sigma * size:.2f}"
    radius = f"radius {void['radius_px'] * size:.2f}{error} {unit}"
    radius += "" if unit == "px" else f" = {void['radius_px']:.2f} px"
    basis = _RESTS_ON.get(str(void["size_basis"]), "")
    edge = void["edge_radius_px"]
    if pd.notna(edge) and abs(edge - void["radius_px"]) > 0.005:
        basis += f"; edge {edge * size:.2f} {unit}"
    said = [radius + (f" ({basis})" if basis else "")]
    if pd.notna(void["semi_major_px"]):
        major, minor = void["semi_major_px"] * size, void["semi_minor_px"] * size
        said.append(
            f"drawn as an ellipse of semi-axes {major:.2f} and {minor:.2f} {unit}, the long one at "
            f"{round(void['orientation_deg'])}°"
        )
    if pd.notna(void["confidence"]):
        said.append(f"confidence {void['confidence']:.2f}")
    if particle >= 0:
        said.append(f"particle {particle}")
    if void["touches_edge"]:
        said.append("touches the image border")
    if void["corrected"]:
        said.append(f"{void['corrected']} by hand")
    return f"void at ({void['x_px']:.1f}, {void['y_px']:.1f}) px: {', '.join(said)}"


def sizes_in_words(
    voids: pd.DataFrame,
    shape: tuple[int, int],
    calibration: HasPixelSize,
    *,
    margin_px: float,
    valid: np.ndarray | None,
) -> str:
    """How large the ``voids`` of a frame are: the number that the report gives, and of which voids it is."""
    size, unit = unit_of(calibration)
    median, count = median_diameter_seen(voids, shape, margin_px=margin_px, valid=valid)
    if not count:
        return ""
    return f"median diameter {format_number(median * size)} {unit} ({number_of(count, 'void')} away from the edge)"


class SizesInWords:
    """How large the voids of a frame are, in words; kept for the last, as it takes a while to find which are whole.

    Parameters
    ----------
    shape
        (H, W) of the images.
    margin_px
        As `sizes_in_words` takes it.
    """

    def __init__(self, shape: tuple[int, int], calibration: HasPixelSize, margin_px: float) -> None:
        self._shape, self._calibration, self._margin_px = shape, calibration, margin_px
        self._last: tuple[object, str] = (None, "")

    def of(self, row: int, voids: pd.DataFrame, image: Callable[[int], np.ndarray]) -> str:
        """Those of the ``voids`` of row ``row``, whose ``image`` is NaN where it does not count."""
        circles = voids[["x_px", "y_px", "radius_px"]].to_numpy(float)
        key = (row, circles.tobytes(), is_size(voids).tobytes())
        if self._last[0] != key:
            seen = np.isfinite(image(row))
            valid = None if seen.all() else seen
            words = sizes_in_words(
                voids, self._shape, self._calibration, margin_px=self._margin_px, valid=valid
            )
            self._last = (key, words)
        return self._last[1]


def in_short(made: Sequence[Correction]) -> str:
    """What corrections did, in a line."""
    rest = f", and {len(made) - 1} more" if len(made) > 1 else ""
    return f"{made[0].edit}{rest}" if made else ""


def several_in_words(voids: pd.DataFrame, calibration: HasPixelSize) -> str:
    """How many ``voids`` are selected, and how large they are."""
    size, unit = unit_of(calibration)
    radii = voids.loc[is_size(voids), "radius_px"] * size
    without = f", {len(voids) - len(radii)} of them without a size" if len(radii) < len(voids) else ""
    sizes = (
        f": median radius {radii.median():.2f} {unit}, {radii.min():.2f} to {radii.max():.2f} {unit}"
        if len(radii)
        else ""
    )
    return f"{number_of(len(voids), 'void')} selected{without}{sizes}"
