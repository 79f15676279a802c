"""Voids as ROIs of ImageJ and Fiji: circles, or ellipses, in the ROI Manager, each on its image of the stack."""

import zipfile
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import pandas as pd

from voidlab.errors import install_extra
from voidlab.export.formats import image_index
from voidlab.tables.outlines import axes_of, points_on
from voidlab.tables.written import replacing


def write_rois(voids: pd.DataFrame, path: Path, *, frames: Sequence[int]) -> Path:
    """Write every void as an oval to a ZIP file, named by frame and label, and by particle where there is one.

    One that was drawn as an ellipse by hand is a polygon.

    Parameters
    ----------
    voids : DataFrame
        ``frame, label, x_px, y_px, radius_px``, as seen in the images; with ``particle``, the ROIs of a void
        share their group (particle modulo 255, plus 1), which gives them a colour.
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
        raise ModuleNotFoundError(f"ImageJ ROIs need roifile: {install_extra('exchange')}") from None
    columns = voids[["frame", "label", "x_px", "y_px", "radius_px"]].to_numpy(float)
    particles = voids["particle"].tolist() if "particle" in voids else [pd.NA] * len(voids)
    index, shapes = image_index(voids, frames), axes_of(voids)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for image, row, shape, particle in zip(index, columns, shapes, particles, strict=True):
            frame, label, x, y, radius = row.tolist()
            tracked = not pd.isna(particle)
            name = f"frame {frame:.0f} label {label:.0f}" + (f" particle {particle:.0f}" if tracked else "")
            # ImageJ counts from the corner of the top-left pixel, not from its centre.
            left, top, width = x + 0.5 - radius, y + 0.5 - radius, 2 * radius
            if shape[0] == shape[1]:
                roi = roifile.ImagejRoi(
                    roitype=roifile.ROI_TYPE.OVAL, options=roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
                )
                roi.xd, roi.yd, roi.widthd, roi.heightd = left, top, width, width
                roi.left, roi.top = int(left), int(top)
                roi.right, roi.bottom = ceil(left + width), ceil(top + width)
            else:
                roi = roifile.ImagejRoi.frompoints(points_on(x + 0.5, y + 0.5, shape))
                roi.roitype = roifile.ROI_TYPE.POLYGON
            roi.name, roi.position = name, int(image) + 1
            roi.group = int(particle) % 255 + 1 if tracked else 0
            # Without the time of writing, so that the same voids give the same file.
            archive.writestr(zipfile.ZipInfo(f"{name}.roi"), roi.tobytes(), zipfile.ZIP_DEFLATED)
    return path
