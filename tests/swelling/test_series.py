"""Which frame speaks for a dataset, what is said of the others, and what is said when something is missing."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from foils import spheres
from voidlab import swelling, tables
from voidlab.images.headers import Calibration
from voidlab.project.parameters.models import ExportParameters, SampleParameters
from voidlab.report import key_figures, swelling_words
from voidlab.report.figures.swelling import drawn_quantities
from voidlab.swelling import series
from voidlab.swelling.sample import Foil, Sample, Scale, SwellingError

SHAPE = (300, 420)
SAMPLE = Sample(SHAPE, scale=Scale(0.5, 0.02), foil=Foil(50.0, 5.0))  # 100 px
PLAIN = Sample(SHAPE)


def some(frame, seed=1):
    known = {"shape": SHAPE, "thickness": 100.0, "density": 5e-5, "diameter": 16.0}
    return spheres(np.random.default_rng(seed), **known).assign(frame=frame)


def frames_of(numbers, **columns):
    rows = {"frame": numbers, "path": "a.tif", "tilt_deg": np.nan, "time_s": np.nan, "status": "ok"}
    known = pd.DataFrame(rows | {"void_count": 1, "void_fraction": 0.1, "valid_px": 1} | columns)
    return tables.check(known, "frames")


def plain(text):
    """Without the spaces that keep a line from breaking."""
    return text.replace("\u00a0", " ")


def test_over_time_every_frame_that_was_looked_at_has_a_row():
    frames = frames_of([3, 4, 5], time_s=[0.0, 10.0, 20.0], status=["ok", "unreadable", "ok"])
    found = series.swelling_over_time(frames, some(5), SAMPLE, dose_dpa_per_s=0.01)
    density = found[found["quantity"] == "number_density"].set_index("frame")
    alone = swelling.measure_swelling(some(5), SAMPLE).estimates.loc["number_density", "value"]
    assert density["value"].tolist() == [0, alone]
    assert density["dose_dpa"].tolist() == [0, 0.2]
    assert not found.duplicated(["frame", "quantity"]).any()


def test_the_dose_per_frame_counts_images_that_were_not_looked_at_too():
    frames = frames_of([10, 20, 30], status=["ok", "blank", "ok"])
    found = series.swelling_over_time(frames, some(30), SAMPLE, dose_dpa_per_frame=0.5)
    assert found.groupby("frame")["dose_dpa"].first().to_dict() == {10: 0.0, 30: 1.0}


def test_over_no_time_there_is_an_empty_table():
    found = series.swelling_over_time(tables.empty("frames"), tables.empty("voids"), SAMPLE)
    pd.testing.assert_frame_equal(found, tables.empty("swelling"))


def test_the_dose_at_the_start_adds_to_that_of_the_series_and_is_that_of_all_images_alone():
    frames = frames_of([1, 2], time_s=[0.0, 20.0])
    voids = pd.concat([some(1), some(2)])
    for rate, dose in ((0.01, [3.0, 3.2]), (None, [3.0, 3.0])):
        found = series.swelling_over_time(frames, voids, SAMPLE, dose_dpa=3.0, dose_dpa_per_s=rate)
        assert found.groupby("frame")["dose_dpa"].first().tolist() == pytest.approx(dose)


def test_a_dose_rate_without_frame_times_is_told():
    frames, voids = frames_of([1, 2], time_s=[0.0, np.nan]), pd.concat([some(1), some(2)])
    outcome = series.measure_series(frames, voids, SAMPLE, dose_dpa_per_s=0.01)
    (warning,) = outcome.warnings
    assert "0.01 dpa/s is given, but 1 of 2 images have no time" in warning
    assert warning in outcome.notes
    assert key_figures.of_swelling(outcome)[0]["warning"] == warning
    assert series.measure_series(frames, voids, SAMPLE, dose_dpa_per_frame=0.01).warnings == ()
    assert series.measure_series(frames.assign(time_s=0.0), voids, SAMPLE, dose_dpa_per_s=1.0).warnings == ()


def test_the_facts_of_the_sample_are_shown_with_their_source():
    sample = SampleParameters(material="Ni", foil_thickness_nm=80, foil_sigma_nm=8, dose_dpa=3)
    table = swelling_words.facts_of_sample(sample, Calibration(0.5, "parameters")).set_index("fact")
    assert table["value"].to_dict() == {
        "material": "Ni",
        "foil thickness": "80 ± 8 nm",
        "dose at time 0, or in the first image": "3 dpa",
        "pixel size": "0.5 nm",
    }
    assert table.loc["pixel size", "source"] == "parameters"


def test_voids_of_a_series_are_never_added_up():
    voids = pd.concat([some(0), some(1), some(2)], ignore_index=True)
    outcome = series.measure_series(frames_of([0, 1, 2]), voids, SAMPLE)
    alone = swelling.measure_swelling(some(2), SAMPLE).estimates
    pd.testing.assert_frame_equal(outcome.summary.estimates, alone)
    assert outcome.frame == 2
    assert "the last one" in outcome.notes[0]


def test_a_tilt_series_speaks_through_its_lowest_tilt():
    frames = frames_of([1, 2, 3], tilt_deg=[-60.0, 1.0, 60.0])
    outcome = series.measure_series(frames, pd.concat([some(1), some(2), some(3)]), SAMPLE)
    assert outcome.frame == 2
    assert "lowest tilt, 1°" in outcome.notes[0]


def test_a_stage_at_rest_makes_no_tilt_series():
    frames = frames_of([1, 2, 3], tilt_deg=[12.31, 12.30, 12.33])
    outcome = series.measure_series(frames, pd.concat([some(1), some(2), some(3)]), SAMPLE)
    assert outcome.frame == 3


def test_at_60_degrees_the_beam_crosses_twice_the_foil():
    frames = frames_of([1, 2], tilt_deg=[0.0, 60.0])
    found = series.swelling_over_time(frames, pd.concat([some(1), some(2)]), SAMPLE)
    density = found[found["quantity"] == "number_density_uncorrected"].set_index("frame")["value"]
    assert density[2] == pytest.approx(density[1] / 2)


def test_the_frame_that_was_asked_for_is_taken_or_refused():
    frames, voids = frames_of([1, 2], status=["ok", "excluded"]), some(1)
    assert series.measure_series(frames, voids, SAMPLE, frame=1).frame == 1
    with pytest.raises(SwellingError, match="frame 2 was not looked at"):
        series.measure_series(frames, voids, SAMPLE, frame=2)


def test_without_thickness_the_rest_is_said_and_what_is_missing():
    outcome = series.measure_series(frames_of([1]), some(1), PLAIN)
    assert "swelling" not in outcome.summary.estimates.index
    text = " ".join(outcome.notes)
    assert "pixel size is not known" in text
    assert "foil thickness is not known" in text
    labels = [figure["label"] for figure in key_figures.of_swelling(outcome)]
    assert labels[:2] == ["Voids per area", "Mean diameter as seen"]


def test_a_thickness_the_voids_do_not_fit_into_is_doubted_not_used():
    thin = dataclasses.replace(SAMPLE, foil=Foil(0.05, 0.005))
    outcome = series.measure_series(frames_of([1]), some(1), thin)
    assert "swelling" not in outcome.summary.estimates.index
    assert "Check the thickness and its unit" in outcome.doubt
    assert not any("thickness is not known" in note for note in outcome.notes)
    assert "warning" in key_figures.of_swelling(outcome)[0]


def test_no_interval_is_given_twice_with_other_ends():
    """The table of all frames has fewer draws; of the frame that is summed up it says what the page says."""
    frames, voids = frames_of([1, 2]), pd.concat([some(1), some(2, seed=2)])
    outcome = series.measure_series(frames, voids, SAMPLE)
    here = outcome.over_time[outcome.over_time["frame"] == 2].set_index("quantity")
    columns = ["value", "low95", "high95", "statistical", "detection"]
    pd.testing.assert_frame_equal(
        here[columns], outcome.summary.estimates.loc[here.index, columns], check_names=False
    )
    assert outcome.over_time["frame"].is_monotonic_increasing


def test_a_single_image_is_called_so_and_not_frame_0():
    one = series.measure_series(frames_of([0]), some(0), SAMPLE)
    assert key_figures.of_swelling(one)[0]["meaning"].startswith("in the image; 95 %")
    two = series.measure_series(frames_of([0, 1]), pd.concat([some(0), some(1)]), SAMPLE)
    assert key_figures.of_swelling(two)[0]["meaning"].startswith("frame 1; 95 %")


def test_a_frame_that_stands_out_does_not_speak_for_the_dataset():
    frames, voids = frames_of([1, 2, 3]), pd.concat([some(number) for number in (1, 2, 3)])
    outcome = series.measure_series(frames, voids, SAMPLE, odd={3})
    assert outcome.frame == 2
    assert "frame 2, the last one that does not stand out, as 3 does" in plain(outcome.notes[0])
    assert series.measure_series(frames, voids, SAMPLE, odd={1}).frame == 3
    assert series.measure_series(frames, voids, SAMPLE, odd={1, 2, 3}).frame == 3


def test_a_frame_without_voids_is_a_result():
    outcome = series.measure_series(frames_of([1]), tables.empty("voids"), SAMPLE)
    assert outcome.summary.estimates.loc["swelling", "value"] == 0
    assert outcome.sizes_table(0.5).empty
    assert key_figures.of_swelling(outcome)[0]["value"] == "0.00 %"


def test_no_frame_at_all_is_a_result_too():
    frames = frames_of([1], status="unreadable")
    outcome = series.measure_series(frames, tables.empty("voids"), SAMPLE)
    assert outcome.frame is None
    assert outcome.notes == ("No image was looked at for voids.",)
    assert swelling_words.readable(outcome.summary.estimates).empty
    assert len(drawn_quantities(outcome)) == 3
    assert key_figures.of_swelling(outcome) == []
    pd.testing.assert_frame_equal(outcome.sizes_table(0.5), tables.empty("sizes"))


def test_sizes_are_kept_in_px_whatever_the_unit_they_are_shown_in():
    in_nm = series.measure_series(frames_of([1]), some(1), SAMPLE)
    in_px = series.measure_series(frames_of([1]), some(1), PLAIN)
    pd.testing.assert_frame_equal(in_nm.sizes_table(0.5), in_px.sizes_table(1.0))
    np.testing.assert_allclose(in_nm.sizes.bins["low"], in_nm.sizes_table(0.5)["diameter_low_px"] * 0.5)


def test_parameters_become_a_sample():
    known = ExportParameters(void_shape="cube", diameter_error=0.1)
    specimen = SampleParameters(foil_thickness_nm=80, foil_sigma_nm=8)
    sample = Sample.of(known, SHAPE, 0.5, margin_px=3, specimen=specimen)
    assert (sample.thickness_px, sample.void_shape, sample.size_sigma) == (160, "cube", 0.1)
    assert sample.errors == {"size": 0.1, "thickness": 0.1, "scale": 0.02}
    assert Sample.of(ExportParameters(), SHAPE, None, margin_px=0) == PLAIN


def test_numbers_are_read_in_the_units_people_use():
    estimates = swelling.measure_swelling(some(1), SAMPLE).estimates
    table = swelling_words.readable(estimates).rename(index=plain)
    assert table.loc["number density", "unit"] == "×10²¹ m⁻³"
    density = float(table.loc["number density", "value"])
    assert density == pytest.approx(estimates.loc["number_density", "value"] * 1e27 / 1e21, rel=0.01)
    percent = float(table.loc["swelling, f / (1 − f)", "value"])
    assert percent == pytest.approx(100 * estimates.loc["swelling", "value"], rel=0.01)
    assert table.loc["largest diameter seen", "95 %"] == "–"
    px = swelling_words.readable(swelling.measure_swelling(some(1), PLAIN).estimates).rename(index=plain)
    assert px.loc["voids per area", "thickness"] == "–"
    assert px.loc["voids per area", "unit"] == "per 10⁶ px²"


def test_voids_without_a_size_count_in_the_density_but_not_in_the_size_distribution():
    voids = some(1).assign(size_basis="fringe")
    plain_outcome = swelling.measure_series(frames_of([1]), voids, SAMPLE)
    voids.loc[plain_outcome.summary.counted.index[:3], ["radius_px", "size_basis"]] = [15.0, "not a size"]
    outcome = swelling.measure_series(frames_of([1]), voids, SAMPLE)
    assert len(outcome.summary.counted) == len(plain_outcome.summary.counted)
    assert outcome.sizes.bins["voids"].sum() == plain_outcome.sizes.bins["voids"].sum() - 3
    assert any("but not in mean and median diameter or the size" in note for note in outcome.notes)


def test_the_error_that_all_diameters_share_is_told():
    voids = some(1)
    sized = voids.assign(
        radius_sigma_px=0.08 * voids["radius_px"], radius_shared_sigma_px=0.05 * voids["radius_px"]
    )
    outcome = swelling.measure_series(frames_of([1]), sized, SAMPLE)
    assert outcome.diameter_error == pytest.approx(0.05, rel=0.1)
    assert swelling.measure_series(frames_of([1]), voids.iloc[:0], SAMPLE).diameter_error is None
