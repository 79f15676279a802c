"""Drift of a series of masks, against full correlation of every pair and dense least squares."""

import time

import numpy as np
import pytest
from scipy.signal import fftconvolve

from voidlab.drift import estimate_drift

SIDE, VOIDS, MARGIN = 1024, 250, 300
TARGET = 20  # times faster


def masks(frames, seed=0):
    """Masks of discs that drift together by fractions of a pixel, voids coming and going at the border."""
    random = np.random.default_rng(seed)
    drift = np.cumsum(random.normal(0, 30, (frames, 2)), axis=0)
    drift -= drift[0]
    field = SIDE + 2 * MARGIN
    centres = random.uniform(-MARGIN, SIDE + MARGIN, (round(VOIDS * (field / SIDE) ** 2), 2))
    radii = np.maximum(6.5 * random.lognormal(0, 0.3, len(centres)), 2.5)
    return [_mask(centres + shift, radii) for shift in drift], drift


def _mask(centres, radii):
    mask = np.zeros((SIDE, SIDE), bool)
    for (x, y), radius in zip(centres, radii, strict=True):
        rows = np.arange(max(int(y - radius - 1), 0), min(int(y + radius + 2), SIDE))
        columns = np.arange(max(int(x - radius - 1), 0), min(int(x + radius + 2), SIDE))
        if len(rows) and len(columns):
            inside = (rows[:, None] - y) ** 2 + (columns[None, :] - x) ** 2 <= radius**2
            mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] |= inside
    return mask


def baseline(images):
    """Drift (n, 2) by the highest pixel of each pair's full correlation, all pairs weighted alike."""
    pairs = [(i, j) for i in range(len(images)) for j in range(i)]
    equations, shifts = np.zeros((len(pairs), len(images))), np.zeros((len(pairs), 2))
    for row, (i, j) in enumerate(pairs):
        correlation = fftconvolve(images[i].astype(float), images[j].astype(float)[::-1, ::-1], mode="same")
        y, x = np.unravel_index(np.argmax(correlation), correlation.shape)
        equations[row, [i, j]] = 1, -1
        shifts[row] = x - SIDE // 2, y - SIDE // 2
    drift = np.linalg.lstsq(equations, shifts, rcond=None)[0]
    return drift - drift[0]


@pytest.mark.parametrize("frames", [10, 20])
def test_drift(benchmark, frames):
    images, truth = masks(frames)
    start = time.perf_counter()
    slow_error = np.sqrt(((baseline(images) - truth) ** 2).mean())
    slow_s = time.perf_counter() - start
    found = benchmark.pedantic(estimate_drift, (images,), rounds=5, warmup_rounds=1)
    error = np.sqrt(((found.drift_px - truth) ** 2).mean())
    assert error < slow_error
    fast_s = benchmark.stats.stats.median
    print(
        f"\n{frames} frames: all full correlations {slow_s:.2f} s, error {slow_error:.3f} px; "
        f"here {fast_s:.2f} s, error {error:.3f} px: {slow_s / fast_s:.0f} times faster"
    )
    assert slow_s / fast_s >= TARGET
