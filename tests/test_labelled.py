"""Folders of labelled images, as people keep them."""

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import labelled


def picture(shape=(60, 90)):
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def disc_labels(*circles, shape=(60, 90)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.uint16)
    for number, (cx, cy, r) in enumerate(circles, start=1):
        labels[np.hypot(x - cx, y - cy) <= r] = number
    return labels


def test_two_folders_are_paired_by_number_in_natural_order(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number in (10, 9):
        iio.imwrite(tmp_path / "images" / f"image_{number}.png", picture())
        tifffile.imwrite(
            tmp_path / "labels" / f"label_{number}.tif", disc_labels((30, 30, 6), (60, 30, number))
        )
    items = labelled.read(tmp_path)
    assert [item.name for item in items] == ["image_9", "image_10"]
    assert items[0].voids["radius_px"].tolist() == pytest.approx([6, 9], rel=0.05)
    assert items[0].mask.sum() == (disc_labels((30, 30, 6), (60, 30, 9)) > 0).sum()


def test_circles_in_a_csv_beside_the_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    table = pd.DataFrame({"x_px": [10, 20, 3], "y_px": [5, 8, 3], "r_px": [3.5, 4, 4],
                          "kind": ["sure", "ambiguous", "sure"], "touches_edge": [0, 0, 1]})  # fmt: skip
    table.to_csv(tmp_path / "a_labels.csv", index=False)
    (item,) = labelled.read(tmp_path)
    assert item.voids["ignored"].tolist() == [False, True, True]
    assert item.mask is None


def test_a_mask_is_taken_apart_at_its_necks():
    mask = disc_labels((30, 30, 10), (48, 30, 10)) > 0
    voids, _ = labelled.voids_of(mask.astype(np.uint8) * 255)
    assert sorted(voids["x_px"]) == pytest.approx([30, 48], abs=1)
    assert not voids["ignored"].any()


def test_what_the_border_cuts_does_not_count():
    voids, _ = labelled.voids_of(disc_labels((2, 30, 8), (50, 30, 8)))
    assert voids["ignored"].tolist() == [True, False]


def test_no_labels_is_explained(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    with pytest.raises(
        labelled.LabelledError, match=r"no labelled images in .*; expected images/ and labels/"
    ):
        labelled.read(tmp_path)
    with pytest.raises(labelled.LabelledError, match="there is no folder"):
        labelled.read(tmp_path / "none")


def test_labels_of_another_size_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    tifffile.imwrite(tmp_path / "a_labels.tif", disc_labels((20, 20, 5), shape=(60, 80)))
    with pytest.raises(labelled.LabelledError, match="a_labels.tif has 80 × 60 px, a.tif has 90 × 60"):
        labelled.read(tmp_path)


def test_a_csv_without_radii_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    (tmp_path / "a_labels.csv").write_text("x_px,y_px\n1,2\n")
    with pytest.raises(labelled.LabelledError, match="expected columns x_px, y_px, r_px"):
        labelled.read(tmp_path)


def test_real_pairs(shared):
    items = labelled.read(shared / "gold_pairs")
    assert len(items) == 20
    assert all(len(item.voids) > 3 for item in items)
    assert all(item.image.shape == item.mask.shape == (512, 512) for item in items)
