"""Exports of whole columns, against a row at a time; growth of long tracks; memory of three million rows."""

import json
import threading
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from scipy.stats import siegelslopes

from voidlab import export, tables, track
from voidlab.images.series import Calibration
from voidlab.track import fates

NM = Calibration(0.5, "parameters")
FASTER = 3  # in CPU seconds


def run_of(frames, voids, seed=0):
    """Tables of a run of ``voids`` that hardly move, about one in twenty missed."""
    random = np.random.default_rng(seed)
    seen = np.flatnonzero(random.random(frames * voids) > 0.05)
    frame, particle = seen // voids, seen % voids
    start, radius = random.uniform(20, 1000, (voids, 2)), random.uniform(4, 12, voids)
    place = start[particle] + random.normal(0, 0.3, (len(seen), 2))
    rows = pd.DataFrame({"frame": frame, "particle": particle, "x_px": place[:, 0], "y_px": place[:, 1]})
    rows["label"] = rows.groupby("frame").cumcount() + 1
    rows["radius_px"] = radius[particle] + random.normal(0, 0.2, len(seen))
    about = {"area_px": 100.0, "kind": "void", "confidence": random.random(len(seen)), "touches_edge": False}
    rows = rows.assign(**about, x_corrected_px=rows["x_px"], y_corrected_px=rows["y_px"])
    of_frame = {"path": "a.tif", "tilt_deg": np.nan, "time_s": np.nan, "status": "ok", "void_count": voids}
    images = pd.DataFrame({"frame": np.arange(frames)}).assign(**of_frame, void_fraction=0.1, valid_px=2**20)
    drift = {"drift_x_px": 0.0, "drift_y_px": 0.0, "drift_sigma_px": 0.1, "pairs_kept": 9, "flag": ""}
    none = tables.empty("events")
    return {
        "frames": tables.check(images, "frames"),
        "voids": tables.select(rows, "voids"),
        "drift": tables.check(images[["frame"]].assign(**drift), "drift"),
        "links": tables.select(rows, "links"),
        "tracks": track.summarize_tracks(rows),
        "events": none,
        "fates": fates.describe_fates(rows, images, none, (1024, 1024), border_px=5, memory=1),
    }


def row_by_row(folder, made):
    """The same files, a row at a time, each number by itself, all of it read back."""
    linked = made["voids"].merge(
        made["links"].drop(columns="corrected", errors="ignore"), on=["frame", "label"]
    )
    lines = {
        "frame-data.json": list(images_one_by_one(made)),
        "track-data.json": list(tracks_one_by_one(linked)),
    }
    for name, rows in lines.items():
        text = [json.dumps(row) for row in rows]
        (folder / name).write_text("\n".join(text))
        assert [json.loads(line) for line in (folder / name).read_text().splitlines()] == rows
    for name, table in {**made, "void-2d-coordinates": track.interpolate_tracks(linked)}.items():
        tables.to_nm(table, NM).to_csv(folder / f"{name}.csv", index=False)
        assert len(pd.read_csv(folder / f"{name}.csv")) == len(table)


def images_one_by_one(made):
    of_frame = dict(iter(made["voids"].groupby("frame")))
    for frame in made["frames"]["frame"]:
        here = of_frame[frame]
        positions = here[["x_px", "y_px"]].to_numpy().tolist()
        lists = {"radii": here["radius_px"].tolist(), "type": here["kind"].tolist(), "positions": positions}
        yield {"frame": int(frame), **lists, "positions-no-drift": positions}


def tracks_one_by_one(linked):
    for particle, rows in track.interpolate_tracks(linked).groupby("particle"):
        positions = rows[["x_px", "y_px"]].to_numpy()
        from_start = np.hypot(*(positions - positions[0]).T)
        yield {
            "particle": int(particle),
            "positions": positions.tolist(),
            "radii": rows["radius_px"].tolist(),
            "disp_from_start": from_start.tolist(),
            "dist_traveled": np.cumsum(np.hypot(*np.diff(positions, axis=0).T)).tolist(),
            "growth_rate": siegelslopes(rows["radius_px"])[0],
        }


def cpu_seconds(do, *given, **named):
    began = time.process_time()
    result = do(*given, **named)
    return result, time.process_time() - began


def test_97_000_rows(benchmark, tmp_path):
    made = run_of(420, 243)
    (tmp_path / "before").mkdir()
    before_s = cpu_seconds(row_by_row, tmp_path / "before", made)[1]
    now = tmp_path / "now"
    now.mkdir()
    written, now_s = benchmark.pedantic(
        cpu_seconds,
        (export.write_tables, now, made),
        {"min_frames": 8, "calibration": NM},
        rounds=1,
        warmup_rounds=1,
    )
    before, here = (
        export.read_lines(folder / "track-data.json").set_index("particle")
        for folder in (tmp_path / "before", now)
    )
    assert here["growth_rate"].tolist() == before["growth_rate"].tolist()
    assert here["positions"].tolist() == before["positions"].tolist()
    size = written["bytes"].sum() / 1e6
    print(
        f"\n{len(made['voids']):,} rows, {size:.0f} MB: a row at a time {before_s:.1f} CPU-s, columns {now_s:.1f}: "
        f"{before_s / now_s:.1f} times faster"
    )
    assert before_s / now_s >= FASTER


def test_growth_of_1_000_tracks_of_4_000_frames(benchmark):
    radii = np.random.default_rng(0).normal(8, 0.3, (1000, 4000))
    few, few_s = cpu_seconds(lambda: [siegelslopes(row)[0] for row in radii[:5]])
    found, now_s = benchmark.pedantic(cpu_seconds, (export.siegel_slopes, radii), rounds=1)
    print(f"\nall pairs of frames: {200 * few_s:.0f} CPU-s; 500 frames of each track: {now_s:.1f}")
    print(f"scatter of the slopes {found.std():.2g} px/frame, of five from all pairs {np.std(few):.2g}")
    assert 200 * few_s / now_s >= 40


@pytest.mark.slow
def test_memory_of_three_million_rows(benchmark, tmp_path):
    made = {name: table for name, table in run_of(4000, 790).items() if name != "pairs"}
    process, peak, going = psutil.Process(), [0], [True]

    def watch():
        while going:
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.02)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        benchmark.pedantic(
            export.write_tables, (tmp_path, made), {"min_frames": 8, "calibration": NM}, rounds=1
        )
    finally:
        going.clear()
        watcher.join()
    print(f"\n{len(made['voids']):,} rows: {(peak[0] - before) / 1e6:.0f} MB more than the tables take")
    assert peak[0] - before < 500e6
