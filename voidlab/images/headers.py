"""What headers say of images before they are a series: angles, the one size, width of a pixel."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from voidlab.images import pixel_size, tilt_angles
from voidlab.images.errors import UNRELATED, ImageReadError, ImagesError
from voidlab.images.per_frame import PerFrame, credible_times
from voidlab.images.readers import ImageFile, open_file, size_text
from voidlab.images.readers.base import NO_CHOICE, Choice
from voidlab.tables.listing import span
from voidlab.tables.rows import spread_rows

Item = TypeVar("Item")

LOOKED_INTO = 16  # files opened at first, and frames that the scale of intensities rests on
_DEPTH_OF_PICTURES = 8  # bit of a value, all of which are used
SAME_PIXEL = 1.01  # the widest over the narrowest of a series
OF_A_PAIR = 1.05  # of the images under and over focus: their magnifications differ, which is fitted
_READ = 3  # images whose pixels are read
_TILTS_DIFFER_DEG = 0.5  # more than stages are off by


@dataclass(frozen=True)
class Calibration:
    """Width of a pixel in nm (None when unknown), and who says so: parameters, the file or unknown."""

    pixel_size_nm: float | None
    source: str


def found_tilts(
    files: Sequence[Path],
    surveyed: Sequence[ImageFile],
    in_names: list[float] | None,
    notes: list[str],
    choice: Choice = NO_CHOICE,
) -> tuple[PerFrame | None, Path | None]:
    """Tilt angles that no one gave: from a file beside a stack, the headers or the file names; and that file."""
    in_headers = _tilts_in_headers(files, surveyed, choice)
    beside, angle_file = None, None
    if surveyed[0].count > 1:
        beside, angle_file = tilt_angles.angles_beside(files[0], len(files), notes)
    known = [
        (beside, angle_file and angle_file.name),
        (in_headers, "the file header"),
        (in_names, "the file names"),
    ]
    angles, source = next(((a, s) for a, s in known if a is not None), (None, None))
    if angles is not None:
        notes.append(f"Tilt angles are those in {source}, {span(angles)} deg.")
    if beside is not None and in_headers is not None:
        apart = max(abs(a - b) for a, b in zip(beside, in_headers, strict=True))
        if apart > _TILTS_DIFFER_DEG:
            notes.append(f"They differ from those in the file header by up to {apart:.1f} deg.")
    return angles, angle_file


def _tilts_in_headers(
    files: Sequence[Path], surveyed: Sequence[ImageFile], choice: Choice
) -> list[float] | None:
    """Tilt angles in the headers, when all images that were looked into have one; all 0 means none was stored."""
    if not all(file.tilts_deg for file in surveyed):
        return None
    if surveyed[0].count > 1:
        angles = list(surveyed[0].tilts_deg)
    else:
        try:
            angles = [angle for file in files for angle in open_file(file, choice).tilts_deg]
        except ImagesError:
            return None
    return angles if len(angles) == len(files) and any(angles) else None


def times_in_headers(
    files: Sequence[Path], surveyed: Sequence[ImageFile], notes: list[str], choice: Choice = NO_CHOICE
) -> Sequence[float] | None:
    """Times of files of an image each, in their order, s from the first; None where not all headers have one."""
    if not all(file.times_s for file in surveyed):
        return None
    try:
        found = [time for file in files for time in open_file(file, choice).times_s]
    except ImagesError:
        return None
    if len(found) != len(files) or len(set(found)) < 2:  # each since its own start
        return None
    times = credible_times([time - found[0] for time in found], "the file headers", notes)
    if times is not None:
        notes.append(f"Times are those in the file headers, {span(times)} s.")
    return times


def headers(files: Sequence[Path], choice: Choice = NO_CHOICE) -> list[ImageFile]:
    """Headers of files spread over the series, those that can be read."""
    opened, failed = [], []
    for file in list(spread_first(files))[:LOOKED_INTO]:
        try:
            opened.append(open_file(file, choice))
        except ImageReadError as error:
            failed.append(str(error))
    if not opened:
        tried = f"none of {len(failed)} images could be read, the first: " if len(files) > 1 else ""
        raise ImagesError(tried + failed[0])
    stack = next((file for file in opened if file.count > 1), None)
    if stack is not None and len(files) > 1:
        raise ImagesError(
            f"{stack.path} is a stack of {stack.count} images among {len(files)} files; expected files of "
            "one image each, or one stack. Open each stack by itself."
        )
    return opened


def common_shape(opened: Sequence[ImageFile]) -> tuple[int, int]:
    """Shape of all images that were looked into."""
    first = {file.shape: file.path.name for file in reversed(opened)}
    if len(first) > 1:
        found = ", ".join(f"{name} is {size_text(shape)}" for shape, name in sorted(first.items()))
        raise ImagesError(
            f"the images are of several sizes (width × height): {found}. All images of a series must be of one size: "
            "leave some out, or narrow the glob to those of one series."
        )
    return opened[0].shape


def notes_of(opened: Sequence[ImageFile]) -> list[str]:
    """What is to be known of the files; of what several of them say, that of the first."""
    said: dict[str, str] = {}
    for file in opened:
        for note in file.notes:
            said.setdefault(note.replace(file.path.name, ""), note)
    return list(said.values())


def check_values(opened: Sequence[ImageFile]) -> list[str]:
    """Sentences where the values of images mean other grey than those of others, though on one scale.

    Raises
    ------
    ImagesError
        If the values cannot be laid on one scale: of several depths, or of more than 8 bit with 0 as white in some.
    """
    depths = {file.bits: file.path.name for file in reversed(opened) if file.bits}
    if len(depths) > 1:
        found = ", ".join(f"{name} has {bits} bit" for bits, name in sorted(depths.items()))
        raise ImagesError(
            f"the images are of several depths: {found} for each value, and their grey values cannot be laid on one "
            "scale. Save all in the same way, or leave some out."
        )
    white, black = ([file for file in opened if file.inverted is inverted] for inverted in (True, False))
    if not white or not black:
        return []
    found = f"the lowest value is white in {white[0].path.name} and black in {black[0].path.name}"
    if white[0].bits <= _DEPTH_OF_PICTURES:
        return [f"By the headers {found}: the former are turned round. Check that they look alike."]
    raise ImagesError(
        f"by the headers {found}, and values of more than {_DEPTH_OF_PICTURES} bit cannot be laid on one scale. Save "
        "all in one way, in Fiji after Image > Lookup Tables > Grays."
    )


def check_pixels(read: Callable[[int], np.ndarray], count: int) -> list[str]:
    """Sentences where some of ``count`` images, whose headers are good, have pixels that cannot be read or are NaN.

    Raises
    ------
    ImagesError
        If none that was looked at can be read, or holds a number.
    """
    rows = spread_rows(count, _READ)
    bad: list[str] = []
    empty = 0
    for row in rows.tolist():
        try:
            empty += not np.isfinite(read(row)).any()
        except ImageReadError as error:
            bad.append(str(error))
    if bad and len(bad) == len(rows):
        raise ImagesError(bad[0])
    if empty and empty + len(bad) == len(rows):
        raise ImagesError(
            f"all {empty} images looked at hold no number: each pixel is NaN or infinite; expected grey values. Were "
            "they masked, or divided by 0, before they were saved?"
        )
    notes = [f"{len(bad)} of {len(rows)} images looked at cannot be read, the first: {bad[0]}"] if bad else []
    if empty:
        notes.append(
            f"{empty} of {len(rows)} images looked at hold no number: each pixel is NaN or infinite."
        )
    return notes


def spread_first(items: Sequence[Item]) -> Iterator[Item]:
    """``items``, those first that are spread evenly over them, then the others."""
    rows = spread_rows(len(items), LOOKED_INTO)
    spread = set(rows.tolist())
    for row in (*sorted(spread), *(r for r in range(len(items)) if r not in spread)):
        yield items[row]


def calibrated(
    given: float | None, opened: Sequence[ImageFile], notes: list[str], *, most_apart: float = SAME_PIXEL
) -> Calibration:
    """Width of a pixel as somebody gave it, else as the files have it; ``notes`` says where they disagree.

    It is that of the first which says one; where the largest is more than ``most_apart`` times the smallest, none.

    Raises
    ------
    ImagesError
        If the files say that pixels are not square and nobody gave their width.
    """
    odd = next((file for file in opened if file.pixel_size.not_square), None)
    if odd is not None and given is None:
        raise ImagesError(
            f"{odd.path.name} says that its pixels are {odd.pixel_size.not_square}; expected square ones, as "
            "lengths, areas and angles would all be wrong. Resample the images to square pixels, or, if the file is "
            "mistaken, give pixel_size_nm."
        )
    if odd is not None:
        notes.append(
            f"{odd.path.name} says that its pixels are {odd.pixel_size.not_square}; as pixel_size_nm = {given:g} is "
            "given, they are taken as square."
        )
    notes += opened[0].pixel_size.notes
    sizes = [file.pixel_size.nm for file in opened if file.pixel_size.nm is not None]
    stored = sizes[0] if sizes else None
    source = next((file.pixel_source for file in opened if file.pixel_size.nm is not None), "unknown")
    silent = [file for file in opened if file.pixel_size.nm is None]
    ignored = [file for file in silent if file.pixel_size.notes]
    if sizes and (ignored or max(sizes) > most_apart * min(sizes)):
        found = f"{min(sizes):.4g} to {max(sizes):.4g} nm"
        if ignored:
            found = f"{sizes[0]:.4g} nm and, in {ignored[0].path.name}, none that is credible"
        notes.append(f"The files disagree on the pixel size, {found}: theirs is not used. {UNRELATED}")
        stored, source = None, "unknown"
    elif sizes and silent and given is None:
        notes.append(
            f"{len(silent)} of {len(opened)} files looked at, such as {silent[0].path.name}, give no pixel size: "
            f"that of the others, {sizes[0]:.4g} nm, is taken for all."
        )
    if given is None:
        return Calibration(stored, source)
    pixel_size.check_pixel_size(given)
    notes += [note for note in pixel_size.wide_in_words(given) if note not in notes]
    if stored is not None and abs(stored - given) > 0.01 * given:
        notes.append(f"pixel_size_nm is {given:g}, but the {source} say {stored:.4g}: {given:g} is used.")
    return Calibration(float(given), "parameters")
