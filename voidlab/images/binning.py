"""Means of n × n pixels, a smaller image whose pixel (x + 0.5) / n - 0.5 is what was x, and images made larger."""

import numpy as np
from scipy import ndimage

_ROWS = 32  # made together: they stay in the processor's cache
_FEW = 8  # numbers; more of them numpy adds up in another order, and fast


def block_mean(image: np.ndarray, factor: int, *, pad: bool = False) -> np.ndarray:
    """Image (H, W) in which every pixel is the mean of ``factor`` × ``factor`` pixels.

    Rows and columns that fill no block are left out; with ``pad`` the last ones are repeated until they do.
    """
    if factor == 1:
        return image
    if pad and (any(side % factor for side in image.shape) or not image.flags.c_contiguous):
        image = np.pad(image, [(0, -side % factor) for side in image.shape], mode="edge")
    height, width = (side // factor for side in image.shape)
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor)
    if factor < _FEW and width > 1 and image.dtype in (np.float32, np.float64) and image.flags.c_contiguous:
        return _mean_of_few(blocks)
    return blocks.mean(axis=(1, 3))


def _mean_of_few(blocks: np.ndarray) -> np.ndarray:
    """As ``blocks.mean(axis=(1, 3))``, to the bit, where both are short: of so few numpy takes ten times as long."""
    rows = blocks[..., 0].copy()
    for column in range(1, blocks.shape[3]):
        rows += blocks[..., column]
    total: np.ndarray = rows.sum(axis=1)
    return total / total.dtype.type(blocks.shape[1] * blocks.shape[3])


def enlarge(small: np.ndarray, factor: int, shape: tuple[int, int]) -> np.ndarray:
    """Image (H, W) of ``shape`` from its padded `block_mean`, linear between its pixels."""
    if factor == 1:
        return small[: shape[0], : shape[1]]
    ys = np.clip((np.arange(shape[0]) + 0.5) / factor - 0.5, 0, small.shape[0] - 1)
    xs = np.clip((np.arange(shape[1]) + 0.5) / factor - 0.5, 0, small.shape[1] - 1)
    y0, x0 = ys.astype(int), xs.astype(int)
    y1, x1 = np.minimum(y0 + 1, small.shape[0] - 1), np.minimum(x0 + 1, small.shape[1] - 1)
    fy, fx = (ys - y0).astype(np.float32)[:, None], (xs - x0).astype(np.float32)[None, :]
    across = small[:, x0] * (1 - fx) + small[:, x1] * fx
    large: np.ndarray = np.empty(shape, across.dtype)
    for start in range(0, shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        large[rows] = across[y0[rows]] * (1 - fy[rows]) + across[y1[rows]] * fy[rows]
    return large


def twice_as_large(image: np.ndarray) -> np.ndarray:
    """Image (2 H, 2 W), smooth between its pixels, where 2 x + 0.5 is what was x; not finite where it was not."""
    known = np.isfinite(image)
    filled = image
    if not known.all():
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        filled = np.where(known.any(), image[tuple(nearest)], np.float32(0))
    large: np.ndarray = ndimage.zoom(filled, 2, order=3, mode="nearest", grid_mode=True)
    if filled is not image:
        large[~known.repeat(2, axis=0).repeat(2, axis=1)] = np.nan
    return large
