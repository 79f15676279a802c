"""What was drawn onto an image: letters, lines and bars, of the very darkest or brightest grey."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from voidlab.images.missing import filled
from voidlab.images.neighbours import extreme_of_nine

_MOST = 0.4  # of an image; where more is so flat it is a mask, or a drawing
_EVEN = 0.15  # of the tolerance is the noise of a mask at most
_LEAST_PX, _LEAST_BLOCKS = 20, 4
_LONG = 5.0  # times the area of the largest disc within: a stroke, not a saturated void
_SHARP = 0.25  # of the step at an edge that is left two pixels on; drawn ones up to 0.13, clipped fringes from 0.47
_PLAIN = 0.2  # of the range of grey values is the least step


def flat_extremes(values: np.ndarray) -> np.ndarray:
    """Pixels (H, W) amid the very lowest or highest grey values without any noise, as no detector gives them.

    None of what is most of the image, as in a mask. ``values`` are finite. The lowest and highest grey are those that
    fill 3 × 3 px: a hot pixel is neither.
    """
    highest, lowest = (extreme_of_nine(values, choose) for choose in (np.maximum, np.minimum))
    low, high = float(highest.min()), float(lowest.max())
    same = 0.01 * (high - low)
    flat = highest - lowest <= same
    nothing = np.zeros(values.shape, bool)
    if same <= 0:
        return nothing
    sides = (flat & (values <= low + same), flat & (values >= high - same))
    wide = [side for side in sides if side.mean() > _MOST]
    if any(values[side].std() < _EVEN * same for side in wide):
        return nothing
    # A wide side with noise is an image of few grey values beside what is drawn.
    return np.any([side for side in sides if side.mean() <= _MOST] or [nothing], axis=0)


def find_strokes(image: np.ndarray) -> np.ndarray | None:
    """Pixels of letters and bars drawn onto an image (H, W) in strokes of 5 px or more; None where there are none.

    They are long, and their edges sharper than those of anything that a lens shows: two pixels away the grey is that
    of the surroundings. A void that is saturated is as round as its neighbours allow, and fades out. Of thinner
    strokes only pieces are found.
    """
    values = filled(image)
    if not _may_hold_strokes(values):  # most images: all that follows takes longer than to decode one
        return None
    pieces = [(around, piece) for around, piece in _pieces(flat_extremes(values)) if _is_long(piece)]
    least, strokes = _least_step(values) if pieces else 0.0, np.zeros(values.shape, bool)
    for around, piece in pieces:
        if _is_sharp(piece, values[around], least):
            strokes[around] |= piece
    return ndimage.binary_dilation(strokes, iterations=3) if strokes.any() else None


def _may_hold_strokes(values: np.ndarray) -> bool:
    """Whether some blocks of 3 × 3 px side by side, as a stroke of 5 px holds, are flat and of an extreme grey."""
    highest, lowest = (_extreme_of_blocks(values, choose) for choose in (np.maximum, np.minimum))
    if not highest.size:
        return False
    low, high = float(highest.min()), float(lowest.max())
    same = 0.01 * (high - low)
    flat = (highest - lowest <= same) & ((highest <= low + same) | (lowest >= high - same))
    pieces, count = ndimage.label(flat, structure=np.ones((3, 3)))
    return bool(count and np.bincount(pieces.ravel())[1:].max() >= _LEAST_BLOCKS)


def _extreme_of_blocks(values: np.ndarray, choose: np.ufunc) -> np.ndarray:
    """Of each 3 × 3 px side by side what ``choose`` chooses; row by row: numpy itself takes ten times as long."""
    height, width = (side - side % 3 for side in values.shape)
    blocks = values[:height, :width].reshape(height // 3, 3, width // 3, 3)
    rows = choose(choose(blocks[:, 0], blocks[:, 1]), blocks[:, 2])
    return np.asarray(choose(choose(rows[..., 0], rows[..., 1]), rows[..., 2]))


def without_saturated(extreme: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Of the `flat_extremes` of an image (H, W) those that may be drawn: not what is roundish and fades out.

    That is a void, or where two lie upon each other, brighter than the camera can tell.
    """
    pieces = [(around, piece) for around, piece in _pieces(extreme) if not _is_long(piece)]
    least, left = _least_step(values) if pieces else 0.0, extreme.copy()
    for around, piece in pieces:
        if not _is_sharp(piece, values[around], least):
            left[around] &= ~piece
    return left


def _pieces(mask: np.ndarray) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The larger pieces of a mask, each within what is around it."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if sizes[number] >= _LEAST_PX:
            rows, columns = (slice(max(side.start - 8, 0), side.stop + 8) for side in box)
            yield (rows, columns), labels[rows, columns] == number


def _least_step(values: np.ndarray) -> float:
    """Least difference of the grey values at an edge that was drawn."""
    return _PLAIN * float(np.subtract(*np.percentile(values, [99.9, 0.1])))


def _is_long(piece: np.ndarray) -> bool:
    """Whether a piece is much larger than the largest disc within."""
    whole = ndimage.binary_dilation(np.pad(piece, 2))  # its rim has neighbours of another grey
    half_width = ndimage.distance_transform_edt(whole).max()
    return bool(whole.sum() > _LONG * np.pi * half_width**2)


def _is_sharp(piece: np.ndarray, values: np.ndarray, least: float) -> bool:
    """Whether the grey beside a piece is far from its own, and already that of farther away."""
    # A pixel more than is flat belongs to it, and one is mixed.
    distance = ndimage.distance_transform_edt(~piece)
    near = values[(distance > 2.5) & (distance <= 3.5)]
    far = values[(distance > 5.5) & (distance <= 7.5)]
    if not len(near) or not len(far):
        return False
    own, beside, away = (float(np.median(each)) for each in (values[piece], near, far))
    return abs(own - away) >= least and abs(beside - away) < _SHARP * abs(own - away)
