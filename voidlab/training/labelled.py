"""Folders of images with their labels: what a network is trained on and judged by.

Either ``images/`` and ``labels/`` (or ``frames/``, ``masks/``), or, side by side, ``NAME.tif`` with
``NAME_labels.tif`` (``.png``) or ``NAME_labels.csv``; ``_mask`` does for ``_labels``. In two folders labels belong to
the image of the same name, else to the one whose name has the same last number. Images without labels, labels without
an image and hidden files are left out.

A label image has 0 where there is no void and a number per void. Of a number in several pieces the largest is the
void; the others may be specks left by painting, up to 4 px each or together 5 % of the largest. A label image with a
single number is a mask, whose touching pieces are taken apart at their necks. What has 1 or 2 px, or is cut by the
border, counts neither way.

A CSV has a row per void with ``x_px, y_px, r_px`` (or ``radius_px``). Rows whose ``kind`` is "ambiguous", or whose
``touches_edge`` is yes, true or 1, count neither way. Every other row is a void, so ``kind`` may else be "void",
"sure" or empty only: a row of a loop is refused.

Labels of a stack are a stack of as many pages, or a CSV with a column ``frame``, which counts the pages from 0; pages
without a row are taken as not labelled, and left out.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.measure import label as pieces_of
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from voidlab.images.label_stack import open_labels
from voidlab.images.microscope import Mode
from voidlab.images.series import ImageSeries, ImagesError, open_series
from voidlab.measure import measure_voids
from voidlab.training import circle_csv
from voidlab.training.pairing import LabelledError, images_of, pair_labels

_SPECK_PX = 2  # area of what is too small to be told from a slip of the brush
# Pieces that a void may have beside its largest; voidlab's own label images have such where voids overlap.
_LOOSE_PX, _LOOSE_SHARE = 4, 0.05


@dataclass(frozen=True)
class Labelled:
    """An image and what is known to be in it.

    Attributes
    ----------
    image : ndarray of shape (H, W), float32
    voids : DataFrame
        ``x_px, y_px, radius_px, ignored``.
    mask : ndarray of shape (H, W), bool, or None
        Pixels of voids as they were painted; None when only circles are known.
    mode
        How it was taken, where the file says so.
    """

    name: str
    image: np.ndarray
    voids: pd.DataFrame
    mask: np.ndarray | None
    mode: Mode | None = None


def read_labelled(folder: Path) -> list[Labelled]:
    """All labelled images of a folder, in order of their names; of a stack, each page.

    Raises
    ------
    LabelledError
        If there are none, it is not clear which belong together, a pair does not fit, or labels are no voids.
    """
    return [item for image, labels in pair_labels(folder) for item in _read_pair(image, labels)]


def read_without_voids(folder: Path) -> list[Labelled]:
    """All images of a folder, in order of their names, as labelled ones in which there are no voids.

    Raises
    ------
    LabelledError
        If there are none, or one cannot be read.
    """
    found = []
    for file in images_of(folder):
        try:
            image = np.asarray(open_series(file)[0], np.float32)
        except (ImagesError, OSError) as error:
            raise LabelledError(str(error)) from None
        none = pd.DataFrame(np.zeros((0, 3)), columns=circle_csv.CIRCLE).assign(ignored=False)
        found.append(Labelled(file.stem, image, none, np.zeros(image.shape, bool)))
    return found


def digest_of(items: Sequence[Labelled]) -> str:
    """What tells these labelled images from others."""
    found = hashlib.sha256()
    for item in items:
        found.update(np.ascontiguousarray(item.image).tobytes() + item.voids.to_numpy(float).tobytes())
    return f"{len(items)} labelled images ({found.hexdigest()[:8]})"


def mode_of(items: Sequence[Labelled]) -> Mode | None:
    """How labelled images were taken, by their files; None where these do not say.

    Raises
    ------
    LabelledError
        If some are of a dark-field detector, and others are not.
    """
    said = {item.mode or "bright field" for item in items}
    if len(said) > 1 and "bright field" in said:
        count = sum(item.mode not in (None, "bright field") for item in items)
        dark = " or ".join(sorted(said - {"bright field"}))
        raise LabelledError(
            f"{count} of the {len(items)} images are of {dark} by their files, the others are not: put them into two "
            "folders, or give --mode for all."
        )
    return next((item.mode for item in items if item.mode), None)


class Finder(Protocol):
    """Anything that finds voids in an image, as a `voidlab.segment.segmenter.Segmenter`."""

    def find(self, image: np.ndarray) -> pd.DataFrame: ...


def truth_and_found(
    items: Sequence[Labelled], finder: Finder, *, log: Callable[[str], None] = lambda text: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """True and found voids of all images, in one table each; ``frame`` counts the images.

    Labels are edges as they are seen, so the found ones have the radii of theirs too.
    """
    truth, found = [], []
    for number, item in enumerate(items):
        voids = finder.find(item.image)
        truth.append(item.voids.assign(frame=number))
        edges = voids.get("edge_radius_px", voids["radius_px"]).fillna(voids["radius_px"])
        found.append(voids.assign(radius_px=edges)[[*circle_csv.CIRCLE, "confidence"]].assign(frame=number))
        log(f"{item.name}: {len(voids)} voids found, {int((~item.voids['ignored']).sum())} labelled")
    return pd.concat(truth, ignore_index=True), pd.concat(found, ignore_index=True)


def voids_of(labels: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Voids (``x_px, y_px, radius_px, ignored``: a speck, or cut by the border) and mask of a label image or mask.

    Raises
    ------
    LabelledError
        If a number covers more than half of the image, or has several pieces where there are other numbers.
    """
    mask = labels > 0
    numbers, areas = np.unique(labels[mask], return_counts=True)
    # Pieces come first: they tell an image of classes, whose background is a number too, from an inverted mask.
    numbered = _taken_apart(mask) if len(numbers) == 1 else _in_one_piece(labels)
    _refuse_background(numbers, areas / mask.size)
    measured = measure_voids(numbered, edge_buffer_px=0)
    ignored = measured["touches_edge"].to_numpy(bool) | (measured["area_px"] <= _SPECK_PX).to_numpy(bool)
    return measured[circle_csv.CIRCLE].assign(ignored=ignored), mask


def _read_pair(image_file: Path, label_file: Path) -> Iterator[Labelled]:
    try:
        images = open_series(image_file)
        of_pair = _with_circles if label_file.suffix.lower() == ".csv" else _with_label_images
        yield from of_pair(images, label_file)
    except (ImagesError, OSError) as error:
        raise LabelledError(str(error)) from None


def _with_label_images(images: ImageSeries, label_file: Path) -> Iterator[Labelled]:
    labels, image_file = open_labels(label_file), images.files[0]
    if len(labels) != len(images):
        raise LabelledError(
            f"{label_file.name} has {_pages(len(labels))}, {image_file.name} has {_pages(len(images))}; "
            "a stack needs a page of labels for each of its own."
        )
    if labels.shape != images.shape:
        raise LabelledError(
            f"{label_file.name} has {labels.shape[1]} × {labels.shape[0]} px, {image_file.name} has "
            f"{images.shape[1]} × {images.shape[0]}; labels must be of the size of their image."
        )
    for frame in range(len(images)):
        try:
            voids, mask = voids_of(labels[frame])
        except LabelledError as error:
            raise LabelledError(f"{_page(label_file.name, images, frame)}: {error}") from None
        yield Labelled(
            _page(image_file.stem, images, frame), images[frame], voids, mask, images.microscope.mode
        )


def _with_circles(images: ImageSeries, label_file: Path) -> Iterator[Labelled]:
    image_file = images.files[0]
    voids, frame = circle_csv.read_circles(label_file, pages=len(images))
    for number in range(1) if frame is None else np.unique(frame):
        circles = voids if frame is None else voids[frame == number].reset_index(drop=True)
        yield Labelled(
            _page(image_file.stem, images, number), images[number], circles, None, images.microscope.mode
        )


def _page(name: str, images: ImageSeries, frame: int) -> str:
    """What a page is called; frames of a stack count from 0, as everywhere."""
    return name if len(images) == 1 else f"{name}, frame {frame}"


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"


def _refuse_background(numbers: np.ndarray, shares: np.ndarray) -> None:
    """Refuse what can only be the surroundings of voids."""
    if not (shares > 0.5).any():
        return
    found = (
        f"number {numbers[shares.argmax()]} covers {shares.max():.0%} of the image, as only background does"
    )
    if len(numbers) == 1:
        raise LabelledError(f"{found}: an inverted mask? Expected 0 where there is no void; invert it.")
    raise LabelledError(f"{found}. Expected 0 where there is no void, and a number per void.")


def _in_one_piece(labels: np.ndarray) -> np.ndarray:
    """Labels without the specks that painting left beside the voids."""
    part = pieces_of(labels, background=0, connectivity=2)
    area = np.bincount(part.ravel())
    number = np.zeros(len(area), np.int64)
    number[part.ravel()] = labels.ravel()
    pieces = pd.DataFrame({"number": number, "area": area}).iloc[1:]  # the first is no void
    largest = pieces.loc[pieces.groupby("number")["area"].idxmax()]
    _refuse_scattered(largest, pieces.drop(largest.index))
    is_void = np.zeros(len(area), bool)
    is_void[largest.index] = True
    return np.where(is_void[part], labels, 0)


def _refuse_scattered(largest: pd.DataFrame, others: pd.DataFrame) -> None:
    """Refuse a number with pieces that are more than specks beside its largest one."""
    coarse = others[others["area"] > _LOOSE_PX].groupby("number")["area"]
    beside = coarse.sum() / largest.set_index("number")["area"]
    scattered = beside.index[beside > _LOOSE_SHARE]
    if len(scattered):
        number = scattered[0]
        raise LabelledError(
            f"number {number} has {coarse.size()[number] + 1} separate pieces; expected a number per void. If the "
            "numbers are classes, make a mask: one number for all voids and 0 for all else; touching voids "
            "are then taken apart."
        )


def _taken_apart(mask: np.ndarray) -> np.ndarray:
    """Labels of a mask whose pieces are cut at their necks."""
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.0)
    labels: np.ndarray = watershed(-depth, ndimage.label(h_maxima(depth, 1.0))[0], mask=mask)
    # What is too thin to have a maximum of that height is a piece all the same.
    thin, _ = ndimage.label(mask & (labels == 0), np.ones((3, 3)))
    return np.where(thin > 0, thin + labels.max(), labels)
