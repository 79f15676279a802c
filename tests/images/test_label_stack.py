"""Packed label images: what was compressed elsewhere is written as if it had come as an image."""

import numpy as np
import pytest

from voidlab.images.label_stack import LabelWriter, PackedLabels, open_labels

SHAPE = (70, 41)


def label_image(top, seed=0):
    labels = np.random.default_rng(seed).integers(0, 4, SHAPE)
    labels[3, 5] = top
    return labels


def written(path, pages):
    with LabelWriter(path, pixel_size_nm=0.5) as writer:
        for page in pages:
            writer.append(page)
    return path.read_bytes()


@pytest.mark.parametrize("top", [3, 70_000])  # one page above what 16 bits hold makes all wider
def test_packed_or_not_the_file_is_the_same_byte_for_byte(tmp_path, top):
    images = [label_image(3), label_image(top, 1), label_image(2, 2)]
    plain = written(tmp_path / "plain.tif", images)
    assert written(tmp_path / "packed.tif", map(PackedLabels.of, images)) == plain
    read = open_labels(tmp_path / "packed.tif")
    assert all(np.array_equal(a, b) for a, b in zip(read, images, strict=True))


@pytest.mark.parametrize(("top", "dtype"), [(0, "<u2"), (65_535, "<u2"), (65_536, "<u4")])
def test_labels_come_back_from_a_pack(top, dtype):
    packed = PackedLabels.of(label_image(top))
    assert (packed.shape, packed.dtype) == (SHAPE, dtype)
    assert packed.unpacked().dtype == np.int32
    assert np.array_equal(packed.unpacked(), label_image(top))


def test_images_of_many_strips(tmp_path):
    labels = np.arange(2000 * 300).reshape(2000, 300) % 60_000
    packed = PackedLabels.of(labels)
    assert len(packed.strips) > 1
    written(tmp_path / "labels.tif", [packed])
    assert np.array_equal(open_labels(tmp_path / "labels.tif")[0], labels)


def test_what_is_no_label_image_cannot_be_packed():
    with pytest.raises(ValueError, match="float64 of shape"):
        PackedLabels.of(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="whole numbers from 0"):
        PackedLabels.of(np.full(SHAPE, -1))
