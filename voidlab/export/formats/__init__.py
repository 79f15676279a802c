"""Files of other programs, a module each: ImageJ, TrackMate, the Cell Tracking Challenge, GEFF.

Frames are the numbers of the dataset; other programs count images from 0 or 1. ``frames``, which every writer takes,
are the numbers of all images in order, so that a void lands on its image though others have no voids.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.tables.written import unfinished


def image_index(table: pd.DataFrame, frames: Sequence[int]) -> np.ndarray:
    """Place among all images, from 0, of the frame of each row.

    Raises
    ------
    ValueError
        If a frame of the table is not among ``frames``.
    """
    known = np.asarray(frames, np.int64)
    index = pd.Index(known).get_indexer(pd.Index(table["frame"].to_numpy(np.int64)))
    if (index < 0).any():
        missing = sorted(set(table["frame"]) - set(known.tolist()))
        raise ValueError(f"the table has frame {missing[0]}, which is not one of the {len(known)} images.")
    return index


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give the path of a folder to make: on success it takes the place of ``path``, else it is removed."""
    temporary = unfinished(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
