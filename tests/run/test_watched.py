"""What was decided while the images were taken: a run goes by it, and says what all images would have otherwise."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from voidlab import segment, simulate
from voidlab.images import open_series
from voidlab.run.decided import Decided
from voidlab.run.frame_cache import open_frames
from voidlab.run.watched import as_watched, differences
from voidlab.segment.segmenters import ClassicalSegmenter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("images")
    made = simulate.video(seed=3, frames=8, shape=(120, 160), voids=25, noise=0.02)
    for number, image in enumerate(made.images):
        brighter = 1 + 0.1 * number  # the beam changes, so that all images have another scale than the first
        tifffile.imwrite(place / f"a{number}.tif", (20_000 * brighter * np.asarray(image)).astype(np.uint16))
    return place


def first_and_all(folder):
    files = sorted(folder.iterdir())
    return open_series(files[:5]), open_series(files)


def test_a_run_goes_by_it_and_says_what_all_images_would_have_otherwise(folder, tmp_path):
    first, series = first_and_all(folder)
    method = segment.load_segmenter("classical")
    watched = Decided.of(first, method)
    low, high = watched.intensity_range
    with pytest.warns(UserWarning, match="--decide-again") as said:
        decided, store = open_frames(tmp_path / "kept", series, method, "digest", watched=watched)
    assert f"intensities {low:g} to {high:g}, by all images" in str(said[0].message)
    assert store.cache.decided.key == watched.key
    assert series.scale == (low, high)
    assert decided.contrast == watched.contrast
    _, alone = open_frames(tmp_path / "kept", first_and_all(folder)[1], method, "digest")
    assert alone.cache.decided.key != watched.key


def test_parameters_that_were_set_since_outweigh_it(folder):
    first, series = first_and_all(folder)
    watched = Decided.of(first, segment.load_segmenter("classical"))
    set_since = replace(series, intensity_range=(0.0, 50_000.0))
    now = as_watched(watched, set_since, segment.load_segmenter("classical", contrast="dark", threshold=0.7))
    assert now.intensity_range == (0, 50_000)
    assert now.contrast == "dark"
    assert now.choice is None
    assert (
        now.applied_to(segment.load_segmenter("classical", contrast="dark", threshold=0.7)).threshold == 0.7
    )


def test_images_of_another_size_are_not_those_that_were_watched(folder, tmp_path):
    first, _ = first_and_all(folder)
    watched = Decided.of(first, segment.load_segmenter("classical"))
    tifffile.imwrite(tmp_path / "b.tif", np.random.default_rng(1).integers(0, 9, (50, 60), np.uint16))
    assert as_watched(watched, open_series(tmp_path), ClassicalSegmenter()) is None


@pytest.mark.parametrize("fringe_px", [None, 4.0])
def test_a_defocus_or_pixel_size_that_was_set_since_is_decided_anew(folder, fringe_px):
    first, series = first_and_all(folder)
    method = replace(segment.load_segmenter("classical"), fringe_px=fringe_px)
    watched = Decided.of(first, method)
    assert as_watched(watched, series, method) is not None
    assert as_watched(watched, series, replace(method, fringe_px=5.0)) is None


def test_another_contrast_is_said_and_the_same_is_not(folder):
    first, _ = first_and_all(folder)
    watched = Decided.of(first, segment.load_segmenter("classical"))
    assert differences(watched, watched) == ""
    other = {"bright": "dark", "dark": "bright"}[watched.contrast]
    fresh = replace(watched, segmenter={**watched.segmenter, "contrast": other})
    assert differences(watched, fresh) == f"{watched.contrast} voids, by all images {other} ones"
