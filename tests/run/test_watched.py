"""What was decided while the images were taken: a run goes by it, and says what all images would have otherwise."""

import shutil
from contextlib import chdir
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from projects import REPOSITORY
from voidlab import run, segment, simulate
from voidlab.images import open_series
from voidlab.project.paths import RunPaths
from voidlab.run.decided import Decided
from voidlab.run.frame_cache import open_frames
from voidlab.run.stage import open_stage
from voidlab.run.watched import as_watched, differences, figures_of, keep_watched
from voidlab.segment.classical_segmenter import ClassicalSegmenter


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
    decided, store = open_frames(tmp_path / "kept", series, method, "digest", watched=watched)
    (told,) = figures_of(store.decided, "run7")
    new_low, new_high = first_and_all(folder)[1].scale
    assert told["warning"] == (
        f"As decided while the images were taken: intensities {low:g} to {high:g}, by all images {new_low:g} to "
        f"{new_high:g}. To go by all images, and segment them anew: voidlab run run7 --decide-again"
    )
    assert store.cache.decided.key == watched.key
    assert series.scale == (low, high)
    assert decided.contrast == watched.contrast
    _, alone = open_frames(tmp_path / "kept", first_and_all(folder)[1], method, "digest")
    assert alone.cache.decided.key != watched.key
    assert figures_of(alone.decided, "run7") == []


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


def test_of_another_detector_it_is_decided_anew(folder):
    """Else bright voids that were assumed in bright field would be looked for in HAADF."""
    first, series = first_and_all(folder)
    method = segment.load_segmenter("classical")
    watched = Decided.of(first, method)
    assert as_watched(watched, series, replace(method, dark_field=True)) is None


def test_another_contrast_is_said_and_the_same_is_not(folder):
    first, _ = first_and_all(folder)
    watched = Decided.of(first, segment.load_segmenter("classical"))
    assert differences(watched, watched) == ""
    other = {"bright": "dark", "dark": "bright"}[watched.contrast]
    fresh = replace(watched, segmenter={**watched.segmenter, "contrast": other})
    assert differences(watched, fresh) == f"{watched.contrast} voids, by all images {other} ones"


@pytest.mark.slow
def test_a_run_says_it_on_the_terminal_and_the_first_page_and_every_stage_sees_it(folder, tmp_path):
    paths = RunPaths(tmp_path, "run7")
    paths.parameters.parent.mkdir()
    paths.parameters.write_text(f"images: '{folder}/*.tif'\nsegment: {{segmenter: classical}}\n")
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    first, series = first_and_all(folder)
    watched = Decided.of(first, segment.load_segmenter("classical"))
    keep_watched(paths, watched)
    lines = []
    assert run.run_dataset(run.check(paths.parameters), log=lines.append, progress=lambda text: None)
    (low, high), (new_low, new_high) = watched.intensity_range, series.scale
    said = f"intensities {low:g} to {high:g}, by all images {new_low:g} to {new_high:g}"
    (line,) = [line for line in lines if "--decide-again" in line]
    assert line.strip().startswith(f"check segment: As decided while the images were taken: {said}")
    for page in (paths.index, paths.html("segment")):
        assert page.read_text().count(said) == 1, page
    with chdir(tmp_path):
        assert open_stage("drift", "run7").series.scale == (low, high)
    assert run.run_dataset(
        run.check(paths.parameters), log=lines.append, progress=lambda text: None, decide_again=True
    )
    assert "--decide-again" not in paths.index.read_text()
    with chdir(tmp_path):
        assert open_stage("drift", "run7").series.scale == (new_low, new_high)
