"""The paragraph on methods says what the record says was run, and cites what it rests on."""

import re

import pytest
from bs4 import BeautifulSoup

from voidlab.report.methods import methods_of
from voidlab.report.states import StageState

SEGMENT = {"threshold": 0.5, "min_radius_px": 2.5, "edge_buffer_px": 8, "segmenter": "voids"}


def stage(name, parameters=None, decided=None, figures=(), *, status="finished", superseded=False):
    told = [{"label": label, "value": value, "meaning": ""} for label, value in figures]
    record = {
        "parameters": parameters or {},
        "decided": decided or {},
        "key_figures": told,
        "voidlab": "0.1.0",
    }
    return StageState(name, status, record, (), superseded)


def of_video(linker="trackpy", **export):
    return [
        stage("segment", SEGMENT, {"segmenter": "voids", "contrast": "bright"},
              [("Images", "10 of 832 × 640 px"), ("Pixel size", "0.47 nm")]),
        stage("drift", {"source": "masks"}),
        stage("track", {"memory": 2}, {"linker": linker, "search_range_px": 12.34}),
        stage("export", {"diameter_error": 0.08, "pixel_size_error": 0.02, "void_shape": "sphere", **export},
              {"frame": 9, "pixel_size_nm": 0.47}, [("Swelling, f / (1 − f)", "1 %")]),
    ]  # fmt: skip


def test_a_video_is_told_with_its_settings_and_references():
    said = methods_of(of_video(foil_thickness_nm=100.0, foil_sigma_nm=10.0))
    for part in (
        "Images (10 of 832 × 640 px, pixel size 0.47 nm) were evaluated with voidlab 0.1.0.",
        "as bright objects by its convolutional network (a U-Net [1])",
        "a confidence of 0.5 or more and a radius of 2.5 px or more",
        "cross-correlation of the void masks of many pairs of frames",
        "by trackpy [3] within 12.3 px, missing for at most 2 frames",
        "of frame 9 count whole voids",
        "The foil was 100 ± 10 nm thick",
        "with voids taken as spheres",
        "an error of 8 % that all diameters share and one of 2 % of the pixel size",
    ):
        assert part in said
    numbers = {int(n) for n in re.findall(r"\[(\d+)\]", said.split("References: ")[0])}
    listed = [int(n) for n in re.findall(r"\[(\d+)\]", said.split("References: ")[1])]
    assert listed == sorted(numbers) == list(range(1, len(listed) + 1))


def test_loops_and_the_negatives_they_are_looked_for_in_are_told():
    of_voids = stage("segment", SEGMENT, {"segmenter": "voids", "contrast": "dark"})
    assert "negative" not in methods_of([of_voids])
    asked = stage("segment", SEGMENT | {"kinds": ["void", "loop", "dot"]}, {"segmenter": "voids"})
    said = "Dislocation loops and dots were looked for by the same network in the negatives of the images"
    assert said in methods_of([asked])
    dots = stage("segment", SEGMENT | {"kinds": ["void", "dot"]}, {"segmenter": "voids"})
    assert " Dots were looked for" in methods_of([dots])


def test_dark_field_images_are_told_to_be_such():
    taken = stage("segment", SEGMENT, {"segmenter": "voids", "contrast": "dark", "dark_field": True})
    assert "Voids were detected as dark objects of dark-field images by" in methods_of([taken])


def test_what_radii_rest_on_and_their_error_are_told():
    meaning = (
        "physical radii, of the spheres whose fringe fits: about 0.52 µm under focus (200 kV assumed); ± 5%"
    )
    segment = stage("segment", SEGMENT, {"segmenter": "voids"})
    segment.record["key_figures"] += [
        {"label": "Radii", "value": "by the fringe", "meaning": meaning},
        {"label": "Not a size", "value": "3", "meaning": ""},
    ]
    export = stage("export", {"diameter_error": "auto"}, {"frame": 1, "diameter_error": 0.0512})
    said = methods_of([segment, export])
    assert (
        "Radii are those of spheres whose Fresnel fringe fits, with one focus for all voids: about 0.52 µm under "
        "focus (200 kV assumed). Voids smaller than their fringe, 3, count in densities and volumes, and in no "
        "diameter."
    ) in said
    assert "Intervals (95 %) hold counting and an error of 5.12 % that all diameters share." in said
    segment.record["key_figures"][:] = [
        {"label": "Radii, under focus", "value": "as detected", "meaning": "no Fresnel fringe was found"}
    ]
    assert "Radii under focus are those of the edges as detected." in methods_of([segment])


def test_what_is_expected_to_be_missed_is_in_the_intervals_of_densities():
    stages = of_video()
    stages[0].record["decided"]["expected"] = {"precision": [0.9, 0.8, 1.0], "recall": [0.7, 0.5, 0.9]}
    assert (
        "Intervals (95 %) hold counting, for densities and volumes what is expected to be missed or falsely "
        "detected, an error of 8 % that all diameters share and one of 2 % of the pixel size."
    ) in methods_of(stages)


def test_what_was_not_run_is_not_told():
    assert methods_of([stage("segment", status="failed")]) == ""
    only = methods_of(of_video()[:1])
    assert not re.search("[Dd]rift|linked|Swelling|Intervals", only)
    superseded = [
        stage("drift", {"source": "masks"}, superseded=True) if s.name == "drift" else s
        for s in of_video("tilt")
    ]
    said = methods_of(superseded)
    assert "cross-correlation" not in said
    assert "bundle adjustment" in said


@pytest.mark.parametrize("odd", [{"parameters": 7, "decided": [], "key_figures": 3}, {}])
def test_an_odd_record_breaks_nothing(odd):
    assert "evaluated with voidlab" in methods_of([StageState("segment", "finished", odd, ())])


def test_the_overview_holds_it_and_the_picture_at_full_resolution(finished):
    paths, _, _ = finished
    page = BeautifulSoup(paths.index.read_text("utf-8"), "html.parser")
    box = page.find("summary", string="Methods, to paste into a paper").parent
    assert "blobs at many scales" in box.text
    link = page.select_one(".photo a")["href"]
    assert re.fullmatch(r"overlays/frame-\d+\.jpg", link)
    assert (paths.folder / link).is_file()
    segment = BeautifulSoup(paths.html("segment").read_text("utf-8"), "html.parser")
    linked = [a["href"] for a in segment.select("figcaption a")]
    assert len(set(linked)) == 4
    assert all((paths.folder / href).is_file() for href in linked)


def test_a_single_image_is_told_as_one():
    figures = [("Images", "1 of 666 × 666 px"), ("Pixel size", "not known")]
    said = methods_of([stage("segment", SEGMENT, {"segmenter": "voids"}, figures)])
    assert said.startswith("An image of 666 × 666 px was evaluated with voidlab 0.1.0.")
    export = stage("export", {"diameter_error": 0.08}, {"frame": 132})
    assert "Densities and diameters count whole voids" in methods_of([stage("segment", SEGMENT), export])


def test_of_positions_everything_that_was_done_is_told():
    given = {"file": "video.json", "memory": 10, "shown_min_frames": 12}
    figures = [("Images", "1477 of 1024 × 1024 px"), ("Pixel size", "0.5 nm"), ("Positions", "check")]
    positions = stage("positions", given, {"linker": "assign", "search_range_px": 20.0}, figures)
    positions.record["key_figures"][-1]["warning"] = (
        "What the file calls radii are diameters. They were halved."
    )
    said = methods_of([positions])
    for part in (
        "another program detected (file video.json; images: 1477 of 1024 × 1024 px, pixel size 0.5 nm) were "
        "evaluated with voidlab 0.1.0. What the file calls radii are diameters. They were halved. Drift was measured",
        "by assignment by place and size within 20 px, missing for at most 10 frames.",
        "tracks of 12 frames or more. Densities and diameters count whole voids",
        "References: [1] Huber",
    ):
        assert part in said


@pytest.mark.parametrize(("segmenter", "digest", "said"), [
    ("voids", "8379b90052b9f47e", "by its convolutional network (a U-Net [1], weights 8379b900);"),
    ("mine", "8379b90052b9f47e", "by a network of our own (mine, weights 8379b900);"),
    ("mine", "", "by a network of our own (mine);"),
    ("classical", None, "by blobs at many scales [1];"),
])  # fmt: skip
def test_the_network_is_told_with_its_digest(segmenter, digest, said):
    assert said in methods_of([stage("segment", SEGMENT, {"segmenter": segmenter, "model": digest})])


def test_a_verdict_that_is_not_good_is_told_first():
    segment = stage("segment", SEGMENT, {}, [("Detections verdict", "check")])
    segment.record["key_figures"][0]["warning"] = (
        "The verdict on the detections is 'check': nothing was detected."
    )
    drift = stage("drift", {}, {}, [("Drift verdict", "do not use")])
    drift.record["key_figures"][0]["warning"] = "The drift's verdict is 'do not use': it jumps."
    assert methods_of([segment]).startswith(
        "[Before it is published: the verdict on these results is 'check': detections: nothing was detected.] Images"
    )
    assert methods_of([segment, drift]).startswith(
        "[Before it is published: the verdict on these results is 'do not use': drift: it jumps (and 1 more).] Images"
    )
    good = stage("segment", SEGMENT, {}, [("Detections verdict", "good")])
    assert methods_of([good]).startswith("Images")
