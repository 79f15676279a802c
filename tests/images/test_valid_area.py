"""What of an image shows the specimen: boxes, crop, padding; and what is proposed as burnt in or vacuum."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from drawn_images import image_with
from voidlab.images import ImagesError, open_series
from voidlab.images.valid_area import find_padding, nearly_padding, outside_boxes, propose_boxes

SHAPE = (300, 400)


def micrograph(seed=0):
    return np.random.default_rng(seed).normal(110, 9, SHAPE).clip(0, 255).astype(np.uint8)


def test_boxes_and_crop():
    assert outside_boxes(SHAPE, []) is None
    valid = outside_boxes(SHAPE, [[10, 20, 30, 40]], [5, 0, 300, 200])
    assert valid.sum() == 300 * 200 - 30 * 40
    assert not valid[20:60, 10:40].any()
    assert not valid[:, :5].any()


@pytest.mark.parametrize("value", [0, 255, 128])
@pytest.mark.parametrize(("dx", "dy"), [(20, 0), (1, 0), (-7, 12), (0, -40)])
def test_the_padding_of_a_shift(value, dx, dy):
    image = ndimage.shift(micrograph(), (dy, dx), order=0, cval=value)
    there = ndimage.shift(np.ones(SHAPE), (dy, dx), order=0, cval=0) == 0
    found = find_padding(image)
    assert found[there].all()
    assert found.mean() == pytest.approx(there.mean(), abs=0.02)


def test_the_padding_of_a_rotation_and_of_a_round_field():
    turned = ndimage.rotate(micrograph(), 7, reshape=False, order=1, cval=0)
    there = ndimage.rotate(np.ones(SHAPE), 7, reshape=False, order=1, cval=0) < 0.5
    assert find_padding(turned)[there].mean() > 0.99
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    beyond = np.hypot(y - 150, x - 200) > 170
    assert find_padding(np.where(beyond, 0, micrograph()))[beyond].mean() > 0.99


def test_nan_is_no_specimen_wherever_it_is():
    image = micrograph().astype(np.float32)
    image[:, :25] = np.nan
    image[100:110, 200:220] = np.nan
    np.testing.assert_array_equal(find_padding(image), np.isnan(image))


def nothing_padded():
    masks = np.zeros(SHAPE, np.uint8)
    masks[40:90, 60:120] = masks[150:260, 300:350] = 255
    saturated = np.clip(micrograph().astype(int) + 90, 0, 200).astype(np.uint8)
    spotted = micrograph()
    spotted[120:180, 100:160] = 255
    vacuum = micrograph()
    vacuum[:, 250:] = np.random.default_rng(1).normal(200, 4, (300, 150))
    return {
        "noise": micrograph(),
        "masks": masks,
        "saturated": saturated,
        "a saturated void": spotted,
        "vacuum": vacuum,
        "nothing": np.full(SHAPE, 7, np.uint8),
        "drawn": image_with((80, 60, 9), shape=SHAPE, noise=0.0),
    }


@pytest.mark.parametrize("name", nothing_padded())
def test_what_is_no_padding(name):
    assert find_padding(nothing_padded()[name]) is None


@pytest.mark.parametrize("name", nothing_padded())
def test_what_is_not_nearly_padding_either(name):
    assert nearly_padding(nothing_padded()[name]) == 0


@pytest.mark.parametrize(("low", "high"), [(3, 6), (250, 252)])
def test_padding_of_nearly_one_value_is_told(low, high):
    random = np.random.default_rng(0)
    image = ndimage.shift(micrograph(), (30, 50), order=1, cval=low).astype(np.uint8)
    image[:30] = random.integers(low, high + 1, (30, 400))
    image[:, :50] = random.integers(low, high + 1, (300, 50))
    assert nearly_padding(image) == pytest.approx(1 - 270 * 350 / (300 * 400), abs=0.03)


def with_text():
    image = Image.fromarray(micrograph())
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 270, 400, 300], fill=0)
    draw.text((10, 278), "200 kV  x 80 000", fill=255)
    draw.rectangle([300, 284, 380, 290], fill=255)
    draw.rectangle([20, 20, 120, 28], fill=255)
    return np.asarray(image)


def test_what_is_burnt_in_is_proposed():
    proposed = propose_boxes([with_text(), with_text()])
    inside = ~outside_boxes(SHAPE, proposed)
    assert inside[20:28, 20:120].all()
    assert inside[270:].mean() > 0.95
    assert inside[:260, 140:].mean() < 0.01
    assert propose_boxes([with_text(), micrograph()]) == []  # not in all of them


def test_a_bar_of_a_single_row_at_the_border_is_proposed():
    image = micrograph()
    image[-6:] = 0
    ((left, top, width, height),) = propose_boxes([image])
    assert (left, width) == (0, 400)
    assert (top + height, height) == (300, pytest.approx(10, abs=2))


def test_what_is_left_out_already_is_not_proposed():
    padded = micrograph().astype(np.float32) / 255
    padded[:, :60] = np.nan
    assert propose_boxes([padded, padded]) == []


def test_a_saturated_void_is_not_proposed():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    assert propose_boxes([np.where(np.hypot(x - 200, y - 150) < 30, 255, micrograph())]) == []


def test_vacuum_is_proposed():
    ((left, top, width, height),) = propose_boxes([nothing_padded()["vacuum"]])
    assert (left, top, left + width, height) == (pytest.approx(250, abs=12), 0, 400, 300)


@pytest.mark.parametrize("name", ["noise", "masks", "nothing", "saturated"])
def test_nothing_is_proposed_without_reason(name):
    assert propose_boxes([nothing_padded()[name]]) == []


def test_a_scale_bar_in_a_real_micrograph(shared):
    from voidlab.images import read_image

    ((left, top, width, height),) = propose_boxes([read_image(shared / "labelled_looks" / "00097.png")])
    assert (left, top) == (pytest.approx(165, abs=12), pytest.approx(330, abs=12))
    assert (left + width, top + height) == (666, pytest.approx(505, abs=12))


def test_vacuum_in_a_real_micrograph(shared):
    from voidlab.images import read_image

    image = read_image(shared / "labelled_looks" / "cu0042.jpg")
    inside = ~outside_boxes(image.shape, propose_boxes([image]))
    assert inside[-50:, -50:].all()
    assert 0.2 < inside.mean() < 0.5


def series_in(folder, image, **how):
    Image.fromarray(image).save(folder / "a_1.png")
    return open_series(folder, **how)


def test_a_series_gives_nan_where_there_is_no_specimen(tmp_path):
    image = ndimage.shift(micrograph(), (0, 30), order=0, cval=0)
    series = series_in(tmp_path, image, ignore_boxes_px=[[200, 100, 50, 40]])
    valid = series.valid_area(0)
    np.testing.assert_array_equal(np.isfinite(series[0]), valid)
    assert not valid[:, :30].any()
    assert not valid[100:140, 200:250].any()
    assert valid.mean() == pytest.approx(1 - 30 / 400 - 2000 / 120_000, abs=0.01)
    assert series.scale[0] > 60  # grey values of the padding do not count for the scale


def test_a_box_that_reaches_beyond_the_image_is_told(tmp_path):
    series = series_in(
        tmp_path, micrograph(), ignore_boxes_px=[[10, 10, 390, 20]], crop_px=[100, 0, 400, 300]
    )
    assert series.notes == [
        "The box [100, 0, 400, 300] reaches beyond the images of 400 × 300 px: boxes are left, top, width, height."
    ]
    assert series_in(tmp_path, micrograph(), crop_px=[100, 0, 300, 300]).notes == []


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"ignore_boxes_px": [[500, 0, 10, 10]]}, r"ignore_boxes_px: the box \[500, 0, 10, 10\].*400 × 300"),
        ({"crop_px": [0, 300, 10, 10]}, r"crop_px: the box \[0, 300, 10, 10\]"),
        ({"ignore_boxes_px": [[0, 0, 400, 300]]}, "leave nothing of the images"),
    ],
)
def test_boxes_that_cannot_be(tmp_path, how, words):
    with pytest.raises(ImagesError, match=words):
        series_in(tmp_path, micrograph(), **how)
