"""Growth against a known truth: errors of radii that are independent, last over frames, or are all voids' alike."""

import numpy as np
import pandas as pd
import pytest

from lasting_errors import lasting
from voidlab import track
from voidlab.project.parameters.models import TrackParameters

GROWTH = 0.02


def video(
    random,
    frames,
    *,
    voids=8,
    radius=8.0,
    own=0.03,
    own_lasts=0.0,
    common=0.0,
    common_lasts=0.0,
    missing=0.0,
    outliers=0.0,
    fixed=0.0,
):
    """Linked voids that grow, their radii off by shares: each its ``own``, all in ``common``, a ``fixed`` one."""
    shape = (voids, frames)
    share = own * lasting(random, shape, own_lasts) + common * lasting(random, (1, frames), common_lasts)
    share += (random.random(shape) < outliers) * random.normal(0, 0.3, shape)
    share += fixed * random.normal(0, 1, (voids, 1))
    radii = radius * (1 + share) + GROWTH * np.arange(frames)
    seen = random.random(shape) >= missing
    particle, frame = np.nonzero(seen)
    return pd.DataFrame(
        {
            "particle": particle, "frame": frame + 1, "label": 1, "x_px": 5.0, "y_px": 9.0, "radius_px": radii[seen],
            "touches_edge": False,
        }
    )  # fmt: skip


def pulls(seed, frames, videos=500, **errors):
    """How many stated errors each growth is off, and the growths less the truth, over many videos."""
    random = np.random.default_rng(seed)
    found = pd.concat([track.summarize_tracks(video(random, frames, **errors)) for _ in range(videos)])
    off = (found["growth_px_per_frame"] - GROWTH).to_numpy()
    sigma = found["growth_sigma_px_per_frame"].to_numpy()
    known = np.isfinite(off)
    return off[known] / sigma[known], off[known]


def check(pull, off):
    assert abs(np.mean(off)) < 4 * np.std(off) / np.sqrt(len(off) / 8)  # eight voids may share their errors
    assert 0.60 < np.mean(np.abs(pull) < 1) < 0.76


INDEPENDENT = {
    "own": {},
    "small": {"radius": 3.0, "own": 0.08},
    "large": {"radius": 30.0, "own": 0.01},
    "gaps": {"missing": 0.2},
    "outliers": {"outliers": 0.1},
    "common": {"own": 0.01, "common": 0.03},
    "fixed": {"fixed": 0.1},
}


@pytest.mark.slow
@pytest.mark.parametrize("frames", [4, 5, 8, 20, 100])
@pytest.mark.parametrize("kind", INDEPENDENT)
def test_errors_cover_at_any_length_and_size(kind, frames):
    check(*pulls(frames, frames, videos=500 if frames < 100 else 250, **INDEPENDENT[kind]))


@pytest.mark.slow
@pytest.mark.parametrize(("lasts", "frames"), [(0.5, 20), (0.5, 50), (0.5, 100), (0.8, 50), (0.8, 100)])
def test_errors_that_last_are_counted(lasts, frames):
    check(*pulls(frames, frames, voids=40, videos=60, own_lasts=lasts))


@pytest.mark.slow
@pytest.mark.parametrize("frames", [50, 100])
def test_errors_that_all_voids_share_and_that_last_are_counted(frames):
    check(*pulls(frames, frames, voids=20, own=0.02, common=0.02, common_lasts=0.7, videos=500))


def of_mixed_lengths(random, lasts, voids=200, longest=100):
    """A video in which voids come and go: tracks of 4 to 100 frames; and the length of each."""
    linked = video(random, longest, voids=voids, own_lasts=lasts)
    length = random.choice([4, 5, 8, 12, 20, longest], voids)
    first = 1 + (random.random(voids) * (longest + 1 - length)).astype(int)
    of_row = linked["particle"].to_numpy()
    frame = linked["frame"].to_numpy()
    return linked[(frame >= first[of_row]) & (frame < (first + length)[of_row])], length


@pytest.mark.slow
@pytest.mark.parametrize("lasts", [0.0, 0.5, 0.8])
def test_long_tracks_tell_the_errors_of_short_ones(lasts):
    random, pull, lengths = np.random.default_rng(8), [], []
    for _ in range(40):
        linked, length = of_mixed_lengths(random, lasts)
        found = track.summarize_tracks(linked)
        pull.append((found["growth_px_per_frame"] - GROWTH) / found["growth_sigma_px_per_frame"])
        lengths.append(length)
    inside, of_track = np.abs(np.concatenate(pull)) < 1, np.concatenate(lengths)
    for length in np.unique(of_track):
        # Of four frames one or two are free to tell the scatter, and the error is kept on the safe side.
        assert 0.60 < inside[of_track == length].mean() < (0.84 if length < 8 else 0.76)


def test_errors_that_last_widen_the_error_of_a_growth():
    linked = video(np.random.default_rng(1), 60, voids=60, own_lasts=0.7)
    linked["radius_px"] -= GROWTH * linked["frame"]
    mixed = linked.groupby("particle")["radius_px"].sample(frac=1, random_state=1).to_numpy()
    found, independent = (track.summarize_tracks(rows) for rows in (linked, linked.assign(radius_px=mixed)))
    ratio = found["growth_sigma_px_per_frame"].median() / independent["growth_sigma_px_per_frame"].median()
    assert 1.8 < ratio < 2.6  # √(1.7 / 0.3) for long tracks


def test_numbers_of_images_in_tens_change_nothing_but_the_unit():
    linked = video(np.random.default_rng(2), 30, voids=40, own_lasts=0.6)
    columns = ["growth_px_per_frame", "growth_sigma_px_per_frame"]
    one = track.summarize_tracks(linked)[columns]
    tens = track.summarize_tracks(linked.assign(frame=10 * linked["frame"]))[columns]
    pd.testing.assert_frame_equal(tens * 10, one)


def test_radii_that_share_a_trend_are_said_to():
    linked = video(np.random.default_rng(3), 40, voids=60, own=0.001)
    shared = linked.assign(radius_px=linked["radius_px"] - (GROWTH + 0.004) * linked["frame"])
    words = track.growth_in_words(track.summarize_tracks(shared))
    assert words.startswith("Of 60 voids ")
    assert "-0.05 % per frame" in words
    assert "focus" in words
    assert (
        track.growth_in_words(track.summarize_tracks(shared.iloc[:2]))
        == "No track is long enough for a growth rate."
    )


def test_tracks_of_voids_smaller_than_their_fringe_have_no_size_and_are_counted():
    linked = pd.DataFrame(
        {
            "particle": np.repeat([1, 2, 3], 4),
            "size_basis": ["fringe"] * 4 + ["not a size"] * 3 + ["fringe"] + ["network"] * 3 + ["not a size"],
        }
    )
    tracks = pd.DataFrame({"particle": [1, 2, 3, 4]})
    sized = track.tracks_with_size(tracks, linked)
    assert sized["particle"].tolist() == [1, 3, 4]
    said = track.left_out_in_words(tracks, sized)
    assert said.startswith("1 of 4 tracks is of voids smaller than the fringe around them")
    everything = track.tracks_with_size(tracks, linked.drop(columns="size_basis"))
    assert track.left_out_in_words(tracks, everything) == "All tracks are of voids with a size."


def test_the_table_of_tracks_says_which_have_no_size():
    linked = video(np.random.default_rng(3), 10, voids=3, own=0.001)
    basis = linked["particle"].map({0: "fringe", 1: "not a size", 2: "network"})
    summed = track.summarize_tracks(linked.assign(size_basis=basis))
    assert summed["size_basis"].tolist() == ["fringe", "not a size", "network"]
    assert track.summarize_tracks(linked)["size_basis"].tolist() == ["", "", ""]


def test_a_factor_that_all_radii_are_off_by_is_an_error_of_all_growth_rates_and_stands_apart():
    """Simulated videos, in each of which one defocus makes all radii wrong by one factor."""
    random, factor = np.random.default_rng(7), 0.08
    inside, alone = [], []
    for _ in range(150):
        seen = video(random, 60, own=0.005)
        off = seen.assign(radius_px=seen["radius_px"] * np.exp(factor * random.standard_normal()))
        tracks = track.summarize_tracks(off.assign(radius_shared_sigma_px=factor * off["radius_px"]))
        growth, own, shared = (
            tracks[f"{name}_px_per_frame"].to_numpy()
            for name in ("growth", "growth_sigma", "growth_shared_sigma")
        )
        # Of the mean of all tracks, their own errors get smaller, and the one they share does not.
        of_mean = np.sqrt((own**2).sum()) / len(own)
        apart = abs(growth.mean() - GROWTH)
        inside.append(apart < np.hypot(of_mean, shared.mean()))
        alone.append(apart < of_mean)
    assert 0.60 < np.mean(inside) < 0.76
    assert np.mean(alone) < 0.2


def test_what_growth_rates_share_is_said_and_unknown_without_errors_of_radii():
    seen = video(np.random.default_rng(1), 30)
    plain = track.summarize_tracks(seen)
    assert plain["growth_shared_sigma_px_per_frame"].isna().all()
    assert "share a further error" not in track.growth_in_words(plain)
    shared = track.summarize_tracks(seen.assign(radius_shared_sigma_px=0.05 * seen["radius_px"]))
    np.testing.assert_allclose(
        shared["growth_shared_sigma_px_per_frame"], 0.05 * shared["growth_px_per_frame"].abs()
    )
    assert shared["growth_shared_sigma_px_per_s"].isna().all()
    assert track.growth_in_words(shared).endswith(
        "All growth rates share a further error of ± 5%, that of the radii."
    )
    pd.testing.assert_series_equal(shared["growth_sigma_px_per_frame"], plain["growth_sigma_px_per_frame"])


def test_in_a_tilt_series_nothing_is_said_to_grow():
    tracks = track.summarize_tracks(video(np.random.default_rng(3), 10, voids=3, own=0.001))
    tilted = pd.DataFrame({"frame": range(10), "tilt_deg": np.arange(10.0) * 5})
    assert track.growth_in_words(tracks, tilted).startswith("In a tilt series nothing has the time to grow")
    assert track.growth_in_words(tracks, tilted.assign(tilt_deg=np.nan)).startswith("Of 3 voids")


def test_tracks_of_a_short_series_are_long_that_go_through_all_of_it_unless_a_length_is_set():
    frames = pd.DataFrame({"frame": range(5), "status": ["ok", "ok", "excluded", "ok", "ok"]})
    assert track.least_frames(TrackParameters(), "shown_min_frames", frames) == 4
    assert track.least_frames(TrackParameters(shown_min_frames=6), "shown_min_frames", frames) == 6
    assert track.least_frames(TrackParameters(), "shown_min_frames", pd.concat([frames] * 9)) == 6
    assert track.least_frames(TrackParameters(), "shown_min_frames", frames[frames["status"] != "ok"]) == 1
