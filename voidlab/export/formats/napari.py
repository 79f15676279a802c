"""Tracks as napari shows them, over the labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.export.csv_file import write_csv
from voidlab.export.formats import image_index


def write_napari_tracks(linked: pd.DataFrame, path: Path, *, frames: Sequence[int]) -> Path:
    """Write tracks as napari reads them, ``ID, T, Y, X``, sorted, to lie on labels.tif.

    Parameters
    ----------
    linked : DataFrame
        ``frame, particle`` (may be missing), ``x_px, y_px``: positions in the images as recorded.
    frames
        Numbers of all images, in order: T is the place of the image among them, and so in labels.tif, from 0.
    """
    tracked = linked[linked["particle"].notna()]
    rows = {
        "ID": tracked["particle"].to_numpy(np.int64),
        "T": image_index(tracked, frames),
        "Y": tracked["y_px"].to_numpy(),
        "X": tracked["x_px"].to_numpy(),
    }
    return write_csv(pd.DataFrame(rows).sort_values(["ID", "T"], ignore_index=True), path)
