"""The stated errors of drifts and of pairs of frames cover, of masks and of images, of few voids and of many."""

import numpy as np
import pytest
from scipy import ndimage

from void_masks import masks
from voidlab import drift

SHAPE = (128, 192)


def images_of(drawn, seed):
    random = np.random.default_rng(seed)
    soft = [0.4 * ndimage.gaussian_filter(mask.astype(float), 1) + 1 for mask in drawn]
    return [(image + random.normal(0, 0.2, SHAPE)).astype(np.float32) for image in soft]


def measured(kind, frames, voids, seed):
    """Errors of the drifts, px and in stated errors, and of the kept pairs in stated errors."""
    truth = np.cumsum(np.random.default_rng(seed).normal(0, 3, (frames, 2)), axis=0)
    truth -= truth[0]
    drawn = masks(truth, seed, voids=voids, shape=SHAPE)
    found = drift.estimate_drift(drawn if kind == "masks" else images_of(drawn, seed))
    off = (found.drift_px - truth)[1:]
    kept = found.pairs[found.pairs["weight"] > 0]
    true = truth[kept["frame_b"]] - truth[kept["frame_a"]]
    of_pairs = (kept[["dx_px", "dy_px"]].to_numpy() - true) / kept["sigma_px"].to_numpy()[:, None]
    return off, off / found.sigma_px[1:, None], of_pairs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "frames", "voids", "series"),
    [
        ("masks", 3, 10, 500), ("masks", 3, 60, 500), ("masks", 6, 10, 300), ("masks", 6, 60, 300),
        ("masks", 6, 200, 150), ("masks", 20, 10, 60), ("masks", 20, 60, 60), ("masks", 20, 200, 40),
        ("images", 3, 60, 500), ("images", 6, 60, 300), ("images", 6, 200, 150), ("images", 20, 60, 60),
        ("images", 20, 200, 40),
    ],
)  # fmt: skip
def test_errors_cover_at_any_length_and_density(kind, frames, voids, series):
    off, of_drifts, of_pairs = (
        np.concatenate(parts)
        for parts in zip(*(measured(kind, frames, voids, seed) for seed in range(series)), strict=True)
    )
    assert np.abs(off.mean(axis=0)).max() < 4 * off.std() / np.sqrt(series)  # frames of a series err together
    # The fewer series, the less is known of the share.
    slack = 0.02 if series < 100 else 0.0
    assert 0.60 - slack < (np.abs(of_drifts) < 1).mean() < 0.76 + slack
    assert 0.60 < (np.abs(of_pairs) < 1).mean() < 0.76
    assert (np.abs(of_drifts) < 1.96).mean() > 0.87
