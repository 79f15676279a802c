"""A few broken columns, rows and pixels of a camera do not change the grey scale of a series; voids do count."""

import numpy as np
import pytest
import tifffile

from voidlab import run
from voidlab.images.camera_defects import boxes_around_lines, broken_pixels
from voidlab.images.series import open_series
from voidlab.project.paths import RunPaths


@pytest.fixture
def image():
    """Noise with two bright voids of 40 px radius, 16 bit."""
    y, x = np.ogrid[:384, :512]
    voids = (np.hypot(x - 100, y - 100) < 15) | (np.hypot(x - 300, y - 200) < 15)
    return (1000 + 100 * np.random.default_rng(0).normal(size=(384, 512)) + 4000 * voids).astype(np.uint16)


def columns(image):
    image[:, 250:256] = 65535


def dead_rows(image):
    image[100:104] = 0


def pixels(image):
    image[np.random.default_rng(1).random(image.shape) < 0.003] = 65535


@pytest.mark.parametrize("breaks", [columns, dead_rows, pixels])
def test_the_grey_scale_is_that_of_a_whole_camera(tmp_path, image, breaks):
    tifffile.imwrite(tmp_path / "whole.tif", image)
    whole = open_series(tmp_path / "whole.tif").scale
    breaks(image)
    tifffile.imwrite(tmp_path / "broken.tif", image)
    assert open_series(tmp_path / "broken.tif").scale == pytest.approx(whole, rel=0.02)


def test_voids_and_what_is_as_large_are_no_defects(image):
    limits = (300.0, 2000.0)
    assert not broken_pixels(image, limits).any()
    columns(image)
    assert np.flatnonzero(broken_pixels(image, limits).all(axis=0)).tolist() == list(range(250, 256))
    assert boxes_around_lines(image, limits) == [[250, 0, 6, 384]]
    dead_rows(image)
    assert boxes_around_lines(image, limits) == [[250, 0, 6, 384], [0, 100, 512, 4]]


def test_broken_columns_are_told_until_they_are_left_out(tmp_path, image):
    columns(image)
    (tmp_path / "parameters").mkdir()
    for number in (1, 2):
        tifffile.imwrite(tmp_path / f"f{number}.tif", image)
    yaml = RunPaths(tmp_path, "x").parameters
    yaml.write_text("images: ../f*.tif\n")
    (said,) = [note for note in run.check(yaml).notes if "Columns or rows of the camera" in note]
    assert "ignore_boxes_px: [[250, 0, 6, 384]]" in said
    yaml.write_text("images: ../f*.tif\nignore_boxes_px: [[249, 0, 8, 384]]\n")
    assert not [note for note in run.check(yaml).notes if "Columns or rows of the camera" in note]
