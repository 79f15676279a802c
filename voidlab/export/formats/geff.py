"""Tracks as a GEFF, the graph file that napari, Fiji (Mastodon, TrackMate) and tracking libraries exchange."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.errors import install_extra
from voidlab.export.formats import image_index, replacing_folder
from voidlab.export.formats.track_graph import edges


def write_geff(
    linked: pd.DataFrame,
    path: Path,
    *,
    frames: Sequence[int],
    pixel_size_nm: float | None = None,
    merges: pd.DataFrame | None = None,
) -> Path:
    """Write a node per void in a frame and an edge from each to its next; parents of a merge lead to one child.

    Nodes have ``t`` (place of the image, from 0), ``y``, ``x`` and ``radius`` in px, with the pixel size as the scale
    of the axes, and ``frame``, ``label`` and ``particle`` (-1 when none).

    Parameters
    ----------
    linked : DataFrame
        ``frame, label, x_px, y_px, radius_px, particle``.

    Raises
    ------
    ModuleNotFoundError
        If geff is not installed; the message says how to have it.
    """
    try:
        from geff import GeffMetadata
        from geff.core_io import write_arrays
        from geff_spec import Axis
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"GEFF files need geff: {install_extra('exchange')}") from None
    linked = linked.reset_index(drop=True)
    particle = linked["particle"].astype("Int64").fillna(-1).to_numpy(np.int64)
    columns = {
        "t": image_index(linked, frames),
        "y": linked["y_px"].to_numpy(float),
        "x": linked["x_px"].to_numpy(float),
        "radius": linked["radius_px"].to_numpy(float),
        "frame": linked["frame"].to_numpy(np.int64),
        "label": linked["label"].to_numpy(np.int64),
        "particle": particle,
    }
    nm = {} if pixel_size_nm is None else {"scale": pixel_size_nm, "scaled_unit": "nanometer"}
    axes = [Axis(name="t", type="time"), *(Axis(name=a, type="space", unit="pixel", **nm) for a in "yx")]
    about = GeffMetadata(directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={})
    properties = {name: {"values": values, "missing": None} for name, values in columns.items()}
    with replacing_folder(path) as temporary:
        write_arrays(
            temporary,
            node_ids=np.arange(len(linked), dtype=np.uint64),
            node_props=properties,  # type: ignore[arg-type]
            edge_ids=edges(linked, merges).astype(np.uint64),
            edge_props=None,
            metadata=about,
        )
    return path
