"""Growth and diffusion per second, of images whose times are even, uneven, or not known."""

import numpy as np
import pandas as pd
import pytest

from voidlab import track
from voidlab.tables.times import seconds_per_frame

FRAMES = np.arange(1, 61)
EVEN = 3.0 * (FRAMES - 1)
UNEVEN = np.cumsum(np.where(FRAMES <= 30, 0.5, 4.0))  # recorded slower from the middle on
PER_S = ["growth_px_per_s", "growth_sigma_px_per_s"]


def frames_at(times_s):
    return pd.DataFrame({"frame": FRAMES, "time_s": times_s})


def growing(times_s, growth_px_per_s, seed=0, voids=40):
    random = np.random.default_rng(seed)
    particle, row = (part.ravel() for part in np.mgrid[:voids, : len(FRAMES)])
    radius = 8 + growth_px_per_s * times_s[row] + random.normal(0, 0.1, len(row))
    table = {"particle": particle, "frame": FRAMES[row], "label": particle + 1, "radius_px": radius}
    return pd.DataFrame({**table, "x_px": 50.0 * particle, "y_px": 0.0, "touches_edge": False})


@pytest.mark.parametrize(
    "times_s", [EVEN, UNEVEN, 1e-4 * UNEVEN, 1e5 * UNEVEN], ids=["even", "uneven", "ms", "days"]
)
def test_growth_per_second_is_that_of_the_times(times_s):
    truth = 3.0 / times_s[-1]
    tracks = track.summarize_tracks(growing(times_s, truth), frames=frames_at(times_s))
    off = tracks["growth_px_per_s"] / truth - 1
    assert abs(off.mean()) < 0.01
    covered = (abs(tracks["growth_px_per_s"] - truth) < tracks["growth_sigma_px_per_s"]).mean()
    assert 0.5 < covered < 0.85


def test_growth_per_second_of_even_times_is_that_per_frame_over_the_time_of_a_frame():
    tracks = track.summarize_tracks(growing(EVEN, 0.02), frames=frames_at(EVEN))
    np.testing.assert_allclose(tracks["growth_px_per_s"], tracks["growth_px_per_frame"] / 3)
    np.testing.assert_allclose(tracks["growth_sigma_px_per_s"], tracks["growth_sigma_px_per_frame"] / 3)


@pytest.mark.parametrize("frames", [None, frames_at(np.nan)])
def test_without_times_there_is_no_rate_per_second(frames):
    tracks = track.summarize_tracks(growing(EVEN, 0.02), frames=frames)
    assert tracks[PER_S].isna().all(axis=None)
    assert tracks["growth_px_per_frame"].notna().all()
    assert "per frame" in track.growth_in_words(tracks)


@pytest.mark.parametrize("times_s", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_diffusion_per_second_is_that_of_the_times(times_s):
    random, truth = np.random.default_rng(1), 0.05
    steps = np.diff(times_s, prepend=times_s[0])
    path = np.cumsum(random.normal(0, 1, (400, len(FRAMES), 2)) * np.sqrt(2 * truth * steps)[:, None], axis=1)
    path += random.normal(0, 0.3, path.shape)
    particle, row = (part.ravel() for part in np.mgrid[:400, : len(FRAMES)])
    x, y = path.reshape(-1, 2).T
    walks = pd.DataFrame({"particle": particle, "frame": FRAMES[row], "x_px": x, "y_px": y})
    found = track.diffusion(walks[random.random(len(walks)) > 0.1], frames=frames_at(times_s))
    rate = found["diffusion_px2_per_s"]
    assert abs(rate.mean() - truth) < 4 * rate.std() / 400**0.5
    assert rate.mean() == pytest.approx(truth, rel=0.1)
    assert found["diffusion_sigma_px2_per_s"].gt(0).all()


def test_times_that_go_on_evenly_but_for_frames_that_are_missing():
    there = np.array([1, 2, 5, 6, 9])
    assert seconds_per_frame(there, 0.5 * there) == (0.5, True)
    assert seconds_per_frame(there, 0.5 * np.arange(5.0)) == (pytest.approx(1 / 3), False)
    assert np.isnan(seconds_per_frame(there[:1], np.zeros(1))[0])


def test_what_is_said_of_growth_is_per_second_where_times_are_known():
    tracks = track.summarize_tracks(growing(UNEVEN, 0.02), frames=frames_at(UNEVEN))
    assert "% per s:" in track.growth_in_words(tracks)
