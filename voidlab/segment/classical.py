"""Image → discs without a trained network: blobs at many scales, judged by contrast and edge, fitted as circles.

A blob is a peak of the scale-normalised Laplacian of Gaussian. Which of them are voids is judged on rays through the
blob: contrast over noise, a step down all around, an even surrounding. What passes is fitted as a circle to the
steepest step on each ray, so that two voids that touch or overlap keep their own full circles.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from voidlab.images.binning import block_mean
from voidlab.segment.discs import Discs

_SCALE_STEP = 1.2
_ANGLES = np.linspace(0, 2 * np.pi, 32, endpoint=False)
_ENOUGH_TO_COMPARE = 8  # sure voids, to say what contrast is usual
_RING = np.arange(0.05, 2.0, 0.1)  # radii of the points on a ray, over the radius of the blob
_FINE = np.arange(0.2, 1.85, 0.05)
_HALF_STEP = 8  # points of _FINE on each side of an edge
_DISC_RESPONSE = 2 / np.e  # peak of the normalised Laplacian on a disc of contrast 1


def find_discs(image: np.ndarray, *, bright: bool, min_radius_px: float, max_radius_px: float) -> Discs:
    """Find bright (or dark) discs.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        Any grey scale; what is not finite is taken for background.
    min_radius_px, max_radius_px : float
        Radii looked for, px.

    Returns
    -------
    Discs
        Also doubtful ones; choose by ``confidence``.

    References
    ----------
    Lindeberg, Int. J. Comput. Vis. 30, 79 (1998), doi:10.1023/A:1008045108935, for blobs at many scales.
    """
    image = _filled(image)
    noise = _noise(image)
    signed = image if bright else -image
    nothing = Discs(*np.zeros((4, 0)))
    if noise == 0 and np.ptp(image) == 0:
        return nothing
    # An image without noise, as a mask, still needs a yardstick of contrast.
    noise = max(noise, 1e-3 * float(np.ptp(image)))
    blobs = _blobs(signed, min_radius_px, max_radius_px, noise)
    # A blob may only take away one of its own size before both are judged: else what is no void hides those that are.
    # Strength is between contrast, which favours specks, and significance, which favours two voids taken as one.
    strength = blobs[:, 3] * np.sqrt(blobs[:, 2])
    blobs = blobs[_strongest(blobs, strength, of_one_size=True)]
    if not len(blobs):
        return nothing
    confidence = _judge(ndimage.gaussian_filter(signed, 1.0), blobs, noise)
    blobs, confidence = blobs[confidence > 0.01], confidence[confidence > 0.01]
    if not len(blobs):
        return nothing
    best = _strongest(blobs, confidence, of_one_size=False)
    blobs, confidence = blobs[best], confidence[best]
    x, y, radius = _fit_circles(ndimage.gaussian_filter(signed, 0.7), blobs[:, :3]).T
    radius = radius * _rounding(ndimage.gaussian_filter(signed, 0.7), x, y, radius, confidence)
    return Discs(x, y, radius, confidence)


def _filled(image: np.ndarray) -> np.ndarray:
    """``image`` as float32 about its median, the mean of what is near where it is not finite."""
    image = np.asarray(image, np.float64)
    good = np.isfinite(image)
    if not good.any():
        return np.zeros(image.shape, np.float32)
    image = np.where(good, image - np.median(image[good]), 0)
    if not good.all():
        near, weight = (ndimage.gaussian_filter(part, 16.0) for part in (image, good.astype(np.float64)))
        image = np.where(good, image, near / np.maximum(weight, 1e-12))
    return image.astype(np.float32)


def _noise(image: np.ndarray) -> float:
    """Standard deviation of the noise, from second differences two pixels apart: nearer ones share their noise."""
    kernel = np.zeros((5, 5), np.float32)
    kernel[::2, ::2] = np.outer([1, -2, 1], [1, -2, 1])
    return float(1.4826 * np.median(np.abs(ndimage.convolve(image, kernel, mode="reflect"))) / 6)


def _blobs(image: np.ndarray, low: float, high: float, noise: float) -> np.ndarray:
    """Peaks at every scale: rows of x, y, radius and contrast; more than there are voids."""
    found: list[np.ndarray] = [np.zeros((0, 4))]
    scales = low * _SCALE_STEP ** np.arange(np.ceil(np.log(high / low) / np.log(_SCALE_STEP)) + 1)
    small: np.ndarray = image
    factor = 1
    for radius in scales[scales <= min(image.shape) / 3]:
        sigma = radius / np.sqrt(2)
        while sigma / factor >= 5:  # a coarser image gives the same peaks in a quarter of the time
            small, factor = block_mean(small, 2), 2 * factor
        response = ndimage.gaussian_laplace(small, sigma / factor, mode="nearest", truncate=3.5)
        response *= -((sigma / factor) ** 2)
        peaks = response == ndimage.maximum_filter(response, 3)
        # Five times what the noise alone gives at this scale.
        peaks &= response > 5 * noise / (np.sqrt(2 * np.pi) * sigma)
        y, x = np.nonzero(peaks)
        contrast: np.ndarray = response[y, x] / _DISC_RESPONSE
        full = (np.column_stack([x, y]) + 0.5) * factor - 0.5
        found.append(np.column_stack([full, np.full(len(x), radius), contrast]))
    return np.concatenate(found)


def _strongest(blobs: np.ndarray, worth: np.ndarray, *, of_one_size: bool) -> np.ndarray:
    """Rows of one blob per object: the worthiest takes away those centred within 0.8 of the larger radius.

    With ``of_one_size`` it spares those of another size.
    """
    order = np.argsort(-worth, kind="stable")
    if len(blobs) == 0:
        return order
    ranked = blobs[order]
    tree = cKDTree(ranked[:, :2])
    alive = np.ones(len(ranked), bool)
    widest = ranked[:, 2].max()
    for i, (x, y, radius, _) in enumerate(ranked):
        if not alive[i]:
            continue
        reach = 0.8 * (1.5 * radius if of_one_size else widest)
        near = np.array(tree.query_ball_point((x, y), reach))
        near = near[near > i]
        other = ranked[near, 2]
        gone = np.hypot(ranked[near, 0] - x, ranked[near, 1] - y) < 0.8 * np.maximum(radius, other)
        if of_one_size:
            gone &= (other < 1.5 * radius) & (radius < 1.5 * other)
        alive[near[gone]] = False
    return order[alive]


def _on_rays(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Image along rays from each centre, (n, rays, points); NaN outside the image."""
    reach = radius[:, None, None] * at
    xs = x[:, None, None] + reach * np.cos(_ANGLES)[:, None]
    ys = y[:, None, None] + reach * np.sin(_ANGLES)[:, None]
    values = ndimage.map_coordinates(image, [ys, xs], order=1, mode="nearest")
    height, width = image.shape
    outside = (xs < -0.5) | (ys < -0.5) | (xs > width - 0.5) | (ys > height - 0.5)
    values[outside] = np.nan
    return values


def _judge(image: np.ndarray, blobs: np.ndarray, noise: float) -> np.ndarray:
    """How sure each blob is to be a void, 0 to 1.

    At even odds a typical void has one and a half times the contrast of the noise, a step significant at six times,
    goes down on four rays of five, and sits in a surrounding that varies by a third of its contrast. Contrast grows
    with the length of the path through a void: a large disc far fainter for its size than the others is background.
    """
    rays = _on_rays(image, blobs[:, 0], blobs[:, 1], blobs[:, 2], _RING)
    core = _mean(rays[:, :, _RING < 0.7].reshape(len(blobs), -1))
    around = _mean(rays[:, :, (_RING > 1.2) & (_RING < 1.6)])
    inside, outside = (
        _mean(rays[:, :, (_RING > 0.5) & (_RING < 0.95)]),
        _mean(rays[:, :, (_RING > 1.05) & (_RING < 1.5)]),
    )
    contrast = core - _quantile(around, 0.5)
    unevenness = _quantile(around, 0.75) - _quantile(around, 0.25)
    step = inside - outside
    # A ray that leaves the image says nothing; when more than half do, the others cannot say enough.
    known = np.isfinite(step)
    down = (known & (step > 0.3 * contrast[:, None])).sum(axis=1)
    support = down / np.maximum(known.sum(axis=1), len(_ANGLES) / 2)
    positive = np.maximum(contrast, 1e-3 * noise)
    odds = (
        3 * np.log(positive / (1.5 * noise))
        + 2 * np.log(np.maximum(_quantile(step, 0.5) * blobs[:, 2], 1e-3 * noise) / (6 * noise))
        + 5 * (support - 0.8)
        - 2 * (np.minimum(unevenness / positive, 3) - 0.3)
    )
    sure = odds > 0
    if sure.sum() >= _ENOUGH_TO_COMPARE:
        per_length = positive / blobs[:, 2]
        usual = np.median(per_length[sure])
        odds += 4 * np.log(np.clip(per_length / (0.4 * usual), 1e-3, 1))
    return 1 / (1 + np.exp(-np.clip(odds, -30, 30)))


def _fit_circles(image: np.ndarray, circles: np.ndarray) -> np.ndarray:
    """Move and resize circles (x, y, radius) onto the steepest step along each ray."""
    for _ in range(2):
        x, y, radius = circles.T
        edge, steepness = _edges(image, x, y, radius)
        shift = _robust_circle(edge, steepness)
        fits = (np.abs(shift[:, 1:]).max(axis=1, initial=0) < 0.5) & (shift[:, 0] > 0.5) & (shift[:, 0] < 1.6)
        moved = np.column_stack([x + shift[:, 1] * radius, y + shift[:, 2] * radius, shift[:, 0] * radius])
        circles = np.where(fits[:, None], moved, circles)
    return circles


def _edges(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where each ray steps down most, over the radius, and by how much; 0 where it cannot be seen."""
    rays = _on_rays(image, x, y, radius, _FINE)
    rays = (2 * rays + np.roll(rays, 1, axis=1) + np.roll(rays, -1, axis=1)) / 4
    sums = np.cumsum(np.pad(rays, ((0, 0), (0, 0), (1, 0))), axis=2)
    k = _HALF_STEP
    step = (2 * sums[:, :, k:-k] - sums[:, :, : -2 * k] - sums[:, :, 2 * k :]) / k
    at = _FINE[k : len(_FINE) - k + 1] - 0.025
    # The edge is expected where the blob says; without this a neighbour's edge may win.
    likely = np.nan_to_num(step, nan=-np.inf) * np.exp(-0.5 * ((at - 1) / 0.35) ** 2)
    best = np.argmax(np.where(np.isfinite(likely), likely, -np.inf), axis=2)
    steepness = np.take_along_axis(step, best[..., None], axis=2)[..., 0]
    return at[best], np.clip(np.nan_to_num(steepness), 0, None)


def _robust_circle(edge: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Radius and centre shift (n, 3), over the radius, of circles through edges on rays, outliers set aside."""
    rays = np.column_stack([np.ones_like(_ANGLES), np.cos(_ANGLES), np.sin(_ANGLES)])
    shift = np.zeros((len(edge), 3))
    shift[:, 0] = np.median(edge, axis=1)
    for _ in range(4):
        residual = edge - shift @ rays.T
        scale = 1.4826 * np.median(np.abs(residual), axis=1, keepdims=True) + 0.02
        trust = weight * np.clip(1 - (residual / (3.5 * scale)) ** 2, 0, None) ** 2
        normal = np.einsum("na,ai,aj->nij", trust, rays, rays)
        normal += np.eye(3) * (1e-6 * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-12)
        shift = np.linalg.solve(normal, np.einsum("na,ai->ni", trust * edge, rays)[..., None])[..., 0]
    return shift


def _rounding(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray, confidence: np.ndarray
) -> float:
    """Factor from the steepest step to the edge of the void, one for the image.

    A void like a flat disc steps down at its edge. A sphere is brightest in the middle and its steepest visible step
    lies inside its edge, by an eighth: how round the sure voids of an image look tells how much to add.
    """
    sure = (confidence >= 0.5) & (radius > 6)  # blur alone makes smaller ones look round
    if sure.sum() < 5:
        return 1.0
    rays = _on_rays(image, x[sure], y[sure], radius[sure], np.array([0.1, 0.3, 0.55, 0.7, 1.5]))
    profile = _quantile(rays.transpose(0, 2, 1).reshape(-1, len(_ANGLES)), 0.5).reshape(-1, 5)
    middle, flank, around = profile[:, :2].mean(axis=1), profile[:, 2:4].mean(axis=1), profile[:, 4]
    drop = (middle - flank) / np.maximum(middle - around, 1e-6)
    return float(1 + 0.13 * np.clip(np.nanmedian(drop) / 0.17, 0, 1))


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Quantile over the last axis of what is known; 0 where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN goes last
    count = np.isfinite(values).sum(axis=-1)
    index = np.clip(np.round(share * (count - 1)).astype(int), 0, None)
    chosen = np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0]
    return np.where(count > 0, chosen, 0)
