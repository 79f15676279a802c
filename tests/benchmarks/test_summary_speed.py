"""Summing up tracks by whole columns, against a loop over the tracks that interpolates each with SciPy."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import interp1d
from scipy.stats import siegelslopes

from voidlab import track

DETECTIONS, FRAMES, TRACKS = 131_711, 860, 170
TARGET = 20  # times faster


def detections(count, frames, tracks, seed=0):
    """Linked voids with gaps and their true growth: radii with 0.3 px of noise, every tenth an outlier."""
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(frames * tracks, count, replace=False))
    particle, frame = rows // frames, rows % frames + 1
    growth = random.normal(0.002, 0.002, tracks)
    radius = random.uniform(5, 12, tracks)[particle] + growth[particle] * frame
    radius += np.where(random.random(count) < 0.1, random.normal(0, 2, count), random.normal(0, 0.3, count))
    voids = pd.DataFrame(
        {
            "particle": particle,
            "frame": frame,
            "label": particle + 1,
            "x_px": random.uniform(0, 1000, tracks)[particle] + random.normal(0, 0.5, count),
            "y_px": random.uniform(0, 800, tracks)[particle] + random.normal(0, 0.5, count),
            "radius_px": radius,
            "touches_edge": random.random(count) < 0.02,
        }
    )
    return voids.sample(frac=1, random_state=seed, ignore_index=True), growth


def loop_over_tracks(voids):
    """The tracks, one after another, each interpolated at once, with Siegel's slope as the growth."""
    rows = []
    for particle, seen in voids.sort_values("frame").groupby("particle"):
        first, last = seen["frame"].iloc[0], seen["frame"].iloc[-1]
        at = {
            name: interp1d(seen["frame"], seen[name].astype(float))
            for name in ("x_px", "y_px", "radius_px", "touches_edge")
        }
        life = np.stack([at[name](np.arange(first, last + 1)) for name in at], axis=1)
        from_start = np.linalg.norm(life[:, :2] - life[0, :2], axis=1)
        rows.append(
            {
                "particle": particle,
                "start_frame": first,
                "end_frame": last,
                "total_frames": len(life),
                "inferred_frames": len(life) - len(seen),
                "mean_radius_px": seen["radius_px"].mean(),
                "min_radius_px": life[:, 2].min(),
                "max_radius_px": life[:, 2].max(),
                "net_displacement_px": from_start[-1],
                "max_displacement_px": from_start.max(),
                "path_length_px": np.linalg.norm(np.diff(life[:, :2], axis=0), axis=1).sum(),
                "growth_px_per_frame": siegelslopes(life[:, 2])[0],
                "touches_edge": bool((life[:, 3] > 0).any()),
            }
        )
    return pd.DataFrame(rows)


def assert_same(found, expected):
    for name in expected.columns:
        if not name.startswith("growth"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9)


def rms(error):
    return float(np.sqrt(np.mean(np.square(error))))


@pytest.mark.parametrize("seed", [1, 2])
def test_columns_give_what_a_loop_over_tracks_gives(seed):
    voids, _ = detections(900, 60, 25, seed)
    assert_same(track.summarize_tracks(voids), loop_over_tracks(voids))


def test_speed_of_the_summary_of_a_long_video(benchmark):
    voids, growth = detections(DETECTIONS, FRAMES, TRACKS)
    began = time.perf_counter()
    expected = loop_over_tracks(voids)
    loop_s = time.perf_counter() - began
    found = benchmark.pedantic(track.summarize_tracks, args=(voids,), rounds=5, warmup_rounds=1)
    assert_same(found, expected)
    errors = {
        "ours": rms(found["growth_px_per_frame"] - growth),
        "Siegel's": rms(expected["growth_px_per_frame"] - growth),
    }
    assert errors["ours"] < errors["Siegel's"]
    ours_s = benchmark.stats.stats.median
    said = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
    print(
        f"\n{DETECTIONS:,} detections, {TRACKS} tracks: loop {loop_s:.2f} s, columns {ours_s:.3f} s: "
        f"{loop_s / ours_s:.0f} times faster; rms error of the growth, px/frame: {said}"
    )
    assert loop_s / ours_s >= TARGET
