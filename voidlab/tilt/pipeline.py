"""From the voids of a tilt series to their places in 3D."""

import numpy as np
import pandas as pd

from voidlab.tilt.assemble import model, nothing
from voidlab.tilt.attempt import attempt
from voidlab.tilt.inputs import Angles, prepare
from voidlab.tilt.result import TiltModel


def reconstruct(
    voids: pd.DataFrame,
    tilt_angles_deg: Angles,
    *,
    shape: tuple[int, int] | None = None,
    axis_deg: float | None = None,
) -> TiltModel:
    """Link the voids of a tilt series, find axis and drift, and place every void in 3D.

    Nothing but the detections is used: the drift is found along with the depths. Poor input gives a verdict with its
    reasons, not an error.

    Parameters
    ----------
    voids : DataFrame
        Table ``voids``, not corrected for drift; ``frame, label, x_px, y_px, radius_px`` are read.
        Where there is ``kind``, loops and dots are left out.
    tilt_angles_deg
        Tilt of each frame, degrees: a mapping from frame, or one for each of the ascending unique frames. Frames
        whose tilt is missing or NaN are left out. The tilts are refined, trusted to 0.5°.
    shape
        (H, W) of the images, px; without it, the rectangle that holds all voids.
    axis_deg
        Direction of the tilt axis when known, see `voidlab.tilt.project`; trusted to 0.5° and refined.

    Raises
    ------
    ValueError
        If a column is missing, or a sequence of angles does not have one for each frame.

    References
    ----------
    Lawrence, Bouwer, Perkins, Ellisman, J. Struct. Biol. 154, 144 (2006), doi:10.1016/j.jsb.2005.12.013, for bundle
    adjustment of tilt series; Mastronarde, J. Struct. Biol. 120, 343 (1997), doi:10.1006/jsbi.1997.3919, for the
    model of a view.
    """
    given = prepare(voids, tilt_angles_deg, shape)
    refusal = given.refusal()
    if refusal:
        return nothing(given, refusal)
    found = attempt(given.series(), given.frames, None if axis_deg is None else float(np.deg2rad(axis_deg)))
    if found is None:
        return nothing(given, "no three views agree on where voids are")
    return model(given, found)
