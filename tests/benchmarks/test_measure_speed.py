"""Measuring the voids of a label image, against one array per void and regionprops over their maximum."""

import time

import numpy as np
from skimage import measure

from voidlab.measure import measure_voids

SIDE, VOIDS = 1024, 250
TARGET = 20  # times faster


def label_image():
    random = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), np.int32)
    y, x = np.ogrid[:SIDE, :SIDE]
    for label in range(1, VOIDS + 1):
        cx, cy, radius = *random.uniform(10, SIDE - 10, 2), 6.5 * random.lognormal(0, 0.3)
        labels[((x - cx) ** 2 + (y - cy) ** 2 <= radius**2) & (labels == 0)] = label
    return measure.label(labels > 0).astype(np.int32)


def baseline(stack):
    """Radius, centre and edge of each void from a stack (void, H, W)."""
    numbered = (stack * (np.arange(len(stack)) + 1)[:, None, None]).max(axis=0)
    regions = measure.regionprops(numbered)
    return np.array(
        [
            (r.equivalent_diameter_area / 2, *r.centroid[::-1], min(r.bbox) <= 8 or max(r.bbox) >= SIDE - 8)
            for r in regions
        ]
    )


def test_measuring(benchmark):
    labels = label_image()
    stack = np.stack([labels == label for label in range(1, labels.max() + 1)])
    start = time.perf_counter()
    wanted = baseline(stack)
    slow_s = time.perf_counter() - start
    voids = benchmark(measure_voids, labels)
    np.testing.assert_allclose(voids[["radius_px", "x_px", "y_px"]], wanted[:, :3], rtol=1e-12)
    assert voids["touches_edge"].tolist() == wanted[:, 3].astype(bool).tolist()
    ratio = slow_s / benchmark.stats.stats.median
    print(f"\n{len(voids)} voids: array per void {slow_s:.2f} s, one pass: {ratio:.0f} times faster")
    assert ratio >= TARGET
