"""Linking and summing up: named situations, properties that hold for any voids, growth with its error."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
import trackpy
from hypothesis import given, settings
from hypothesis import strategies as st

import situations
from voidlab import tables, track

RANGE = situations.SEARCH_RANGE_PX


def wandering(seed, voids=60, frames=10, seen=0.85):
    """Voids at random places that jitter, are sometimes missed, and of which frame 6 shows none."""
    random = np.random.default_rng(seed)
    places = random.uniform(0, 250, (voids, 2))
    rows = []
    for frame in range(1, frames + 1):
        there = np.flatnonzero(random.random(voids) < (0 if frame == 6 else seen))
        here = places[there] + random.normal(0, 0.7, (len(there), 2))
        rows += [(n, frame, x, y, 3.0) for n, (x, y) in zip(there, here, strict=True)]
    return situations.voids(rows)


def growing(random, tracks, frames, growth=0.05, outliers=0.0):
    """Linked voids at rest whose radii grow, with 0.3 px of noise and outliers of 3 px."""
    frame = np.tile(np.arange(1, frames + 1), tracks)
    noise = random.normal(0, 0.3, len(frame))
    noise += (random.random(len(frame)) < outliers) * random.normal(0, 3, len(frame))
    return pd.DataFrame(
        {
            "particle": np.repeat(np.arange(tracks), frames), "frame": frame, "label": 1, "x_px": 5.0, "y_px": 9.0,
            "radius_px": 7 + growth * frame + noise, "touches_edge": False,
        }
    )  # fmt: skip


def same_tracks(a, b):
    return (pd.factorize(a)[0] == pd.factorize(b)[0]).all()


@pytest.mark.parametrize("situation", situations.ALL, ids=lambda made: made.__name__)
def test_known_situations_are_linked_as_they_are(situation):
    truth = situation()
    voids = truth.drop(columns="particle")
    linked = track.link_voids(voids, search_range_px=RANGE, memory=2)
    assert linked["particle"].dtype == np.int64
    assert linked["particle"].tolist() == truth["particle"].tolist()
    pd.testing.assert_frame_equal(linked.drop(columns="particle"), voids)
    summary = track.summarize_tracks(linked)
    assert len(summary) == truth["particle"].nunique()
    assert summary["inferred_frames"].sum() == (situation is situations.one_missing_for_a_frame)


def test_nothing_to_link_gives_typed_empty_tables():
    linked = track.link_voids(tables.empty("voids"), search_range_px=RANGE)
    assert linked["particle"].dtype == np.int64
    assert len(tables.check(track.linkable(linked), "voids")) == 0
    pd.testing.assert_frame_equal(track.summarize_tracks(linked), tables.empty("tracks"))
    dense = track.interpolate_tracks(linked)
    full = track.interpolate_tracks(situations.one())
    assert dense.dtypes.equals(full.dtypes)
    assert len(dense) == 0


def test_voids_at_the_edge_are_left_out_unless_asked_for():
    voids = pd.concat([situations.one_at_the_edge(), situations.two_that_touch()], ignore_index=True)
    assert len(track.linkable(voids)) == len(situations.two_that_touch())
    assert len(track.linkable(voids, link_edge_voids=True)) == len(voids)


def test_the_callers_rows_keep_their_order_and_index():
    truth = situations.two_that_cross()
    voids = truth.sample(frac=1, random_state=1).rename(index=lambda n: 100 + n)
    before = voids.copy()
    linked = track.link_voids(voids.drop(columns="particle"), search_range_px=RANGE)
    assert linked.index.tolist() == voids.index.tolist()
    assert linked["particle"].tolist() == voids["particle"].tolist()
    pd.testing.assert_frame_equal(voids, before)


def test_corrected_positions_outweigh_those_seen():
    voids = situations.two_that_touch().drop(columns="particle")
    far = 40.0 * voids["frame"]
    moved = voids.assign(x_px=voids["x_px"] + far, x_corrected_px=voids["x_px"], y_corrected_px=voids["y_px"])
    linked = track.link_voids(moved, search_range_px=RANGE)
    assert linked["particle"].nunique() == 2
    assert track.interpolate_tracks(linked)["x_px"].max() == 58
    assert track.summarize_tracks(linked)["net_displacement_px"].tolist() == [0, 0]


@pytest.mark.parametrize(("gap", "tracks"), [(1, 1), (2, 1), (3, 2), (2_000_000, 2)])
def test_memory_counts_frames_that_nobody_saw(gap, tracks):
    rows = situations.moving(0, [1, 2, 3 + gap, 4 + gap], (50, 50))
    linked = track.link_voids(situations.voids(rows), search_range_px=RANGE, memory=2)
    assert linked["particle"].nunique() == tracks


def test_a_void_without_a_position_is_refused_with_the_count():
    voids = situations.two_that_touch()
    voids.loc[[2, 5], "y_px"] = np.nan
    with pytest.raises(track.LinkError, match="2 of 12 voids have no finite position"):
        track.link_voids(voids, search_range_px=RANGE)


@pytest.mark.parametrize(("reach", "memory"), [(0.0, 2), (-1.0, 2), (np.nan, 2), (5.0, -1)])
def test_a_range_or_memory_that_cannot_be_is_refused(reach, memory):
    with pytest.raises(track.LinkError, match="above 0 px"):
        track.link_voids(situations.one(), search_range_px=reach, memory=memory)


def test_too_dense_says_what_was_asked_and_what_would_do():
    lattice = situations.dense_lattice()
    with pytest.raises(track.LinkError) as error:
        track.link_voids(lattice, search_range_px=12.0)
    assert "search_range_px = 12 " in str(error.value)
    assert "10.0 px" in str(error.value)
    assert "Try search_range_px = 5 " in str(error.value)
    assert error.value.__cause__ is None
    assert track.link_voids(lattice, search_range_px=5)["particle"].nunique() == 70


def test_advice_is_always_below_what_failed():
    crowd = situations.dense_lattice().eval("x_px = x_px / 4").eval("y_px = y_px / 4")
    far = [row for n in range(80) for row in situations.moving(100 + n, range(1, 5), (500 + 90 * n, 500))]
    voids = pd.concat([crowd, situations.voids(far)]).drop(columns="label")
    voids["label"] = voids.groupby("frame").cumcount() + 1
    with pytest.raises(track.LinkError, match="Try search_range_px = 3 "):
        track.link_voids(voids, search_range_px=6.0)


def test_a_crowd_of_equals_is_linked_at_once():
    """A grid that moves by half its spacing: trackpy alone tries links for a minute."""
    grid = 10.0 * np.stack(np.meshgrid(range(5), range(5)), axis=-1).reshape(-1, 2)
    rows = [(n, f + 1, x + 5 * f, y + 5 * f, 2.0) for f in (0, 1) for n, (x, y) in enumerate(grid)]
    linked = track.link_voids(situations.voids(rows), search_range_px=12)
    assert linked["particle"].nunique() == 25


def test_links_are_those_of_trackpy():
    for seed in range(5):
        voids = wandering(seed, voids=150, frames=8)
        ours = track.link_voids(voids, search_range_px=6.0, memory=2)["particle"]
        plain = voids[["frame", "y_px", "x_px"]]
        theirs = trackpy.linking.link_iter(
            ((f, plain.loc[plain["frame"] == f, ["y_px", "x_px"]].to_numpy()) for f in range(1, 9)),
            6.0,
            memory=2,
        )
        logging.getLogger("trackpy").setLevel(logging.WARNING)
        assert same_tracks(ours, np.concatenate([ids for _, ids in theirs]))


def test_linking_is_silent_and_leaves_trackpys_logging_as_it_was(capsys):
    logger = logging.getLogger("trackpy")
    logger.setLevel(logging.INFO)
    track.link_voids(situations.two_that_cross(), search_range_px=RANGE)
    assert capsys.readouterr() == ("", "")
    assert logger.level == logging.INFO


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), memory=st.integers(0, 3))
def test_each_void_is_in_one_track_and_each_track_has_one_void_a_frame(seed, memory):
    voids = wandering(seed).drop(columns="particle")
    linked = track.link_voids(voids, search_range_px=6.0, memory=memory)
    assert len(linked) == len(voids)
    assert not linked.duplicated(["particle", "frame"]).any()
    first = linked.drop_duplicates("particle")["particle"].tolist()
    assert first == list(range(len(first)))
    steps = linked.sort_values("frame").groupby("particle")["frame"].diff()
    assert not (steps > memory + 1).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shuffled_rows_give_the_same_tracks(seed):
    voids = wandering(seed).drop(columns="particle")
    linked = track.link_voids(voids, search_range_px=8.0)
    shuffled = linked.sample(frac=1, random_state=seed)
    again = track.link_voids(shuffled.drop(columns="particle"), search_range_px=8.0)
    pd.testing.assert_frame_equal(again.sort_index(), linked)
    pd.testing.assert_frame_equal(track.summarize_tracks(shuffled), track.summarize_tracks(linked))
    pd.testing.assert_frame_equal(track.interpolate_tracks(shuffled), track.interpolate_tracks(linked))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dx=st.integers(-500, 500),
    dy=st.integers(-500, 500),
    frame=st.integers(0, 99),
)
def test_tracks_do_not_depend_on_where_and_when(seed, dx, dy, frame):
    voids = wandering(seed)
    linked = track.link_voids(voids, search_range_px=6.0)
    moved = voids.assign(x_px=voids["x_px"] + dx, y_px=voids["y_px"] + dy, frame=voids["frame"] + frame)
    again = track.link_voids(moved, search_range_px=6.0)
    assert again["particle"].tolist() == linked["particle"].tolist()
    one, other = track.summarize_tracks(linked), track.summarize_tracks(again)
    pd.testing.assert_series_equal(one["path_length_px"], other["path_length_px"])
    assert (other["start_frame"] - one["start_frame"]).eq(frame).all()


def with_gaps():
    """A track over frames 3 to 7, not seen in 5 and 6, and one seen once; the caller's order is mixed."""
    linked = situations.voids([(4, 3, 50, 40, 4), (4, 4, 51, 40, 5), (4, 7, 54, 46, 8), (9, 4, 70, 70, 3)])
    linked["touches_edge"] = (linked["particle"] == 9) | (linked["frame"] == 7)
    return linked.sort_values("x_px", ascending=False)


def test_missing_frames_are_filled_along_straight_lines():
    dense = track.interpolate_tracks(with_gaps())
    assert list(dense.columns) == [
        "particle", "frame", "x_px", "y_px", "radius_px", "touches_edge", "label", "inferred",
    ]  # fmt: skip
    assert dense["particle"].tolist() == [4] * 5 + [9]
    assert dense["frame"].tolist() == [3, 4, 5, 6, 7, 4]
    np.testing.assert_allclose(dense["x_px"], [50, 51, 52, 53, 54, 70])
    np.testing.assert_allclose(dense["y_px"], [40, 40, 42, 44, 46, 70])
    np.testing.assert_allclose(dense["radius_px"], [4, 5, 6, 7, 8, 3])
    assert dense["inferred"].tolist() == [False, False, True, True, False, False]
    assert dense["label"].isna().tolist() == dense["inferred"].tolist()
    assert dense["label"].dtype == "Int64"
    # Between a row that touches the edge and one that does not, a share of it is above nothing.
    assert dense["touches_edge"].tolist() == [False, False, True, True, True, True]


def test_a_particle_twice_in_a_frame_is_no_track():
    twice = pd.concat([situations.one(), situations.one().assign(label=2)])
    with pytest.raises(track.LinkError, match="7 rows give a particle a second void"):
        track.summarize_tracks(twice)


def test_a_summary_of_known_numbers():
    summary = track.summarize_tracks(with_gaps()).set_index("particle")
    life = summary.loc[4]
    assert life[["start_frame", "end_frame", "total_frames", "inferred_frames"]].tolist() == [3, 7, 5, 2]
    assert life["mean_radius_px"] == pytest.approx(17 / 3)
    assert life[["min_radius_px", "max_radius_px"]].tolist() == [4, 8]
    assert life["net_displacement_px"] == life["max_displacement_px"] == pytest.approx(np.hypot(4, 6))
    assert life["path_length_px"] == pytest.approx(1 + 3 * np.hypot(1, 2))
    assert np.isnan(life["growth_px_per_frame"])
    assert np.isnan(life["growth_sigma_px_per_frame"])
    once = summary.loc[9]
    assert once[["total_frames", "inferred_frames", "path_length_px", "max_displacement_px"]].tolist() == [
        1,
        0,
        0,
        0,
    ]
    assert once["touches_edge"]


def test_voids_in_no_track_do_not_count():
    linked = with_gaps()
    loose = linked.assign(particle=linked["particle"].astype("Int64").where(linked["particle"] == 4))
    pd.testing.assert_frame_equal(
        track.summarize_tracks(loose), track.summarize_tracks(linked[linked["particle"] == 4])
    )
    nobody = loose.assign(particle=pd.array([pd.NA] * len(loose), dtype="Int64"))
    pd.testing.assert_frame_equal(track.summarize_tracks(nobody), tables.empty("tracks"))
    assert len(track.interpolate_tracks(nobody)) == 0


@pytest.mark.parametrize("frames", [4, 5, 8, 20, 60])
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_growth_is_unbiased_and_its_error_covers(frames, outliers):
    found = track.summarize_tracks(growing(np.random.default_rng(frames), 4000, frames, outliers=outliers))
    off = found["growth_px_per_frame"] - 0.05
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))
    assert 0.60 < (off.abs() < found["growth_sigma_px_per_frame"]).mean() < 0.76


def test_one_wild_radius_does_not_move_the_growth():
    linked = growing(np.random.default_rng(0), 1, 12).assign(radius_px=lambda rows: 5 + 0.1 * rows["frame"])
    linked.loc[11, "radius_px"] = 40.0
    found = track.summarize_tracks(linked).iloc[0]
    assert found["growth_px_per_frame"] == pytest.approx(0.1, abs=1e-6)
    assert found["growth_sigma_px_per_frame"] < 1e-6


def test_radii_of_whole_pixels_do_not_pass_for_certain():
    linked = growing(np.random.default_rng(0), 1, 10).assign(radius_px=[5.0] * 7 + [6.0] * 3)
    assert track.summarize_tracks(linked)["growth_sigma_px_per_frame"].item() > 0.01


def test_radii_at_the_edge_do_not_count_for_growth_where_there_are_others():
    linked = growing(np.random.default_rng(0), 1, 10).assign(radius_px=lambda rows: 5 + 0.1 * rows["frame"])
    cut = linked.assign(touches_edge=linked["frame"] > 4)
    cut["radius_px"] -= cut["touches_edge"] * 0.5 * (cut["frame"] - 4)
    assert track.summarize_tracks(cut)["growth_px_per_frame"].item() == pytest.approx(0.1)
    few = cut.assign(touches_edge=cut["frame"] > 3)
    assert track.summarize_tracks(few)["growth_px_per_frame"].item() < 0


def test_a_radius_that_is_not_known_spoils_its_own_track_only():
    linked = growing(np.random.default_rng(0), 3, 9)
    clean = track.summarize_tracks(linked)
    linked.loc[1, "radius_px"] = np.nan
    found = track.summarize_tracks(linked)
    assert np.isnan(found.loc[0, "growth_px_per_frame"])
    pd.testing.assert_frame_equal(found[1:], clean[1:])


def test_tracks_of_a_real_video(shared):
    """1,477 frames of a real video: a row per frame in no order; the name of the image tells the time."""
    (file,) = (shared / "void_video_positions").glob("*.json")
    rows = []
    images = sorted(map(json.loads, file.read_text().splitlines()), key=lambda seen: seen["image-path"])
    for frame, seen in enumerate(images):
        rows += [(0, frame, *xy, r) for xy, r in zip(seen["positions"], seen["radii"], strict=True)]
    voids = situations.voids(rows).drop(columns="particle")
    linked = track.link_voids(voids, search_range_px=20, memory=2)
    summary = track.summarize_tracks(linked)
    assert summary["total_frames"].sum() - summary["inferred_frames"].sum() == len(voids)
    assert summary["total_frames"].max() > 200
    assert len(track.interpolate_tracks(linked)) == summary["total_frames"].sum()
    moved = np.hypot(*linked.groupby("particle")[["x_px", "y_px"]].diff().dropna().to_numpy().T)
    assert moved.max() <= 20 + 1e-6


@pytest.mark.parametrize("link", [track.link_voids, track.link_by_assignment])
def test_a_void_is_never_linked_to_a_loop(link):
    voids = wandering(2, voids=5, frames=3)
    mixed = voids.assign(kind=["loop", *["void"] * (len(voids) - 1)])
    with pytest.raises(
        track.LinkError, match=rf"1 of {len(voids)} rows are loops or dots; expected voids alone"
    ):
        link(mixed, search_range_px=20)
    alone = tables.only_voids(mixed)
    assert len(link(alone, search_range_px=20)) == len(voids) - 1
