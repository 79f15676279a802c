"""The images of a dataset as its stages see them: opened as the parameters say, blank where they are of no use."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voidlab.errors import VoidlabError
from voidlab.images.camera_defects import boxes_around_lines, far_limits
from voidlab.images.doubt import Doubt
from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.find_files import Source, find_files
from voidlab.images.headers import OF_A_PAIR, SAME_PIXEL
from voidlab.images.microscope import doubts_of_microscope, with_microscope_of
from voidlab.images.readers import open_file
from voidlab.images.readers.base import Choice
from voidlab.images.sample import sample, sample_rows
from voidlab.images.series import ImageSeries, open_series
from voidlab.images.valid_area import nearly_padding, propose_boxes
from voidlab.project import fingerprints
from voidlab.project.image_digests import digests_of_images
from voidlab.project.parameters import yaml_file
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths
from voidlab.tables.focus import OF_PAIR

_LOOKED_AT = 3  # images, for what is no specimen
_NAMED = 8  # boxes
_LEAVE_OUT = "in the images, as it seems, and counted as specimen: look, and leave it out if it is none"
_LEAST_BLURRED = 0.01  # of an image; less is a dark corner


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
    """Open the images that the parameters name; paths in them are relative to the parameter file.

    Raises
    ------
    ImagesError
        If they cannot be opened as a series, or lie in the dataset's own report.
    """
    folder = paths.parameters.parent
    angles = dataset.tilt_angles_deg
    series = open_series(
        sources_of(folder, dataset),
        tilt_angles_deg=folder / os.path.expanduser(angles) if isinstance(angles, str) else angles,
        frame_pattern=dataset.frame_pattern,
        frame_step=dataset.frame_step,
        times_s=dataset.times_s,
        frame_interval_s=dataset.frame_interval_s,
        excluded_frames=dataset.excluded_frames,
        focus=() if dataset.focus_pair is None else OF_PAIR,
        **of_every_image(dataset),
    )
    refuse_own_report(paths, series)
    series.notes += doubts_of_microscope(dataset.microscope, series.microscope)
    if dataset.focus_pair is not None:
        _check_pair(series)
        mode = with_microscope_of(dataset, series.microscope).microscope.mode
        if mode not in (None, "bright field"):
            raise ImagesError(
                f"focus_pair: the files say {mode}, where focus has no such sign: only bright field has. If they are "
                "mistaken, give microscope: {mode: bright field}."
            )
    return series


def _check_pair(series: ImageSeries) -> None:
    """Refuse two files that are no pair, as far as they say so themselves; note where their pixels differ.

    Raises
    ------
    ImagesError
        If one of them is a stack, or their pixels differ by more than magnifications do.
    """
    if series.stack is not None or len(series) != 2:
        raise ImagesError("focus_pair: each of its files must hold one image; a stack is none.")
    over, under = (open_file(path, series.choice).pixel_size.nm for path in series.files)
    if not (under and over):
        return
    apart = max(under, over) / min(under, over)
    said = f"the pixels are {under:.4g} nm wide under focus and {over:.4g} nm over focus"
    if apart > OF_A_PAIR:
        raise ImagesError(
            f"focus_pair: {said}, {apart - 1:.1%} apart; expected one magnification, to {OF_A_PAIR - 1:.0%}."
        )
    if apart > SAME_PIXEL:
        used = series.calibration.pixel_size_nm
        series.notes.append(
            f"{said[0].upper()}{said[1:]}, {apart - 1:.1%} apart. All lengths in nm rest on {used:.4g} nm: the stage "
            "pair fits the magnification and divides by it; before, those over focus are off by as much."
        )


def of_every_image(dataset: DatasetParameters) -> dict[str, Any]:
    """What `open_series` is told of each image of ``dataset``, whichever of them are opened."""
    chosen = dataset.chosen
    return {
        "pixel_size_nm": dataset.pixel_size_nm,
        "ignore_boxes_px": dataset.ignore_boxes_px,
        "crop_px": dataset.crop_px,
        "choice": Choice(chosen.series, chosen.channel, chosen.slice, chosen.signal),
        "intensity_range": dataset.segment.intensity_range,
    }


def sources_of(folder: Path, dataset: DatasetParameters) -> Source:
    """What `open_series` takes for the images of ``dataset``, whose parameter file lies in ``folder``."""
    if dataset.focus_pair is not None:  # under focus last: that is the frame which numbers are given for
        return [_placed(folder, file) for file in (dataset.focus_pair.over, dataset.focus_pair.under)]
    source = _placed(folder, dataset.chosen.file)
    return list(find_files(source, recursive=True)) if dataset.chosen.recursive else source


def _placed(folder: Path, file: str) -> str:
    return os.path.normpath(folder / os.path.expanduser(file))


def refuse_own_report(paths: RunPaths, series: ImageSeries) -> None:
    """Refuse images in the dataset's own report, which its run rewrites.

    Raises
    ------
    ImagesError
        If one of the files, or that of the tilt angles, lies there.
    """
    for file in files_of(series):
        if lies_in_report(paths, file):
            what = "tilt_angles_deg" if file == series.angle_file else "images"
            raise ImagesError(
                f"{what}: {file} lies in the report that is to be written, {paths.folder}. "
                "Move the files elsewhere, such as to data/, or choose another name."
            )


def lies_in_report(paths: RunPaths, file: Path) -> bool:
    """Whether ``file`` lies in the dataset's report, also by way of links."""
    places = (Path(os.path.abspath(file)), _led_to(file))
    return any(
        place.is_relative_to(top) for place in places for top in (paths.folder, paths.folder.resolve())
    )


def _led_to(file: str | Path) -> Path:
    """Where ``file`` lies behind all links; one that leads to itself stays as it is."""
    return Path(os.path.realpath(file))


def images_of_others(paths: RunPaths) -> set[Path]:
    """The image files (resolved) of all other datasets of the project, as far as their parameter files tell."""
    found: set[Path] = set()
    for other in paths.parameters.parent.glob("*.yaml"):
        if other == paths.parameters:
            continue
        try:
            values = yaml_file.read_yaml(other)
            pair = values.get("focus_pair")
            if isinstance(pair, Mapping):
                found |= {_led_to(_placed(other.parent, str(file))) for file in pair.values()}
            source = values.get("images")
            named = source if isinstance(source, Mapping) else {"file": source}
            where = os.path.normpath(other.parent / os.path.expanduser(str(named.get("file"))))
            files = find_files(where, recursive=bool(named.get("recursive")))
        except (VoidlabError, OSError, ValueError):
            continue  # it is said when that dataset is run
        found |= set(map(_led_to, files))
    return found


def proposed_boxes(series: ImageSeries) -> list[list[int]]:
    """Boxes around what seems burnt in, or vacuum, in images spread over the series; see `images.valid_area`."""
    return propose_boxes(sample(series, _LOOKED_AT))


def doubts_of_camera(series: ImageSeries, dataset: DatasetParameters) -> list[Doubt]:
    """Columns and rows of the camera that are broken in an image looked at: voids may be found along them."""
    for row in sample_rows(series, 1):
        try:
            image = series.raw(int(row))
        except OSError:
            continue
        finite = image[np.isfinite(image)]
        boxes = boxes_around_lines(image, far_limits(finite)) if finite.size else []
        left = [box for box in boxes if not any(_holds(other, box) for other in dataset.ignore_boxes_px)]
        if left:
            shown = f"{left[:_NAMED]}" + (f" and {len(left) - _NAMED} more" if len(left) > _NAMED else "")
            said = (
                "Columns or rows of the camera are far brighter or darker than all else. They do not count in the "
                f"grey scale, but voids may be found along them: look there, or set ignore_boxes_px: {shown}."
            )
            what = "Broken lines of the camera"
            return [Doubt(what, "voids may be found along them: look there, or set ignore_boxes_px", said)]
    return []


def _holds(outer: Sequence[int], inner: Sequence[int]) -> bool:
    """Whether box ``outer`` (left, top, width, height) covers box ``inner``."""
    return all(
        outer[axis] <= inner[axis] and outer[axis] + outer[axis + 2] >= inner[axis] + inner[axis + 2]
        for axis in (0, 1)
    )


def notes_on_valid_area(series: ImageSeries, dataset: DatasetParameters) -> list[str]:
    """What of the images may be no specimen though it counts, and what is left out without being asked for."""
    doubts = doubts_of_valid_area(series, dataset) + doubts_of_camera(series, dataset)
    notes = [doubt.said for doubt in doubts]
    padded = [1 - image.mean() for image in _valid_areas(series, sample_rows(series, _LOOKED_AT))]
    inside = 1.0 if series.inside is None else float(series.inside.mean())
    most = max(padded, default=0.0) - (1 - inside)
    if most > 0:
        notes.append(
            f"up to {most:.1%} of an image, of {len(padded)} looked at, is a border of one value, as aligned stacks "
            "have it; it is left out."
        )
    return notes


def doubts_of_valid_area(series: ImageSeries, dataset: DatasetParameters) -> list[Doubt]:
    """What of the images may be no specimen though it counts: burnt in, vacuum, padding that is not of one value."""
    if {"ignore_boxes_px", "crop_px"} & dataset.model_fields_set or not len(sample_rows(series, _LOOKED_AT)):
        return []
    doubts: list[Doubt] = []
    boxes = proposed_boxes(series)
    if boxes:
        said = (
            "Burnt-in text, bars or vacuum seem to be in the images, and count as specimen. If so, add "
            f"ignore_boxes_px: {boxes} (if not, ignore_boxes_px: [])."
        )
        doubts.append(Doubt("Text, bars or vacuum", _LEAVE_OUT, said))
    blurred = max(map(nearly_padding, sample(series, _LOOKED_AT)), default=0.0)
    if blurred > _LEAST_BLURRED:
        said = (
            f"Up to {blurred:.1%} of an image is a border of nearly one value, as padding is after JPEG or "
            "interpolation; it counts as specimen. If it is padding, pad with one value, or set crop_px (if not, "
            "ignore_boxes_px: [])."
        )
        doubts.append(Doubt("Border of one value", _LEAVE_OUT, said))
    return doubts


def _valid_areas(series: ImageSeries, rows: Iterable[int]) -> Iterator[np.ndarray]:
    for row in rows:
        try:
            yield series.valid_area(int(row))
        except OSError:
            continue


def digest_of_images(paths: RunPaths, series: ImageSeries) -> str:
    """Digest of the image files and of the file of tilt angles: of their names and contents."""
    files = files_of(series)
    digests = digests_of_images(paths, files)
    return fingerprints.digest_of([(file.name, found) for file, found in zip(files, digests, strict=True)])


def files_of(series: ImageSeries) -> list[Path]:
    """The image files, and the file of tilt angles if there is one."""
    files = [Path(path) for path in series.frames["path"].unique()]
    return [*files, *([series.angle_file] if series.angle_file else [])]


def stamps_of_images(series: ImageSeries) -> tuple[tuple[int, int], ...]:
    """When each of the files was last written, ns, and its size: they change when a file is replaced."""
    stamps = []
    for file in files_of(series):
        try:
            found = file.stat()
            stamps.append((found.st_mtime_ns, found.st_size))
        except OSError:
            stamps.append((0, -1))
    return tuple(stamps)
