"""Folders of labelled images, as people keep them."""

import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab.training import labelled


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
    items = labelled.read_labelled(tmp_path)
    assert [item.name for item in items] == ["image_9", "image_10"]
    assert items[0].voids["radius_px"].tolist() == pytest.approx([6, 9], rel=0.05)
    assert items[0].mask.sum() == (disc_labels((30, 30, 6), (60, 30, 9)) > 0).sum()


def test_circles_in_a_csv_beside_the_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    table = pd.DataFrame({"x_px": [10, 20, 3], "y_px": [5, 8, 3], "r_px": [3.5, 4, 4],
                          "kind": ["sure", "ambiguous", "sure"], "touches_edge": [0, 0, 1]})  # fmt: skip
    table.to_csv(tmp_path / "a_labels.csv", index=False)
    (item,) = labelled.read_labelled(tmp_path)
    assert item.voids["ignored"].tolist() == [False, True, True]
    assert item.mask is None


def test_images_that_were_taken_in_different_ways_are_not_judged_together(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    tifffile.imwrite(tmp_path / "a_labels.tif", disc_labels((30, 30, 6)))
    (item,) = labelled.read_labelled(tmp_path)
    assert labelled.mode_of([item]) is None
    dark, scanned = replace(item, mode="dark field"), replace(item, mode="HAADF")
    assert labelled.mode_of([scanned, dark]) == "HAADF"
    assert labelled.mode_of([item, replace(item, mode="bright field")]) == "bright field"
    with pytest.raises(
        labelled.LabelledError, match="2 of the 3 images are of HAADF by their files, .* --mode"
    ):
        labelled.mode_of([scanned, item, scanned])


def test_the_mode_of_labelled_images_is_that_of_their_files(tmp_path, shared):
    shutil.copy(shared / "reader_files" / "rosettasciio" / "mrc" / "HAADFscan.mrc", tmp_path / "a.mrc")
    tifffile.imwrite(tmp_path / "a_labels.tif", disc_labels((8, 8, 4), shape=(16, 16)))
    (item,) = labelled.read_labelled(tmp_path)
    assert item.mode == "HAADF"


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
        labelled.read_labelled(tmp_path)
    with pytest.raises(labelled.LabelledError, match="there is no folder"):
        labelled.read_labelled(tmp_path / "none")


def test_labels_of_another_size_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    tifffile.imwrite(tmp_path / "a_labels.tif", disc_labels((20, 20, 5), shape=(60, 80)))
    with pytest.raises(labelled.LabelledError, match="a_labels.tif has 80 × 60 px, a.tif has 90 × 60"):
        labelled.read_labelled(tmp_path)


def test_a_csv_without_radii_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    (tmp_path / "a_labels.csv").write_text("x_px,y_px\n1,2\n")
    with pytest.raises(labelled.LabelledError, match="expected columns x_px, y_px, r_px"):
        labelled.read_labelled(tmp_path)


def write_folders(root, images, labels):
    """Folders images/ and labels/; the labels of file i hold one disc of radius 5 + i."""
    for folder in ("images", "labels"):
        (root / folder).mkdir()
    for name in images:
        iio.imwrite(root / "images" / name, picture())
    for number, name in enumerate(labels):
        tifffile.imwrite(root / "labels" / name, disc_labels((30, 30, 5 + number)))
    return root


def names_of(folder):
    return [(image.name, label.name) for image, label in labelled.pair_labels(folder)]


@pytest.mark.parametrize(
    "names",
    [
        ("sampleA_01.tif", "sampleB_01.tif"),
        ("img_1_8bit.tif", "img_2_8bit.tif"),
        ("defocus_1_10nm.tif", "defocus_2_10nm.tif"),
    ],
)
@pytest.mark.parametrize("ending", ["", "_labels", "_mask"])
def test_labels_go_with_the_image_of_the_same_name(tmp_path, names, ending):
    labels = [name.replace(".tif", f"{ending}.tif") for name in names]
    items = labelled.read_labelled(write_folders(tmp_path, names, labels))
    assert [f"{item.name}.tif" for item in items] == list(names)
    assert [item.voids["radius_px"].item() for item in items] == pytest.approx([5, 6], rel=0.05)


def test_a_number_helps_only_where_no_name_is_the_same(tmp_path):
    write_folders(tmp_path, ["a_1.tif", "b_2.tif", "c_3.tif"], ["a_1.tif", "label_2.tif", "other_1.tif"])
    assert names_of(tmp_path) == [("a_1.tif", "a_1.tif"), ("b_2.tif", "label_2.tif")]


def test_a_mask_of_what_is_called_a_mask(tmp_path):
    tifffile.imwrite(tmp_path / "a_mask.tif", picture())
    tifffile.imwrite(tmp_path / "a_mask_labels.tif", disc_labels((30, 30, 5)))
    assert names_of(tmp_path) == [("a_mask.tif", "a_mask_labels.tif")]


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (
            ["A_01.tif", "B_01.tif"],
            ["label_01.tif"],
            r"A_01.tif and B_01.tif in .*images may both be the image",
        ),
        (["A_01.tif", "B_01.tif"], ["A_01.tif", "C_01.tif"], "A_01.tif and B_01.tif .* that C_01.tif labels"),
        (
            ["a_1.tif"],
            ["b_1.tif", "c_1.tif"],
            "b_1.tif and c_1.tif in .* the labels of a_1.tif; expected one",
        ),
        (["a.tif"], ["a.tif", "a_mask.tif"], "a.tif and a_mask.tif .*Give labels the name of their image"),
        (["a.tif", "a.jpg"], ["a.tif"], "a.jpg and a.tif"),
    ],
)
def test_what_could_be_paired_in_two_ways_is_refused(tmp_path, images, labels, said):
    with pytest.raises(labelled.LabelledError, match=said):
        labelled.pair_labels(write_folders(tmp_path, images, labels))


@pytest.mark.parametrize(
    ("also", "said"), [("a.jpg", "a.jpg and a.tif"), ("a_labels.png", "a_labels.png and a_labels.tif")]
)
def test_twins_side_by_side_are_refused(tmp_path, also, said):
    tifffile.imwrite(tmp_path / "a.tif", picture())
    tifffile.imwrite(tmp_path / "a_labels.tif", disc_labels((30, 30, 5)))
    iio.imwrite(tmp_path / also, picture())
    with pytest.raises(labelled.LabelledError, match=said):
        labelled.pair_labels(tmp_path)


def test_hidden_files_are_no_images(tmp_path):
    for hidden in ("", "._"):
        tifffile.imwrite(tmp_path / f"{hidden}a.tif", picture())
        tifffile.imwrite(tmp_path / f"{hidden}a_labels.tif", disc_labels((30, 30, 5)))
    assert names_of(tmp_path) == [("a.tif", "a_labels.tif")]


def write_stack(folder, pages=3):
    stack = np.stack([picture() // (1 + page) for page in range(pages)])
    tifffile.imwrite(folder / "s.tif", stack, photometric="minisblack")
    return stack


def test_every_page_of_a_stack_has_its_labels(tmp_path):
    write_stack(tmp_path)
    labels = np.stack([disc_labels((30, 30, 6), (60, 30, 8 + page)) for page in range(3)])
    tifffile.imwrite(tmp_path / "s_labels.tif", labels, photometric="minisblack")
    items = labelled.read_labelled(tmp_path)
    assert [item.name for item in items] == ["s, frame 0", "s, frame 1", "s, frame 2"]
    assert [item.voids["radius_px"].iloc[1] for item in items] == pytest.approx([8, 9, 10], rel=0.05)
    means = [item.image.mean() for item in items]
    assert means == sorted(means, reverse=True)
    assert means[0] > 2 * means[2]


def test_a_stack_needs_as_many_pages_of_labels(tmp_path):
    write_stack(tmp_path)
    tifffile.imwrite(tmp_path / "s_labels.tif", disc_labels((30, 30, 6)))
    with pytest.raises(labelled.LabelledError, match=r"s_labels.tif has 1 page, s.tif has 3 pages"):
        labelled.read_labelled(tmp_path)


def test_the_page_at_fault_is_named(tmp_path):
    write_stack(tmp_path, pages=2)
    labels = np.stack([disc_labels((30, 30, 6)), 1 - disc_labels((30, 30, 6))])
    tifffile.imwrite(tmp_path / "s_labels.tif", labels, photometric="minisblack")
    with pytest.raises(labelled.LabelledError, match="s_labels.tif, frame 1: number 1 covers 98%"):
        labelled.read_labelled(tmp_path)


def test_rows_of_a_csv_beside_a_stack_go_to_their_pages(tmp_path):
    stack = write_stack(tmp_path)
    (tmp_path / "s_labels.csv").write_text("frame,x_px,y_px,r_px\n2,10,20,5\n0,30,20,6\n2,50,20,7\n")
    first, last = labelled.read_labelled(tmp_path)
    assert (first.name, last.name) == ("s, frame 0", "s, frame 2")
    assert first.voids["radius_px"].tolist() == [6]
    assert last.voids["radius_px"].tolist() == [5, 7]
    assert list(last.voids) == ["x_px", "y_px", "radius_px", "ignored"]
    assert first.image.mean() > 2 * last.image.mean()
    assert first.image.shape == stack.shape[1:]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x_px,y_px,r_px\n1,2,3\n", "beside a stack of 3 pages; expected a column frame .* 0 to 2"),
        ("frame,x_px,y_px,r_px\n", "and a row at least"),
        ("frame,x_px,y_px,r_px\n0,1,2,3\n3,1,2,3\n", "row 2 below the header: frame is 3; expected a whole"),
        ("frame,x_px,y_px,r_px\n0.5,1,2,3\n", "row 1 below the header: frame is 0.5"),
    ],
)
def test_a_csv_that_does_not_say_which_page_is_refused(tmp_path, text, said):
    write_stack(tmp_path)
    (tmp_path / "s_labels.csv").write_text(text)
    with pytest.raises(labelled.LabelledError, match=said):
        labelled.read_labelled(tmp_path)


def classes():
    """Voids 1 on background 2, as ilastik writes them."""
    return np.where(disc_labels((20, 30, 6), (60, 30, 9)) > 0, 1, 2).astype(np.uint8)


def test_an_image_of_classes_is_no_label_image():
    said = "number 1 has 2 separate pieces; expected a number per void"
    with pytest.raises(labelled.LabelledError, match=said):
        labelled.voids_of(classes())
    labels = disc_labels((20, 30, 6), (60, 30, 9), (75, 10, 4))
    labels[labels == 3] = 1
    with pytest.raises(labelled.LabelledError, match=f"{said}.*make a mask"):
        labelled.voids_of(labels)


def test_many_small_voids_of_one_number_are_no_specks_of_a_large_one():
    small = [(x, y, 2) for x in (60, 68, 76, 84) for y in (8, 20, 32, 44)]
    labels = np.minimum(disc_labels((28, 30, 25), *small, (50, 5, 3)), 18)
    labels[(labels > 1) & (labels < 18)] = 1
    with pytest.raises(labelled.LabelledError, match="number 1 has 17 separate pieces"):
        labelled.voids_of(labels)


def test_specks_of_painting_change_no_void():
    labels = disc_labels((20, 30, 12), (60, 30, 9))
    clean, _ = labelled.voids_of(labels)
    labels[2, 80:82] = 1  # a slip of the brush far away, on the border nearly
    labels[0, 40] = 2
    labels[50:53, 80:83] = 1
    voids, mask = labelled.voids_of(labels)
    pd.testing.assert_frame_equal(voids, clean)
    assert mask.sum() == (labels > 0).sum()


def test_pixels_that_meet_at_corners_are_one_piece():
    labels = disc_labels((60, 30, 5))
    labels[range(10, 20), range(10, 20)] = 2
    assert len(labelled.voids_of(labels)[0]) == 2


@pytest.mark.parametrize("number", [1, 255])
def test_an_inverted_mask_is_refused(number):
    mask = np.where(disc_labels((20, 30, 6), (60, 30, 9)) > 0, 0, number).astype(np.uint8)
    with pytest.raises(labelled.LabelledError, match=f"number {number} covers 93% .* inverted mask"):
        labelled.voids_of(mask)


def test_a_background_with_a_number_is_refused():
    labels = disc_labels((20, 30, 6), (60, 30, 9)) + 1
    with pytest.raises(labelled.LabelledError, match="number 1 covers 93% of the image"):
        labelled.voids_of(labels)


def test_numbered_voids_may_cover_most_of_the_image():
    labels = np.repeat([[1, 2, 3]], 60, axis=0).repeat(30, axis=1)
    assert len(labelled.voids_of(labels)[0]) == 3


def test_nothing_labelled_is_no_voids():
    voids, mask = labelled.voids_of(np.zeros((60, 90), np.uint16))
    assert list(voids) == ["x_px", "y_px", "radius_px", "ignored"]
    assert len(voids) == mask.sum() == 0


def test_small_voids_of_a_mask_stay():
    mask = disc_labels((30, 30, 10), (60, 30, 1.5)) > 0
    mask[50, 10:18] = True  # long and thin
    mask[5, 5:7] = True  # a speck
    voids, kept = labelled.voids_of(mask)
    assert sorted(zip(voids["x_px"], voids["y_px"], voids["ignored"], strict=True)) == [
        (5.5, 5, True), (13.5, 50, False), (30, 30, False), (60, 30, False)]  # fmt: skip
    assert (kept == mask).all()


def read_csv(folder, text):
    tifffile.imwrite(folder / "a.tif", picture())
    (folder / "a_labels.csv").write_text(text)
    return labelled.read_labelled(folder)[0].voids


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,2,3\n,,\n", "row 2 below the header: x_px is empty; expected a number"),
        ("1,2,3\n4,5\n", "row 2 below the header: radius_px is empty"),
        ("1,nan,3\n", "row 1 below the header: y_px is nan"),
        ("1,2,3\n1,inf,3\n", "row 2 below the header: y_px is inf"),
        ("1,2,big\n", "row 1 below the header: radius_px is big"),
        ("1,2,3\n1,2,0\n", "row 2 below the header: radius_px is 0; expected a radius above 0 px"),
        ("1,2,-4\n", "Correct the row or remove it"),
        ("1,5,2,5,3,5\n", "more values than its header has names"),
        ("1,2,3\n1,5,2,5,3,5\n", "expected columns x_px, y_px, r_px"),
    ],
)
def test_rows_that_are_no_circles_are_named(tmp_path, rows, said):
    with pytest.raises(labelled.LabelledError, match=said):
        read_csv(tmp_path, f"x_px,y_px,r_px\n{rows}")


def test_radii_given_twice_are_refused(tmp_path):
    with pytest.raises(labelled.LabelledError, match="each once"):
        read_csv(tmp_path, "x_px,y_px,r_px,radius_px\n1,2,3,4\n")


@pytest.mark.parametrize(
    ("word", "ignored"),
    [
        ("no", False),
        ("false", False),
        ("0", False),
        ("0.0", False),
        ("yes", True),
        ("TRUE", True),
        ("1", True),
    ],
)
def test_touching_the_edge_in_words(tmp_path, word, ignored):
    voids = read_csv(tmp_path, f"x_px,y_px,r_px,touches_edge\n1,2,3,{word}\n")
    assert voids["ignored"].tolist() == [ignored]


@pytest.mark.parametrize("word", ["perhaps", "", "2"])
def test_other_words_for_the_edge_are_refused(tmp_path, word):
    with pytest.raises(labelled.LabelledError, match=r"touches_edge is .*; expected yes, no, true"):
        read_csv(tmp_path, f"x_px,y_px,r_px,touches_edge\n1,2,3,{word}\n")


def test_kinds_of_rows(tmp_path):
    text = "x_px,y_px,r_px,kind\n1,2,3,void\n1,2,3,Sure\n1,2,3,\n1,2,3, ambiguous\n"
    assert len(read_csv(tmp_path, f"{text}9,9,3,not_void_loop\n")) == 4
    assert read_csv(tmp_path, text)["ignored"].tolist() == [False, False, False, True]
    with pytest.raises(labelled.LabelledError, match="row 5 below the header: kind is loop; expected void"):
        read_csv(tmp_path, f"{text}1,2,3,loop\n")


def test_rows_of_several_frames_do_not_go_on_one_image(tmp_path):
    assert len(read_csv(tmp_path, "frame,x_px,y_px,r_px\n7,1,2,3\n7,4,5,6\n")) == 2
    with pytest.raises(
        labelled.LabelledError, match="rows of several frames, but lies beside a single image"
    ):
        read_csv(tmp_path, "frame,x_px,y_px,r_px\n7,1,2,3\n8,4,5,6\n")


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("gold_video", 6, ("frame_001.png", "frame_001.png")),
        ("gold_pairs", 20, ("image_0.png", "label_0.png")),
        ("argonne_voids", 1, ("void_frame_0705.tif", "void_frame_0705_labels.csv")),
        ("cavity_micrographs", 1,
         ("16_BF_2_defocus_323.03nm.png", "16_BF_2_defocus_323.03nm_labels.csv")),
    ],
)  # fmt: skip
def test_real_files_are_paired(shared, name, count, first):
    found = names_of(shared / name)
    assert (len(found), found[0]) == (count, first)


def test_real_circles(shared):
    (item,) = labelled.read_labelled(shared / "cavity_micrographs")
    assert (len(item.voids), (item.voids["ignored"]).sum()) == (112, 30)


def test_real_pairs(shared):
    items = labelled.read_labelled(shared / "gold_pairs")
    assert len(items) == 20
    assert all(len(item.voids) > 3 for item in items)
    assert all(item.image.shape == item.mask.shape == (512, 512) for item in items)
