"""What was drawn onto an image is told from what is bright or dark in it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from voidlab.images.drawn import find_strokes
from voidlab.images.valid_area import propose_boxes

SHAPE = (300, 400)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def foil(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 120 + 60 * ndimage.gaussian_filter(random.normal(size=SHAPE), 6) + random.normal(0, 12, SHAPE)


def as_file(image: np.ndarray) -> np.ndarray:
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    return np.hypot(X - x, Y - y) < radius


@pytest.mark.parametrize("colour", [0, 255])
def test_letters_and_a_scale_bar_are_found(colour):
    picture = Image.fromarray(as_file(foil()))
    draw = ImageDraw.Draw(picture)
    draw.text((10, 100), "200 nm", fill=colour, font_size=110)
    draw.rectangle([150, 250, 380, 262], fill=colour)
    drawn = np.asarray(picture) != as_file(foil())
    found = find_strokes(np.asarray(picture))
    assert found is not None
    assert found[drawn].mean() > 0.95
    assert not found[~ndimage.binary_dilation(drawn, iterations=4)].any()


def test_what_is_drawn_is_found_in_16_bit_and_beside_pixels_without_a_value():
    image = foil().astype(np.float32)
    image[250:262, 150:380] = image.max() + 10
    assert find_strokes(np.round(100 * image).astype(np.uint16))[250:262, 150:380].all()
    image[:, :40] = np.nan
    found = find_strokes(image)
    assert found[250:262, 150:380].all()
    assert not found[:, :100].any()


@pytest.mark.parametrize("hot", [0, 65535])
def test_neither_a_hot_pixel_nor_few_grey_values_hide_it(hot):
    image = np.round(1000 + 10 * foil()).astype(np.uint16)
    for grey in (65535, 900):
        image[250:262, 150:380] = grey
        image[10, 10] = hot
        found = find_strokes(image)
        assert found is not None
        assert found[250:262, 150:380].all()


def clipped() -> dict[str, np.ndarray]:
    crowd = sum(disc(x, 150, 14) for x in (150, 168, 186, 204, 222)) > 0
    rings = np.abs(np.hypot(X - 200, Y - 150) - 40) < 6
    return {
        "a void": disc(200, 150, 25),
        "voids over each other": crowd,
        "a dark fringe": rings,
    }


@pytest.mark.parametrize("what", clipped())
@pytest.mark.parametrize("sign", [1, -1])
def test_what_a_camera_cuts_off_is_no_drawing(what, sign):
    lit = ndimage.gaussian_filter(clipped()[what].astype(float), 2)
    assert find_strokes(as_file(foil() + sign * 250 * lit)) is None


@pytest.mark.parametrize("seed", range(3))
def test_there_is_none_in_a_micrograph_or_a_mask(seed):
    assert find_strokes(as_file(foil(seed))) is None
    assert find_strokes(np.where(disc(100, 100, 30) | disc(140, 100, 30), 255, 0).astype(np.uint8)) is None
    assert find_strokes(np.zeros(SHAPE)) is None


def test_where_two_bright_voids_overlap_no_box_is_proposed():
    lit = ndimage.gaussian_filter((disc(180, 150, 40) * 1.0 + disc(225, 150, 40)) * 80, 1.5)
    image = as_file(foil() + lit)
    lens = (image == 255) & disc(202, 150, 20)
    assert lens.sum() > 100
    assert propose_boxes([image]) == []
