"""The histogram of sizes: its rule, its shares, its intervals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from voidlab.images.series import Calibration
from voidlab.report.figures.voids import size_histogram
from voidlab.swelling.series import bins_of_series
from voidlab.swelling.sizes import bin_width, size_distribution


def test_every_void_is_in_one_bin():
    diameter = np.random.default_rng(0).lognormal(2.5, 0.3, 500)
    found = size_distribution(diameter, pixel=0.5, unit="nm")
    bins = found.bins
    assert bins["voids"].sum() == 500
    for low, high, voids in bins[["low", "high", "voids"]].to_numpy():
        assert ((diameter >= low) & (diameter < high)).sum() == voids
    assert "Freedman and Diaconis" in found.rule
    assert "nm" in found.rule


def test_the_width_is_that_of_the_rule():
    diameter = np.random.default_rng(0).normal(30, 3, 50_000)
    # Of a normal distribution the shortest half is the interquartile range.
    expected = 2 * 1.349 * 3 / 50_000 ** (1 / 3)
    bins = size_distribution(diameter, pixel=0.01).bins
    np.testing.assert_allclose(bins["high"] - bins["low"], expected, rtol=0.02)
    assert bin_width(diameter, images=100, pixel=0.01).width == pytest.approx(
        expected * 100 ** (1 / 3), rel=0.02
    )


def test_two_groups_of_sizes_stay_two():
    random = np.random.default_rng(0)
    diameter = np.concatenate([random.normal(6, 0.6, 24), random.normal(11, 0.6, 16)])
    bins = size_distribution(diameter, pixel=0.1).bins
    between = bins[(bins["low"] > 7.6) & (bins["high"] < 9.4)]
    assert len(between)
    assert between["voids"].sum() == 0


def test_a_series_has_one_bin_width_on_all_pages(finished):
    paths, _, _ = finished
    voids = pd.read_parquet(paths.table("voids"))
    sizes = pd.read_parquet(paths.table("sizes"))
    width = bins_of_series(voids, 0.5, "nm").width
    np.testing.assert_allclose(0.5 * (sizes["diameter_high_px"] - sizes["diameter_low_px"]), width)
    figure, ax = plt.subplots()
    size_histogram(voids, ax, Calibration(0.5, "parameters"))
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], width)
    first = sizes["diameter_low_px"].iloc[0] * 0.5 / width
    assert first == pytest.approx(round(first))
    assert ax.patches[0].get_x() / width == pytest.approx(round(ax.patches[0].get_x() / width))
    plt.close(figure)


def test_small_voids_bunched_within_a_pixel_are_told_apart():
    diameter = np.random.default_rng(0).normal(6.9, 0.6, 800)  # 2 px wide bins show one bar
    found = size_distribution(diameter, pixel=1.0)
    np.testing.assert_allclose(found.bins["high"] - found.bins["low"], 0.5)
    assert "half a pixel" in found.rule
    assert len(found.bins) >= 7


def test_no_bin_is_narrower_than_the_step_in_which_diameters_are_told():
    diameter = 2.0 * np.random.default_rng(0).poisson(9, 2000)  # radii of whole pixels
    found = size_distribution(diameter)
    np.testing.assert_allclose(found.bins["high"] - found.bins["low"], 2.0)
    assert "step" in found.rule
    assert (found.bins["voids"][2:-3] > 0).all()


def test_shares_by_number_and_by_swelling():
    bins = size_distribution(np.array([5.0, 5.0, 5.0, 15.0]), weight=np.array([1.0, 1, 1, 2])).bins
    filled = bins[bins["voids"] > 0]
    np.testing.assert_allclose(filled["share"], [0.6, 0.4])
    np.testing.assert_allclose(filled["volume_share"], [375 / 7125, 6750 / 7125])
    np.testing.assert_allclose(
        bins.iloc[-1][["cumulative_share", "cumulative_volume_share"]].astype(float), 1
    )


def test_the_intervals_hold_the_true_shares():
    random = np.random.default_rng(3)
    inside = total = 0
    for _ in range(200):
        bins = size_distribution(random.uniform(0, 40, random.poisson(80)), pixel=5.0).bins
        true = (np.minimum(bins["high"], 40) - bins["low"]) / 40
        inside += ((bins["share_low95"] <= true) & (true <= bins["share_high95"])).sum()
        total += len(bins)
    assert 0.93 <= inside / total <= 0.99


@pytest.mark.parametrize("diameter", [[], [7.0], [7.0, 7.0]])
def test_none_one_and_alike(diameter):
    found = size_distribution(np.array(diameter))
    assert found.bins["voids"].sum() == len(diameter)
    assert list(found.bins) == [
        "low", "high", "voids", "share", "share_low95", "share_high95", "volume_share", "cumulative_share",
        "cumulative_volume_share",
    ]  # fmt: skip
