"""Positions and radii that another tool found, read as tables: JSON lines, a row per image, such as frame-data.json.

Nothing is segmented again, and what only images show is not known.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.export.positions_lines import FARTHEST_PX, PositionsError, name_of, read_lines_of_images
from voidlab.images.clock import ClockError, clock_of, running_seconds
from voidlab.images.pixel_size import check_pixel_size
from voidlab.images.readers import size_text
from voidlab.measure import circles_touch_edge
from voidlab.tables.kinds import COUNT_OF, VOID
from voidlab.tables.listing import number_of

_OTHERS = set(COUNT_OF) - {VOID}
_EDGE_PX = 8.0  # voids this near to the border touch it, as in images


@dataclass(frozen=True)
class Positions:
    """Tables ``frames`` and ``voids`` of a file, and what was noticed in it."""

    frames: pd.DataFrame
    voids: pd.DataFrame
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()  # those of the notes by which all numbers may be others
    pixel_size_nm: float | None = None


def read_positions(path: Path, shape: tuple[int, int]) -> Positions:
    """Read the voids of every image from JSON lines.

    Parameters
    ----------
    path
        Lines of JSON with ``positions`` ((x, y) each) and ``radii``, px; also used where there: ``frame``, the name
        of the image (``path`` or ``image-path``), ``void_frac``, ``type``, by which loops and dots are left out;
        ``time_s``, or ``frame_interval_s`` and ``pixel_size_nm``, on any line, which are those of all.
    shape
        (H, W) of the images, px.

    Notes
    -----
    Images are in the order of ``frame``, else of the time in their names (Hour_…_Minute_…_Second_…, see
    `voidlab.images.clock.running_seconds` for midnight), else as they stand in the file. Some tools wrote diameters
    as ``radii``: where ``void_frac`` shows it, they are halved. The notes say so.

    Raises
    ------
    PositionsError
        If the file cannot be read, a line is no JSON or lacks a list, its lists differ in length, a number is not
        finite, a radius not above 0, or a frame stands twice; or if the order of the images is not told for all of
        them, or not for certain.
    """
    images, others = _only_voids(read_lines_of_images(path))
    images, numbers, times, notes = _in_order(images)
    times = _given_times(images, numbers, times)
    pixel_size_nm = _of_all(images, "pixel_size_nm")
    if pixel_size_nm is not None:
        check_pixel_size(pixel_size_nm)
    circles = _circles(images, numbers)
    factor, halved = _unit_of_radii(images, shape)
    doubts = halved + _outside(circles, shape) + _too_large(circles, shape)
    voids = _as_voids(circles.assign(radius_px=circles["radius_px"] * factor), shape)
    frames = _as_frames(images, numbers, times, voids, shape)
    empty = int((frames["void_count"] == 0).sum())
    none = [f"{empty} of {number_of(len(frames), 'image')} without a void."] if empty else []
    return Positions(frames, voids, (*notes, *others, *doubts, *none), tuple(doubts), pixel_size_nm)


def _circles(images: list[dict[str, Any]], numbers: np.ndarray) -> pd.DataFrame:
    """``frame, label, x_px, y_px, radius_px`` of all voids, as the images, with these frame ``numbers``, give them.

    Raises
    ------
    PositionsError
        If a frame stands twice, or a number cannot be that of a void.
    """
    twice = pd.Series(numbers)[pd.Series(numbers).duplicated()]
    if len(twice):
        raise PositionsError(
            f"frame {twice.iloc[0]} stands on more than one line; expected a line per image."
        )
    rows = [
        (number, label + 1, *position, radius)
        for number, image in zip(numbers, images, strict=True)
        for label, (position, radius) in enumerate(zip(image["positions"], image["radii"], strict=True))
    ]
    circles = pd.DataFrame(rows, columns=["frame", "label", "x_px", "y_px", "radius_px"]).astype(float)
    good = np.isfinite(circles.to_numpy()).all(axis=1) & (circles["radius_px"] > 0).to_numpy()
    wrong = circles[~good]
    if len(wrong):
        raise PositionsError(
            f"{number_of(len(wrong), 'void')}, the first in frame {wrong['frame'].iloc[0]:g}, with a position "
            "that is not finite or a radius that is not above 0; leave them out."
        )
    far = circles[(circles[["x_px", "y_px", "radius_px"]].abs() > FARTHEST_PX).any(axis=1)]
    if len(far):
        raise PositionsError(
            f"{number_of(len(far), 'void')}, the first in frame {far['frame'].iloc[0]:g}, at a place or with a "
            f"radius further than {FARTHEST_PX:,} px, which no image does; expected positions and radii in px."
        )
    return circles


def _as_voids(circles: pd.DataFrame, shape: tuple[int, int]) -> pd.DataFrame:
    """Table ``voids``."""
    area = np.pi * circles["radius_px"] ** 2
    voids = circles.assign(area_px=area, kind=VOID, confidence=np.nan)
    voids["touches_edge"] = circles_touch_edge(voids, shape, _EDGE_PX)
    return tables.check(voids, "voids")


def _as_frames(
    images: list[dict[str, Any]],
    numbers: np.ndarray,
    times: np.ndarray,
    voids: pd.DataFrame,
    shape: tuple[int, int],
) -> pd.DataFrame:
    """Table ``frames``."""
    area = voids.groupby("frame")["area_px"].sum().reindex(numbers).fillna(0.0).to_numpy()
    frames = pd.DataFrame(
        {
            "frame": numbers,
            "path": [name_of(image) for image in images],
            "tilt_deg": np.nan,
            "time_s": times,
            "status": "ok",
            "void_count": [len(image["radii"]) for image in images],
            "void_fraction": area / (shape[0] * shape[1]),
            "valid_px": shape[0] * shape[1],
        }
    )
    return tables.check(frames, "frames")


def _of_all(images: list[dict[str, Any]], name: str) -> float | None:
    """What one or more lines give as ``name``, which is that of all; None where none does.

    Raises
    ------
    PositionsError
        If they give several.
    """
    given = sorted({float(image[name]) for image in images if image.get(name) is not None})
    if len(given) > 1:
        raise PositionsError(
            f"{name} is {given[0]:g} on one line and {given[-1]:g} on another; expected one for all."
        )
    return given[0] if given else None


def _given_times(images: list[dict[str, Any]], numbers: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Times of the images (in order), s: those the lines give, before those in the names."""
    interval = _of_all(images, "frame_interval_s")
    given = [image["time_s"] for image in images if image.get("time_s") is not None]
    if given and len(given) < len(images):
        raise PositionsError(f"{len(given)} of {len(images)} images have a 'time_s'; expected all or none.")
    if given:
        if (np.diff(given) <= 0).any():
            raise PositionsError(
                "time_s does not go up from image to image; expected times in s, in frame order."
            )
        return np.array(given, float)
    return times if interval is None else (numbers - numbers[0]) * interval


def _outside(voids: pd.DataFrame, shape: tuple[int, int]) -> list[str]:
    """A sentence where centres of voids lie outside the images: their size may be another."""
    x, y = voids["x_px"], voids["y_px"]
    out = (x < -0.5) | (y < -0.5) | (x > shape[1] - 0.5) | (y > shape[0] - 0.5)
    if not out.any():
        return []
    return [
        f"{out.sum():,} of {len(voids):,} voids lie outside the images of {size_text(shape)} (width × height): they "
        f"reach to x = {x.max():.6g}, y = {y.max():.6g}. Is the size right, and are positions (x, y) in px? "
        "Densities and area fractions are wrong if it is not."
    ]


def _too_large(voids: pd.DataFrame, shape: tuple[int, int]) -> list[str]:
    """A sentence where voids are larger than the images: what is called radius may be in another unit."""
    large = 2 * voids["radius_px"] > max(shape)
    if not large.any():
        return []
    return [
        f"{large.sum():,} of {len(voids):,} voids are larger than the images of {size_text(shape)}, with radii up to "
        f"{voids['radius_px'].max():.6g}. Are these in px?"
    ]


def _only_voids(images: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The images with the voids of their lists alone, and a note if ``type`` says that there were loops or dots."""
    chosen, left_out = [], 0
    for image in images:
        kinds = image.get("type")
        if isinstance(kinds, list) and len(kinds) == len(image["radii"]):
            here = [i for i, kind in enumerate(kinds) if str(kind) not in _OTHERS]
            left_out += len(kinds) - len(here)
            image = image | {name: [image[name][i] for i in here] for name in ("positions", "radii")}
        chosen.append(image)
    return chosen, [f"{left_out} loops and dots were left out: only voids are followed."] if left_out else []


def _in_order(
    images: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray, list[str]]:
    """The images as they followed each other, their frame numbers, times (s, NaN when unknown), and notes."""
    framed = [image["frame"] for image in images if "frame" in image]
    clocks = [clock for clock in (clock_of(name_of(image)) for image in images) if clock is not None]
    if len(framed) == len(images):
        images = sorted(images, key=lambda image: image["frame"])
        times, note = _times(images)
        return images, np.sort(np.array(framed, np.int64)), times, note
    if framed or len(clocks) not in (0, len(images)):
        count, what = (len(framed), "a 'frame'") if framed else (len(clocks), "a time in their name")
        raise PositionsError(
            f"{count} of {len(images)} images have {what}; expected all or none, as else their order is not known."
        )
    numbers = np.arange(len(images))
    if not clocks:
        said = "No image has a frame number or a time in its name: they are in the order of the lines."
        return images, numbers, np.full(len(images), np.nan), [said]
    try:
        seconds, passed = running_seconds(clocks)
    except ClockError as error:
        raise PositionsError(str(error)) from None
    order = np.lexsort((np.array([clock[1] for clock in clocks]), seconds))
    times = (seconds[order] - seconds.min()).astype(float)
    return [images[row] for row in order], numbers, times, [passed] if passed else []


def _times(images: list[dict[str, Any]]) -> tuple[np.ndarray, list[str]]:
    """Seconds since the first of images in order, from the times in their names, and a note where those disagree."""
    unknown = np.full(len(images), np.nan)
    clocks = [clock for clock in (clock_of(name_of(image)) for image in images) if clock is not None]
    if len(clocks) < len(images):
        return unknown, []
    disagree = "The times in the names run against the frame numbers; they were not used."
    try:
        seconds, note = running_seconds(clocks)
    except ClockError:
        return unknown, [disagree]
    if (np.diff(seconds) < 0).any():
        return unknown, [disagree]
    return (seconds - seconds[0]).astype(float), [note] if note else []


def _unit_of_radii(images: list[dict[str, Any]], shape: tuple[int, int]) -> tuple[float, list[str]]:
    """Factor from what the file calls radii to radii, and the note on it."""
    ratios = [
        np.pi * np.square(image["radii"]).sum() / (image["void_frac"] * shape[0] * shape[1])
        for image in images
        if image["radii"] and image.get("void_frac")
    ]
    if len(ratios) and abs(np.median(ratios) - 4) < 0.2:
        note = (
            f"What the file calls radii are diameters: circles of them would cover {np.median(ratios):.2f} times "
            "the area that its void_frac gives. They were halved."
        )
        return 0.5, [note]
    return 1.0, []
