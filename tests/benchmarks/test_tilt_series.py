"""Reconstruction of tilt series against perfect drift and nearest neighbours, on seeds not used in development.

Development used seeds below 100. `VOIDLAB_TILT_SEEDS` sets how many held-out series each situation has (2 without it;
8 or more for figures to quote).
"""

import os
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest

from detections import tilt_detections
from voidlab import scores, tables, track
from voidlab.project.parameters.models import TrackParameters
from voidlab.swelling import in_3d
from voidlab.swelling.places_in_foil import common_field
from voidlab.swelling.sample import Foil
from voidlab.tilt import project, reconstruct
from voidlab.tilt.geometry import from_axis, to_axis
from voidlab.track import series as linking

FIRST_SEED = 1000
COUNT = int(os.environ.get("VOIDLAB_TILT_SEEDS", "2"))
SEEDS = range(FIRST_SEED, FIRST_SEED + COUNT)
MANY = range(2 * FIRST_SEED, 2 * FIRST_SEED + 6 * COUNT + 2)  # 50 where eight of the others are asked for
NOISE_PX = 0.6

# What is simulated, and the least median JSC and completeness.
SITUATIONS = {
    "60 px ±22.5°": ({"thickness_px": 60.0}, 0.97, 0.95),
    "150 px ±22.5°": ({"thickness_px": 150.0}, 0.97, 0.95),
    "300 px ±22.5°": ({"thickness_px": 300.0}, 0.97, 0.95),
    "150 px ±45°": ({"thickness_px": 150.0, "most_tilt_deg": 45.0}, 0.94, 0.93),
    "300 px ±45°": ({"thickness_px": 300.0, "most_tilt_deg": 45.0}, 0.94, 0.93),
    "two layers 150 px ±22.5°": ({"thickness_px": 150.0, "layer": 0.15}, 0.94, 0.93),
    "two layers 300 px ±22.5°": ({"thickness_px": 300.0, "layer": 0.15}, 0.94, 0.93),
    "two layers 300 px ±45°": ({"thickness_px": 300.0, "layer": 0.15, "most_tilt_deg": 45.0}, 0.94, 0.93),
    "100 voids 150 px ±22.5°": ({"thickness_px": 150.0, "voids": 100}, 0.95, 0.91),
    "tilts off by 0.3°": ({"thickness_px": 150.0, "most_tilt_deg": 30.0, "angle_error_deg": 0.3}, 0.95, 0.93),
    "15 % displaced, 20 % missed": (
        {"thickness_px": 150.0, "most_tilt_deg": 30.0, "voids": 150, "displaced": 0.15, "missed": 0.2},
        0.9,
        0.9,
    ),
}


def drift_error(found, true, axis_deg, tilt_deg):
    """Rms per axis, px, of what is left once the origin in 3D, which no view can tell, is taken off."""
    tilt = np.deg2rad(tilt_deg)
    error = to_axis(found - true, np.deg2rad(axis_deg))
    modes = np.column_stack([np.cos(tilt), np.sin(tilt)])
    error[:, 0] -= modes @ np.linalg.lstsq(modes, error[:, 0], rcond=None)[0]
    error[:, 1] -= error[:, 1].mean()
    return float(np.sqrt((error**2).mean()))


def depth_errors(series, model, *, noise_px=NOISE_PX, whole=False):
    """Of points of three views or more: error in z without its gauges, error by formula, stated error, px.

    The gauges are the origin and a tilt of the whole about the axis. The formula is that of a single point in known
    views, for the views in which it was linked. ``whole``: only voids that lie in the field of all views.
    """
    joined = model.voids.assign(true=series.voids["particle"]).dropna(subset=["particle", "true"])
    main = joined.groupby("particle")["true"].agg(lambda ids: ids.mode()[0])
    points = model.points.set_index("particle").loc[main.index]
    truth = series.points.set_index("particle").loc[main.to_numpy()]
    hand = 1 if abs(model.tilt_axis_deg - series.axis_deg) < 90 else -1
    off = hand * points["z_px"].to_numpy() - truth["z_px"].to_numpy()
    across = to_axis(truth[["x_px", "y_px"]].to_numpy() - series.origin, np.deg2rad(series.axis_deg))[:, 0]
    plane = np.column_stack([np.ones(len(off)), across])
    near = np.abs(off - np.median(off)) < 10
    off -= plane @ np.linalg.lstsq(plane[near], off[near], rcond=None)[0]
    tilt = np.deg2rad(series.true_tilt_deg)[joined["frame"].to_numpy() - 1]
    sums = pd.DataFrame({"ss": np.sin(tilt) ** 2, "cc": np.cos(tilt) ** 2, "cs": np.sin(tilt) * np.cos(tilt)})
    sums = sums.groupby(joined["particle"].to_numpy()).sum().loc[main.index]
    formula = noise_px / np.sqrt((sums["ss"] - sums["cs"] ** 2 / sums["cc"]).clip(1e-9).to_numpy())
    sure = (points["views"] >= 3).to_numpy()
    if whole:
        sure = sure & in_all_views(series)[main.to_numpy()]
    return off[sure], formula[sure], points["sigma_z_px"].to_numpy()[sure]


def in_all_views(series):
    """Which of the points every view shows."""
    places, shown = series.points[["x_px", "y_px", "z_px"]].to_numpy(), True
    for tilt, drift in zip(series.true_tilt_deg, series.drift_px, strict=True):
        seen = project(places, tilt, series.axis_deg, origin=series.origin, drift_px=tuple(drift))
        shown &= ((seen > 0) & (seen < np.array(series.shape[::-1]) - 1)).all(axis=1)
    return shown


def nearest(series, stretched):
    """JSC and completeness of nearest neighbours with the true drift, 20 px; or 12 px in stretched coordinates."""
    drift = series.drift_px[series.voids["frame"] - 1]
    xy = series.voids[["x_px", "y_px"]].to_numpy() - drift
    if stretched:
        axis = np.deg2rad(series.axis_deg)
        tilt = np.deg2rad(series.true_tilt_deg)[series.voids["frame"] - 1]
        pq = to_axis(xy - series.origin, axis)
        xy = from_axis(np.column_stack([pq[:, 0] / np.cos(tilt), pq[:, 1]]), axis)
    voids = series.voids.drop(columns="particle").assign(x_corrected_px=xy[:, 0], y_corrected_px=xy[:, 1])
    linked = track.link_voids(voids, search_range_px=12 if stretched else 20, memory=2)
    score = scores.score_tracks(series.voids.dropna(subset="particle"), linked)
    return score["link_jsc"], score["complete"]


def figures(seed, sample, *, baselines=True):
    """All figures of a series, and of the baselines."""
    series = tilt_detections(seed, **sample)
    start = time.process_time()
    model = reconstruct(series.voids.drop(columns="particle"), series.tilt_deg, shape=series.shape)
    cpu_s = time.process_time() - start
    score = scores.score_tracks(series.voids.dropna(subset="particle"), model.voids)
    off, formula, sigma = depth_errors(series, model)
    drift = drift_error(model.drift_px, series.drift_px, series.axis_deg, series.true_tilt_deg)
    true = sample["thickness_px"]
    row = {
        "seed": seed,
        "verdict": model.verdict,
        "jsc": score["link_jsc"],
        "complete": score["complete"],
        "purity": score["purity"],
        "axis": abs((model.tilt_axis_deg - series.axis_deg + 90) % 180 - 90),
        "drift": drift,
        "z/formula": float(np.sqrt(((off / formula) ** 2).mean())),
        "z med": float(np.median(np.abs(off)) / 0.6745),
        "1 sigma": float((np.abs(off) < sigma).mean()),
        "thick %": 100 * (model.thickness_px / true - 1),
        "failed": not (score["complete"] >= 0.8 and drift <= 0.1),
        "cpu s": cpu_s,
    }
    if baselines:
        row["nn jsc"], row["nn complete"] = nearest(series, stretched=False)
        row["nn stretched jsc"], row["nn stretched complete"] = nearest(series, stretched=True)
    return row


@pytest.mark.parametrize("name", SITUATIONS)
def test_reconstruction(benchmark, name):
    sample, least_jsc, least_complete = SITUATIONS[name]
    rows = benchmark.pedantic(lambda: [figures(seed, sample) for seed in SEEDS], rounds=1)
    table = pd.DataFrame(rows)
    print(f"\n{name}\n{table.round(3).to_string(index=False)}", flush=True)
    assert table["jsc"].median() >= least_jsc
    assert table["complete"].median() >= least_complete
    assert table["jsc"].median() > table["nn jsc"].median()
    assert not (table["failed"] & (table["verdict"] == "good")).any(), "a failure that is not flagged"
    few = sample.get("voids", 440) <= 150
    assert table["axis"].median() <= (0.2 if few else 0.1)
    assert table["drift"].median() <= 0.1
    assert table["z/formula"].median() <= 1.3
    low, high = (0.63, 0.73) if COUNT >= 7 else (0.6, 0.76)  # two series alone scatter by more
    assert low <= table["1 sigma"].median() <= high
    assert table["purity"].min() >= 0.99
    assert table["thick %"].abs().median() <= (8 if few else 5)


def test_no_failure_is_silent(benchmark):
    """Foils of any thickness and range of tilts: what failed must not be called good, nor what is good be doubted."""

    def one(seed):
        random = np.random.default_rng(seed)
        return figures(
            seed,
            {"thickness_px": random.uniform(60, 300), "most_tilt_deg": random.uniform(22.5, 45)},
            baselines=False,
        )

    table = pd.DataFrame(benchmark.pedantic(lambda: [one(seed) for seed in MANY], rounds=1))
    print(f"\nany foil\n{table.round(3).to_string(index=False)}", flush=True)
    good = table["verdict"] == "good"
    assert not (table["failed"] & good).any(), "a failure that is not flagged"
    assert (~good & ~table["failed"]).mean() <= 0.03


SHARP = {"thickness_px": 150.0, "most_tilt_deg": 30.0, "noise_px": 0.5}


@pytest.mark.parametrize(
    ("sample", "most_px"),
    [
        (SHARP | {"angle_error_deg": 0.3, "most_tilt_deg": 45.0}, 0.55),
        pytest.param(
            SHARP | {"angle_error_deg": 0.3},
            0.55,
            marks=pytest.mark.xfail(
                reason="the formula itself, for the views that see a void, is 0.55 px here"
            ),
        ),
        (SHARP | {"voids": 150, "displaced": 0.15, "missed": 0.2}, 0.75),
    ],
    ids=["tilts off by 0.3°, ±45°", "tilts off by 0.3°", "15 % displaced, 20 % missed"],
)
def test_depth_error(benchmark, sample, most_px):
    """Error of a depth of voids in the field of all views, at 0.5 px noise: median over the series of the rms, px."""

    def one(seed):
        series = tilt_detections(seed, **sample)
        model = reconstruct(series.voids.drop(columns="particle"), series.tilt_deg, shape=series.shape)
        off, formula, _ = depth_errors(series, model, noise_px=sample["noise_px"], whole=True)
        return {"seed": seed, "sigma z": np.sqrt((off**2).mean()), "formula": np.sqrt((formula**2).mean())}

    table = pd.DataFrame(benchmark.pedantic(lambda: [one(seed) for seed in SEEDS], rounds=1))
    print(f"\n{table.round(3).to_string(index=False)}", flush=True)
    assert table["sigma z"].median() <= most_px


def density_ratios(seed, thickness_px=150.0):
    """Number density and swelling found in 3D over those that are there: thickness known, then from the depths."""
    series = tilt_detections(seed, thickness_px=thickness_px)
    frames = pd.DataFrame({"frame": list(series.tilt_deg), "tilt_deg": list(series.tilt_deg.values())})
    drift = frames[["frame"]].assign(
        drift_x_px=0.0, drift_y_px=0.0, drift_sigma_px=0.1, pairs_kept=1, flag=""
    )
    found = linking.link_series(
        series.voids.drop(columns="particle"),
        tables.check(drift, "drift"),
        frames.assign(status="ok"),
        TrackParameters(),
        shape=series.shape,
    )
    made = (found.points, found.views, found.reconstruction, series.shape)
    left, top, right, bottom = common_field(*made[1:])
    x, y, radius = (series.points[name] for name in ("x_px", "y_px", "radius_px"))
    there = (x > left) & (x < right) & (y > top) & (y < bottom)
    room = (right - left) * (bottom - top) * thickness_px
    density, fraction = there.sum() / room, 4 / 3 * np.pi * (radius[there] ** 3).sum() / room
    row = {"seed": seed}
    for name, foil in (("true thickness", Foil(thickness_px, 0.0, "px")), ("end to end", None)):
        value = in_3d.swelling_in_3d(*made, foil=foil).estimates["value"]
        row[f"density, {name}"] = value["number_density"] / density
        row[f"swelling, {name}"] = value["swelling"] / (fraction / (1 - fraction))
    return row


def test_density_and_swelling_bias(benchmark):
    seeds = range(3 * FIRST_SEED, 3 * FIRST_SEED + 3 * COUNT)
    table = pd.DataFrame(benchmark.pedantic(lambda: [density_ratios(seed) for seed in seeds], rounds=1))
    print(f"\n{table.round(4).to_string(index=False)}\n{table.mean().round(4)}", flush=True)
    bias = (table.drop(columns="seed").mean() - 1).abs()
    assert bias.filter(like="end to end").max() <= 0.05
    if COUNT >= 7:
        assert bias.filter(like="true thickness").max() <= 0.015


def seconds(benchmark, **sample):
    """CPU time of a reconstruction, s; said, with that by the clock."""
    series = tilt_detections(FIRST_SEED, **sample)
    voids = series.voids.drop(columns="particle")
    start, began = time.process_time(), time.perf_counter()
    benchmark(reconstruct, (voids, series.tilt_deg), {"shape": series.shape})
    own, wall = time.process_time() - start, time.perf_counter() - began
    print(
        f"\n{len(series.tilt_deg)} views, {len(voids)} voids: {own:.1f} s of CPU, {wall:.1f} s by the clock"
    )
    return own


def test_speed(benchmark):
    """Ten views of 450 voids, over the time of nearest neighbours on the same table."""
    start = time.process_time()
    nearest(tilt_detections(FIRST_SEED, voids=450), stretched=False)
    simple_s = time.process_time() - start
    assert seconds(partial(benchmark.pedantic, rounds=1), voids=450) < 20 * simple_s


def test_a_long_series_takes_as_much_longer_as_it_is(benchmark):
    """61 views of 600 voids over ten of 450: eight times the detections."""

    def once(verb, arguments, options):
        return verb(*arguments, **options)

    short = seconds(once, voids=450)
    many = {"views": 61, "voids": 600, "most_tilt_deg": 60.0}
    assert seconds(partial(benchmark.pedantic, rounds=1), **many) < 32 * short
