"""The search range that density and motion allow: linked with it, tracks are those of the truth, dense or not."""

import numpy as np
import pandas as pd
import pytest

import coalescing
from projects import SHARED as REAL
from voidlab import drift
from voidlab.project.parameters.models import TrackParameters
from voidlab.report.key_figures import of_search_range
from voidlab.scores import tracks
from voidlab.track.link import LinkError, link_voids
from voidlab.track.search_range import choose_search_range, search_range_of
from voidlab.track.series import link_series


def wandering(spacing: float, step: float, *, frames: int = 12, across: int = 14) -> pd.DataFrame:
    """Voids about ``spacing`` px apart, each moving ``step`` px in x and in y from frame to frame."""
    random = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(across), np.arange(across + 3)), axis=-1).reshape(-1, 2)
    place = spacing * (grid + random.uniform(-0.3, 0.3, grid.shape))
    rows = []
    for frame in range(frames):
        seen = random.random(len(place)) >= 0.05
        rows.append(
            pd.DataFrame(
                {"x_px": place[seen, 0], "y_px": place[seen, 1], "particle": np.flatnonzero(seen)}
            ).assign(frame=frame, label=np.arange(1, seen.sum() + 1), radius_px=3.0)
        )
        place = place + random.normal(0, step, place.shape)
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(
    ("spacing", "step", "low", "high"),
    [
        (12, 0.5, 4, 6),  # dense and slow: what a range of 20 px cannot link
        (12, 1.5, 6, 12),
        (60, 0.5, 5, 20),
        (60, 6, 30, 60),  # further than 20 px
        (400, 0.5, 20, 20),  # so far apart that no neighbour is in the way
    ],
)
def test_as_far_as_voids_move_and_not_past_their_neighbours(spacing, step, low, high):
    truth = wandering(spacing, step)
    taken = choose_search_range(truth)
    assert low <= taken.px <= high
    assert taken.nearest_px == pytest.approx(0.75 * spacing, rel=0.2)
    assert taken.warning == ""
    linked = link_voids(truth.drop(columns="particle"), search_range_px=taken.px)
    assert tracks.score_tracks(truth, linked)["link_jsc"] > 0.97


def test_voids_that_move_further_than_they_lie_apart_are_told():
    taken = choose_search_range(wandering(12, 40))
    assert "are seen again within" in taken.warning
    assert "move further than they lie apart, or the drift is wrong" in taken.warning


def test_motion_about_as_far_as_voids_lie_apart_is_to_be_checked():
    taken = choose_search_range(wandering(12, 12))
    assert "about as far as they lie apart (7.8 px): tracks are to be checked" in taken.warning


@pytest.mark.parametrize("frames", [[], [3], [3, 3], [1, 5]])
def test_few_voids_have_the_usual_range(frames):
    voids = pd.DataFrame({"frame": frames, "x_px": 30.0 * np.arange(len(frames)), "y_px": 0.0}).astype(
        {"frame": "int64"}
    )
    assert choose_search_range(voids).px == (15 if frames == [3, 3] else 20)


def test_as_good_as_the_best_range_on_voids_that_coalesce():
    voids, _ = coalescing.video(100, shape=(500, 600), step=0.8)
    truth = voids.assign(particle=voids["particle"].astype("Int64").where(voids["particle"] >= 0))
    truth = truth.dropna(subset="particle")
    loose = voids.drop(columns="particle")
    taken = choose_search_range(loose)
    scores = {
        px: tracks.score_tracks(truth, link_voids(loose, search_range_px=px, memory=8))
        for px in (taken.px, 8, 20)
    }
    for name in ("link_jsc", "complete"):
        assert scores[taken.px][name] >= scores[8][name] - 0.005
        assert scores[taken.px][name] > scores[20][name]


def test_the_range_is_part_of_what_a_linking_says():
    voids = wandering(12, 0.5).drop(columns="particle").assign(touches_edge=False)
    none = pd.DataFrame({"frame": range(12), "drift_x_px": 0.0, "drift_y_px": 0.0})
    frames = pd.DataFrame({"frame": range(12), "status": "ok", "tilt_deg": np.nan})
    found = link_series(voids, none, frames, TrackParameters(), shape=(200, 200))
    assert found.search_range.px < 6
    assert "the nearest void in a frame is" in found.search_range.why
    set_to = link_series(
        voids, none, frames, TrackParameters(search_range_px=5.0), shape=(200, 200)
    ).search_range
    assert (set_to.px, set_to.why) == (5.0, "set in the parameters")
    with pytest.raises(
        LinkError, match="Try search_range_px = .* or auto; .* only a higher frame rate"
    ) as caught:
        link_series(
            voids, none, frames, TrackParameters(search_range_px=20.0, linker="trackpy"), shape=(200, 200)
        )
    assert "drift" not in str(caught.value)


def test_a_range_that_was_set_far_beyond_the_distance_of_voids_is_warned_of():
    voids = wandering(25, 0.5).drop(columns="particle")
    usual = choose_search_range(voids)
    far = search_range_of(voids, 73.0)
    assert (far.px, far.why) == (73.0, "set in the parameters")
    for part in (
        "73 px were set, but the nearest void in a frame is ",
        f"{usual.nearest_px:.1f} px away (median)",
        "others lie within 73 px on average",
        f"Set track.search_range_px to {usual.px:g}, or leave it out",
    ):
        assert part in far.warning
    (shown,) = of_search_range("assign", far)
    assert shown["warning"].startswith("Search range: 73 px were set")
    assert of_search_range("tilt", far) == []
    for px in (usual.px, 15.0):
        assert search_range_of(voids, px).warning == ""


def test_a_range_may_be_wide_where_voids_are_few():
    voids = wandering(300, 5, across=3).drop(columns="particle")
    assert search_range_of(voids, 100.0).warning == ""
    assert search_range_of(voids[voids["label"] == 1], 1000.0).warning == ""
    assert search_range_of(voids.iloc[:0], 73.0).px == 73.0


def test_a_real_video_of_dense_voids():
    imageio = pytest.importorskip("imageio.v3")
    label = pytest.importorskip("skimage.measure").label
    files = sorted((REAL / "gold_video" / "masks").glob("*.png"))
    if not files:
        pytest.skip(f"no real video in {REAL}")
    from voidlab.measure import measure_voids

    masks = [imageio.imread(file)[..., 0] > 0 for file in files]
    found = pd.concat(
        [measure_voids(label(mask), frame=i) for i, mask in enumerate(masks)], ignore_index=True
    )
    moved = drift.estimate_drift(masks).table(pd.Series(range(len(masks))))
    placed = drift.subtract_drift(found, moved)
    taken = choose_search_range(placed)
    assert 4 < taken.px < 8
    lengths = link_voids(placed, search_range_px=taken.px).groupby("particle").size()
    assert lengths.mean() > 5  # of 6 frames
