"""A simulated tilt series against its truth: were the voids linked rightly, and placed where they are?

The truth lies beside the images of a simulated series; of real images there is none, and nothing is said.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.scores.matching import match_voids
from voidlab.scores.tracks import score_tracks
from voidlab.simulate.series import TRUTH
from voidlab.tilt.geometry import to_axis

SURE_VIEWS = 3


@dataclass(frozen=True)
class TiltTruth:
    """Tables of what is known: ``voids`` with the true ``particle``, ``points``, and ``views`` with the tilt axis."""

    voids: pd.DataFrame
    points: pd.DataFrame
    views: pd.DataFrame


def read_truth(frames: pd.DataFrame) -> TiltTruth | None:
    """The truth beside the images of the table ``frames``; None where there is none."""
    if frames.empty:
        return None
    folder = Path(frames["path"].iloc[0]).parent
    files = [folder / TRUTH.format(name) for name in ("voids", "points", "views")]
    if not all(file.exists() for file in files):
        return None
    return TiltTruth(*(pd.read_csv(file) for file in files))


def compare_depths(truth: TiltTruth, linked: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Found and true depth of the voids that were placed, a row per point.

    Parameters
    ----------
    linked
        Linked voids: ``frame, x_px, y_px, radius_px, particle``.

    Returns
    -------
    DataFrame
        ``particle, true_particle, z_px, true_z_px, sigma_z_px, views``. A point is of the void that most of its
        detections are of. Where the origin of the depths lies, images cannot tell: the median difference is off.
    """
    matches = match_voids(truth.voids, linked)
    pairs = pd.DataFrame(
        {
            "particle": linked["particle"].to_numpy()[matches["found"]],
            "true_particle": truth.voids["particle"].to_numpy()[matches["truth"]],
        }
    )
    counts = pairs.value_counts().reset_index(name="seen").drop_duplicates("particle")
    joined = points.merge(counts, on="particle").merge(
        truth.points[["particle", "z_px"]].rename(columns={"particle": "true_particle", "z_px": "true_z_px"}),
        on="true_particle",
    )
    off = (joined["z_px"] - joined["true_z_px"])[joined["views"] >= SURE_VIEWS].median()
    shown = ["particle", "true_particle", "z_px", "true_z_px", "sigma_z_px", "views"]
    return joined.assign(z_px=joined["z_px"] - off)[shown]


def against_truth(
    truth: TiltTruth,
    linked: pd.DataFrame,
    points: pd.DataFrame,
    views: pd.DataFrame,
    reconstruction: pd.DataFrame,
) -> pd.DataFrame:
    """What came out against what is true: a row per ``quantity``, with ``found``, ``true`` and ``unit``."""
    score = score_tracks(truth.voids, linked)
    depths = compare_depths(truth, linked, points)
    depths = depths[depths["views"] >= SURE_VIEWS]
    off = depths["z_px"] - depths["true_z_px"]
    row = reconstruction.iloc[0]
    rows = [
        ("links in common / links in either (JSC)", score["link_jsc"], 1.0, ""),
        ("tracks complete", score["complete"], 1.0, ""),
        ("purity of the tracks", score["purity"], 1.0, ""),
        ("voids placed in depth, of those whole in 3 views or more", *_placed(truth, depths), ""),
        ("median size of the error of a depth", off.abs().median(), 0.0, "px"),
        ("rms error of a depth", _rms(off), 0.0, "px"),
        ("rms error of a depth / stated error", _rms(off / depths["sigma_z_px"]), 1.0, ""),
        ("depths off by more than five stated errors", (off.abs() > 5 * depths["sigma_z_px"]).sum(), 0.0, ""),
        ("depths within one stated error", (off.abs() < depths["sigma_z_px"]).mean(), 0.68, ""),
        ("tilt axis", row["tilt_axis_deg"], truth.views["tilt_axis_deg"].iloc[0], "°"),
        (
            "thickness (true: span of the voids' centres)",
            row["thickness_px"],
            np.ptp(truth.points["z_px"]),
            "px",
        ),
        ("rms error of the drift, but for the origin", _drift_error(truth, views), 0.0, "px"),
    ]
    return pd.DataFrame(rows, columns=["quantity", "found", "true", "unit"])


def _placed(truth: TiltTruth, depths: pd.DataFrame) -> tuple[float, float]:
    seen = truth.voids.loc[~truth.voids["touches_edge"], "particle"].value_counts()
    return float(depths["true_particle"].nunique()), float((seen >= SURE_VIEWS).sum())


def _rms(values: pd.Series) -> float:
    return float(np.sqrt((values**2).mean()))


def _drift_error(truth: TiltTruth, views: pd.DataFrame) -> float:
    """Per axis; what another origin of the points would do to the drift is taken off."""
    both = views.merge(truth.views, on="frame", suffixes=("", "_true")).dropna(subset="drift_x_px")
    if len(both) < 3:
        return float("nan")
    error = (
        both[["drift_x_px", "drift_y_px"]].to_numpy()
        - both[["drift_x_px_true", "drift_y_px_true"]].to_numpy()
    )
    pq = to_axis(error, np.deg2rad(both["tilt_axis_deg"].iloc[0]))
    tilt = np.deg2rad(both["tilt_deg_true"].to_numpy())
    gauge = np.column_stack([np.cos(tilt), np.sin(tilt)])
    across = pq[:, 0] - gauge @ np.linalg.lstsq(gauge, pq[:, 0], rcond=None)[0]
    return float(np.sqrt((across**2 + (pq[:, 1] - pq[:, 1].mean()) ** 2).mean() / 2))
