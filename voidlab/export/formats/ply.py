"""PLY: points in 3D for MeshLab, CloudCompare, Blender and other viewers."""

from pathlib import Path

import pandas as pd

from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.written import replacing

_LENGTHS = ("x", "y", "z", "radius", "sigma_x", "sigma_y", "sigma_z")


def write_ply(points: pd.DataFrame, path: Path, calibration: HasPixelSize) -> Path:
    """Write the table ``points`` as text PLY: a vertex per void with radius, errors, particle and views.

    Lengths are in nm where the pixel size is known, else in px; a comment in the file says which, and that x runs
    right, y down, z along the beam.
    """
    size, unit = unit_of(calibration)
    lengths = points[[f"{name}_px" for name in _LENGTHS]] * size
    lines = [
        "ply",
        "format ascii 1.0",
        f"comment voids in 3D; lengths in {unit}; x right, y down, z along the beam from mid-foil",
        f"element vertex {len(points)}",
        *(f"property double {name}" for name in _LENGTHS),
        "property int particle",
        "property int views",
        "end_header",
    ]
    for row, particle, views in zip(
        lengths.to_numpy("float64"), points["particle"], points["views"], strict=True
    ):
        lines.append(" ".join([*(repr(float(value)) for value in row), f"{particle:d}", f"{views:d}"]))
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path
