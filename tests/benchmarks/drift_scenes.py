"""Seeded scenes with known drift for the drift benchmarks, and the baseline they are held against."""

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

SIDE, MARGIN = 1024, 520
CONTRAST, NOISE = 0.35, 0.35


class Voids:
    """Discs all over a field wider than the frame by ``margin``, so that they come and go as it drifts."""

    def __init__(self, seed, count=250, side=SIDE, margin=MARGIN):
        self.random = np.random.default_rng(seed)
        self.side = side
        field = side + 2 * margin
        self.centres = self.random.uniform(-margin, side + margin, (round(count * (field / side) ** 2), 2))
        self.radii = np.maximum(6.5 * self.random.lognormal(0, 0.3, len(self.centres)), 2.5)

    def mask(self, shift):
        """Mask of the voids that drifted by ``shift`` (x, y)."""
        return disc_mask(self.centres + shift, self.radii, self.side)

    def detected(self, shift, random, missed=0.1, false=0.05, jitter_px=0.3, size_jitter=0.05):
        """Mask as a segmenter gives it: voids missed, made up, and each a little off."""
        seen = random.random(len(self.radii)) >= missed
        centres = self.centres + shift + random.normal(0, jitter_px, self.centres.shape)
        radii = self.radii * (1 + size_jitter * random.standard_normal(len(self.radii)))
        inside = ((centres > 0) & (centres < self.side)).all(axis=1)
        extra = round(false * inside.sum())
        centres = np.concatenate([centres[seen], random.uniform(0, self.side, (extra, 2))])
        return disc_mask(centres, np.concatenate([radii[seen], random.choice(self.radii, extra)]), self.side)

    def image(self, shift, random, background, *, gain=None, noise=NOISE):
        """Raw frame: voids of soft edge on a background that stays put, behind a fixed gain, in noise."""
        clean = CONTRAST * ndimage.gaussian_filter(self.mask(shift).astype(np.float32), 1) + background
        return clean * (1 if gain is None else gain) + random.normal(0, noise, clean.shape)


def disc_mask(centres, radii, side):
    mask = np.zeros((side, side), bool)
    for (x, y), radius in zip(centres, radii, strict=True):
        rows = np.arange(max(int(y - radius - 1), 0), min(int(y + radius + 2), side))
        columns = np.arange(max(int(x - radius - 1), 0), min(int(x + radius + 2), side))
        if len(rows) and len(columns):
            inside = (rows[:, None] - y) ** 2 + (columns[None, :] - x) ** 2 <= radius**2
            mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] |= inside
    return mask


def smooth_background(random, side=SIDE, scale_px=250, amplitude=0.5):
    """Uneven illumination: smooth over ``scale_px``, from 0 to ``amplitude`` and above."""
    coarse = random.standard_normal((side // 8, side // 8))
    smooth = ndimage.zoom(ndimage.gaussian_filter(coarse, scale_px / 2.5 / 8), 8, order=1)
    return 1 + amplitude * smooth / smooth.std()


def towards(random, length):
    """A shift (x, y) of this length in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    return length * np.array([np.cos(angle), np.sin(angle)])


def full_correlation_shift(a, b):
    """Baseline: whole-pixel shift (x, y) from a to b of the highest pixel of their full correlation."""
    correlation = fftconvolve(np.asarray(b, float), np.asarray(a, float)[::-1, ::-1], mode="same")
    y, x = np.unravel_index(np.argmax(correlation), correlation.shape)
    return np.array([x - a.shape[1] // 2, y - a.shape[0] // 2], float)


def dense_least_squares(pairs, shifts, count):
    """Baseline: drift (count, 2) of pairs weighted alike, zero at the first frame."""
    equations = np.zeros((len(pairs), count))
    equations[np.arange(len(pairs)), pairs[:, 0]] = -1
    equations[np.arange(len(pairs)), pairs[:, 1]] = 1
    drift = np.linalg.lstsq(equations, shifts, rcond=None)[0]
    return drift - drift[0]


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))
