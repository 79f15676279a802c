"""Voids and their tracks as an XML file that TrackMate opens (Plugins > Tracking > Load a TrackMate file)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.formats import image_index
from voidlab.formats.graph import edges, lineages
from voidlab.paths import replacing

_SPOT_FEATURES = {  # feature: (name, dimension, whole number)
    "QUALITY": ("Quality", "QUALITY", False),
    "POSITION_X": ("X", "POSITION", False),
    "POSITION_Y": ("Y", "POSITION", False),
    "POSITION_Z": ("Z", "POSITION", False),
    "POSITION_T": ("T", "TIME", False),
    "FRAME": ("Frame", "NONE", True),
    "RADIUS": ("Radius", "LENGTH", False),
    "VISIBILITY": ("Visibility", "NONE", True),
    "ESTIMATED_DIAMETER": ("Diameter", "LENGTH", False),
    "VOID_LABEL": ("Label in its frame", "NONE", True),
    "VOID_PARTICLE": ("Particle, -1 when none", "NONE", True),
}
_EDGE_FEATURES = {
    "SPOT_SOURCE_ID": ("Source spot", "NONE", True),
    "SPOT_TARGET_ID": ("Target spot", "NONE", True),
    "EDGE_TIME": ("Time", "TIME", False),
    "DISPLACEMENT": ("Displacement", "LENGTH", False),
}
_TRACK_FEATURES = {
    "TRACK_ID": ("Track ID", "NONE", True),
    "TRACK_INDEX": ("Track index", "NONE", True),
    "NUMBER_SPOTS": ("Number of spots", "NONE", True),
}


def write_trackmate(
    linked: pd.DataFrame,
    path: Path,
    *,
    frames: Sequence[int],
    shape: tuple[int, int],
    pixel_size_nm: float | None = None,
    frame_interval_s: float | None = None,
    image: Path | None = None,
    merges: pd.DataFrame | None = None,
) -> Path:
    """Write voids as spots and links as edges; what merges is one track with two branches that join.

    Parameters
    ----------
    linked : DataFrame
        ``frame, label, x_px, y_px, radius_px, confidence, particle`` (may be missing): where the voids are seen, so
        that they lie on the images.
    frames, shape
        Numbers of all images and their (H, W), px.
    pixel_size_nm, frame_interval_s
        None: px, frames.
    image
        Stack of images that TrackMate shall open.
    merges
        Events such as `voidlab.coalescence.find_merges` gives.
    """
    size, interval = pixel_size_nm or 1.0, frame_interval_s or 1.0
    linked = linked.reset_index(drop=True)
    index, edge = image_index(linked, frames), edges(linked, merges)
    root = ElementTree.Element("TrackMate", version="7.14.0")
    units = {
        "spatialunits": "pixel" if pixel_size_nm is None else "nm",
        "timeunits": "frame" if frame_interval_s is None else "sec",
    }
    model = ElementTree.SubElement(root, "Model", units)
    declared = ElementTree.SubElement(model, "FeatureDeclarations")
    for kind, features in (("Spot", _SPOT_FEATURES), ("Edge", _EDGE_FEATURES), ("Track", _TRACK_FEATURES)):
        group = ElementTree.SubElement(declared, f"{kind}Features")
        for feature, (name, dimension, whole) in features.items():
            said = {"feature": feature, "name": name, "shortname": name, "dimension": dimension}
            ElementTree.SubElement(group, "Feature", said, isint=str(whole).lower())
    _add_spots(model, linked, index, size, interval)
    _add_tracks(model, linked, index, edge, size, interval)
    _add_settings(root, len(frames), shape, size, interval, image)
    ElementTree.indent(root)
    with replacing(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="UTF-8", xml_declaration=True)
    return path


def _add_spots(
    model: ElementTree.Element, linked: pd.DataFrame, index: np.ndarray, size: float, interval: float
) -> None:
    spots = ElementTree.SubElement(model, "AllSpots", nspots=str(len(linked)))
    particle = linked["particle"].astype("Int64").fillna(-1).to_numpy(np.int64)
    for frame in np.unique(index).tolist():
        rows = np.flatnonzero(index == frame)
        in_frame = ElementTree.SubElement(spots, "SpotsInFrame", frame=str(frame))
        columns = linked.iloc[rows][["x_px", "y_px", "radius_px", "confidence", "label"]].to_numpy(float)
        for row, (x, y, radius, quality, label) in zip(rows, columns, strict=True):
            values = {
                "ID": row, "name": f"{label:.0f}", "QUALITY": quality, "POSITION_X": x * size, "POSITION_Y": y * size,
                "POSITION_Z": 0.0, "POSITION_T": frame * interval, "FRAME": frame, "RADIUS": radius * size,
                "VISIBILITY": 1, "ESTIMATED_DIAMETER": 2 * radius * size, "VOID_LABEL": int(label),
                "VOID_PARTICLE": particle[row],
            }  # fmt: skip
            ElementTree.SubElement(in_frame, "Spot", {name: str(value) for name, value in values.items()})


def _add_tracks(
    model: ElementTree.Element,
    linked: pd.DataFrame,
    index: np.ndarray,
    edge: np.ndarray,
    size: float,
    interval: float,
) -> None:
    every = ElementTree.SubElement(model, "AllTracks")
    kept = ElementTree.SubElement(model, "FilteredTracks")
    of_node = lineages(len(linked), edge)
    position = linked[["x_px", "y_px"]].to_numpy(float) * size
    length = np.hypot(*(position[edge[:, 1]] - position[edge[:, 0]]).T)
    time = (index[edge[:, 0]] + index[edge[:, 1]]) / 2 * interval
    for number, rows in pd.Series(of_node[edge[:, 0]]).groupby(of_node[edge[:, 0]]).indices.items():
        spots = len(np.unique(edge[rows]))
        about = {"TRACK_ID": number, "TRACK_INDEX": number, "NUMBER_SPOTS": spots}
        track = ElementTree.SubElement(
            every, "Track", {"name": f"Track_{number}"} | {name: str(value) for name, value in about.items()}
        )
        for row in rows:
            values = {
                "SPOT_SOURCE_ID": edge[row, 0],
                "SPOT_TARGET_ID": edge[row, 1],
                "EDGE_TIME": time[row],
                "DISPLACEMENT": length[row],
            }
            ElementTree.SubElement(track, "Edge", {name: str(value) for name, value in values.items()})
        ElementTree.SubElement(kept, "TrackID", TRACK_ID=str(number))


def _add_settings(
    root: ElementTree.Element,
    count: int,
    shape: tuple[int, int],
    size: float,
    interval: float,
    image: Path | None,
) -> None:
    settings = ElementTree.SubElement(root, "Settings")
    about = {
        "filename": "" if image is None else image.name,
        "folder": "" if image is None else str(image.resolve().parent),
        "width": shape[1], "height": shape[0], "nslices": 1, "nframes": count,
        "pixelwidth": size, "pixelheight": size, "voxeldepth": 1.0, "timeinterval": interval,
    }  # fmt: skip
    ElementTree.SubElement(settings, "ImageData", {name: str(value) for name, value in about.items()})
    limits = {
        "xstart": 0, "xend": shape[1] - 1, "ystart": 0, "yend": shape[0] - 1, "zstart": 0, "zend": 0,
        "tstart": 0, "tend": count - 1,
    }  # fmt: skip
    ElementTree.SubElement(settings, "BasicSettings", {name: str(value) for name, value in limits.items()})
    ElementTree.SubElement(settings, "DetectorSettings", DETECTOR_NAME="MANUAL_DETECTOR", RADIUS="5.0")
    # Every spot passes: a quality, which is 0 to 1, is above -1.
    ElementTree.SubElement(settings, "InitialSpotFilter", feature="QUALITY", value="-1.0", isabove="true")
    ElementTree.SubElement(settings, "SpotFilterCollection")
    ElementTree.SubElement(settings, "TrackerSettings", TRACKER_NAME="MANUAL_TRACKER")
    ElementTree.SubElement(settings, "TrackFilterCollection")
