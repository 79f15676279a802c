"""Density, size and swelling of foils with known spheres; what cannot be said; what is wrong and how it is said."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foils import spheres, volume_fraction
from voidlab import swelling, tables
from voidlab.report import swelling_words
from voidlab.swelling.sample import Foil, Sample, Scale, SwellingError
from voidlab.swelling.stereology import shape_factor

SHAPE = (300, 420)
SAMPLE = Sample(SHAPE, scale=Scale(0.5, 0.02), foil=Foil(50.0, 5.0))  # 100 px
DENSITY, DIAMETER = 5e-5, 16.0
NO_BREAK = "\u00a0"


def some(seed=1, **change):
    known = {"shape": SHAPE, "thickness": 100.0, "density": DENSITY, "diameter": DIAMETER} | change
    return spheres(np.random.default_rng(seed), **known)


def values(voids, sample=SAMPLE, **options):
    return swelling.measure_swelling(voids, sample, **options).estimates["value"]


def test_the_truth_lies_in_the_intervals():
    found = swelling.measure_swelling(some(), SAMPLE).estimates
    truth = volume_fraction(DENSITY, DIAMETER)
    known = {
        "number_density": DENSITY / 0.5**3,
        "volume_fraction": truth,
        "swelling": truth / (1 - truth),
        "mean_diameter": DIAMETER * 0.5,
    }
    for name, value in known.items():
        row = found.loc[name]
        assert row["low95"] < row["low68"] < row["value"] < row["high68"] < row["high95"]
        assert row["low95"] < value < row["high95"], name


def test_volume_fraction_and_swelling_are_two_things():
    found = values(some())
    assert found["swelling"] == pytest.approx(found["volume_fraction"] / (1 - found["volume_fraction"]))
    assert found["swelling"] > found["volume_fraction"] * 1.1


def test_uncut_voids_need_no_correction():
    """In a foil ten thousand times as thick every estimate is the plain one."""
    thick = dataclasses.replace(SAMPLE, foil=Foil(5e5, 0.0))
    voids = pd.DataFrame({"x_px": [100.0, 200.0], "y_px": 150.0, "radius_px": [10.0, 20.0]})
    found = values(voids, thick)
    areas = np.array([(420 - 20) * (300 - 20), (420 - 40) * (300 - 40)])
    diameters = np.array([10.0, 20.0])  # nm
    assert found["areal_density"] == pytest.approx(np.sum(1 / areas) / 0.25)
    assert found["number_density"] == pytest.approx(np.sum(1 / areas) / 0.25 / 5e5, rel=1e-4)
    assert found["mean_diameter"] == pytest.approx(np.average(diameters, weights=1 / areas), rel=1e-4)
    cubes = np.sum(np.pi / 6 * diameters**3 / areas) / 0.25
    assert found["volume_fraction"] == pytest.approx(cubes / 5e5, rel=1e-4)
    assert found["volume_per_area"] == pytest.approx(cubes)
    assert found["max_diameter_seen"] == pytest.approx(20.0)


def test_cut_voids_are_corrected_and_flagged():
    result = swelling.measure_swelling(some(), SAMPLE)
    value = result.estimates["value"]
    assert value["number_density_uncorrected"] / value["number_density"] == pytest.approx(1.16, abs=0.03)
    assert value["surface_cut_share"] == pytest.approx(2 * 16 / 116, abs=0.03)
    assert any("are cut by a surface of the foil" in note and "uncorrected" in note for note in result.notes)


def test_without_a_thickness_what_can_be_said_is_said():
    result = swelling.measure_swelling(some(), dataclasses.replace(SAMPLE, foil=None))
    assert "number_density" not in result.estimates.index
    assert result.estimates.loc["mean_diameter_seen", "unit"] == "nm"
    assert any("The foil thickness is not known" in note for note in result.notes)


def test_without_a_pixel_size_lengths_are_in_px():
    result = swelling.measure_swelling(some(), Sample(SHAPE, foil=Foil(50.0, 5.0)))
    assert set(result.estimates["unit"]) == {"px", "px⁻²"}
    assert "swelling" not in result.estimates.index
    assert any("50 nm thick, but how many px" in note for note in result.notes)


def test_with_a_thickness_in_px_the_swelling_needs_no_pixel_size():
    in_px = Sample(SHAPE, foil=Foil(100.0, 10.0, "px"))
    assert values(some(), in_px)["swelling"] == pytest.approx(values(some())["swelling"])
    found = swelling.measure_swelling(some(), dataclasses.replace(in_px, scale=Scale(0.5, 0.02))).estimates
    assert found.loc["swelling", "scale"] == pytest.approx(0, abs=1e-12)
    assert found.loc["number_density", "scale"] == pytest.approx(0.06, rel=0.1)


def test_the_budget_has_each_source_alone():
    row = swelling.measure_swelling(some(), dataclasses.replace(SAMPLE, size_sigma=0.04)).estimates.loc[
        "volume_fraction"
    ]
    assert row["thickness"] == pytest.approx(0.1, rel=0.15)
    assert 0.08 < row["size"] < 0.13  # three times 4 %, a little less as the foil cuts large voids more
    assert row["scale"] == pytest.approx(0.02, rel=0.4)
    whole = (np.log(row["high68"]) - np.log(row["low68"])) / 2
    assert whole == pytest.approx(np.linalg.norm(row[list(swelling.SOURCES)].astype(float)), rel=0.15)


def test_errors_of_nothing_leave_only_the_counting():
    sure = Sample(SHAPE, scale=Scale(0.5, 0.0), foil=Foil(50.0, 0.0), size_sigma=0.0)
    row = swelling.measure_swelling(some(), sure).estimates.loc["number_density"]
    assert row[["size", "thickness", "scale"]].tolist() == [0, 0, 0]  # else they read as ± 0.0 %
    assert row["statistical"] == pytest.approx(1 / np.sqrt(len(some())), rel=0.4)


def test_what_is_expected_to_be_missed_or_false_is_in_the_intervals_of_densities():
    sure = dataclasses.replace(SAMPLE, scale=Scale(0.5, 0.0), foil=Foil(50.0, 0.0), size_sigma=0.0)
    half_missed = swelling.Detection((0.98, 0.97, 0.99), (0.5, 0.48, 0.52))
    half_false = swelling.Detection((0.5, 0.48, 0.52), (0.98, 0.97, 0.99))
    plain, missed, false = (
        swelling.measure_swelling(some(), dataclasses.replace(sure, detection=each)).estimates
        for each in (None, half_missed, half_false)
    )
    assert (plain["detection"].dropna() == 0).all()
    for name in ("areal_density", "number_density", "number_density_uncorrected"):
        assert missed.loc[name, "value"] == false.loc[name, "value"] == plain.loc[name, "value"]
        assert missed.loc[name, "high95"] == pytest.approx(2 * plain.loc[name, "high95"], rel=0.1)
        assert missed.loc[name, "low95"] == pytest.approx(plain.loc[name, "low95"], rel=0.1)
        assert false.loc[name, "low95"] == pytest.approx(plain.loc[name, "low95"] / 2, rel=0.1)
        assert false.loc[name, "high95"] == pytest.approx(plain.loc[name, "high95"], rel=0.1)
        assert missed.loc[name, "detection"] > 0.3
    others = ["mean_diameter", "volume_fraction", "swelling"]
    pd.testing.assert_frame_equal(missed.loc[others], plain.loc[others])


def test_shares_that_are_none_are_refused():
    with pytest.raises(SwellingError, match="expected recall is .*three shares of 0 to 1"):
        swelling.Detection((0.9, 0.8, 1.0), (1.4, 0.8, 1.0))
    with pytest.raises(SwellingError, match="expected precision is"):
        swelling.Detection(("0.9", 0.8, 1.0), (0.9, 0.8, 1.0))


def test_no_voids_are_a_density_of_nought_with_an_upper_end():
    result = swelling.measure_swelling(tables.empty("voids"), SAMPLE)
    row = result.estimates.loc["number_density"]
    assert row["value"] == 0
    assert row["low95"] == 0
    assert row["high95"] == pytest.approx(2.5 / (300 * 420 * 0.25 * 50), rel=0.2)
    assert np.isnan(result.estimates.loc["mean_diameter", "value"])
    assert result.estimates.loc["volume_fraction", "value"] == 0
    assert np.isnan(result.estimates.loc["volume_fraction", "high95"])
    assert result.counted.empty


def test_one_void_has_wide_intervals():
    row = swelling.measure_swelling(some().iloc[[np.argmax(some()["x_px"] > 50)]], SAMPLE).estimates.loc[
        "number_density"
    ]
    assert row["high95"] / row["low95"] > 20


def test_how_much_diameters_scatter_is_not_known_of_one_void():
    measured = swelling.measure_swelling(some().iloc[:1], SAMPLE)
    assert any(
        note.startswith("One void with a size does not tell how much diameters scatter")
        for note in measured.notes
    )
    found = measured.estimates
    ends = ["low95", "low68", "high68", "high95", "statistical"]
    of_diameters = found.loc[["mean_diameter", "mean_diameter_seen", "median_diameter_seen"]]
    assert of_diameters["value"].notna().all()
    assert of_diameters[ends].isna().all(axis=None)
    assert found.loc[["number_density", "volume_per_area"], ends].notna().all(axis=None)
    table = swelling_words.readable(found)
    assert not table.isin([f"±{NO_BREAK}0.0{NO_BREAK}%"]).any(axis=None)
    assert set(table.loc[table.index.str.contains("diameter"), "counting"]) == {"–"}
    alike = pd.concat([some().iloc[:1]] * 2, ignore_index=True).assign(label=[1, 2], x_px=[100.0, 200.0])
    of_two = swelling_words.readable(swelling.measure_swelling(alike, SAMPLE).estimates)
    assert not of_two.isin([f"±{NO_BREAK}0.0{NO_BREAK}%"]).any(axis=None)


def test_voids_at_the_border_are_stood_for():
    voids = some()
    result = swelling.measure_swelling(voids, SAMPLE)
    x, y, r = (voids[c] for c in ("x_px", "y_px", "radius_px"))
    cut = (x - r < -0.5) | (y - r < -0.5) | (x + r > 419.5) | (y + r > 299.5)
    assert cut.sum() > 0
    assert len(result.counted) == (~cut).sum()
    assert any(f"{cut.sum()} of {len(voids)} voids are not whole" in note for note in result.notes)


def test_loops_are_no_voids():
    voids = some().assign(kind=lambda t: np.where(t.index % 2, "void", "loop"))
    result = swelling.measure_swelling(voids, SAMPLE)
    assert result.estimates["value"].equals(values(voids[voids["kind"] == "void"]))
    assert any("are no voids" in note for note in result.notes)


def test_a_cube_holds_another_volume():
    cubes = dataclasses.replace(SAMPLE, void_shape="cube", beam=(0.0, 0.0, 1.0))
    ratio = values(some(), cubes)["volume_fraction"] / values(some())["volume_fraction"]
    assert ratio == pytest.approx(shape_factor("cube", (0, 0, 1)))
    assert ratio > 1.3


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_a_finer_camera_changes_nothing(factor, seed):
    """Everything in px times a factor, the pixel size divided by it."""
    voids = some(seed)
    finer = voids.assign(
        x_px=(voids["x_px"] + 0.5) * factor - 0.5,
        y_px=(voids["y_px"] + 0.5) * factor - 0.5,
        radius_px=voids["radius_px"] * factor,
    )
    shape = (SHAPE[0] * factor, SHAPE[1] * factor)
    other = dataclasses.replace(SAMPLE, shape=shape, scale=Scale(0.5 / factor, 0.02))
    first = swelling.measure_swelling(voids, SAMPLE, draws=50).estimates
    second = swelling.measure_swelling(finer, other, draws=50).estimates
    pd.testing.assert_frame_equal(first, second, rtol=1e-6)


def test_the_order_of_the_voids_does_not_matter():
    voids = some()
    pd.testing.assert_series_equal(values(voids), values(voids.sample(frac=1, random_state=2)))


def test_voids_of_several_frames_are_refused():
    voids = pd.concat([some(), some().assign(frame=2)])
    with pytest.raises(SwellingError, match="voids of 2 frames.*measure_series"):
        swelling.measure_swelling(voids, SAMPLE)


def test_a_thickness_in_another_unit_is_noticed():
    with pytest.raises(
        SwellingError, match="times as wide as the foil is thick.*Check the thickness and its unit"
    ):
        swelling.measure_swelling(some(), dataclasses.replace(SAMPLE, foil=Foil(0.05, 0.005)))


def test_a_void_wider_than_the_foil_is_said():
    result = swelling.measure_swelling(some(), dataclasses.replace(SAMPLE, foil=Foil(9.0, 0.9)))
    assert any("wider than the foil is thick" in note for note in result.notes)


@pytest.mark.parametrize("radius", [np.nan, 0.0, -1.0])
def test_radii_that_are_none_are_refused(radius):
    with pytest.raises(SwellingError, match="1 of 1 voids have no finite position or no radius"):
        swelling.measure_swelling(some().iloc[:1].assign(radius_px=radius), SAMPLE)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Scale(0.0, 0.1), "the pixel size is 0; expected a number above 0"),
        (lambda: Foil(-5.0, 1.0), "the foil thickness is -5; expected"),
        (lambda: Foil(50.0, 60.0), "the error of the foil thickness is 1.2 of the value"),
        (lambda: Sample(SHAPE, size_sigma=-0.1), "the error of the diameters is -0.1"),
    ],
)
def test_conditions_that_cannot_be_are_refused(make, said):
    with pytest.raises(SwellingError, match=said):
        make()


def test_the_error_of_diameters_is_that_of_the_radii_by_volume_unless_one_is_given():
    voids = some().iloc[:2].assign(radius_px=[10.0, 20.0], radius_sigma_px=[1.0, 1.0])
    assert SAMPLE.with_sizes_of(voids).size_sigma == pytest.approx((1000 * 0.1 + 8000 * 0.05) / 9000)
    unknown = SAMPLE.with_sizes_of(voids.assign(radius_sigma_px=np.nan))
    assert unknown.size_sigma == SAMPLE.errors["size"] == pytest.approx(0.09)
    given = dataclasses.replace(SAMPLE, size_sigma=0.03)
    assert given.with_sizes_of(voids).size_sigma == 0.03
    sizes = swelling.measure_swelling(
        some().assign(radius_sigma_px=some()["radius_px"] * 0.05), SAMPLE
    ).estimates
    assert sizes.loc["volume_fraction", "size"] == pytest.approx(3 * 0.05, rel=0.1)


def test_of_the_errors_of_radii_that_which_all_share_does_not_average_out_and_their_own_is_in_the_scatter():
    many = pd.concat([some().assign(x_px=some()["x_px"] + 0.01 * i) for i in range(20)], ignore_index=True)
    radius = many["radius_px"]
    sized = many.assign(radius_sigma_px=0.08 * radius, radius_shared_sigma_px=0.04 * radius)
    found = swelling.measure_swelling(sized, SAMPLE).estimates.loc["volume_fraction"]
    assert found["size"] == pytest.approx(3 * 0.04, rel=0.1)
    off = np.random.default_rng(0).lognormal(0, 0.2, len(sized))
    scattered = swelling.measure_swelling(sized.assign(radius_px=radius * off), SAMPLE).estimates
    assert scattered.loc["volume_fraction", "statistical"] > 1.1 * found["statistical"]
    unknown = sized.assign(radius_shared_sigma_px=np.nan)  # of an older run
    assert SAMPLE.with_sizes_of(unknown).size_sigma == pytest.approx(0.08)


def test_voids_smaller_than_their_fringe_are_told_with_their_share_of_the_volume():
    voids = some().assign(size_basis="fringe")
    assert not any(note.about == "sizes" for note in swelling.measure_swelling(voids, SAMPLE).notes)
    counted = swelling.measure_swelling(voids, SAMPLE).counted.index
    voids.loc[counted[0], "size_basis"] = "not a size"
    (note,) = (note for note in swelling.measure_swelling(voids, SAMPLE).notes if note.about == "sizes")
    assert note.startswith(f"1 of {len(counted)} voids is smaller than the fringe around it")


@pytest.mark.parametrize("foil", [None, Foil(50.0, 5.0)])
def test_voids_smaller_than_their_fringe_are_in_the_density_and_in_no_diameter(foil):
    sample = dataclasses.replace(SAMPLE, foil=foil)
    voids = some().assign(size_basis="fringe")
    index = swelling.measure_swelling(voids, sample).counted.index
    voids.loc[index[::3], ["radius_px", "size_basis"]] = [3.0, "not a size"]
    found, plain = (swelling.measure_swelling(each, sample) for each in (voids, voids.drop(index[::3])))
    without = found.counted["size_basis"] == "not a size"
    assert without.sum() == len(index[::3])
    names = [name for name in found.estimates.index if "diameter" in name]
    assert len(names) == (4 if foil else 3)
    for name in names:
        assert found.estimates.loc[name, "value"] == pytest.approx(plain.estimates.loc[name, "value"]), name
        ends = found.estimates.loc[name, ["low95", "high95"]].tolist()
        assert ends == pytest.approx(
            plain.estimates.loc[name, ["low95", "high95"]].tolist(), rel=0.03, nan_ok=True
        )
    more = (1 / found.counted.loc[without, "area_px2"]).sum() / 0.25
    density = found.estimates.loc["areal_density", "value"]
    assert density == pytest.approx(plain.estimates.loc["areal_density", "value"] + more)
    assert found.estimates.loc["volume_per_area", "value"] > plain.estimates.loc["volume_per_area", "value"]


def test_where_no_void_has_a_size_there_is_a_density_and_no_diameter():
    found = swelling.measure_swelling(some().assign(size_basis="not a size"), SAMPLE).estimates
    assert found.loc["number_density", ["low95", "value", "high95"]].notna().all()
    for name in ("mean_diameter", "mean_diameter_seen", "median_diameter_seen", "max_diameter_seen"):
        assert found.loc[name, ["low95", "value", "high95", "statistical"]].isna().all(), name
