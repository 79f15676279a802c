"""Measuring label images: known answers on non-square images."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from voidlab import tables
from voidlab.measure import circles_touch_edge, measure_voids

SHAPE = (60, 90)


def labels_with(*discs):
    """Label image of discs (label, x, y, radius)."""
    image = np.zeros(SHAPE, np.int32)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for label, cx, cy, radius in discs:
        image[(x - cx) ** 2 + (y - cy) ** 2 <= radius**2] = label
    return image


def test_none_is_an_empty_typed_table():
    voids = measure_voids(np.zeros(SHAPE, np.uint16))
    assert len(voids) == 0
    assert list(voids.columns) == tables.TABLES["voids"].names


def test_one_in_the_middle():
    (void,) = measure_voids(labels_with((1, 50, 20, 7)), frame=12).to_dict("records")
    assert (void["frame"], void["label"], void["kind"]) == (12, 1, "void")
    assert (void["x_px"], void["y_px"]) == (50, 20)
    assert void["area_px"] == 149
    assert void["radius_px"] == pytest.approx(np.sqrt(149 / np.pi))
    assert not void["touches_edge"]
    assert np.isnan(void["confidence"])


def test_two_that_touch_and_labels_with_gaps():
    voids = measure_voids(labels_with((3, 40, 30, 5), (70000, 51, 30, 5))).set_index("label")
    assert voids.index.tolist() == [3, 70000]
    assert voids.loc[3, "x_px"] == 40
    assert voids.loc[70000, "x_px"] == 51


@pytest.mark.parametrize(
    ("x", "y", "touches"),
    [
        (50, 12, True), (50, 14, False),  # top: rows from y - 4
        (50, 48, True), (50, 46, False),  # bottom: 60 - 8 = 52
        (12, 30, True), (14, 30, False),  # left
        (78, 30, True), (76, 30, False),  # right: 90 - 8 = 82
    ],
)  # fmt: skip
def test_at_each_edge_of_a_non_square_image(x, y, touches):
    (void,) = measure_voids(labels_with((1, x, y, 4)), edge_buffer_px=8).to_dict("records")
    assert void["touches_edge"] == touches


def test_without_a_buffer_only_the_border_counts():
    voids = measure_voids(labels_with((1, 4, 30, 4), (2, 50, 30, 4)), edge_buffer_px=0)
    assert voids["touches_edge"].tolist() == [True, False]


def test_confidence_is_the_mean_probability():
    labels = labels_with((1, 50, 20, 7))
    probability = np.where(np.arange(SHAPE[1]) < 50, 0.5, 1.0) * np.ones(SHAPE)
    (void,) = measure_voids(labels, probability=probability).to_dict("records")
    assert void["confidence"] == pytest.approx(probability[labels == 1].mean())


@given(st.integers(0, 10_000))
def test_a_transposed_image_has_transposed_voids(seed):
    labels = np.random.default_rng(seed).integers(0, 5, (12, 19))
    here = measure_voids(labels, edge_buffer_px=2)
    there = measure_voids(labels.T, edge_buffer_px=2)
    np.testing.assert_allclose(here["x_px"], there["y_px"])
    np.testing.assert_allclose(here["y_px"], there["x_px"])
    assert here["touches_edge"].tolist() == there["touches_edge"].tolist()


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 4), int), np.zeros((3, 4))])
def test_what_is_no_label_image_is_refused(wrong):
    with pytest.raises(ValueError, match=r"expected \(H, W\) of integers"):
        measure_voids(wrong)


def test_a_probability_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="probability has shape"):
        measure_voids(labels_with(), probability=np.zeros((3, 4)))


def test_a_circle_touches_the_edge_where_it_comes_nearer_than_the_buffer_on_any_side():
    circles = pd.DataFrame({"x_px": [20.0, 11.9, 12.0, 30.0, 28.0], "y_px": [25.0, 25.0, 25.0, 25.0, 48.0]})
    circles["radius_px"] = 4.0
    assert circles_touch_edge(circles, (60, 42), 8).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("radius", [2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 40.0, 60.0])
def test_radius_and_centre_of_a_disc_are_unbiased(radius):
    """Discs whose centres lie anywhere between the pixels: what their pixels tell of them."""
    random = np.random.default_rng(0)
    size = int(2 * radius + 8)
    y, x = np.mgrid[:size, :size]
    off = []
    for centre in size / 2 + random.uniform(-0.5, 0.5, (200, 2)):
        disc = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
        found = measure_voids(disc.astype(np.int32)).iloc[0]
        off.append(found[["radius_px", "x_px", "y_px"]].to_numpy(float) - [radius, *centre])
        off[-1] = np.append(off[-1], found["area_px"] - np.pi * radius**2)
    bias, scatter = np.mean(off, axis=0), np.std(off, axis=0)
    assert np.abs(bias[0]) < 0.012  # px
    assert (np.abs(bias[1:3]) < 4 * scatter[1:3] / np.sqrt(200)).all()
    assert np.abs(bias[3]) < 2  # px²
    assert scatter[0] < 0.13 / np.sqrt(radius)
    assert (scatter[1:3] < 0.20 / np.sqrt(radius)).all()


@pytest.mark.parametrize("coverage", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("radius", [2.5, 8.0, 30.0])
def test_the_area_of_many_discs_is_theirs(radius, coverage):
    random = np.random.default_rng(1)
    pitch = np.sqrt(np.pi * radius**2 / coverage)
    count = max(int(600 / pitch), 1)
    size = int(pitch * count) + 1
    centres = pitch * (np.stack(np.meshgrid(np.arange(count), np.arange(count))).reshape(2, -1).T + 0.5)
    centres = centres + random.uniform(-0.5, 0.5, centres.shape)
    y, x = np.mgrid[:size, :size]
    nearest = cKDTree(centres).query(np.stack([x.ravel(), y.ravel()], axis=1))
    labels = np.where(nearest[0] <= radius, nearest[1] + 1, 0).reshape(size, size)
    found = measure_voids(labels)
    assert len(found) == len(centres)
    assert found["area_px"].sum() == np.count_nonzero(labels)
    assert found["area_px"].sum() == pytest.approx(len(centres) * np.pi * radius**2, rel=0.01)
