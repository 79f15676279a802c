"""The first screen of a dataset's report: one verdict with its reasons, and the numbers its kind is about."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from voidlab import tables
from voidlab.images.series import Calibration, open_series
from voidlab.project.paths import POSITIONS
from voidlab.report import growth, headline, key_figures, pages
from voidlab.report.states import StageState

NM = Calibration(0.5, "parameters")


def stage(name, *figures, status="finished", superseded=False, **record):
    told = {"key_figures": [dict(figure) for figure in figures], **record}
    return StageState(name, status, told, (), superseded)


def figure(label, value="1", warning=""):
    return key_figures.figure(label, value, f"what {label} means", warning=warning)


GOOD = figure("Detections verdict", "good")


def test_the_verdict_is_the_worst_of_all_that_counts():
    poor = figure("Drift verdict", "do not use", "The drift's verdict is 'do not use': it jumps.")
    asked = figure("Reconstruction", "check", "Look at the depths.")
    judged = headline.judge([stage("segment", GOOD), stage("drift", poor), stage("track", asked)])
    assert judged.grade == "do not use"
    assert judged.reasons == ("The drift's verdict is 'do not use': it jumps.", "Look at the depths.")
    without = headline.judge(
        [stage("segment", GOOD), stage("drift", poor, superseded=True), stage("track", asked)]
    )
    assert (without.grade, without.reasons) == ("check", ("Look at the depths.",))


def test_what_is_good_says_why():
    assert headline.judge([stage("segment", GOOD)]) == headline.Judgement(
        "good", ("what Detections verdict means",)
    )


def test_the_verdict_is_told_in_a_line():
    long = "The verdict on the detections is 'check': " + "; ".join(["eighty letters of a reason" * 3] * 4)
    judged = headline.Judgement("check", (long, "another", "a third"))
    assert judged.in_a_line.startswith("detections: eighty letters")
    assert judged.in_a_line.endswith("reason …")
    assert len(judged.in_a_line) < 210
    assert judged.left == 2
    assert headline.Judgement("good", ()).in_a_line == ""


@pytest.mark.parametrize("doubt", [
    stage("track", figure("Track length", "2", "Links may be lost.")),
    stage("track", status="failed"),
    stage("export", status="out of date"),
])  # fmt: skip
def test_what_warns_is_not_good(doubt):
    assert headline.judge([stage("segment", GOOD), doubt]).grade == "check"


def test_a_dataset_without_voids_is_not_good():
    frames = pd.DataFrame(
        {"frame": [1], "path": "a", "tilt_deg": np.nan, "time_s": np.nan, "status": "ok", "void_count": 0,
         "void_fraction": 0.0, "valid_px": 9}
    )  # fmt: skip
    figures = key_figures.of_voids(tables.check(frames, "frames"), tables.empty("voids"), NM)
    judged = headline.judge([stage("segment", GOOD, *figures)])
    assert judged.grade == "check"
    assert "No void was detected in any image" in judged.reasons[0]


@pytest.mark.parametrize("stages", [[], [stage("segment", status="not run")]])
def test_before_there_are_results_there_is_no_verdict(stages):
    assert headline.judge(stages) == headline.Judgement("", ())


@pytest.mark.parametrize(("names", "kind"), [
    (("segment", "export"), "image"),
    (("segment", "drift", "track", "export"), "series"),
    (("segment", "drift", "track", "reconstruct", "export"), "tilt series"),
    (("segment", "drift", "pair", "export"), "focus pair"),
    ((POSITIONS,), "positions"),
])  # fmt: skip
def test_each_kind_of_dataset_has_numbers_of_its_own(names, kind):
    stages = [stage(name) for name in names]
    assert headline.kind_of(stages) == kind
    groups = headline._ABOUT[kind]
    every = [figure(label, "3") for group in groups for label in group]
    shown = headline.numbers_of([stage(names[0], *every), *stages[1:]])
    assert [each["label"] for each in shown] == [group[0] for group in groups][:6]
    assert headline.numbers_of([stage(names[0], figure(groups[0][0], "– px")), *stages[1:]]) == []


def test_the_first_screen_of_a_finished_tilt_series(finished):
    paths, _, _ = finished
    page = BeautifulSoup(paths.index.read_text("utf-8"), "html.parser")
    assert page.select_one(".verdict .badge").text.split(" ", 1)[1] in ("good", "check", "do not use")
    numbers = [dt.text for dt in page.select(".numbers dt")]
    assert 5 <= len(numbers) <= 6
    assert numbers[0] in ("Voids in 3D", "Voids per image")
    facts = dict(zip((dt.text for dt in page.select(".facts dt")), (dd.text for dd in page.select(".facts dd")),
                     strict=True))  # fmt: skip
    assert facts["Images"].startswith("4 of 210 × 150 px; 105 × 75 nm, −")
    assert facts["Pixel size"] == "0.5 nm; as given"
    assert facts["Segmenter"] == "classical"
    first = page.select_one(".first-screen")
    assert len(first.select(".photo img")) == 1
    assert first.select_one(".drawn img")["src"].startswith("data:image/svg+xml;base64,")
    assert not first.find_all_previous("details")
    assert page.find("details").summary.text == "All key figures"
    pages.write_dataset_index(paths)


@pytest.mark.parametrize(("radii", "facts"), [
    ([("Radii", "by the fringe", "spheres whose fringe fits: about 0.75 µm under focus (fringe 1.4 nm wide); ± 6%")],
     [("Focus", "about 0.75 µm under focus")]),
    ([("Radii", "by the fringe", "spheres whose fringe fits: over focus, fringe 5 ± 0.1 px wide; ± 6%")],
     [("Focus", "over focus, fringe 5 ± 0.1 px wide")]),
    ([("Radii, over focus", "by the fringe", "fits: about 1 µm over focus (fringe 2 nm wide)"),
      ("Radii, under focus", "as detected", "no Fresnel fringe was found: the radius is that of the edge")],
     [("Focus, over", "about 1 µm over focus")]),
    ([("Radii", "as detected", "no Fresnel fringe was found: the radius is that of the edge")], []),
])  # fmt: skip
def test_the_focus_that_was_inferred_is_a_fact(radii, facts):
    assert headline.facts_of([stage("segment", *(key_figures.figure(*each) for each in radii))]) == facts


def test_images_without_a_pixel_size_are_said_to_have_none(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a1.tif", np.zeros((40, 60), np.uint8))
    images, pixel = key_figures.of_images(open_series(tmp_path / "a1.tif"))
    assert (images["value"], images["meaning"]) == ("1 of 60 × 40 px", "")
    assert (pixel["value"], pixel["meaning"]) == ("not known", "lengths are in px: give pixel_size_nm")


def test_many_short_tracks_do_not_hide_the_growth_of_long_ones():
    random = np.random.default_rng(0)
    short, long = random.normal(0, 0.5, 200), random.normal(0.02, 0.001, 8)
    tracks = pd.DataFrame(
        {"total_frames": [12] * 200 + [900] * 8, "growth_px_per_frame": np.concatenate([short, long])}
    )
    (said,) = growth.of_growth(tracks, pd.DataFrame({"tilt_deg": [np.nan] * 900}), NM, shown=10)
    assert 0.015 < float(said["value"].split(" ")[0]) < 0.025


@pytest.mark.parametrize(("value", "error", "said"), [
    (-0.00701, 0.00041, "−0.0070 ± 0.0004"), (12.34, 1.23, "+12.3 ± 1.2"), (120.0, 35.0, "+120 ± 35"),
    (0.5, 0.0, "+0.5"),
])  # fmt: skip
def test_an_error_has_the_digits_that_say_something(value, error, said):
    assert growth._with_error(value, error) == said


def test_growth_is_the_median_of_the_diameters_and_not_said_of_tilts():
    tracks = pd.DataFrame({"total_frames": [9, 9, 9, 2], "growth_px_per_frame": [0.1, 0.2, 0.3, 50.0]})
    frames = pd.DataFrame({"tilt_deg": [np.nan] * 9})
    (said,) = growth.of_growth(tracks, frames, NM, shown=5)
    # Radii grow by 0.2 px a frame: diameters by 0.4 px, of 0.5 nm each.
    assert said["value"] == "+0.20 ± 0.08 nm/frame"
    assert "all radii share" not in said["meaning"]
    sized = tracks.assign(growth_shared_sigma_px_per_frame=0.5 * tracks["growth_px_per_frame"])
    (said,) = growth.of_growth(sized, frames, NM, shown=5)
    assert said["value"] == "+0.20 ± 0.13 nm/frame"  # 0.08, and half of 0.20
    assert said["meaning"].endswith("and its standard error, with the ± 50% that all radii share")
    assert growth.of_growth(tracks, frames.assign(tilt_deg=np.arange(9) * 5.0), NM, shown=5) == []
    assert growth.of_growth(tracks, frames, NM, shown=10) == []


def test_what_two_stages_tell_alike_stands_once():
    complete, voids = figure("Complete from", "3 nm"), figure("Voids", "54")
    stages = [stage("segment", voids, complete), stage("export", complete, figure("Voids", "53"))]
    assert headline.told_once(stages) == [
        ("finished", [voids, complete]), ("finished", [figure("Voids", "53")])
    ]  # fmt: skip


def test_what_is_known_of_the_sample_is_said_as_a_person_types_it():
    export = stage("export")
    export.record["parameters"] = {
        "name": "A7",
        "dose_dpa": 12.5,
        "foil_thickness_nm": 100.0,
        "temperature_c": None,
    }
    assert headline.sample_of([export]) == ["A7", "12.5 dpa", "100 nm thick"]
