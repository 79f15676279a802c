"""How tracks begin and end: each kind once, by hand; and displacement that is not drift or noise."""

import numpy as np
import pandas as pd
import pytest

from voidlab import drift, simulate, tables, track
from voidlab.track import fates, mergers
from voidlab.track.conservation import law_in_words

SHAPE = (200, 300)
FRAMES = pd.DataFrame({"frame": np.arange(10, 40), "status": "ok", "tilt_deg": np.nan})


def track_of(particle, frames, x, y, radius=6.0):
    rows = {"particle": particle, "frame": list(frames), "x_px": x, "y_px": y, "radius_px": radius}
    table = pd.DataFrame(rows).assign(label=particle + 1, touches_edge=False)
    return table.assign(x_corrected_px=table["x_px"], y_corrected_px=table["y_px"])


def described(*tracks, memory=1, events=None, frames=FRAMES):
    linked = pd.concat(tracks, ignore_index=True)
    events = tables.empty("events") if events is None else events
    found = fates.describe_fates(linked, frames, events, SHAPE, border_px=10, memory=memory)
    return found.set_index("particle")


def test_every_origin_and_every_fate():
    found = described(
        track_of(0, range(10, 40), 100, 100),
        track_of(1, range(20, 30), 150, 100),
        track_of(2, range(20, 30), 14, 100),
        track_of(3, range(11, 39), 200, 100),
        track_of(4, range(12, 38), 200, 50),
    )
    assert found["origin"].tolist() == [
        "from the start",
        "nucleated",
        "entered",
        "from the start",
        "nucleated",
    ]
    assert found["fate"].tolist() == ["to the end", "lost", "left", "to the end", "lost"]
    assert found.loc[1, ["nucleation_frame", "disappearance_frame"]].tolist() == [20, 30]
    assert found.loc[[0, 2, 3], ["nucleation_frame", "disappearance_frame"]].isna().all(axis=None)


def test_a_disappearance_falls_on_a_frame_that_was_looked_at():
    frames = FRAMES.assign(status=np.where(FRAMES["frame"] == 30, "unreadable", "ok"))
    assert described(track_of(1, range(20, 30), 150, 100), frames=frames).loc[1, "disappearance_frame"] == 31


def test_a_merger_ends_two_lives_and_begins_one():
    one, other = track_of(0, range(10, 25), 100, 100, 8.0), track_of(1, range(10, 25), 114, 100, 8.0)
    child = track_of(2, range(25, 40), 107, 100, 8 * 2 ** (1 / 3))
    events = mergers.find_merges(pd.concat([one, other, child], ignore_index=True))
    assert len(events) == 1
    found = described(one, other, child, events=events)
    assert found["fate"].tolist() == ["merged", "merged", "to the end"]
    assert found["origin"].tolist() == ["from the start", "from the start", "merger"]
    assert found.loc[[0, 1], "disappearance_frame"].tolist() == [25, 25]


def test_the_parent_that_goes_on_is_not_gone():
    large = track_of(0, range(10, 40), 100, 100, np.where(np.arange(10, 40) < 25, 10.0, 11.5))
    small = track_of(1, range(10, 25), 114, 100, 8.0)
    events = mergers.find_merges(pd.concat([large, small], ignore_index=True))
    found = described(large, small, events=events)
    assert found["fate"].tolist() == ["to the end", "merged"]


def test_what_moves_all_voids_is_no_displacement():
    shift = np.linspace(0, 30, 30)
    voids = [track_of(n, range(10, 40), 40 + 20 * n + shift, 60 + 5 * n) for n in range(9)]
    voids[4] = track_of(4, range(10, 40), 120 + shift, 80 + np.linspace(0, 8, 30))
    found = described(*voids)
    np.testing.assert_allclose(found["local_displacement_px"], np.where(found.index == 4, 8, 0), atol=1e-9)


def test_voids_at_rest_do_not_diffuse_and_their_noise_is_told():
    random = np.random.default_rng(1)
    frames = pd.DataFrame({"frame": np.arange(100), "status": "ok", "tilt_deg": np.nan})
    voids = [
        track_of(n, range(100), *(at + random.normal(0, 0.5, (100, 2))).T)
        for n, at in enumerate(random.uniform(20, 180, (60, 2)))
    ]
    found = described(*voids, frames=frames)
    assert abs(found["diffusion_px2_per_frame"].mean()) < 0.005
    assert abs(found["localisation_px"].mean() - 0.5) < 0.02
    assert found["local_displacement_px"].median() == 0
    assert found["local_x_sigma_px"].median() == pytest.approx(np.sqrt(2) * 0.5, rel=0.2)
    assert (found["p_at_rest"] < 0.003).mean() < 0.05


def test_nothing_and_one():
    pd.testing.assert_frame_equal(
        fates.describe_fates(
            track_of(0, [], [], []), FRAMES, tables.empty("events"), SHAPE, border_px=1, memory=0
        ),
        tables.empty("fates"),
    )
    once = described(track_of(0, [20], 100, 100))
    assert once["steps"].tolist() == [0]
    assert once["diffusion_px2_per_frame"].isna().all()


def test_a_tilt_series_is_not_told_as_a_history():
    linked = track_of(0, range(10, 40), 100, 100)
    found = fates.describe_fates(linked, FRAMES, tables.empty("events"), SHAPE, border_px=1, memory=0)
    long = np.array([True])
    assert "no history" in fates.fates_in_words(
        found, FRAMES.assign(tilt_deg=np.linspace(-30, 30, len(FRAMES))), long=long
    )
    assert "1 are there from the start" in fates.fates_in_words(found, FRAMES, long=long)


def test_the_columns_of_tracks_stay_what_they_were():
    linked = track_of(0, range(10, 40), 100, 100)
    assert "diffusion_px2_per_frame" not in track.summarize_tracks(linked)


def test_the_law_is_told_in_words():
    assert law_in_words(tables.empty("events"), FRAMES).startswith("0 voids merged")
    a, b = np.full(10, 8.0), np.full(10, 7.0)
    radii = {"radius_a_px": a, "radius_b_px": b, "radius_child_px": (a**3 + b**3) ** (1 / 3)}
    events = pd.DataFrame(radii | {f"sigma_{n}_px": 0.1 for n in ("a", "b", "child")})
    events = events.assign(alone=True, growth_z=9.0)
    assert "volume is conserved" in law_in_words(events, FRAMES)
    assert "hide" in law_in_words(events, FRAMES.assign(tilt_deg=np.linspace(-30, 30, len(FRAMES))))


def of_a_jump(late):
    """Linked voids of a video whose view jumps, their fates, and in which frame each void truly begins."""
    video = simulate.video(3, frames=10, voids=300, jump_px=(38.0, -14.0), late=late, missing=0.0)
    linked = drift.subtract_drift(video.truth.voids, video.truth.drift)
    frames = pd.DataFrame({"frame": np.arange(1, 11), "status": "ok", "tilt_deg": np.nan})
    found = fates.describe_fates(
        linked, frames, tables.empty("events"), video.shape, border_px=13, memory=1
    ).set_index("particle")
    return linked, found, video.truth.points.set_index("particle")["start_frame"]


def test_where_the_view_shifts_no_void_nucleates_and_none_is_lost():
    _, found, _ = of_a_jump(late=0.0)
    assert (found["origin"] == "entered").sum() > 20
    assert (found["fate"] == "left").sum() > 20
    assert not found["origin"].eq("nucleated").any()
    assert not found["fate"].eq("lost").any()


def test_true_nucleations_stay_where_the_view_shifts():
    linked, found, start = of_a_jump(late=0.3)
    nucleated = found[found["origin"] == "nucleated"]
    assert (nucleated["nucleation_frame"] == start[nucleated.index]).all()
    first = linked.drop_duplicates("particle").set_index("particle")
    inner = first[first["x_px"].between(90, 550) & first["y_px"].between(90, 390)].index
    born = inner[start[inner] > 2]
    assert len(born) > 40
    assert found.loc[born, "origin"].eq("nucleated").all()


def test_what_comes_from_under_an_ignored_box_does_not_nucleate():
    inside = np.ones(SHAPE, bool)
    inside[80:120, 120:180] = False
    down = np.where(np.arange(10, 40) < 20, 0.0, 60.0)  # the view jumps in frame 20
    voids = [track_of(1, range(20, 40), 150, 160.0), track_of(2, range(10, 40), 50, 30 + down)]
    linked = pd.concat(voids, ignore_index=True)
    linked["y_corrected_px"] -= np.where(linked["frame"] < 20, 0.0, 60.0)

    def origin(inside):
        found = fates.describe_fates(
            linked, FRAMES, tables.empty("events"), SHAPE, border_px=10, memory=1, inside=inside
        )
        return found["origin"].tolist()

    assert origin(None) == ["nucleated", "from the start"]
    assert origin(inside) == ["entered", "from the start"]
