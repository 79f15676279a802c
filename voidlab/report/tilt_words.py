"""What a report says of a tilt series in 3D: which linker's tracks are used, the verdict, what no image can tell."""

import numpy as np
import pandas as pd

from voidlab.report.key_figures import of_linker
from voidlab.report.placeholders import NOT_PLACED
from voidlab.tables.units import HasPixelSize, unit_of


def linker_in_words(linked_by: str, reconstruction: pd.DataFrame) -> str:
    """What linked the voids of a series, and why, as sentences."""
    (said,) = of_linker(linked_by, reconstruction)
    lines = [f"linker: {said['value']}; {said['meaning']}", said.get("warning", "")]
    return "\n".join(filter(None, lines))


def verdict_in_words(reconstruction: pd.DataFrame, views: pd.DataFrame) -> str:
    """The verdict, its reasons and the shares that it rests on, a line each."""
    if reconstruction.empty:
        return "Not placed in depth: the series was linked in the image plane."
    row = reconstruction.iloc[0]
    lines = [f"verdict: {row['verdict']}", *(f"- {reason}" for reason in row["reasons"].splitlines())]
    if row["linker"] != "tilt":
        return "\n".join([*lines, f"Nothing was placed in depth; {row['linker']} linked the voids instead."])
    lines += [
        f"{row['used']:.0%} of the detections are linked; the others may be false positives or seen too rarely",
        f"a void is linked in {row['coverage']:.0%} of the views whose field includes it (median)",
        f"{row['duplicates']:.1%} of the points coincide with another",
        f"leaving a view out: of the voids that the others predict {_range(views['left_out_found'], '.0%')} are "
        f"detected there, with {_range(views['left_out_error'], '.2f')} times the expected error (1 is ideal)",
        f"tilt axis {_degrees(row['tilt_axis_deg'], row['tilt_axis_sigma_deg'])}; by another method, accurate to "
        f"a few degrees, {row['axis_by_stretch_deg']:.1f}°",
        f"error of a detected centre, per axis: {row['sigma_px']:.2f} px",
    ]
    return "\n".join(lines)


def gauges_in_words(reconstruction: pd.DataFrame, views: pd.DataFrame, calibration: HasPixelSize) -> str:
    """What is fixed by choice, since no image can tell: origin, common offset of the tilts, mirror."""
    if reconstruction.empty or views.empty:
        return NOT_PLACED
    row = reconstruction.iloc[0]
    size, unit = unit_of(calibration)
    reference = views.loc[(views[["drift_x_px", "drift_y_px"]] == 0).all(axis=1), "frame"]
    axis = np.deg2rad(row["tilt_axis_deg"])
    turned = "turned over (flip_depth)" if row["mirrored"] else "as the stated angles give it"
    return "\n".join(
        [
            f"origin: no drift in frame {reference.iloc[0]}; z = 0 in mid-foil where the axis passes, at "
            f"x = {row['origin_x_px'] * size:.0f}, y = {row['origin_y_px'] * size:.0f} {unit}; mid-foil is known to "
            f"± {row['foil_z_sigma_px'] * size:.2g} {unit}, which all depths share",
            "offset of all tilts: their mean is kept as stated; the foil is then tilted by "
            f"{_degrees(row['foil_tilt_deg'], row['foil_tilt_sigma_deg'])} about the axis at stated tilt 0",
            f"mirror: {turned}: a positive tilt moves a void of positive z towards "
            f"({np.cos(axis):+.2f}, {np.sin(axis):+.2f}) in (x right, y down). If your holder turns the other way, "
            "set track: {flip_depth: " + str(not row["mirrored"]).lower() + "}",
        ]
    )


def _range(values: pd.Series, form: str) -> str:
    low, high = f"{values.min():{form}}", f"{values.max():{form}}"
    return "unknown" if values.isna().all() else low if low == high else f"{low} to {high}"


def _degrees(value: float, sigma: float) -> str:
    return "unknown" if pd.isna(value) else f"{value:.2f} ± {sigma:.2f}°"
