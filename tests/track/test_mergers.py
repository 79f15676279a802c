"""Mergers and splits are found; the larger void goes on, and what it gains is neither growth nor diffusion."""

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


def test_how_many_particles_the_tracks_are_is_said():
    linked = with_child()
    said = mergers.followed_in_words(linked, joined(linked))
    assert said == "The 3 tracks are 2 particles: of two that merge, the larger goes on."
    assert mergers.followed_in_words(linked, linked) == "Each of the 3 tracks is a particle."


def test_a_child_that_the_smaller_was_linked_to_is_the_larger_ones():
    found = joined(with_child(1))
    assert found["particle"].tolist() == situations.two_that_merge()["particle"].tolist()


def test_who_goes_on_does_not_depend_on_the_order_of_the_rows():
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


def test_the_child_may_have_a_number_of_its_own():
    voids = situations.two_that_merge()
    voids.loc[voids["frame"] > 5, "particle"] = 7
    events = mergers.find_merges(voids)
    assert len(events) == 1  # though both parents end
    assert set(events.loc[0, ["parent_a", "parent_b"]]) == {0, 1}
    assert events.loc[0, "child"] == 7


@pytest.mark.parametrize("gone", [[5], [6], [6, 7]])
def test_a_merge_is_found_though_frames_are_missing(gone):
    voids = situations.two_that_merge()
    late = voids["frame"].isin(gone) & (voids["particle"] == 0)
    events = mergers.find_merges(voids[~late])
    assert len(events) == 1
    assert events.loc[0, "frame"] == (6 if gone == [5] else max(gone) + 1)


@pytest.mark.parametrize(
    "quiet",
    [s for s in situations.ALL if s is not situations.two_that_merge],
    ids=lambda situation: situation.__name__,
)
def test_nothing_merges_where_nothing_merges(quiet):
    events = mergers.find_merges(quiet())
    assert events.empty
    assert events.dtypes.astype(str).to_dict() == mergers.EVENT_COLUMNS


def test_a_void_that_vanishes_beside_another_is_no_merge():
    """The other does not grow."""
    rows = situations.moving(0, range(1, 11), (60, 48), radius=6.0)
    rows += situations.moving(1, range(1, 6), (71, 48), radius=4.0)
    assert mergers.find_merges(situations.voids(rows)).empty


def test_a_false_positive_beside_a_void_is_no_merge():
    rows = situations.moving(0, range(1, 6), (60, 48), radius=6.0)
    rows += situations.moving(0, range(6, 11), (60, 48), radius=6.4)
    rows += situations.moving(1, range(4, 6), (68, 48), radius=3.0)
    assert mergers.find_merges(situations.voids(rows)).empty
    assert len(mergers.find_merges(situations.voids(rows), least_frames=2)) == 1


def test_what_cannot_be_told_is_said():
    """A small void adds less to a large one than radii are measured to."""
    rows = situations.moving(0, range(1, 6), (60, 48), radius=6.0)
    rows += situations.moving(1, range(1, 6), (68, 48), radius=2.0)
    rows += situations.moving(0, range(6, 11), (60.3, 48), radius=(6.0**3 + 2.0**3) ** (1 / 3))
    small, large = (mergers.find_merges(v) for v in (situations.voids(rows), situations.two_that_merge()))
    assert small.loc[0, "growth_z"] < 0.5
    both = (6.0**3 + 4.0**3) ** (1 / 3)
    error = 0.05 * np.hypot(6, both) / np.sqrt(5)
    assert large.loc[0, "growth_z"] == pytest.approx((both - 6) / error)


def test_the_order_of_the_rows_does_not_matter():
    voids = situations.two_that_merge()
    pd.testing.assert_frame_equal(
        mergers.find_merges(voids.sample(frac=1, random_state=1)), mergers.find_merges(voids)
    )


def test_a_split_is_a_merger_backwards():
    voids = situations.two_that_merge()
    voids = voids.assign(frame=20 - voids["frame"])
    splits = mergers.find_splits(voids)
    assert splits[["frame", "parent", "child_a", "child_b"]].to_numpy().tolist() == [[14, 0, 1, 0]]
    assert splits.loc[0, "radius_parent_px"] == pytest.approx((4**3 + 6**3) ** (1 / 3))
    assert mergers.find_merges(voids).empty
    assert mergers.find_splits(situations.two_that_merge()).empty
    assert list(mergers.find_splits(situations.none())) == list(splits)


def test_a_memory_beyond_the_series_is_as_long_as_the_series():
    rows = [(frame, particle, 10.0 + 30 * particle, 20.0, 5.0) for frame in range(8) for particle in (0, 1)]
    linked = pd.DataFrame(rows, columns=["frame", "particle", "x_px", "y_px", "radius_px"])
    linked = linked.assign(label=linked["particle"] + 1, touches_edge=False)
    assert mergers.find_merges(linked, memory=10**9).empty
