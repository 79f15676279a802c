"""The files of a tilt series in 3D for other programs: PLY, and an IMOD model with tilts and transforms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from voidlab.export.formats import imod, ply
from voidlab.tables.units import HasPixelSize

PLY, FIDUCIALS, TILTS, TRANSFORMS = "voids-3d.ply", "voids.fid", "voids.tlt", "voids.xf"


def write_all(
    folder: Path,
    made: Mapping[str, pd.DataFrame],
    *,
    shape: tuple[int, int],
    calibration: HasPixelSize,
) -> pd.DataFrame:
    """Write the files into ``folder`` and list them, as `voidlab.export.write_all` does; none without points in 3D.

    Files of an earlier run that no longer belong there are removed.

    Parameters
    ----------
    made
        The tables of the run.
    shape
        (H, W) of the images, px.
    """
    columns = ["file", "rows", "bytes", "what"]
    if made["views"].empty:
        for name in (PLY, FIDUCIALS, TILTS, TRANSFORMS):
            (folder / name).unlink(missing_ok=True)
        return pd.DataFrame(columns=columns)
    frames, points, row = made["frames"], made["points"], made["reconstruction"].iloc[0]
    linked = made["voids"].merge(made["links"][["frame", "label", "particle"]], on=["frame", "label"])
    # A row per image, also for those that were not looked at.
    views = frames[["frame", "tilt_deg"]].merge(
        made["views"].rename(columns={"tilt_deg": "refined"}), on="frame", how="left"
    )
    stated = -views["tilt_deg"] if row["mirrored"] else views["tilt_deg"]
    views = views.assign(tilt_deg=views["refined"].fillna(stated))
    from_below = imod.rows_from_below(str(frames["path"].iloc[0]))
    size = calibration.pixel_size_nm
    written = [
        (ply.write_ply(points, folder / PLY, calibration), len(points), "voids in 3D for viewers"),
        (
            imod.write_fiducials(
                linked,
                folder / FIDUCIALS,
                frames=frames["frame"].tolist(),
                shape=shape,
                from_below=from_below,
                pixel_size_nm=size,
            ),
            len(linked),
            "voids on tracks as an IMOD model",
        ),
        (imod.write_tilts(views, folder / TILTS), len(views), "refined tilt of each image for IMOD"),
        (
            imod.write_transforms(
                views,
                folder / TRANSFORMS,
                axis_deg=row["tilt_axis_deg"],
                origin=(row["origin_x_px"], row["origin_y_px"]),
                shape=shape,
                from_below=from_below,
            ),
            len(views),
            "transforms for IMOD that align the images",
        ),
    ]
    return pd.DataFrame(
        [(p.name, rows, p.stat().st_size, what) for p, rows, what in written], columns=columns
    )
