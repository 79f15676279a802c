"""Tracks as napari shows them, over the labels."""

import numpy as np
import pandas as pd

from voidlab.export.formats import image_index


def napari_tracks(linked: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """Tracks as napari reads them: ``ID, T, Y, X``, sorted, to lie on labels.tif.

    Parameters
    ----------
    linked : DataFrame
        Linked voids; the positions taken are those in the images as recorded, px.
    frames : DataFrame
        Table ``frames``: T is the place of the image in it, and so in labels.tif, from 0.
    """
    rows = {
        "ID": linked["particle"].to_numpy(np.int64),
        "T": image_index(linked, frames["frame"].sort_values().tolist()),
        "Y": linked["y_px"].to_numpy(),
        "X": linked["x_px"].to_numpy(),
    }
    return pd.DataFrame(rows).sort_values(["ID", "T"], ignore_index=True)
