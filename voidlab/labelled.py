"""Folders of images with their labels: what a network is trained on and judged by.

Either ``images/`` and ``labels/`` (or ``masks/``) with the same names or numbers, or, side by side, ``NAME.tif`` with
``NAME_labels.tif`` (``.png``) or ``NAME_labels.csv``. A label image numbers the voids; one with a single number is a
mask, whose touching pieces are taken apart at their necks. A CSV has ``x_px, y_px, r_px`` (or ``radius_px``); rows
whose ``kind`` is "ambiguous", or that touch the edge, count neither way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from voidlab.images import ImagesError, open_series
from voidlab.labels import open_labels
from voidlab.measure import measure_voids

_IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".mrc", ".dm3", ".dm4")
_LABELS = (".tif", ".tiff", ".png", ".csv")


class LabelledError(ValueError):
    """A folder that is no set of labelled images, and what was expected."""


@dataclass(frozen=True)
class Labelled:
    """An image and what is known to be in it.

    Attributes
    ----------
    image : ndarray of shape (H, W), float32
    voids : DataFrame
        ``x_px, y_px, radius_px, ignored``.
    mask : ndarray of shape (H, W), bool, or None
        Pixels of voids; None when only circles are known.
    """

    name: str
    image: np.ndarray
    voids: pd.DataFrame
    mask: np.ndarray | None


def read(folder: Path) -> list[Labelled]:
    """All labelled images of a folder, in order of their names.

    Raises
    ------
    LabelledError
        If there are none, or a pair does not fit together.
    """
    return [_read_pair(image, labels) for image, labels in pairs(folder)]


class Finder(Protocol):
    """Anything that finds voids in an image, as a `voidlab.segmenters.Segmenter`."""

    def find(self, image: np.ndarray) -> pd.DataFrame: ...


def truth_and_found(
    items: Sequence[Labelled], finder: Finder, *, tell: Callable[[str], None] = lambda text: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """True and found voids of all images, in one table each; ``frame`` counts the images."""
    truth, found = [], []
    for number, item in enumerate(items):
        voids = finder.find(item.image)
        truth.append(item.voids.assign(frame=number))
        found.append(voids[["x_px", "y_px", "radius_px", "confidence"]].assign(frame=number))
        tell(f"{item.name}: {len(voids)} voids found, {int((~item.voids['ignored']).sum())} labelled")
    return pd.concat(truth, ignore_index=True), pd.concat(found, ignore_index=True)


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Files of images and of their labels.

    Raises
    ------
    LabelledError
        If there are none.
    """
    if not folder.is_dir():
        raise LabelledError(f"there is no folder {folder}.")
    aside = next((folder / name for name in ("labels", "masks") if (folder / name).is_dir()), None)
    inside = next((folder / name for name in ("images", "frames") if (folder / name).is_dir()), None)
    if aside and inside:
        images = {_key(file): file for file in _files(inside, _IMAGES)}
        found = [(images[_key(file)], file) for file in _files(aside, _LABELS) if _key(file) in images]
    else:
        labels = {
            f.stem.removesuffix("_labels"): f for f in _files(folder, _LABELS) if f.stem.endswith("_labels")
        }
        found = [(file, labels[file.stem]) for file in _files(folder, _IMAGES) if file.stem in labels]
    if not found:
        raise LabelledError(
            f"no labelled images in {folder}; expected images/ and labels/ with files of the same names or numbers, "
            "or NAME.tif beside NAME_labels.tif or NAME_labels.csv."
        )
    return sorted(found, key=lambda pair: _natural(pair[0].name))


def voids_of(labels: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Voids (``x_px, y_px, radius_px, ignored``: cut by the border) and mask of a label image or mask."""
    numbers = np.unique(labels)
    if len(numbers[numbers > 0]) == 1:
        labels = _taken_apart(labels > 0)
    measured = measure_voids(labels, edge_buffer_px=0)
    voids = measured[["x_px", "y_px", "radius_px"]].assign(ignored=measured["touches_edge"].to_numpy(bool))
    return voids, labels > 0


def _read_pair(image_file: Path, label_file: Path) -> Labelled:
    try:
        image = open_series(image_file)[0]
        if label_file.suffix == ".csv":
            return Labelled(image_file.stem, image, _voids_of_csv(label_file), None)
        labels = open_labels(label_file)[0]
    except (ImagesError, OSError) as error:
        raise LabelledError(str(error)) from None
    if labels.shape != image.shape:
        raise LabelledError(
            f"{label_file.name} has {labels.shape[1]} × {labels.shape[0]} px, {image_file.name} has "
            f"{image.shape[1]} × {image.shape[0]}; labels must be of the size of their image."
        )
    return Labelled(image_file.stem, image, *voids_of(labels))


def _voids_of_csv(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file).rename(columns={"r_px": "radius_px"})
        voids = table[["x_px", "y_px", "radius_px"]].astype(float)
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise LabelledError(f"{file.name}: {error}; expected columns x_px, y_px, r_px.") from None
    ignored = np.zeros(len(table), bool)
    if "kind" in table:
        ignored |= (table["kind"] == "ambiguous").to_numpy()
    if "touches_edge" in table:
        ignored |= table["touches_edge"].astype(bool).to_numpy()
    return voids.assign(ignored=ignored)


def _taken_apart(mask: np.ndarray) -> np.ndarray:
    """Labels of a mask whose pieces are cut at their necks."""
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.0)
    labels: np.ndarray = watershed(-depth, ndimage.label(h_maxima(depth, 1.0))[0], mask=mask)
    return labels


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in endings)


def _key(file: Path) -> str:
    """What the names of an image and of its labels share: the last number in it, else the name."""
    numbers = re.findall(r"\d+", file.stem)
    return str(int(numbers[-1])) if numbers else file.stem


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
