"""Stripes along rows and columns are taken out of what the network is shown; images without any stay as they are."""

from dataclasses import replace

import numpy as np
import pytest

from voidlab import scores, segment
from voidlab.segment.stripes import without_stripes
from voidlab.simulate.micrographs import micrograph
from voidlab.training import simulated

SHAPE = (200, 320)


def noise(seed=0):
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def disc(radius, x=160, y=100):
    v, u = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (np.hypot(u - x, v - y) < radius).astype(np.float32)


@pytest.mark.parametrize("what", [0, 4 * disc(12), 4 * disc(90), 4 * (disc(30, 60) + disc(30, 250))])
def test_an_image_without_stripes_is_not_changed(what):
    image = noise() + np.float32(what)
    assert without_stripes(image) is image


@pytest.mark.parametrize(("apart", "radius"), [(11, 4), (16, 6), (30, 5), (40, 15)])
@pytest.mark.parametrize("height", [1, 2])
def test_rows_of_voids_are_no_stripes(apart, radius, height):
    """As of a void lattice whose axes are those of the image: each row of the image is in the voids, or between."""
    image = noise()
    for y in range(apart, SHAPE[0], apart):
        for x in range(apart, SHAPE[1], apart):
            image += np.float32(height) * disc(radius, x, y)
    assert (without_stripes(image) == image).all()


@pytest.mark.parametrize("height", [0.2, 0.5, 3])
@pytest.mark.parametrize("along", ["rows", "columns", "both"])
def test_stripes_are_taken_out_and_voids_are_left(along, height):
    random = np.random.default_rng(1)
    rows, columns = random.normal(0, height, (SHAPE[0], 1)), random.normal(0, height, (1, SHAPE[1]))
    stripes = {"rows": rows, "columns": columns, "both": rows + columns}[along]
    image = noise() + 4 * disc(12)
    left = without_stripes((image + stripes).astype(np.float32)) - image
    # What is left is what the noise of a row tells of it, and what is as wide as several of them.
    assert left.std() < 0.1 + 0.25 * stripes.std()
    assert left[disc(12) > 0].mean() == pytest.approx(0, abs=0.2 + 0.1 * height)


def test_stripes_of_an_interlaced_video_are_taken_out():
    image = noise()
    image[::2] += 1
    assert abs(without_stripes(image)[::2].mean() - without_stripes(image)[1::2].mean()) < 0.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 5)])
def test_images_of_few_rows_are_none(shape):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.isfinite(without_stripes(image)).all()


@pytest.mark.slow
def test_as_many_voids_are_found_between_stripes():
    """Simulated images, one in two under or over focus, and rows of other brightness, .3 of all there is to see."""
    method = replace(segment.load_segmenter("voids", contrast="bright"), focus=None)
    counts = np.zeros((2, 3), int)
    for seed in range(20):
        made = micrograph(seed, shape=(320, 320))
        if made.voids["ignored"].all():
            continue
        image = made.as_shown.astype(np.float32)
        rows = np.random.default_rng(seed).normal(0, 0.3 * image.std(), (320, 1)).astype(np.float32)
        asked = replace(method, contrast="dark" if made.upside_down else "bright")
        truth = simulated.without_smaller(made.voids, 2.5)
        for count, shown in zip(counts, (image, image + rows), strict=True):
            score = scores.score_voids(truth, asked.find(shown))
            count += [int(score[name]) for name in ("hits", "misses", "false_positives")]
    alone, striped = (2 * hits / (2 * hits + misses + false) for hits, misses, false in counts)
    assert striped > alone - 0.06  # without taking them out 0.15 less
