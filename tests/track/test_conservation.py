"""What is conserved when voids merge: which law the radii of the events obey."""

import numpy as np
import pandas as pd
import pytest

import situations
from voidlab.track import conservation, mergers


def merges(seed, *, events, power, error, bias=1.0):
    """Events whose radii add up in the given power, each radius measured with a relative error."""
    random = np.random.default_rng(seed)
    a, b = random.lognormal(np.log(8), 0.3, (2, events))
    true = {"a": a, "b": b, "child": bias * (a**power + b**power) ** (1 / power)}
    return pd.DataFrame(
        {f"radius_{name}_px": r * (1 + error * random.standard_normal(events)) for name, r in true.items()}
        | {f"sigma_{name}_px": error * r for name, r in true.items()}
    )


@pytest.mark.parametrize(("power", "law"), [(3, "volume"), (2, "area")])
def test_the_law_is_told_from_ten_events(power, law):
    right = [
        conservation.compare_laws(merges(seed, events=10, power=power, error=0.05)).verdict
        for seed in range(200)
    ]
    assert right.count(law) >= 180
    assert right.count({"volume": "area", "area": "volume"}[law]) <= 6


def test_by_hand():
    """Parents of 3 and 4: 91^(1/3) by volume, 5 by area."""
    events = pd.DataFrame(
        {"radius_a_px": [3.0], "radius_b_px": 4.0, "radius_child_px": 5.0, "sigma_a_px": 1e-9, "sigma_b_px": 1e-9,
         "sigma_child_px": 0.25}
    )  # fmt: skip
    found = conservation.compare_laws(events)
    row = found.events.iloc[0]
    assert row["volume_px"] == pytest.approx(91 ** (1 / 3))
    assert row["area_px"] == pytest.approx(5)
    assert row["area_z"] == pytest.approx(0)
    assert row["volume_z"] == pytest.approx((5 - 91 ** (1 / 3)) / 0.25)
    assert found.log_likelihood_ratio == pytest.approx(-((5 - 91 ** (1 / 3)) ** 2) / 2 / 0.25**2)
    assert found.volume_probability == pytest.approx(1 / (1 + np.exp(-found.log_likelihood_ratio)))


def test_the_error_of_the_parents_counts_as_it_reaches_the_child():
    random = np.random.default_rng(0)
    a, b = 8 * (1 + 0.01 * random.standard_normal(100_000)), 6 * (1 + 0.01 * random.standard_normal(100_000))
    for power, law in ((3, "volume"), (2, "area")):
        scatter = ((a**power + b**power) ** (1 / power)).std()
        events = pd.DataFrame(
            {"radius_a_px": [8.0], "radius_b_px": 6.0, "radius_child_px": 11.0, "sigma_a_px": 0.08,
             "sigma_b_px": 0.06, "sigma_child_px": 1e-6}
        )  # fmt: skip
        row = conservation.compare_laws(events).events.iloc[0]
        assert (11 - row[f"{law}_px"]) / row[f"{law}_z"] == pytest.approx(scatter, rel=0.02)


def test_when_neither_fits_it_is_said():
    assert (
        conservation.compare_laws(merges(1, events=10, power=3, error=0.03, bias=0.85)).verdict == "neither"
    )


def test_few_and_rough_events_are_undecided():
    assert conservation.compare_laws(merges(2, events=1, power=3, error=0.2)).verdict == "undecided"


def test_no_events_decide_nothing():
    found = conservation.compare_laws(mergers.find_merges(situations.none()))
    assert found.verdict == "undecided"
    assert found.volume_probability == 0.5
    assert found.events.empty
    assert "volume_z" in found.events


def test_a_radius_of_nought_is_refused():
    events = merges(1, events=3, power=3, error=0.05)
    events.loc[1, "sigma_a_px"] = 0.0
    with pytest.raises(ValueError, match="1 of 3 events have a radius or standard error"):
        conservation.compare_laws(events)


def test_the_merge_of_two_is_found():
    events = mergers.find_merges(situations.two_that_merge())
    assert len(events) == 1
    row = events.iloc[0]
    assert (row["frame"], row["parent_a"], row["parent_b"], row["child"]) == (6, 1, 0, 0)
    assert row["radius_a_px"] == pytest.approx(4)
    assert row["radius_b_px"] == pytest.approx(6)
    assert row["radius_child_px"] == pytest.approx((4**3 + 6**3) ** (1 / 3))
    assert conservation.compare_laws(events).log_likelihood_ratio > 0


def test_three_that_merge_at_once_are_no_test_of_the_law():
    both = (3 * 5.0**3) ** (1 / 3)
    rows = situations.moving(0, range(1, 6), (60, 48), radius=5.0)
    rows += situations.moving(1, range(1, 6), (70, 48), radius=5.0)
    rows += situations.moving(2, range(1, 6), (50, 48), radius=5.0)
    events = mergers.find_merges(
        situations.voids(rows + situations.moving(0, range(6, 11), (60, 48), radius=both))
    )
    assert events["parent_a"].tolist() == [1, 2]
    assert not events["alone"].any()
    assert conservation.clear_events(events).empty
    sure = mergers.find_merges(situations.two_that_merge(), radius_sigma=0.02)
    assert len(conservation.clear_events(sure)) == 1


def test_mergers_of_voids_without_a_size_are_no_test_of_the_law():
    events = merges(1, events=9, power=3, error=0.001).assign(alone=True)
    events = events.assign(parent_a=range(1, 10), parent_b=range(11, 20), child=range(11, 20))
    frames = pd.DataFrame({"tilt_deg": [np.nan, np.nan]})
    tracks = pd.DataFrame({"particle": range(1, 20), "size_basis": "fringe"})
    assert "in 9 that are clear, volume is conserved" in conservation.law_in_words(events, frames, tracks)
    tracks.loc[tracks["particle"].isin([2, 13]), "size_basis"] = "not a size"
    said = conservation.law_in_words(events, frames, tracks)
    assert said.startswith("9 voids merged; in 7 that are clear, ")
    tracks.loc[~tracks["particle"].isin([1, 11]), "size_basis"] = "not a size"
    said = conservation.law_in_words(events, frames, tracks)
    assert said.startswith("9 voids merged; in one that is clear, ")
