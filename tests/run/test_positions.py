"""Positions without images: what a file holds is read in its order, and the drift is told by the voids."""

import json

import numpy as np
import pandas as pd
import pytest

from voidlab import drift, tables
from voidlab.project import record
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.report import pages
from voidlab.run import positions as tabular
from voidlab.track import drift_from_voids
from voidlab.track.link import link_voids, summarize_tracks

SHAPE = (300, 420)


def write(path, images):
    path.write_text("".join(json.dumps(image) + "\n" for image in images), encoding="utf-8")
    return path


def moving(seed=0, frames=40, voids=14, step=12.0, missed=0.1):
    """Voids at rest on a stage that wanders by far more than a search range; every fifth frame is empty."""
    random = np.random.default_rng(seed)
    place = random.uniform([0, 0], [420, 300], (voids, 2))
    true = np.cumsum(random.normal(0, step, (frames, 2)), axis=0)
    true -= true[0]
    rows = [
        (frame, n + 1, *(place[n] + true[frame] + random.normal(0, 0.3, 2)), 5.0)
        for frame in range(frames)
        for n in range(voids)
        if frame % 5 != 4 and random.random() > missed
    ]
    voids = pd.DataFrame(rows, columns=["frame", "label", "x_px", "y_px", "radius_px"])
    frames = pd.DataFrame({"frame": np.arange(frames), "status": "ok"})
    return frames, voids.assign(touches_edge=False), true


@pytest.mark.parametrize("seed", range(3))
def test_the_drift_is_that_of_the_stage(seed):
    frames, voids, true = moving(seed)
    found = drift_from_voids.drift_from_tracks(frames, voids, search_range_px=10, memory=5)
    known = (found["flag"] != "interpolated").to_numpy()
    error = found[["drift_x_px", "drift_y_px"]].to_numpy() - true
    # One frame, the reference, carries its own error into all.
    error = (error - np.median(error[known], axis=0))[known]
    assert np.sqrt((error**2).mean()) < 0.2
    assert (found.loc[found["frame"] % 5 == 4, "flag"] == "interpolated").all()
    assert found.loc[0, ["drift_x_px", "drift_y_px", "drift_sigma_px"]].tolist() == [0, 0, 0]
    sigma = found["drift_sigma_px"].to_numpy()[known][1:]
    assert 0.5 < np.sqrt((error[1:] ** 2).mean()) / np.sqrt((sigma**2).mean()) < 2


def test_less_the_drift_tracks_are_whole():
    frames, voids, _ = moving()
    found = drift_from_voids.drift_from_tracks(frames, voids, search_range_px=10, memory=5)
    placed = drift.subtract_drift(voids, found)
    linked = link_voids(placed, search_range_px=10, memory=5)
    assert linked["particle"].nunique() == 14
    without = link_voids(voids, search_range_px=10, memory=5)
    table = tabular.compare_linking({"without": without, "with": linked}, long=20)
    assert table.loc["with", "tracks"] == 14
    assert table.loc["without", "tracks"] > 5 * 14
    assert table.loc["with", "tracks of 20 frames or more"] == 14


def test_voids_that_are_missing_altogether_leave_no_drift():
    frames = pd.DataFrame({"frame": [0, 1], "status": "ok"})
    found = drift_from_voids.drift_from_tracks(frames, tables.empty("voids"), search_range_px=10, memory=2)
    assert found["flag"].tolist() == ["interpolated", "interpolated"]
    assert (found[["drift_x_px", "drift_y_px"]] == 0).all(axis=None)
    none = drift_from_voids.drift_from_tracks(
        frames.iloc[:0], tables.empty("voids"), search_range_px=10, memory=2
    )
    pd.testing.assert_frame_equal(none, tables.empty("drift"))


def test_one_void_in_one_frame():
    frames = pd.DataFrame({"frame": [3], "status": "ok"})
    _, voids, _ = moving(frames=1, voids=1, missed=0)
    found = drift_from_voids.drift_from_tracks(frames, voids.assign(frame=3), search_range_px=10, memory=2)
    assert found[["drift_x_px", "drift_y_px"]].to_numpy().tolist() == [[0, 0]]


def test_images_are_put_in_the_order_of_their_times(tmp_path):
    name = "a_Hour_00_Minute_{:02d}_Second_{:02d}_Frame_0000.tif"
    images = [
        {"image-path": name.format(1, 5), "positions": [[100, 50]], "radii": [4]},
        {"image-path": name.format(0, 58), "positions": [[10, 20], [200, 30]], "radii": [5, 6]},
        {"image-path": name.format(1, 3), "positions": [], "radii": []},
    ]
    found = drift_from_voids.read_positions(write(tmp_path / "a.json", images), SHAPE)
    assert found.frames["time_s"].tolist() == [0, 5, 7]
    assert found.frames["void_count"].tolist() == [2, 0, 1]
    assert found.voids[["frame", "label", "x_px", "y_px", "radius_px"]].to_numpy().tolist() == [
        [0, 1, 10, 20, 5], [0, 2, 200, 30, 6], [2, 1, 100, 50, 4],
    ]  # fmt: skip
    assert found.voids["touches_edge"].tolist() == [True, False, False]
    assert "1 of 3 images hold no void." in found.notes


def test_diameters_that_are_called_radii_are_noticed(tmp_path):
    fraction = np.pi * 10**2 / (300 * 420)
    for given, radius, said in ((20.0, 10.0, True), (10.0, 10.0, False)):
        image = {"frame": 7, "positions": [[100, 50]], "radii": [given], "void_frac": fraction}
        found = drift_from_voids.read_positions(write(tmp_path / "a.json", [image]), SHAPE)
        assert found.voids["radius_px"].tolist() == [radius]
        assert any("diameters" in note for note in found.notes) == said
        assert found.frames["frame"].tolist() == [7]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no line"),
        ("nonsense\n", "line 1 holds no positions and radii"),
        ('{"positions": [[1, 2]], "radii": []}\n', "1 positions and 0 radii"),
        ('{"radii": []}\n', "expected JSON such as"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(drift_from_voids.PositionsError, match=said):
        drift_from_voids.read_positions(tmp_path / "a.json", SHAPE)


def test_what_voidlab_exports_is_read_back(finished):
    paths, _, _ = finished
    voids = tables.load(paths, "voids")
    found = drift_from_voids.read_positions(paths.exports / "frame-data.json", (150, 210)).voids
    columns = ["frame", "x_px", "y_px", "radius_px"]
    pd.testing.assert_frame_equal(found[columns], voids[columns])


def test_real_positions_make_fewer_and_longer_tracks(shared):
    """1,477 images of a heated nickel foil, whose stage wandered by more than a field of view."""
    file = shared / "void_video_positions" / "video34-Ni-600C-then-650C_defects.json"
    loaded = drift_from_voids.read_positions(file, (1024, 1024))
    assert len(loaded.voids) == 16797
    assert any("diameters" in note for note in loaded.notes)
    first = loaded.frames["frame"] < 600
    frames, voids = loaded.frames[first], loaded.voids[loaded.voids["frame"] < 600]
    found = drift_from_voids.drift_from_tracks(frames, voids, search_range_px=20, memory=10)
    placed = drift.subtract_drift(voids, found)
    linked = {
        "with": link_voids(voids, search_range_px=20, memory=10),
        "less": link_voids(placed, search_range_px=20, memory=10),
    }
    table = tabular.compare_linking(linked, long=100)
    assert table.loc["less", "tracks"] < table.loc["with", "tracks"]
    assert table.loc["less", "longest, frames"] > table.loc["with", "longest, frames"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"frame": 3, "positions": [], "radii": []}] * 2, "frame 3 stands on more than one line"),
        ([{"frame": 3, "positions": [[1, float("nan")]], "radii": [4]}], "1 voids, the first in frame 3"),
        ([{"frame": 3, "positions": [[1, 2]], "radii": [0]}], "radius that is not above 0"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path, lines, said):
    with pytest.raises(drift_from_voids.PositionsError, match=said):
        drift_from_voids.read_positions(write(tmp_path / "a.json", lines), SHAPE)


def test_a_dataset_with_images_is_not_written_over(tmp_path, monkeypatch):
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "gold.yaml").write_text("images: a.tif\n")
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "a.json", [{"positions": [[100, 90]], "radii": [5]}])
    with pytest.raises(ProjectError, match="'gold' is a dataset with images"):
        tabular.run_positions(file, "gold", SHAPE[::-1])
    assert not (tmp_path / "reports").exists()


def saved(root, name="video"):
    """Tables of positions saved as the notebook does it, in a project at ``root``."""
    (root / "parameters").mkdir(exist_ok=True)
    _, voids, _ = moving(frames=10, voids=4)
    file = write(
        root / "a.json",
        [
            {"frame": int(frame), "positions": rows[["x_px", "y_px"]].to_numpy().tolist(), "radii": [5.0] * len(rows)}
            for frame, rows in voids.groupby("frame")
        ],
    )  # fmt: skip
    loaded = drift_from_voids.read_positions(file, SHAPE)
    drifts = drift_from_voids.drift_from_tracks(loaded.frames, loaded.voids, search_range_px=10, memory=2)
    linked = link_voids(drift.subtract_drift(loaded.voids, drifts), search_range_px=10, memory=2)
    made = {
        "frames": loaded.frames,
        "voids": loaded.voids,
        "drift": drifts,
        "links": tables.select(linked, "links"),
        "tracks": summarize_tracks(linked),
        "fates": tables.empty("fates"),
        "events": tables.empty("events"),
    }
    figure = {"label": "Particles", "value": "4", "meaning": "voids"}
    tabular.save_positions(name, file, made, parameters={"memory": 2}, min_frames=2, key_figures=[figure])
    return RunPaths.find(name)


def test_the_page_is_reached_from_the_list_of_datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()
    paths = saved(tmp_path)
    paths.html("positions").write_text("a page", encoding="utf-8")
    listed = pages.write_root_index(paths.root).read_text("utf-8")
    assert 'href="video/index.html"' in listed
    assert "Particles <b>4</b>" in listed
    assert "1 finished" in listed
    page = pages.write_dataset_index(paths).read_text("utf-8")
    assert 'href="positions.html"' in page
    assert "segment" not in page
    assert "not written by the stage export" not in page
    assert record.out_of_date(paths) == []
    outputs = record.read_record(paths)["positions"].outputs
    assert {"tables/links.parquet", "exports/track-data.json", "exports/video-results.zip"} <= set(outputs)
    saved(tmp_path)  # once more: the same name is no other's


def test_by_hand_a_dataset_with_images_is_not_written_over_either(finished, tmp_path, monkeypatch):
    paths, _, _ = finished
    monkeypatch.chdir(paths.root)
    before = record.digest(paths.table("links"))
    with pytest.raises(ProjectError, match="is a dataset with images; choose another name"):
        tabular.save_positions(paths.dataset, tmp_path / "a.json", {}, parameters={}, min_frames=2)
    assert record.digest(paths.table("links")) == before


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"frame": 1}, {}], "1 of 2 images have a 'frame'; expected all or none"),
        ([{"path": "a_Hour_01_Minute_00_Second_00.tif"}, {"path": "b.tif"}], "1 of 2 images have a time"),
        ([{"frame": 1.5}], "frame 1.5 is no whole number"),
        ([{"frame": "first"}], "line 1 holds no positions"),
        (
            [{"path": f"a_Hour_{hour:02d}_Minute_00_Second_00.tif"} for hour in (1, 2, 19, 20)],
            "leave open whether the series begins at 01:00:00",
        ),
    ],
)
def test_an_order_that_is_not_known_is_refused(tmp_path, lines, said):
    file = write(tmp_path / "a.json", [{"positions": [], "radii": [], **line} for line in lines])
    with pytest.raises(drift_from_voids.PositionsError, match=said):
        drift_from_voids.read_positions(file, SHAPE)


def test_a_series_over_midnight_is_put_in_order_and_it_is_said(tmp_path):
    name = "a_Hour_{:02d}_Minute_{:02d}_Second_00_Frame_0000.tif"
    clocks = [(0, 20), (23, 40), (0, 0), (23, 50)]
    images = [{"image-path": name.format(*c), "positions": [[100, 50]], "radii": [4]} for c in clocks]
    found = drift_from_voids.read_positions(write(tmp_path / "a.json", images), SHAPE)
    assert found.frames["path"].tolist() == [name.format(*clocks[row]) for row in (1, 3, 2, 0)]
    assert found.frames["time_s"].tolist() == [0, 600, 1200, 2400]
    assert any("pass midnight once" in note for note in found.notes)


def test_numbered_images_go_by_their_numbers_and_times_must_agree(tmp_path):
    name = "a_Hour_{:02d}_Minute_00_Second_00.tif"
    for hours, times in (((22, 23, 0), [0, 3600, 7200]), ((3, 2, 4), [None] * 3)):
        images = [
            {"frame": frame, "path": name.format(hour), "positions": [], "radii": []}
            for frame, hour in zip((5, 6, 7), hours, strict=True)
        ]
        found = drift_from_voids.read_positions(write(tmp_path / "a.json", images[::-1]), SHAPE)
        assert found.frames["frame"].tolist() == [5, 6, 7]
        assert (
            found.frames["time_s"].astype(object).where(found.frames["time_s"].notna(), None).tolist()
            == times
        )
        assert any("run against the frame numbers" in note for note in found.notes) == (times[0] is None)
