"""The files of a tilt series in 3D for other programs: PLY, and an IMOD model with tilts and transforms."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from voidlab.export.contents import list_files
from voidlab.export.formats import imod, ply
from voidlab.tables.units import HasPixelSize

PLY, FIDUCIALS, TILTS, TRANSFORMS = "voids-3d.ply", "voids.fid", "voids.tlt", "voids.xf"


def write_tilt_files(
    folder: Path,
    made: Mapping[str, pd.DataFrame],
    *,
    shape: tuple[int, int],
    calibration: HasPixelSize,
) -> pd.DataFrame:
    """Write the files into ``folder`` and list them, see `list_files`; none without points in 3D.

    Parameters
    ----------
    made
        The tables of the run.
    shape
        (H, W) of the images, px.
    """
    if made["views"].empty:
        return list_files(folder, [])
    frames, points, row = made["frames"], made["points"], made["reconstruction"].iloc[0]
    linked = made["voids"].merge(made["links"][["frame", "label", "particle"]], on=["frame", "label"])
    # A row per image, also for those that were not looked at.
    views = frames[["frame", "tilt_deg"]].merge(
        made["views"].rename(columns={"tilt_deg": "refined"}), on="frame", how="left"
    )
    stated = -views["tilt_deg"] if row["mirrored"] else views["tilt_deg"]
    views = views.assign(tilt_deg=views["refined"].fillna(stated))
    from_below = imod.rows_from_below(str(frames["path"].iloc[0]))
    size, images = calibration.pixel_size_nm, frames["frame"].tolist()
    axis, origin = row["tilt_axis_deg"], (row["origin_x_px"], row["origin_y_px"])
    ply.write_ply(points, folder / PLY, calibration)
    imod.write_fiducials(
        linked, folder / FIDUCIALS, frames=images, shape=shape, from_below=from_below, pixel_size_nm=size
    )
    imod.write_tilts(views, folder / TILTS)
    imod.write_transforms(
        views, folder / TRANSFORMS, axis_deg=axis, origin=origin, shape=shape, from_below=from_below
    )
    written = [
        (PLY, len(points), "voids in 3D for viewers"),
        (FIDUCIALS, len(linked), "voids on tracks as an IMOD model"),
        (TILTS, len(views), "refined tilt of each image for IMOD"),
        (TRANSFORMS, len(views), "transforms for IMOD that align the images"),
    ]
    return list_files(folder, written)
