"""Which labels of a folder belong to which image: by name, else by the number in it; doubt is refused."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from voidlab.errors import VoidlabError

_IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".mrc", ".dm3", ".dm4")
_LABELS = (".tif", ".tiff", ".png", ".csv")


class LabelledError(VoidlabError):
    """A folder that is no set of labelled images, and what was expected."""


def pair_labels(folder: Path) -> list[tuple[Path, Path]]:
    """Files of images and of their labels.

    Raises
    ------
    LabelledError
        If there are none, or an image or its labels are there twice.
    """
    if not folder.is_dir():
        raise LabelledError(f"there is no folder {folder}.")
    aside = next((folder / name for name in ("labels", "masks") if (folder / name).is_dir()), None)
    inside = next((folder / name for name in ("images", "frames") if (folder / name).is_dir()), None)
    if aside and inside:
        found = _across(_files(inside, _IMAGES), _files(aside, _LABELS))
    else:
        labels = {file: _bare(file) for file in _files(folder, _LABELS) if _bare(file) != file.stem}
        found = _matched({file: file.stem for file in _files(folder, _IMAGES)}, labels)
    if not found:
        raise LabelledError(
            f"no labelled images in {folder}; expected images/ and labels/ with files of the same names or numbers, "
            "or NAME.tif beside NAME_labels.tif or NAME_labels.csv."
        )
    return sorted(found, key=lambda pair: _natural(pair[0].name))


def images_of(folder: Path) -> list[Path]:
    """Files of the images of a folder, in order of their names.

    Raises
    ------
    LabelledError
        If there are none.
    """
    found = _files(folder, _IMAGES) if folder.is_dir() else []
    if not found:
        raise LabelledError(f"no images in {folder}; expected files that end in {', '.join(_IMAGES)}.")
    return found


def _across(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pairs of files in two folders: by name, then by number."""
    stems = {file: file.stem for file in images}
    known = set(stems.values())
    by_name = _matched(stems, {file: file.stem if file.stem in known else _bare(file) for file in labels})
    paired = {file for pair in by_name for file in pair}
    # All images have a say: a number that an image with labels of its own shares tells nothing.
    numbers = _numbers(images)
    still_open = {numbers[file] for file in numbers if file not in paired}
    left = _numbers(file for file in labels if file not in paired)
    return by_name + _matched(
        numbers, {file: number for file, number in left.items() if number in still_open}
    )


def _matched(images: dict[Path, str], labels: dict[Path, str]) -> list[tuple[Path, Path]]:
    """Pairs of an image and labels that are called the same."""
    image_of, labels_of = _by_value(images), _by_value(labels)
    called = [key for key in image_of if key in labels_of]
    for key in called:
        _refuse_two(image_of[key], f"the image that {labels_of[key][0].name} labels")
        _refuse_two(labels_of[key], f"the labels of {image_of[key][0].name}")
    return [(image_of[key][0], labels_of[key][0]) for key in called]


def _by_value(called: dict[Path, str]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for file, key in called.items():
        files.setdefault(key, []).append(file)
    return files


def _refuse_two(files: list[Path], what: str) -> None:
    if len(files) > 1:
        raise LabelledError(
            f"{files[0].name} and {files[1].name} in {files[0].parent} may both be {what}; expected one. "
            "Give labels the name of their image, and move what is not meant out of the folder."
        )


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Files that a person put there; a Mac adds ``._NAME.tif``, which is no image."""
    return sorted(
        file for file in folder.iterdir() if file.suffix.lower() in endings and not file.name.startswith(".")
    )


def _bare(file: Path) -> str:
    """Name of the image that labels are called after."""
    return re.sub("_(labels|mask)$", "", file.stem)


def _numbers(files: Iterable[Path]) -> dict[Path, str]:
    """Last number in the names of those that have one."""
    found = {file: re.findall(r"\d+", file.stem) for file in files}
    return {file: str(int(numbers[-1])) for file, numbers in found.items() if numbers}


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
