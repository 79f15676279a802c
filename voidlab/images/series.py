"""Microscope images as a series: any file, stack or folder as frames, each (H, W), with what is known of them.

One frame is in memory at a time, and files stay closed in between. Sizes and aspect ratios are never changed,
intensities are scaled once for the whole series, so that frames do not flicker. Nothing here corrects an image.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.images import camera_defects, frame_numbers, headers, per_frame
from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.find_files import PathLike, Source, find_files
from voidlab.images.given_tilts import tilts_of_files
from voidlab.images.headers import Calibration
from voidlab.images.in_names import in_order, read_names
from voidlab.images.microscope import NOTHING_SAID, Microscope, of_series
from voidlab.images.per_frame import PerFrame
from voidlab.images.readers import ImageFile, open_file, size_text
from voidlab.images.readers.base import NO_CHOICE, Choice
from voidlab.images.valid_area import Box, find_padding, inside_boxes, note_on_boxes
from voidlab.tables.listing import number_of, span

_SAMPLED_PIXELS = 2**16  # of each frame that the scale of intensities rests on


@dataclass(eq=False, repr=False)
class Frames(Sequence[np.ndarray]):
    """Images of one shape, decoded one at a time: a file each, or all in one stack."""

    files: Sequence[Path]
    stack: ImageFile | None
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.files)

    def raw(self, row: int) -> np.ndarray:
        """Image of row ``row``, (H, W), values as stored.

        Raises
        ------
        ImageReadError
            If it cannot be read.
        ImagesError
            If it is of another size than the series.
        """
        row = range(len(self))[row]
        path = self.files[row]
        image = self._read(path) if self.stack is None else self.stack.read(row)
        if image.shape != self.shape:
            raise ImagesError(self._of_another_size(path, image.shape))
        return image

    def _read(self, path: Path) -> np.ndarray:
        return read_image(path)

    def _of_another_size(self, path: Path, shape: tuple[int, ...]) -> str:
        return (
            f"{path} is {size_text(shape)}, but {self.files[0]} and others are {size_text(self.shape)} "
            "(width × height). All images of a series must be of one size: leave some out."
        )


@dataclass(eq=False, repr=False)
class ImageSeries(Frames):
    """Frames of a series, read when asked for: ``series[row]`` is (H, W) float32, 0 to 1.

    NaN is what shows no specimen: ignored boxes, what lies outside the crop, padded borders, NaN in the file.

    Attributes
    ----------
    shape : tuple of int
        (H, W) of every frame, px.
    frames : DataFrame
        A row per frame, ascending: frame, path, tilt_deg, time_s, status ("ok" or "excluded"), focus.
    calibration : Calibration
    notes : list of str
        What the user should know of the series, a sentence each.
    angle_file : Path or None
        File that the tilt angles were read from, when it is not one of the images.
    inside : ndarray of shape (H, W), bool, or None
        Pixels within the crop and outside the ignored boxes; None for all.
    choice : Choice
        Which images are meant of files that hold several kinds.
    intensity_range : tuple of float, or None
        Stored values that become 0 and 1; None: as `scale` finds them.
    microscope : Microscope
        What the files say of how they were taken.
    """

    frames: pd.DataFrame
    calibration: Calibration
    notes: list[str]
    angle_file: Path | None = None
    inside: np.ndarray | None = None
    choice: Choice = NO_CHOICE
    intensity_range: tuple[float, float] | None = None
    microscope: Microscope = NOTHING_SAID

    def _read(self, path: Path) -> np.ndarray:
        return read_image(path, self.choice)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override]
        image = self.raw(row)
        scaled = self._scaled(image)
        valid = self._valid(image)
        if valid is not None:
            scaled[~valid] = np.nan
        return scaled

    def valid_area(self, row: int) -> np.ndarray:
        """Pixels (H, W) of row ``row`` that show the specimen; see `voidlab.images.valid_area`.

        Raises
        ------
        ImageReadError
            If it cannot be read.
        """
        valid = self._valid(self.raw(row))
        return np.ones(self.shape, bool) if valid is None else valid

    def _valid(self, image: np.ndarray) -> np.ndarray | None:
        padding = find_padding(image)
        if padding is None or self.inside is None:
            return self.inside if padding is None else ~padding
        return self.inside & ~padding

    def _scaled(self, image: np.ndarray) -> np.ndarray:
        low, high = self.scale
        if not high > low:
            return np.zeros(self.shape, np.float32)
        # 32-bit counts and offsets do not survive float32.
        scaled: np.ndarray = image.astype(np.float32 if image.dtype.itemsize <= 2 else np.float64)
        scaled -= low
        scaled /= high - low
        return np.clip(scaled, 0, 1, out=scaled).astype(np.float32, copy=False)

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Stored values that become 0 and 1: the ``intensity_range``, else percentiles 0.1 and 99.9.

        The percentiles are those of frames spread over the series. Where they coincide (a few bright dots on
        nothing), the smallest and largest value stand in. Broken pixels, columns and rows of the camera do not
        count, see `voidlab.images.camera_defects`.

        Raises
        ------
        ImageReadError
            If no frame can be read.
        """
        if self.intensity_range is not None:
            return self.intensity_range
        values = np.concatenate(self._sample())
        if not values.size:
            return 0.0, 0.0
        low, high = np.percentile(values, (0.1, 99.9))
        limits = camera_defects.far_limits(values)
        if low < limits[0] or high > limits[1]:
            values = np.concatenate(self._sample(limits))
            low, high = np.percentile(values, (0.1, 99.9)) if values.size else (0.0, 0.0)
        if not high > low and values.size:
            low, high = values.min(), values.max()
        return float(low), float(high)

    def _sample(self, limits: tuple[float, float] | None = None) -> list[np.ndarray]:
        """Finite values of pixels on a grid of some frames, without those that ``limits`` show to be broken."""
        rows = np.flatnonzero(self.frames["status"] == "ok")
        step = max(1, math.isqrt(self.shape[0] * self.shape[1] // _SAMPLED_PIXELS))
        samples: list[np.ndarray] = []
        failed: ImageReadError | None = None
        for row in headers.spread_first(rows.tolist()):
            try:
                image = self.raw(row)
            except ImageReadError as error:
                failed = error
                continue
            valid = self._valid(image)
            if limits is not None:
                whole = ~camera_defects.broken_pixels(image, limits)
                valid = whole if valid is None else valid & whole
            values = image[::step, ::step].astype(np.float64)
            known = np.isfinite(values) if valid is None else np.isfinite(values) & valid[::step, ::step]
            samples.append(values[known])
            if len(samples) == headers.LOOKED_INTO:
                break
        if not samples and failed is not None:
            raise failed
        return samples

    def check_sizes(self) -> list[str]:
        """Look into the header of every file, and at the pixels of some; a sentence where some cannot be read.

        Raises
        ------
        ImagesError
            If an image is of another size than the first (the message names both), or none that was looked at can be
            read.
        """
        lost: list[str] = []
        opened: list[ImageFile] = []
        for path in self.files if self.stack is None else ():
            try:
                opened.append(open_file(path, self.choice))
            except ImageReadError as error:
                lost.append(str(error))
                continue
            if opened[-1].shape != self.shape:
                raise ImagesError(self._of_another_size(path, opened[-1].shape))
        said = [note for note in headers.check_values(opened) if note not in self.notes]
        if not lost:
            return said + headers.check_pixels(self.raw, len(self))
        return [
            *said,
            f"{len(lost)} of {len(self)} images cannot be read and are left out, the first: {lost[0]}",
        ]

    def describe(self) -> str:
        """One sentence: how many images, their size, frames, pixel size and tilt range."""
        number, tilts = self.frames["frame"], self.frames["tilt_deg"]
        # The number of a single image means nothing.
        frames = [f"frames {number.iloc[0]}-{number.iloc[-1]}"] if len(self) > 1 else []
        size = self.calibration.pixel_size_nm
        scale = (
            "no pixel size in the files, lengths in px"
            if size is None
            else f"{size:g} nm per px ({self.calibration.source})"
        )
        said = [
            f"{number_of(len(self), 'image')} of {size_text(self.shape)} (width × height)",
            *frames,
            scale,
        ]
        if tilts.notna().any():
            said.append(f"tilt {span(tilts.dropna().tolist())} deg")
        excluded = int((self.frames["status"] == "excluded").sum())
        return ", ".join([*said, f"{excluded} excluded"] if excluded else said)


def open_series(
    source: Source,
    *,
    pixel_size_nm: float | None = None,
    tilt_angles_deg: PerFrame | PathLike | None = None,
    frame_pattern: str | None = None,
    frame_step: int = 1,
    times_s: PerFrame | None = None,
    frame_interval_s: float | None = None,
    excluded_frames: Sequence[int] = (),
    ignore_boxes_px: Sequence[Box] = (),
    crop_px: Box | None = None,
    choice: Choice = NO_CHOICE,
    intensity_range: tuple[float, float] | None = None,
    focus: Sequence[str] = (),
) -> ImageSeries:
    """Open images as a series of frames; of most files nothing is read yet.

    Parameters
    ----------
    source
        A glob, a folder, a file, a stack, or a list of files: PNG, JPEG, BMP, GIF, TIFF, MRC; with the extra ``em``
        DM3, DM4, SER, EMD; with the extra ``video`` MP4, AVI, MOV, MKV, WEBM, WMV, MPG.
    pixel_size_nm
        Width of a pixel, nm. None: what the file says, else unknown.
    tilt_angles_deg
        Angles in frame order, a mapping from frame to angle, or a .rawtlt, .tlt, .mdoc or .csv file, deg. None: from
        such a file of the same name beside a stack, from the headers, or from the file names, else unknown.
    frame_pattern
        Regular expression with one group, the frame number in the file name, or with several, by which the files are
        put in order. None: the last number that differs between all names, else the order of a clock in them. Frames
        of a stack count from 0.
    frame_step
        What the numbers in the file names go up by from frame to frame; they are divided by it.
    times_s
        Times in frame order, or a mapping from frame to time, s.
    frame_interval_s
        Time between frames, s, in place of ``times_s``.
    excluded_frames
        Numbers (after division by ``frame_step``) of frames that no stage should use.
    ignore_boxes_px, crop_px
        Boxes (left, top, width, height), px: what is burnt in; what alone counts. Positions stay those in the file.
    choice
        Series, channel, slice or signal of files that hold several; None of these: the one that is likely meant.
    intensity_range
        Stored values that become 0 and 1. None: percentiles of frames spread over the series.
    focus
        Of the two files of a focus pair, "over" or "under": they are frames 1 and 2, whatever their names are.

    Raises
    ------
    ImagesError
        If nothing is found, files are of several formats or sizes, numbers stand twice, or counts differ.
    """
    files = find_files(source)
    surveyed = headers.headers(files, choice)
    stack = surveyed[0] if surveyed[0].count > 1 else None
    shape = headers.common_shape(surveyed)
    notes = [*headers.notes_of(surveyed), *headers.check_values(surveyed)]
    if stack is None:
        named = in_order(files) if focus else read_names(files, frame_pattern, frame_step)
        files, numbers = named.files, named.numbers
        notes += named.notes
    else:
        files, numbers, named = files * stack.count, list(range(stack.count)), None
        if frame_pattern is not None or frame_step != 1:
            notes.append("frame_pattern and frame_step are not used: the frames of a stack count from 0.")
    notes += frame_numbers.notes_on_numbers(numbers, step_given=frame_step != 1)
    status = per_frame.status(numbers, excluded_frames, notes)
    angle_file = Path(tilt_angles_deg) if isinstance(tilt_angles_deg, str | os.PathLike) else None
    in_names = None if named is None else named.tilts_deg
    if tilt_angles_deg is None:
        tilt_angles_deg, angle_file = headers.found_tilts(files, surveyed, in_names, notes, choice)
    elif stack is None:
        tilt_angles_deg = tilts_of_files(tilt_angles_deg, files, numbers, in_names, notes)
    if times_s is not None:
        per_frame.check_times(times_s, numbers)
    elif frame_interval_s is None:
        times_s = per_frame.times_of(stack, notes) if named is None else named.times_s
        if stack is None and times_s is None:
            times_s = headers.times_in_headers(files, surveyed, notes, choice)
    frames = pd.DataFrame(
        {
            "frame": numbers,
            "path": [str(file) for file in files],
            "tilt_deg": per_frame.tilts(tilt_angles_deg, numbers, notes),
            "time_s": per_frame.times(times_s, frame_interval_s, numbers, notes),
            "status": status,
            "focus": list(focus) or "",
        }
    )
    if focus:  # the lengths of a pair are those of its last image, under focus
        calibration = headers.calibrated(pixel_size_nm, surveyed[::-1], notes, most_apart=headers.OF_A_PAIR)
    else:
        calibration = headers.calibrated(pixel_size_nm, surveyed, notes)
    table = tables.cast(frames, "frames")
    inside = inside_boxes(shape, ignore_boxes_px, crop_px)
    notes += note_on_boxes(shape, ignore_boxes_px, crop_px)
    taken = of_series(surveyed, notes)
    return ImageSeries(
        files, stack, shape, table, calibration, notes, angle_file, inside, choice, intensity_range, taken
    )


def read_image(path: PathLike, choice: Choice = NO_CHOICE) -> np.ndarray:
    """Image in the file at ``path``, (H, W), values as stored; colours become luminance (float32), alpha is ignored.

    Raises
    ------
    ImageReadError
        If it cannot be read, or holds several images.
    """
    file = open_file(Path(path), choice)
    if file.count > 1:
        raise ImageReadError(
            f"{path} holds {file.count} images; expected one. Open such a stack by itself, with open_series."
        )
    return file.read(0)
