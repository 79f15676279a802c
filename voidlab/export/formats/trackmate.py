"""Voids and their tracks as an XML file that TrackMate opens (Plugins > Tracking > Load a TrackMate file)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import numpy as np
import pandas as pd

from voidlab.export.formats import image_index
from voidlab.export.formats.track_graph import edges, lineages
from voidlab.tables.written import replacing

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
        Events such as `voidlab.track.find_merges` gives.
    """
    size, interval = pixel_size_nm or 1.0, frame_interval_s or 1.0
    linked = linked.reset_index(drop=True)
    index, edge = image_index(linked, frames), edges(linked, merges)
    units = {
        "spatialunits": "pixel" if pixel_size_nm is None else "nm",
        "timeunits": "frame" if frame_interval_s is None else "sec",
    }
    with replacing(path) as temporary, temporary.open("wb") as stream:
        xml = _Xml(stream)
        with xml.around("TrackMate", {"version": "7.14.0"}):
            with xml.around("Model", units):
                _add_declarations(xml)
                _add_spots(xml, linked, index, size, interval)
                _add_tracks(xml, linked, index, edge, size, interval)
            _add_settings(xml, len(frames), shape, size, interval, image)
    return path


class _Xml:
    """Elements, written one after the other: in memory those of a long series take ten times the table."""

    def __init__(self, stream: BinaryIO) -> None:
        self._out = XMLGenerator(stream, "UTF-8", short_empty_elements=True)
        self._out.startDocument()
        self._depth = 0

    def empty(self, name: str, values: Mapping[str, object] | None = None) -> None:
        """Write an element with nothing in it."""
        self._begin(name, values)
        self._out.endElement(name)

    @contextmanager
    def around(self, name: str, values: Mapping[str, object] | None = None) -> Iterator[None]:
        """Write an element around those that are written in the ``with``."""
        self._begin(name, values)
        self._depth += 1
        yield
        self._depth -= 1
        self._new_line()
        self._out.endElement(name)

    def _begin(self, name: str, values: Mapping[str, object] | None) -> None:
        self._new_line()
        self._out.startElement(
            name, AttributesImpl({key: str(value) for key, value in (values or {}).items()})
        )

    def _new_line(self) -> None:
        self._out.ignorableWhitespace("\n" + "  " * self._depth)


def _add_declarations(xml: _Xml) -> None:
    with xml.around("FeatureDeclarations"):
        for kind, features in (
            ("Spot", _SPOT_FEATURES),
            ("Edge", _EDGE_FEATURES),
            ("Track", _TRACK_FEATURES),
        ):
            with xml.around(f"{kind}Features"):
                for feature, (name, dimension, whole) in features.items():
                    said = {"feature": feature, "name": name, "shortname": name, "dimension": dimension}
                    xml.empty("Feature", said | {"isint": str(whole).lower()})


def _add_spots(xml: _Xml, linked: pd.DataFrame, index: np.ndarray, size: float, interval: float) -> None:
    particle = linked["particle"].astype("Int64").fillna(-1).to_numpy(np.int64)
    with xml.around("AllSpots", {"nspots": len(linked)}):
        for frame in np.unique(index).tolist():
            rows = np.flatnonzero(index == frame)
            columns = linked.iloc[rows][["x_px", "y_px", "radius_px", "confidence", "label"]].to_numpy(float)
            with xml.around("SpotsInFrame", {"frame": frame}):
                for row, (x, y, radius, quality, label) in zip(rows, columns, strict=True):
                    values = {
                        "ID": row, "name": f"{label:.0f}", "QUALITY": quality, "POSITION_X": x * size,
                        "POSITION_Y": y * size, "POSITION_Z": 0.0, "POSITION_T": frame * interval, "FRAME": frame,
                        "RADIUS": radius * size, "VISIBILITY": 1, "ESTIMATED_DIAMETER": 2 * radius * size,
                        "VOID_LABEL": int(label), "VOID_PARTICLE": particle[row],
                    }  # fmt: skip
                    xml.empty("Spot", values)


def _add_tracks(
    xml: _Xml, linked: pd.DataFrame, index: np.ndarray, edge: np.ndarray, size: float, interval: float
) -> None:
    of_node = lineages(len(linked), edge)
    position = linked[["x_px", "y_px"]].to_numpy(float) * size
    length = np.hypot(*(position[edge[:, 1]] - position[edge[:, 0]]).T)
    time = (index[edge[:, 0]] + index[edge[:, 1]]) / 2 * interval
    rows_of = pd.Series(of_node[edge[:, 0]]).groupby(of_node[edge[:, 0]]).indices
    with xml.around("AllTracks"):
        for number, rows in rows_of.items():
            spots = len(np.unique(edge[rows]))
            about = {"TRACK_ID": number, "TRACK_INDEX": number, "NUMBER_SPOTS": spots}
            with xml.around("Track", {"name": f"Track_{number}"} | about):
                for row in rows:
                    values = {
                        "SPOT_SOURCE_ID": edge[row, 0],
                        "SPOT_TARGET_ID": edge[row, 1],
                        "EDGE_TIME": time[row],
                        "DISPLACEMENT": length[row],
                    }
                    xml.empty("Edge", values)
    with xml.around("FilteredTracks"):
        for number in rows_of:
            xml.empty("TrackID", {"TRACK_ID": number})


def _add_settings(
    xml: _Xml,
    count: int,
    shape: tuple[int, int],
    size: float,
    interval: float,
    image: Path | None,
) -> None:
    about = {
        "filename": "" if image is None else image.name,
        "folder": "" if image is None else os.path.dirname(os.path.realpath(image)),
        "width": shape[1], "height": shape[0], "nslices": 1, "nframes": count,
        "pixelwidth": size, "pixelheight": size, "voxeldepth": 1.0, "timeinterval": interval,
    }  # fmt: skip
    limits = {
        "xstart": 0, "xend": shape[1] - 1, "ystart": 0, "yend": shape[0] - 1, "zstart": 0, "zend": 0,
        "tstart": 0, "tend": count - 1,
    }  # fmt: skip
    with xml.around("Settings"):
        xml.empty("ImageData", about)
        xml.empty("BasicSettings", limits)
        xml.empty("DetectorSettings", {"DETECTOR_NAME": "MANUAL_DETECTOR", "RADIUS": "5.0"})
        # Every spot passes: a quality, which is 0 to 1, is above -1.
        xml.empty("InitialSpotFilter", {"feature": "QUALITY", "value": "-1.0", "isabove": "true"})
        xml.empty("SpotFilterCollection")
        xml.empty("TrackerSettings", {"TRACKER_NAME": "MANUAL_TRACKER"})
        xml.empty("TrackFilterCollection")
