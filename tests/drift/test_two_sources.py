"""The error of a drift holds what void masks and images differ by, and grows by nothing else."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from voidlab import drift, simulate
from voidlab.drift.estimate import flag_large_errors
from voidlab.report import key_figures


def table(xy, sigma):
    return pd.DataFrame(
        {
            "frame": np.arange(len(xy)) + 1,
            "drift_x_px": xy[:, 0],
            "drift_y_px": xy[:, 1],
            "drift_sigma_px": sigma,
        }
    )


def two_sources(seed, *, frames=100, sigma=(0.06, 0.04), blurred=7, bias=0.95):
    """Truth, and the drift of masks, biased in one frame, and of images; the others are off by their errors."""
    random = np.random.default_rng(seed)
    true = np.cumsum(random.normal(0, 2, (frames, 2)), axis=0)
    masks, images = (table(true + random.normal(0, s, true.shape), s) for s in sigma)
    masks.loc[blurred, "drift_x_px"] += bias
    return true, masks, images


def test_a_frame_that_one_source_sees_displaced_is_not_sure():
    _, masks, images = two_sources(0)
    found = drift.with_other_source(masks, images)
    assert found["drift_sigma_px"].iloc[7] == pytest.approx(0.95 / np.sqrt(2), rel=0.25)
    words = drift.differences_in_words(masks, images)
    assert "most in frame 8: " in words
    assert found[["drift_x_px", "drift_y_px"]].equals(masks[["drift_x_px", "drift_y_px"]])


def test_two_images_differ_by_all_of_what_lies_between_the_sources():
    masks, images = (table(np.array([[0.0, 0], [x, 0]]), 0.1) for x in (10.0, 16.0))
    assert "differ by 6.00 px." in drift.differences_in_words(masks, images)
    still, moved = drift.with_other_source(masks, images)["drift_sigma_px"]
    assert still == pytest.approx(0.1)
    assert moved == pytest.approx(6 / np.sqrt(2), rel=0.01)


def test_errors_that_are_right_stay_right():
    inside, grown = [], []
    for seed in range(500):
        true, masks, images = two_sources(seed, frames=60, bias=0.0)
        found = drift.with_other_source(masks, images)
        sigma = found["drift_sigma_px"].to_numpy()[:, None]
        inside.append((np.abs(found[["drift_x_px", "drift_y_px"]].to_numpy() - true) < sigma).mean())
        grown.append(np.median(sigma) / 0.06)
    assert 0.66 < np.mean(inside) < 0.76
    assert np.mean(grown) < 1.05


def test_errors_that_are_too_small_are_mended():
    """Both are off by more than they say, each by its own."""
    inside = []
    for seed in range(500):
        true, masks, images = two_sources(seed, frames=60, sigma=(0.2, 0.2), bias=0.0)
        found = drift.with_other_source(masks.assign(drift_sigma_px=0.05), images.assign(drift_sigma_px=0.05))
        sigma = found["drift_sigma_px"].to_numpy()[:, None]
        inside.append((np.abs(found[["drift_x_px", "drift_y_px"]].to_numpy() - true) < sigma).mean())
    assert 0.6 < np.mean(inside) < 0.76


def test_a_common_offset_is_no_difference():
    _, masks, images = two_sources(1, bias=0.0)
    moved = images.assign(drift_x_px=images["drift_x_px"] + 5)
    pd.testing.assert_frame_equal(
        drift.with_other_source(masks, images), drift.with_other_source(masks, moved), check_exact=False
    )


def test_what_is_not_known_changes_nothing():
    _, masks, images = two_sources(2)
    unknown = images.assign(drift_x_px=np.nan)
    pd.testing.assert_frame_equal(drift.with_other_source(masks, unknown), masks)
    assert "not known" in drift.differences_in_words(masks, unknown)


@pytest.mark.parametrize(
    ("tilts", "compared"),
    [([np.nan, np.nan], "differ by"), ([10.0, 10.2], "differ by"), ([10.0, 20.0], "not compared")],
)
def test_both_sources_are_measured_but_in_a_tilt_series(tilts, compared):
    blank = np.random.default_rng(3).normal(0, 1, (160, 160))
    content = ndimage.gaussian_filter(blank, 3).astype(np.float32)
    moved = {
        "images": [content, np.roll(content, 3, axis=1)],
        "masks": [content > 0.1, np.roll(content > 0.1, 4, axis=1)],
    }
    frames = pd.DataFrame({"frame": [0, 1], "tilt_deg": tilts})
    asked = []
    drifts, pairs, words = drift.measure_drift(
        lambda source: asked.append(source) or moved[source], "images", frames, reference=0
    )
    assert compared in words
    assert asked == (["images", "masks"] if compared == "differ by" else ["images"])
    assert drifts["drift_x_px"].iloc[1] == pytest.approx(3, abs=0.2)
    assert len(pairs) == 1


@pytest.fixture(scope="module")
def upside_down():
    """A video of 12 frames, frame 7 of which is upside down: tables ``drift`` and ``pairs``, and the verdict."""
    video = simulate.video(0, frames=12, shape=(320, 400), voids=50)
    seen = {
        "images": [np.asarray(image, np.float32) for image in video.images],
        "masks": [video.labels(row) > 0 for row in range(12)],
    }
    for images in seen.values():
        images[7] = images[7][::-1, ::-1]
    frames = pd.DataFrame({"frame": np.arange(12), "tilt_deg": np.nan})
    drifts, pairs, _ = drift.measure_drift(lambda source: seen[source], "masks", frames)
    return drifts, pairs, drift.assess_drift(drifts, pairs)


def test_a_frame_that_is_upside_down_is_flagged_and_named(upside_down):
    drifts, _, verdict = upside_down
    assert drifts.loc[7, "drift_sigma_px"] > 50
    assert drifts["flag"].tolist() == ["reference", *[""] * 6, "large error", *[""] * 4]
    assert verdict.grade == "check"
    sigma = f"{drifts.loc[7, 'drift_sigma_px']:.1f}"
    said = f"1 of 12 frames cannot be relied on (1 large error): frame 7 (± {sigma} px)."
    assert verdict.reasons[0] == said


def test_a_frame_that_may_lie_anywhere_is_not_the_largest_drift(upside_down):
    drifts, pairs, verdict = upside_down
    figures = {
        figure["label"]: figure
        for figure in key_figures.of_drift(drifts, pairs, verdict, SimpleNamespace(pixel_size_nm=None))
    }
    others = np.hypot(drifts["drift_x_px"], drifts["drift_y_px"]).drop(7).max()
    assert figures["Largest drift"]["value"] == f"{others:.1f} px"
    assert "without 1 frame that" in figures["Largest drift"]["meaning"]
    assert figures["Doubtful frames"]["value"] == "1 of 12"
    assert figures["Drift verdict"]["warning"].endswith(verdict.reasons[0])
    assert "warning" not in figures["Doubtful frames"]  # the verdict says it of these, or of all frames
    in_nm = key_figures.of_drift(drifts, pairs, verdict, SimpleNamespace(pixel_size_nm=0.5))[1]["value"]
    sigma = drifts["drift_sigma_px"][1:].median()
    assert in_nm == f"{sigma / 2:.2f} nm = {figures['Drift error']['value']}"


def test_an_error_is_large_against_the_others_and_in_px():
    small, even = np.full(9, 0.02), np.full(9, 4.0)
    flags = ["reference", *[""] * 8, ""]
    assert flag_large_errors(flags, np.append(small, 0.9)) == flags  # blurred
    assert flag_large_errors(flags, np.append(small, 40))[-1] == "large error"
    assert flag_large_errors(flags, np.append(even, 4.0)) == flags
    assert flag_large_errors([*flags[:-1], "interpolated"], np.append(small, 40))[-1] == "interpolated"
    assert flag_large_errors(["reference"], np.zeros(1)) == ["reference"]
