"""Tilt angles that somebody gave for single images: laid on by names in an .mdoc, checked against the file names."""

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.images.find_files import PathLike
from voidlab.images.per_frame import PerFrame
from voidlab.images.tilt_angles import read_angles, recorded_files

_SAME_DEG = 0.5  # a stage ends up that near to the angle that it was sent to, and names are rounded


def tilts_of_files(
    given: PerFrame | PathLike,
    files: Sequence[Path],
    numbers: Sequence[int],
    in_names: Sequence[float] | None,
    notes: list[str],
) -> PerFrame:
    """Angles for image files in the order of their frame ``numbers``; a list, or a mapping from frame to angle.

    Those of an .mdoc go to the files it names (SubFramePath), else to the files whose names hold the same angles.
    Angles that contradict those in the file names, ``in_names``, are a note where they were typed.

    Raises
    ------
    ImagesError
        If a file of angles cannot be read, or contradicts the file names.
    """
    if not isinstance(given, str | os.PathLike):
        apart = _contradiction(given, files, numbers, in_names)
        if apart:
            notes.append(f"tilt_angles_deg says {apart}: that in tilt_angles_deg is used.")
        return given
    path = Path(given)
    angles = read_angles(path)
    if path.suffix.lower() == ".mdoc" and isinstance(angles, list):
        angles = _by_name(path, angles, files, in_names, notes)
    apart = _contradiction(angles, files, numbers, in_names)
    if apart:
        raise ImagesError(
            f"tilt_angles_deg: {path.name} says {apart}. The angles of a file are laid on the images in the order of "
            "their frames; give them in that order, as a .csv with the columns frame and tilt_deg, or as a list, "
            "which outweighs the names."
        )
    return angles


def _by_name(
    path: Path,
    angles: list[float],
    files: Sequence[Path],
    in_names: Sequence[float] | None,
    notes: list[str],
) -> list[float]:
    """Angles of an .mdoc in the order of the ``files``."""
    recorded = [Path(name).stem.lower() for name in recorded_files(path)]
    stems = [file.stem.lower() for file in files]
    if len(set(recorded)) == len(recorded) and set(stems) <= set(recorded):
        of = dict(zip(recorded, angles, strict=True))
        return [of[stem] for stem in stems]
    if set(stems) & set(recorded):
        odd = next(file.name for file, stem in zip(files, stems, strict=True) if stem not in recorded)
        raise ImagesError(
            f"tilt_angles_deg: {path.name} names the files of other images, but not '{odd}': leave that image out, "
            "or give the angles as a .csv with the columns frame and tilt_deg."
        )
    laid = None if in_names is None else _by_angle(angles, in_names)
    if laid is not None:
        return laid
    if in_names is None and len(angles) == len(files) > 2 and not _in_one_direction(angles):
        first = ", ".join(f"{angle:g}" for angle in angles[:4])
        notes.append(
            f"{path.name} names none of the images: its angles, {first}, … in the order of recording, are laid on "
            f"them in the order of their frames, {angles[0]:g} deg on {files[0].name}. If the images are numbered by "
            "tilt, give the angles in that order instead."
        )
    return angles


def _by_angle(angles: Sequence[float], in_names: Sequence[float]) -> list[float] | None:
    """The one of the ``angles`` nearest to each of those in the names; None unless it is one to one and near."""
    nearest = [min(range(len(angles)), key=lambda i: abs(angles[i] - said)) for said in in_names]
    near = all(abs(angles[i] - said) <= _SAME_DEG for i, said in zip(nearest, in_names, strict=True))
    return [angles[i] for i in nearest] if near and len(set(nearest)) == len(nearest) else None


def _in_one_direction(angles: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(angles)]
    return all(step >= 0 for step in steps) or all(step <= 0 for step in steps)


def _contradiction(
    angles: PerFrame, files: Sequence[Path], numbers: Sequence[int], in_names: Sequence[float] | None
) -> str:
    """Where the ``angles`` differ from those in the file names, both named; empty where they do not."""
    if in_names is None or (not isinstance(angles, Mapping) and len(angles) != len(files)):
        return ""  # another number of angles is told elsewhere
    for row, (file, number, said) in enumerate(zip(files, numbers, in_names, strict=True)):
        stated = angles.get(number) if isinstance(angles, Mapping) else angles[row]
        if stated is not None and abs(stated - said) > _SAME_DEG:
            return f"{stated:g} deg for {file.name}, whose name says {said:g}"
    return ""
