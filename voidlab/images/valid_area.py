"""Which part of a frame shows the specimen: not ignored boxes, not what lies outside the crop, not padded borders.

Boxes and crop are given; padding is recognised, a border of one value as aligned or rotated stacks have it. Burnt-in
bars and text, and vacuum, are only proposed as boxes: whether they are is for a person to say.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import ndimage

from voidlab.images.binning import block_mean
from voidlab.images.drawn import flat_extremes, without_saturated
from voidlab.images.errors import ImagesError
from voidlab.images.missing import filled
from voidlab.images.readers import size_text

Box = Sequence[int]  # left, top, width, height, px

_LEAST_RUN = 0.05  # of a side: padding is of one value over so much of the border at least
_LEAST_VALID = 0.25  # of the image; less is no padded image
_CONVEX = 0.97  # of its convex hull is what padding leaves: a straight cut, not the shape of a specimen
_COARSE = 24  # grey values that noise does not cross, where there is next to none
_SOFT = 2  # px, what interpolation leaves of a border


def inside_boxes(shape: tuple[int, int], boxes_px: Sequence[Box], crop_px: Box | None) -> np.ndarray | None:
    """Pixels (H, W) of an image that count, by the boxes given; None for all.

    Raises
    ------
    ImagesError
        If a box lies outside the image, or nothing is left.
    """
    height, width = shape
    for name, box in [("crop_px", crop_px), *(("ignore_boxes_px", box) for box in boxes_px)]:
        if box is not None and (box[0] >= width or box[1] >= height):
            raise ImagesError(
                f"{name}: the box {list(box)} (left, top, width, height) lies outside the images of "
                f"{size_text(shape)} (width × height)."
            )
    inside = outside_boxes(shape, boxes_px, crop_px)
    if inside is not None and not inside.any():
        raise ImagesError("ignore_boxes_px and crop_px leave nothing of the images; give smaller boxes.")
    return inside


def note_on_boxes(shape: tuple[int, int], boxes_px: Sequence[Box], crop_px: Box | None) -> list[str]:
    """The sentence that a box reaches beyond the image, as one of left, top, right, bottom does."""
    beyond = [
        box
        for box in (*boxes_px, *([] if crop_px is None else [crop_px]))
        if box[0] + box[2] > shape[1] or box[1] + box[3] > shape[0]
    ]
    if not beyond:
        return []
    return [
        f"The box {list(beyond[0])} reaches beyond the images of {size_text(shape)}: boxes are left, top, width, "
        "height."
    ]


def outside_boxes(
    shape: tuple[int, int], boxes_px: Sequence[Box], crop_px: Box | None = None
) -> np.ndarray | None:
    """Pixels (H, W) within the crop and in none of the boxes (left, top, width, height); None where all are."""
    if not boxes_px and crop_px is None:
        return None
    valid = np.ones(shape, bool)
    if crop_px is not None:
        left, top, width, height = crop_px
        valid[:] = False
        valid[top : top + height, left : left + width] = True
    for left, top, width, height in boxes_px:
        valid[top : top + height, left : left + width] = False
    return valid


def find_padding(image: np.ndarray) -> np.ndarray | None:
    """Pixels (H, W) of a border of one value, or of no value (NaN), around an image; None where there is none.

    What is left must be a quarter of the image or more, and convex: a noise-free mask or a saturated specimen is not
    padded. Pixels without a value are never specimen, wherever they are.
    """
    unknown = np.isnan(image) if image.dtype.kind == "f" else np.zeros(image.shape, bool)
    values = _values_along_the_border(image)
    if not values:  # of most images: all that follows takes longer than to decode it
        return unknown if unknown.any() and not unknown.all() else None
    flat = np.zeros(image.shape, bool)
    for value in values:
        # Beyond the border it goes on, so that a strip of a single pixel counts too.
        wide = np.pad(_at_the_border(image == value), 4, mode="edge")
        flat |= ndimage.binary_opening(wide, iterations=2)[4:-4, 4:-4]
    padding = ndimage.binary_dilation(flat, iterations=_SOFT) | unknown
    rest = ~padding
    if not flat.any() or rest.mean() < _LEAST_VALID or _share_of_hull(rest) < _CONVEX:
        padding = unknown
    return padding if padding.any() and not padding.all() else None


def nearly_padding(image: np.ndarray) -> float:
    """Share of an image that is a border of nearly one value, as of padding after JPEG, and not of one value."""
    values, known = filled(image), np.isfinite(image)
    low, high = np.percentile(values, [0.1, 99.9])
    if high <= low:
        return 0.0
    share = (values - low) / (high - low)
    # Twice, as the values may lie on both sides of a step.
    coarse = [np.where(known, np.floor(share * _COARSE + half), np.nan) for half in (0, 0.5)]
    near, same = (
        max(0.0 if found is None else float(found.mean()) for found in map(find_padding, of))
        for of in (coarse, [image])
    )
    return max(near - same, 0.0)


def _at_the_border(mask: np.ndarray) -> np.ndarray:
    """The pieces of a mask that reach to the border of the image."""
    labels, _ = ndimage.label(mask)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, border[border > 0])


def _values_along_the_border(image: np.ndarray) -> set[float]:
    """Values that stand unchanged along a stretch of the border."""
    found = set()
    for line in (image[0], image[-1], image[:, 0], image[:, -1]):
        ends = np.concatenate([[0], np.flatnonzero(line[1:] != line[:-1]) + 1, [len(line)]])
        lengths = np.diff(ends)
        if lengths.max() >= max(_LEAST_RUN * len(line), 8):
            found.add(line[ends[lengths.argmax()]].item())
    return found


def _share_of_hull(mask: np.ndarray) -> float:
    """Area of a mask over that of its convex hull."""
    from scipy.spatial import ConvexHull, QhullError

    rows, columns = np.nonzero(mask & ~ndimage.binary_erosion(mask))
    try:
        hull = ConvexHull(np.column_stack([columns, rows]))
    except QhullError:
        return 0.0
    # The hull runs through centres of pixels: it has half a pixel less all around.
    return float(mask.sum() / (hull.volume + hull.area / 2 + 1))


def propose_boxes(images: Iterable[np.ndarray]) -> list[list[int]]:
    """Boxes around what seems burnt in (bars, text, footers) in all of some images, or vacuum, to be judged."""
    burnt: np.ndarray | None = None
    bright: np.ndarray | None = None
    for image in images:
        flat, empty = _burnt_in(image), _vacuum(image)
        burnt = flat if burnt is None else burnt & flat
        bright = empty if bright is None else bright & empty
    if burnt is None or bright is None:
        return []
    return _boxes_around(burnt, least=0.0005) + _boxes_around(bright, least=0.03)


def _burnt_in(image: np.ndarray) -> np.ndarray:
    """Pixels near patches of the very lowest or highest grey values without any noise, but voids."""
    values = filled(image)
    extreme = without_saturated(flat_extremes(values), values) & np.isfinite(image)
    if not extreme.any():
        return extreme
    size = max(min(extreme.shape) // 40, 4)
    joined = ndimage.binary_closing(np.pad(extreme, size), iterations=size)[size:-size, size:-size]
    return np.asarray(joined | extreme)


def _vacuum(image: np.ndarray) -> np.ndarray:
    """Pixels of a bright, even region at the border that stands apart from the rest."""
    values, known = filled(image), np.isfinite(image)
    step = max(min(values.shape) // 40, 1)
    small = ndimage.median_filter(block_mean(values, step, pad=True), 3)
    nothing = np.zeros(values.shape, bool)
    if min(small.shape) < 8 or not np.ptp(small):
        return nothing
    from skimage.filters import threshold_otsu

    bright = small > threshold_otsu(small)
    region = _at_the_border(bright)
    share = region.mean()
    if not 0.03 <= share <= 0.6:
        return nothing
    inside, outside = small[region], small[~region]
    apart = (inside.mean() - outside.mean()) / max(np.hypot(inside.std(), outside.std()), 1e-9)
    if apart < 3 or inside.std() > outside.std():
        return nothing
    return known & np.kron(region, np.ones((step, step), bool))[: values.shape[0], : values.shape[1]]


def _shrunk(mask: np.ndarray, rows: slice, columns: slice) -> tuple[slice, slice]:
    """A box around all of a mask that lies in a box, and 4 px more."""
    ys, xs = np.nonzero(mask[rows, columns])
    spans = ((rows.start, ys, mask.shape[0]), (columns.start, xs, mask.shape[1]))
    down, across = (slice(max(a + v.min() - 4, 0), min(a + v.max() + 5, end)) for a, v, end in spans)
    return down, across


def _is_disc(part: np.ndarray) -> bool:
    """Whether what fills a box is one roundish piece, as a saturated void is and a bar or text is not."""
    labels, _ = ndimage.label(part)
    whole = np.bincount(labels.ravel())[1:].max() > 0.9 * part.sum()
    part = part[ndimage.find_objects(part.astype(int))[0]]
    height, width = part.shape
    corners = part[[0, 0, -1, -1], [0, -1, 0, -1]]
    return bool(whole and 0.6 < height / width < 1.7 and not corners.any())


def _boxes_around(mask: np.ndarray, *, least: float) -> list[list[int]]:
    """Boxes (left, top, width, height) around pieces of a mask that cover a share ``least`` of it."""
    if not mask.any():
        return []
    height, width = mask.shape
    grown = ndimage.maximum_filter(mask, (9, 31), mode="constant")  # words stand in lines
    for _ in range(20):
        boxes = ndimage.find_objects(ndimage.label(grown)[0])
        filled = np.zeros_like(grown)
        for box in boxes:
            filled[box] = True
        if (filled == grown).all():
            break
        grown = filled
    found = []
    for rows, columns in boxes:
        rows, columns = _shrunk(mask, rows, columns)
        part = mask[rows, columns]
        if part.sum() >= least * mask.size and not _is_disc(part):
            found.append([columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start])
    return [[int(v) for v in box] for box in found if box[2] * box[3] < 0.7 * width * height]
