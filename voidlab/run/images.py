"""The images of a dataset as its stages see them: opened as the parameters say, blank where they are of no use."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voidlab.images.errors import ImageReadError
from voidlab.images.series import ImageSeries, open_series
from voidlab.project import record
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths


@dataclass(frozen=True, eq=False, repr=False)
class Mapped(Sequence[np.ndarray]):
    """A sequence of images made one at a time from another."""

    images: Sequence[np.ndarray]
    make: Callable[[Sequence[np.ndarray], int], np.ndarray]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return self.make(self.images, row)


def usable_images(series: ImageSeries, bad_frames: Collection[int]) -> Sequence[np.ndarray]:
    """The images of ``series``; one that is excluded, among the ``bad_frames`` or cannot be read is blank."""

    def look(images: Sequence[np.ndarray], row: int) -> np.ndarray:
        frame = series.frames.iloc[row]
        if frame["status"] != "excluded" and frame["frame"] not in bad_frames:
            try:
                return images[row]
            except ImageReadError:
                pass
        return np.zeros(series.shape, np.float32)

    return Mapped(series, look)


def open_images(paths: RunPaths, dataset: DatasetParameters) -> ImageSeries:
    """Open the images that the parameters name; paths in them are relative to the parameter file."""
    folder = paths.parameters.parent
    angles = dataset.tilt_angles_deg
    return open_series(
        os.path.normpath(folder / dataset.images),
        pixel_size_nm=dataset.pixel_size_nm,
        tilt_angles_deg=folder / angles if isinstance(angles, str) else angles,
        frame_pattern=dataset.frame_pattern,
        frame_step=dataset.frame_step,
        times_s=dataset.times_s,
        frame_interval_s=dataset.frame_interval_s,
        excluded_frames=dataset.excluded_frames,
    )


def digest_of_images(series: ImageSeries) -> str:
    """Digest of the image files and of the file of tilt angles."""
    files = [Path(path) for path in series.frames["path"].unique()]
    return record.digest_of_files([*files, *([series.angle_file] if series.angle_file else [])])
