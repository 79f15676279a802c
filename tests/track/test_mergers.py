"""The larger of two voids that merge goes on; what it gains at once is neither growth nor diffusion."""

import numpy as np
import pandas as pd
import pytest

import situations
from voidlab import track
from voidlab.track import mergers, motion


def with_child(number=7):
    """The merge of two, in which a linker has lost both."""
    voids = situations.two_that_merge()
    voids.loc[voids["frame"] > 5, "particle"] = number
    return voids


def joined(voids):
    return mergers.follow_larger(voids, mergers.find_merges(voids))


def test_the_larger_goes_on():
    true, found = situations.two_that_merge(), joined(with_child())
    assert found["particle"].tolist() == true["particle"].tolist()
    pd.testing.assert_frame_equal(found.drop(columns="particle"), true.drop(columns="particle"))
    events = mergers.find_merges(found)
    assert events[["frame", "parent_a", "parent_b", "child"]].to_numpy().tolist() == [[6, 1, 0, 0]]


def test_a_child_that_the_smaller_was_linked_to_is_the_larger_ones():
    found = joined(with_child(1))
    assert found["particle"].tolist() == situations.two_that_merge()["particle"].tolist()


def test_the_order_of_the_rows_does_not_matter():
    voids = with_child()
    pd.testing.assert_frame_equal(joined(voids.sample(frac=1, random_state=1)).sort_index(), joined(voids))


def test_without_events_nothing_changes():
    for situation in situations.ALL:
        voids = situation()
        if situation is not situations.two_that_merge:
            pd.testing.assert_frame_equal(joined(voids), voids)


def test_voids_in_no_track_stay_in_none():
    voids = with_child()
    voids["particle"] = voids["particle"].astype("Int64").where(voids["frame"] != 2)
    found = joined(voids)
    assert found["particle"].isna().equals(voids["particle"].isna())
    assert found["particle"].dropna().nunique() == 2


def test_one_that_swallows_two_in_turn_stays_itself():
    rows = situations.moving(0, range(1, 6), (60, 48), radius=6.0)
    rows += situations.moving(1, range(1, 6), (71, 48), radius=5.0)
    first = (6.0**3 + 5.0**3) ** (1 / 3)
    rows += situations.moving(2, range(6, 11), (64, 48), radius=first)
    rows += situations.moving(3, range(1, 11), (52, 52), radius=5.5)
    rows += situations.moving(4, range(11, 16), (60, 49.5), radius=(first**3 + 5.5**3) ** (1 / 3))
    found = joined(situations.voids(rows))
    large = found[found["radius_px"] > 5.9]
    assert len(set(large["particle"])) == 1
    assert large["frame"].tolist() == list(range(1, 16))
    assert found["particle"].nunique() == 3


def test_stretches_begin_with_tracks_and_mergers():
    particle, frame = np.array([2, 2, 2, 5, 5]), np.array([1, 3, 4, 1, 2])
    none = mergers.stretches(particle, frame, None)
    assert none.tolist() == [1, 1, 1, 2, 2]
    events = pd.DataFrame(
        {"frame": [2, 9, 1, 1], "child": [2, 2, 5, 77]}
    )  # one each: within, after, at the start
    assert mergers.stretches(particle, frame, events).tolist() == [1, 2, 2, 3, 3]
    assert mergers.stretches(particle[:0], frame[:0], events).tolist() == []


def swallowing(random, voids=400, frames=40, slope=0.02):
    """Tracks whose radius and place jump in frame 20, in which another void merges into them."""
    table = pd.DataFrame(
        {
            "particle": np.repeat(np.arange(voids), frames),
            "frame": np.tile(np.arange(frames), voids),
            "label": np.repeat(np.arange(voids), frames) + 1,
            "touches_edge": False,
        }
    )
    late = (table["frame"] >= 20).to_numpy()
    for name in ("x_px", "y_px"):
        table[name] = 50 + 6 * late + random.normal(0, 0.5, len(table))
    table["radius_px"] = 6 + slope * table["frame"] + 1.5 * late + random.normal(0, 0.3, len(table))
    return table, pd.DataFrame({"frame": 20, "child": np.arange(voids)})


def test_what_is_gained_at_once_is_no_growth():
    linked, events = swallowing(np.random.default_rng(2))
    found = track.summarize_tracks(linked, events=events)
    off = found["growth_px_per_frame"] - 0.02
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))
    assert 0.60 < (off.abs() < found["growth_sigma_px_per_frame"]).mean() < 0.76
    assert (track.summarize_tracks(linked)["growth_px_per_frame"] > 0.04).all()


def test_too_few_rows_for_the_pieces_give_no_growth():
    linked, _ = swallowing(np.random.default_rng(0), voids=1, frames=4)
    assert np.isfinite(track.summarize_tracks(linked)["growth_px_per_frame"]).all()
    events = pd.DataFrame({"frame": [2], "child": [0]})
    assert track.summarize_tracks(linked, events=events)["growth_px_per_frame"].isna().all()


def test_the_step_of_a_merger_is_no_diffusion():
    linked, events = swallowing(np.random.default_rng(3))
    found = motion.diffusion(linked, events=events)
    assert found["steps"].tolist() == [38] * 400
    estimate, error = found["diffusion_px2_per_frame"], found["diffusion_sigma_px2_per_frame"]
    assert abs(estimate.mean()) < 4 * estimate.std() / np.sqrt(400)
    assert (estimate.abs() < 1.96 * error).mean() > 0.93
    assert found["localisation_px"].mean() == pytest.approx(0.5, abs=0.02)
    assert motion.diffusion(linked)["diffusion_px2_per_frame"].mean() > 0.3
