from dataclasses import replace

import numpy as np
import pytest

from voidlab import segment
from voidlab.segment import seen as seen_
from voidlab.segment.confidence import Calibration
from voidlab.segment.discs import Discs
from voidlab.segment.network import Maps
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.segment.seen import KeptMaps, Seen
from voidlab.simulate.micrographs import micrograph


def test_an_image_is_looked_at_once_in_each_way():
    seen, made = Seen(), []

    def make():
        made.append(1)
        return Discs(*np.zeros((4, 0)))

    image = np.zeros((4, 5), np.uint8)
    for each, how in [(image, "bright"), (image.copy(), "bright"), (image, "dark"), (image + 1, "bright")]:
        seen.of(each, (how,), make)
    assert len(made) == 3
    for other in (image.reshape(5, 4), image.astype(bool)):
        seen.of(other, ("bright",), make)
    assert len(made) == 5


@pytest.fixture
def looked_for(monkeypatch):
    """As what voids were looked for in an image, each time one was."""
    asked = []
    maps = NetworkSegmenter.maps_of_voids

    def counted(self, image):
        asked.append(self.contrast)
        return maps(self, image)

    monkeypatch.setattr(NetworkSegmenter, "maps_of_voids", counted)
    return asked


def test_what_decided_the_contrast_serves_focus_and_trust(looked_for):
    image = micrograph(5, shape=(128, 128)).as_shown
    decided = segment.load_segmenter("voids").with_contrast_from([image])
    assert looked_for == ["bright", "dark"]
    decided.with_focus_from([image])
    assert len(looked_for) == 2
    decided.look_twice(image)
    assert len(looked_for) == 3  # the image turned


def test_another_calibration_is_another_look_and_another_threshold_is_none(looked_for):
    image = micrograph(1, shape=(128, 128)).as_shown
    method = segment.load_segmenter("voids", contrast="bright")
    found = method.look_twice(image)
    assert replace(method, threshold=0.9).look_twice(image).detections <= found.detections
    assert len(looked_for) == 2
    replace(method, calibration=Calibration()).look_twice(image)
    assert len(looked_for) == 4


def test_the_network_looks_once_at_an_image_that_the_contrast_was_decided_by(looked_for):
    image = micrograph(5, shape=(128, 128)).as_shown
    images = [image, image[::-1]]
    method = segment.load_segmenter("voids")
    decided = method.with_contrast_from(images).with_focus_from(images)
    assert len(looked_for) == 4
    for image in images:
        found = decided.run(image)
        fresh = segment.load_segmenter("voids", contrast=decided.contrast)
        again = replace(fresh, focus=decided.focus).run(image.copy())
        assert np.array_equal(found.labels, again.labels)
        assert found.voids.equals(again.voids)
    assert len(looked_for) == 6  # the fresh ones
    decided.run(images[0])
    assert len(looked_for) == 7  # they are given back once


@pytest.mark.parametrize(
    ("contrast", "kinds", "asked"),
    [
        ("bright", ["void"], ["bright"]),
        ("bright", ["void", "loop", "dot"], ["bright", "dark"]),
        ("dark", ["void", "dot"], ["dark"]),
        ("auto", ["void", "loop", "dot"], ["auto", "bright", "dark"]),
    ],
)
def test_the_negative_is_looked_at_for_loops_and_dots_once(looked_for, contrast, kinds, asked):
    image = micrograph(5, shape=(128, 128)).as_shown
    method = segment.load_segmenter("voids", contrast=contrast, kinds=kinds)
    method.detect(image)
    assert looked_for == asked
    looked_for.clear()
    maps = method.maps(image)
    assert (maps[0].of_negative is not None) == (kinds != ["void"] and contrast != "dark")


def test_of_a_series_too_it_is_looked_at_once(looked_for):
    image = micrograph(5, shape=(128, 128)).as_shown
    method = segment.load_segmenter("voids", kinds=["void", "loop", "dot"])
    method.with_contrast_from([image]).detect(image)
    assert looked_for == ["bright", "dark"]


def test_maps_are_kept_of_the_last_images_each_for_one_more_look(monkeypatch):
    def maps(side):
        return (Maps(1, *np.zeros((3, side, side), np.float32)),)

    images = [np.full((2, 3), value) for value in range(4)]
    monkeypatch.setattr(seen_, "_MOST_BYTES", 3 * maps(8)[0].nbytes)
    kept = KeptMaps()
    given = [kept.keep(image, ("bright",), maps(8)) for image in images]
    assert kept.take(images[0], ("bright",)) is None
    assert kept.take(images[2].copy(), ("bright",)) is given[2]
    assert kept.take(images[2], ("bright",)) is None
    assert kept.take(images[3], ("dark",)) is None
    kept.drop(("bright",))
    assert kept.take(images[3], ("bright",)) is None
    assert kept.keep(images[0], ("dark",), maps(99))
    assert kept.take(images[0], ("dark",)) is None  # larger than all that may be kept
