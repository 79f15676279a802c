"""Bright or dark: drawn discs with and without fringes, ties, and every real image at hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from drawn_images import image_with
from voidlab import segment
from voidlab.images.series import read_image
from voidlab.segment.contrast import Evidence, choose, in_dark_field
from voidlab.segment.discs import Discs
from voidlab.simulate.micrographs import micrograph

PLACES = [(30 + 35 * i, 30 + 40 * (i % 3), 7) for i in range(5)]


def discs(count, confidence, places=PLACES):
    x, y, radius = np.array((places * 40)[:count], float).reshape(-1, 3).T
    return Discs(x, y, radius, np.full(count, confidence))


def fringed(sign):
    """Voids of contrast ``sign`` with a fringe of the other sign, and hardly any noise."""
    image = np.random.default_rng(0).normal(0.5, 0.005, (150, 210))
    y, x = np.mgrid[:150, :210]
    for px, py, radius in PLACES:
        off = np.hypot(x - px, y - py) - radius
        image += sign * (0.2 * (off < 0) - 0.15 * np.exp(-((off - 2) ** 2) / 2))
    return image.astype(np.float32)


@pytest.mark.parametrize(("sign", "contrast"), [(1, "bright"), (-1, "dark")])
def test_voids_with_fringes_are_told(sign, contrast):
    method = segment.load_segmenter("voids").with_contrast_from([fringed(sign)])
    assert method.contrast == contrast
    assert method.choice.verdict == "good"
    assert method.choice.images == 1


def test_bright_discs_need_no_fringe():
    for name in segment.SHIPPED:
        choice = (
            segment.load_segmenter(name).with_contrast_from([image_with(*PLACES, shape=(150, 210))]).choice
        )
        assert (choice.contrast, choice.verdict, choice.bright_count) == ("bright", "good", 5)


def test_dark_discs_without_a_fringe_are_to_be_checked():
    """Dislocation loops and precipitates look so."""
    flat = ndimage.gaussian_filter(1 - image_with(*PLACES, shape=(150, 210), noise=0.01), 1)
    choice = segment.load_segmenter("voids").with_contrast_from([flat]).choice
    assert (choice.contrast, choice.verdict) == ("dark", "check")
    assert choice.dark_count == 5
    assert "no bright fringe" in choice.reason
    assert "set segment.contrast" in choice.reason


def flat_dark(places=PLACES):
    """Dark discs with soft edges and no fringe, as voids are in HAADF, and dots in bright field."""
    return ndimage.gaussian_filter(1 - image_with(*places, shape=(150, 210), noise=0.01), 1)


def test_in_dark_field_voids_are_dark_and_need_no_fringe():
    method = replace(segment.load_segmenter("voids"), dark_field=True, focus=None)
    choice = method.with_contrast_from([flat_dark()]).choice
    assert (choice.contrast, choice.verdict, choice.dark_count) == ("dark", "good", 5)


def test_images_of_a_dark_field_detector_that_speak_for_bright_voids_are_to_be_checked():
    bright = Evidence(bright=9.0, bright_count=7, dark=1.0, dark_count=2)
    choice = in_dark_field([bright, Evidence()])
    assert (choice.contrast, choice.verdict, choice.images) == ("dark", "check", 2)
    assert "7 detections as bright voids, 2 as dark ones" in choice.reason
    assert "mode: bright field" in choice.reason


def test_where_nothing_is_detected_it_is_said_what_would_be_voids_in_dark_field():
    nothing = choose([Evidence(), Evidence(if_dark_field=40)])
    assert (nothing.contrast, nothing.verdict, nothing.undecided) == ("bright", "check", False)
    assert "40 dark spots in them are voids: then give microscope: {mode: HAADF}" in nothing.reason
    assert choose([Evidence(if_dark_field=4)]).verdict == "good"
    assert choose([Evidence()]).verdict == "good"


def test_dark_discs_without_a_fringe_may_be_voids_in_dark_field():
    without_fringe = Evidence(dark=3.0, dark_count=2, fringes=(0.0, 0.0), if_dark_field=2)
    choice = choose([without_fringe])
    assert (choice.verdict, choice.undecided) == ("check", True)
    assert "mode: HAADF" in choice.reason
    assert "HAADF" not in choose([replace(without_fringe, if_dark_field=1)]).reason


def test_few_detections_do_not_say_that_it_is_bright_field():
    few = Evidence(bright=2.0, bright_count=2)
    assert not few.decides
    assert choose([few]).verdict == "good"
    choice = choose([replace(few, if_dark_field=30)])
    assert (choice.contrast, choice.verdict, choice.undecided) == ("bright", "check", False)
    assert choose([replace(few, if_dark_field=19)]).verdict == "good"
    assert Evidence(bright=9.0, bright_count=9).decides


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, True),
        ({"dark_field": False}, False),  # somebody said that it is bright field
        ({"kinds": ("void", "loop", "dot")}, False),
    ],
    ids=["not said", "bright field", "loops"],
)
def test_voids_of_haadf_that_were_not_said_to_be_so_are_pointed_out(settings, asked):
    """Of the negative of an image of bright voids: nothing is detected, and it is said what may be wrong."""
    image = -micrograph(2_000_061, shape=(192, 192)).as_shown.astype(np.float32)
    choice = replace(segment.load_segmenter("voids"), **settings).with_contrast_from([image]).choice
    assert choice.verdict == "check"
    assert ("mode: HAADF" in choice.reason) == asked


def test_for_the_classical_segmenter_the_detector_decides():
    method = replace(segment.load_segmenter("classical"), dark_field=True, focus=None)
    assert method.with_contrast_from([flat_dark()]).contrast == "dark"


def test_a_tie_is_no_decision():
    evidence = Evidence.of(fringed(-1), discs(20, 0.7), discs(22, 0.7))
    choice = choose([evidence])
    assert (choice.contrast, choice.verdict) == ("dark", "check")
    assert "20 detections as bright voids, 22 as dark ones" in choice.reason


def test_over_focus_by_little_what_is_seen_both_ways_is_dark():
    """Bright inside, by what voids absorb less, with the bright fringe of over focus: as sure as one as the other."""
    image = np.random.default_rng(0).normal(0.5, 0.005, (150, 210)).astype(np.float32)
    y, x = np.mgrid[:150, :210]
    for px, py, radius in PLACES:
        off = np.hypot(x - px, y - py) - radius
        image += (0.1 * (off < 0) + 0.2 * np.exp(-((off - 2) ** 2) / 2)).astype("f4")
    there, elsewhere = discs(20, 0.7), discs(20, 0.7, [(px + 9, py + 9, r) for px, py, r in PLACES])
    choice = choose([Evidence.of(image, there, there)])
    assert (choice.contrast, choice.verdict) == ("dark", "good")
    assert "most of them the same" in choice.reason
    assert choose([Evidence.of(image, elsewhere, there)]).verdict == "check"
    for under in (fringed(1), fringed(-1)):
        assert choose([Evidence.of(under, there, there)]).verdict == "check"


def test_the_fringe_of_dark_ones_is_that_of_the_larger_half():
    """Around bubbles smaller than their fringe it is further out than it is looked for."""
    small = discs(5, 0.7, [(px + 12, py + 14, 2) for px, py, _ in PLACES])
    both = Discs(
        *(
            np.concatenate([getattr(part, name) for part in (discs(5, 0.7), small)])
            for name in ("x", "y", "radius", "confidence")
        )
    )
    choice = choose([Evidence.of(fringed(-1), discs(0, 0.7), both)])
    assert (choice.contrast, choice.verdict) == ("dark", "good")


def test_few_sure_ones_outweigh_many_doubtful_ones():
    choice = choose([Evidence.of(fringed(1), discs(5, 0.95), discs(20, 0.53))])
    assert (choice.contrast, choice.verdict) == ("bright", "good")


def test_what_the_border_cuts_says_nothing():
    """Burnt-in bars and vignettes pass for dark voids there."""
    cut = discs(4, 0.9, [(3, 40, 8), (206, 40, 8), (40, 2, 8), (90, 148, 8)])
    evidence = Evidence.of(fringed(1), discs(1, 0.9), cut)
    assert (evidence.dark, evidence.dark_count) == (0, 4)
    assert choose([evidence]).contrast == "bright"


def test_where_all_are_cut_it_is_said():
    choice = choose([Evidence.of(fringed(1), discs(1, 0.9, [(3, 40, 8)]), discs(0, 0.9))])
    assert (choice.contrast, choice.verdict) == ("bright", "check")
    assert "1 detection as bright voids, 0 as dark ones, none of them whole in the images" in choice.reason


def test_of_ones_that_all_are_cut_the_more_count():
    cut = discs(3, 0.9, [(3, 40, 8), (206, 40, 8), (40, 2, 8)])
    choice = choose([Evidence.of(fringed(-1), discs(0, 0.9), cut)])
    assert (choice.contrast, choice.verdict) == ("dark", "check")


def test_what_is_cut_by_a_box_that_is_left_out_says_nothing():
    image = fringed(1)
    image[:, :60] = np.nan
    evidence = Evidence.of(image, discs(1, 0.9, [(120, 60, 8)]), discs(2, 0.9, [(62, 40, 8), (66, 90, 8)]))
    assert evidence.dark == 0
    assert evidence.bright > 0


def test_all_images_count_together():
    one, other = Evidence(4.0, 0.5, 3, 1), Evidence(0.0, 1.0, 0, 2, (0.5, 0.5))
    choice = choose([one, other])
    assert (choice.contrast, choice.bright_count, choice.dark_count, choice.images) == ("bright", 3, 3, 2)


def test_nothing_detected_is_said():
    choice = choose([])
    assert (choice.contrast, choice.verdict, choice.images) == ("bright", "good", 0)
    assert choice.reason == "assumed: no void of either contrast was detected"


def chosen(file):
    return segment.load_segmenter("voids").with_contrast_from([read_image(file)]).choice


# What is seen in them: dark inside with a bright rim, over focus. All other cavity micrographs are under focus.
OVER_FOCUS = {"02_03", "04_03", "09", "14_05", "16_03", "17_03", "21_03", "45_03"}


def real_images_of_voids(shared):
    for row in pd.read_csv(shared / "focus_pairs" / "pairs.csv").itertuples():
        yield shared / "focus_pairs" / row.under_focus, "bright"
        yield shared / "focus_pairs" / row.over_focus, "dark"
    looks = shared / "labelled_looks"
    for file in [*(shared / "cavity_micrographs").iterdir(), *looks.glob("*.png"), *looks.glob("*.jpg")]:
        if file.suffix in (".png", ".jpg"):
            yield file, "dark" if file.stem in OVER_FOCUS else "bright"
    yield shared / "argonne_voids" / "void_frame_0705.tif", "bright"


@pytest.mark.slow
def test_every_real_image_of_voids(shared):
    wrong, undecided, count = [], [], 0
    for file, contrast in real_images_of_voids(shared):
        choice, count = chosen(file), count + 1
        if choice.verdict != "good":
            undecided.append(file.name)
        elif choice.contrast != contrast:
            wrong.append(file.name)
    assert count > 70
    assert not wrong
    assert len(undecided) <= 0.05 * count


@pytest.mark.slow
def test_simulated_images_of_voids_by_another_program(shared):
    conditions = pd.read_csv(shared / "multislice_truth" / "conditions.csv")
    undecided, count = 0, 0
    for row in conditions[conditions["defocus_nm"] != 0][::4].itertuples():
        choice, count = chosen(shared / "multislice_truth" / "images" / row.image), count + 1
        undecided += choice.verdict != "good"
        expected = "bright" if row.defocus_nm < 0 else "dark"
        assert choice.verdict != "good" or choice.contrast == expected, row.image
    assert count >= 10
    assert undecided <= 1


@pytest.mark.slow
def test_loops_and_dots_are_never_sure_to_be_voids(shared):
    files = [f for f in (shared / "loops_hard_negatives").rglob("*") if f.suffix in (".jpg", ".png", ".tif")]
    files.append(shared / "voids_among_loops" / "black_dots_no_voids.png")
    for file in files[::2]:
        choice = chosen(file)
        assert choice.verdict == "check" or not choice.dark_count, file.name
    assert len(files) == 8
