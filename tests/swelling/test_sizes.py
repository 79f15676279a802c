"""The histogram of sizes: its rule, its shares, its intervals."""

import numpy as np
import pytest

from voidlab.swelling.sizes import size_distribution


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
    diameter = np.random.default_rng(0).lognormal(2.5, 0.3, 500)
    low, high = np.quantile(diameter, [0.25, 0.75])
    bins = size_distribution(diameter, pixel=0.1).bins
    np.testing.assert_allclose(bins["high"] - bins["low"], 2 * (high - low) / 500 ** (1 / 3))


def test_no_bin_is_narrower_than_two_pixels():
    found = size_distribution(np.random.default_rng(0).normal(10, 0.3, 500), pixel=1.0)
    np.testing.assert_allclose(found.bins["high"] - found.bins["low"], 2.0)
    assert "two pixels" in found.rule


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
