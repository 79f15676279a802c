"""Voids as ROIs of ImageJ and Fiji: circles in the ROI Manager, each on its image of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from voidlab.formats import image_index
from voidlab.paths import replacing


def write_rois(voids: pd.DataFrame, path: Path, *, frames: Sequence[int]) -> Path:
    """Write every void as an oval to a ZIP file, named by frame and label, and by particle where there is one.

    Parameters
    ----------
    voids : DataFrame
        ``frame, label, x_px, y_px, radius_px``, as seen in the images; with ``particle``, the ROIs of a void share their
        group (particle modulo 255, plus 1), which gives them a colour.
    frames
        Numbers of all images, in the order of the stack.

    Raises
    ------
    ModuleNotFoundError
        If roifile is not installed; the message says how to have it.
    """
    try:
        import roifile
    except ModuleNotFoundError:
        raise ModuleNotFoundError("ImageJ ROIs need roifile: pip install 'voidlab[exchange]'") from None
    index = image_index(voids, frames)
    columns = voids[["frame", "label", "x_px", "y_px", "radius_px"]].to_numpy(float)
    particles = voids["particle"].tolist() if "particle" in voids else [pd.NA] * len(voids)
    rois = []
    for slice_, (frame, label, x, y, radius), particle in zip(index, columns, particles, strict=True):
        tracked = not pd.isna(particle)
        # ImageJ counts from the corner of the top-left pixel, not from its centre.
        left, top, width = x + 0.5 - radius, y + 0.5 - radius, 2 * radius
        rois.append(
            roifile.ImagejRoi(
                roitype=roifile.ROI_TYPE.OVAL,
                options=roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
                name=f"frame {frame:.0f} label {label:.0f}" + (f" particle {particle}" if tracked else ""),
                position=int(slice_) + 1,
                group=int(particle) % 255 + 1 if tracked else 0,
                left=int(left),
                top=int(top),
                right=int(left + width) + 1,
                bottom=int(top + width) + 1,
                xd=left,
                yd=top,
                widthd=width,
                heightd=width,
            )  # fmt: skip
        )
    with replacing(path) as temporary:
        roifile.roiwrite(temporary, rois, mode="w")
        if len(rois) > 0 and len(_read(roifile, temporary)) != len(rois):
            raise OSError(f"{path.name} cannot be read back as it was written; nothing was kept of it.")
    return path


def _read(roifile, path: Path) -> list[str]:  # type: ignore[no-untyped-def]
    """Names of the ROIs in a file whose name does not say that it is a ZIP."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return [roifile.ImagejRoi.frombytes(archive.read(name)).name for name in archive.namelist()]
