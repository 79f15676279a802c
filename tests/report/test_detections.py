from types import SimpleNamespace

import pandas as pd
import pytest

from voidlab.project.parameters.models import SegmentParameters
from voidlab.report import detections

DECIDED = {
    "cut_frames": 0,
    "odd_frames": {},
    "smaller": 0,
    "larger": 0,
    "verdict": "good",
    "verdict_reasons": ["of the detections 0.95 (0.90–0.98) are expected to be voids"],
    "expected": {"precision": [0.951, 0.9, 0.98], "recall": [0.876, 0.7, 0.94]},
}
NM = SimpleNamespace(pixel_size_nm=0.5)


def figures_of(**changes):
    decided = DECIDED | changes
    made = detections.of_segmentation(decided, SegmentParameters()) + detections.of_expected(decided)
    return {each["label"]: each for each in made}


def test_the_verdict_comes_first_with_what_is_expected():
    figures = figures_of()
    assert list(figures) == ["Detections verdict", "Expected precision", "Expected recall"]
    assert figures["Detections verdict"]["value"] == "good"
    assert figures["Expected precision"]["value"] == "0.95 (0.90–0.98)"
    assert figures["Expected recall"]["value"] == "0.88 (0.70–0.94)"
    assert not any(each.get("warning") for each in figures.values())


def test_what_the_series_changed_is_told_or_why_it_could_not():
    used = figures_of(series={"added": 12, "removed": 3, "reason": ""})["Use of the series"]
    assert used["value"] == "12 added, 3 removed"
    assert "warning" not in used
    alone = figures_of(series={"added": 0, "removed": 0, "reason": "it has 2 images, expected 3 or more"})
    assert alone["Use of the series"]["warning"].endswith("not used: it has 2 images, expected 3 or more.")


@pytest.mark.parametrize("verdict", ["check", "do not use"])
def test_a_verdict_that_is_not_good_is_a_warning_with_its_reasons(verdict):
    figure = figures_of(verdict=verdict, verdict_reasons=["one", "two"])["Detections verdict"]
    assert figure["meaning"] == "good, check or do not use"  # the reasons stand in the warning
    assert figure["warning"] == f"The verdict on the detections is '{verdict}': one; two."


def test_a_contrast_that_is_in_doubt_is_told_once():
    why = "undecided: 3 detections as bright voids, 4 as dark ones"
    contrast = {
        "contrast": "dark",
        "contrast_verdict": "check",
        "contrast_reason": why,
        "contrast_frames": [1],
    }
    told = figures_of(verdict="check", verdict_reasons=[f"the contrast is {why}"], **contrast)
    assert "warning" not in told["Contrast"]
    assert why in told["Detections verdict"]["warning"]
    alone = figures_of(verdict="check", verdict_reasons=["another"], **contrast)
    assert alone["Contrast"]["warning"] == f"The contrast is {why}."
    said = detections.segmentation_in_words(DECIDED | contrast | {"arithmetic": "float32"})
    assert "from frame 1: undecided" in said


def test_what_nobody_knows_is_not_shown():
    assert list(figures_of(expected={})) == ["Detections verdict"]


def complete(radii, **changes):
    found = {"half_px": 6.0, "nine_px": 8.0, "slope": 7.0, "inserted": 100, "largest_px": 30.0}
    decided = DECIDED | {"completeness": found} | changes
    return detections.of_completeness(decided, pd.DataFrame({"radius_px": radii}), NM)


def test_sizes_from_which_voids_are_found_are_told_in_nm():
    (figure,) = complete([5.0, 6.0, 10.0])
    assert figure["value"] == "4 nm"
    assert "half from 3 nm" in figure["meaning"]
    assert not figure.get("warning")


def test_a_distribution_that_is_cut_is_a_warning():
    (figure,) = complete([3.0, 3.5, 10.0])
    assert figure["warning"].startswith(
        "67% of the voids are smaller than the size from which nine in ten are found"
    )


def test_where_completeness_is_not_known_nothing_is_said():
    assert detections.of_completeness(DECIDED, pd.DataFrame({"radius_px": [3.0]}), NM) == []
