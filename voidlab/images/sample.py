"""Some images of a series, spread over it: what holds for all of them is read off a few."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pandas as pd

from voidlab.tables.rows import spread_rows


class SeriesOfImages(Protocol):
    """Images and what is known of them, as `voidlab.images.ImageSeries`."""

    @property
    def frames(self) -> pd.DataFrame: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> np.ndarray: ...


def sample(series: SeriesOfImages, most: int = 5) -> Iterator[np.ndarray]:
    """At most ``most`` images that can be read, spread over the series."""
    return read_rows(series, sample_rows(series, most))


def sample_rows(series: SeriesOfImages, most: int = 5) -> np.ndarray:
    """Rows of at most ``most`` usable images, spread over the series."""
    ok = np.flatnonzero(series.frames["status"] == "ok")
    return ok[spread_rows(len(ok), most, down=True)]


def read_rows(series: SeriesOfImages, rows: Iterable[int]) -> Iterator[np.ndarray]:
    """The images of these rows that can be read."""
    for row in rows:
        try:
            yield series[int(row)]
        except OSError:
            continue
