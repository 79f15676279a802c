"""Frames that stand out of a series are named, and no others."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from drawn_images import image_with
from voidlab.images.series import read_image
from voidlab.segment.odd_frames import odd_frames, sharpness


def frames_with(counts, tilt=np.nan):
    return pd.DataFrame(
        {"frame": np.arange(len(counts)) + 1, "status": "ok", "tilt_deg": tilt,
         "void_count": pd.array(counts, dtype="Int64")}
    )  # fmt: skip


@pytest.mark.parametrize(("at", "count"), [(7, 552), (0, 400), (59, 1400)])
def test_a_count_that_stands_out_is_named(at, count):
    counts = np.random.default_rng(0).poisson(np.linspace(870, 700, 60))
    counts[at] = count
    found = odd_frames(frames_with(counts), np.ones(60))
    assert list(found) == [at + 1]
    assert found[at + 1].startswith(f"{count:,} voids, around it ")


@pytest.mark.parametrize("mean", [0, 3, 40, 900])
def test_chance_and_growth_are_nothing_odd(mean):
    wrong = 0
    for seed in range(30):
        counts = np.random.default_rng(seed).poisson(mean * np.linspace(0.3, 1.7, 100))
        wrong += len(odd_frames(frames_with(counts), np.random.default_rng(seed).normal(1, 0.03, 100)))
    assert wrong <= 3  # of 3,000 frames


def test_a_blurred_frame_is_named():
    discs = [(30 + 35 * i, 30 + 40 * (i % 3), 7) for i in range(5)]
    images = [image_with(*discs, seed=seed, noise=0.03) for seed in range(20)]
    images[6] = ndimage.gaussian_filter(images[6], (0, 3))
    images[7] = np.where(np.arange(180) < 20, np.nan, images[7])
    found = odd_frames(frames_with([5] * 20), np.array([sharpness(image) for image in images]))
    assert found == {7: "blurred"}


def test_a_sharp_frame_among_blurred_ones_is_not_called_blurred():
    values = np.ones(20)
    values[9] = 2.0
    assert odd_frames(frames_with([50] * 20), values) == {}


def test_little_or_nothing_says_nothing():
    assert odd_frames(frames_with([]), np.zeros(0)) == {}
    assert odd_frames(frames_with([50, 900, 3]), np.array([1, 2, np.nan])) == {}
    assert odd_frames(frames_with([50] * 8 + [900], tilt=np.linspace(-40, 40, 9)), np.ones(9)) == {}
    assert odd_frames(frames_with([None] * 9), np.full(9, np.nan)) == {}
    assert np.isnan(sharpness(np.full((20, 30), np.nan)))


def test_sharpness_of_a_real_video(shared):
    files = sorted((shared / "gold_video" / "frames").iterdir())[:16]
    values = np.array([sharpness(read_image(file)) for file in files])
    assert 0.7 < values.min() / np.median(values) < 0.95  # some frames are a little blurred, none is named
    assert odd_frames(frames_with([800] * 16), values) == {}
