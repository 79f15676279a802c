"""The files other notebooks read: exactly their names, columns and meanings; and what is written reads back."""

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from voidlab import export, tables, track
from voidlab.images.series import Calibration

PX, NM = Calibration(None, "unknown"), Calibration(0.5, "parameters")


def voids_of(rows):
    """Voids from (frame, label, x, y, radius)."""
    table = pd.DataFrame(rows, columns=["frame", "label", "x_px", "y_px", "radius_px"])
    rest = {"area_px": 10.0, "kind": "void", "confidence": 0.9, "touches_edge": False}
    return tables.check(table.assign(**rest), "voids")


@pytest.fixture
def made():
    """Two voids over frames 3 to 6: one drifts along and is missing in frame 5, one is seen once; 5 is unreadable."""
    voids = voids_of(
        [(3, 1, 10, 20, 4), (3, 2, 50, 60, 3), (4, 1, 13, 20, 5), (6, 1, 19, 24, 7)],
    )
    frames = pd.DataFrame(
        {
            "frame": [3, 4, 5, 6], "path": ["a.tif", "b.tif", "<c>.tif", "d.tif"], "tilt_deg": np.nan,
            "time_s": np.nan, "status": ["ok", "ok", "unreadable", "ok"], "void_count": [2, 1, None, 1],
            "void_fraction": [0.02, 0.01, np.nan, 0.01], "valid_px": [100, 100, None, 100],
        }
    )  # fmt: skip
    drift = pd.DataFrame(
        {
            "frame": [3, 4, 5, 6], "drift_x_px": [0, 2.0, 4.0, 6.0], "drift_y_px": 0.0, "drift_sigma_px": 0.1,
            "pairs_kept": 3, "flag": "",
        }
    )  # fmt: skip
    links = voids.assign(
        particle=[0, 1, 0, 0],
        x_corrected_px=voids["x_px"] - [0, 0, 2, 6],
        y_corrected_px=voids["y_px"],
    )
    return {
        "frames": tables.check(frames, "frames"),
        "voids": voids,
        "drift": tables.check(drift, "drift"),
        "pairs": tables.empty("pairs"),
        "links": tables.select(links, "links"),
        "tracks": track.summarize_tracks(links),
    }


def test_frame_data_has_the_columns_and_meanings_notebooks_know(made):
    rows = export.frame_data(made["frames"], made["voids"], made["drift"])
    assert list(rows.columns) == [
        "path", "frame", "void_frac", "void_count", "type", "radii", "radii_average", "positions", "touches_side",
        "drifts", "positions-no-drift",
    ]  # fmt: skip
    assert rows["frame"].tolist() == [3, 4, 5, 6]
    second = rows.iloc[1]
    assert second["positions"] == [[13.0, 20.0]]
    assert second["drifts"] == [2.0, 0.0]
    assert second["positions-no-drift"] == [[11.0, 20.0]]
    assert second["type"] == ["void"]
    assert rows.iloc[0]["radii_average"] == 3.5
    voids = made["voids"].assign(size_basis="fringe")
    voids.loc[(voids["frame"] == 3) & (voids["radius_px"] < 3.5), "size_basis"] = "not a size"
    without = export.frame_data(made["frames"], voids, made["drift"]).iloc[0]
    assert without["radii"] == rows.iloc[0]["radii"]
    assert without["radii_average"] == max(rows.iloc[0]["radii"])  # the mean of those that are sizes


def test_text_in_several_pieces_as_in_a_long_table_from_a_file_is_the_same(made):
    def in_pieces(column):
        return pd.concat([column[:2], column[2:]], ignore_index=True)

    pieces = [
        made[name].assign(**{column: in_pieces(made[name][column])})
        for name, column in (("frames", "path"), ("voids", "kind"))
    ]
    rows = export.frame_data(made["frames"], made["voids"], made["drift"])
    pd.testing.assert_frame_equal(export.frame_data(*pieces, made["drift"]), rows)


def test_lines_are_read_back_one_at_a_time(tmp_path):
    rows = pd.DataFrame(
        {"frame": range(1500), "radii": [list(np.linspace(i, i + 1, 500)) for i in range(1500)]}
    )
    tracemalloc.start()
    path = export.write_lines(rows, tmp_path / "lines.json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * path.stat().st_size


def test_a_frame_that_was_not_looked_at_counts_no_voids(made, tmp_path):
    export.write_lines(export.frame_data(made["frames"], made["voids"], made["drift"]), tmp_path / "f.json")
    third = [json.loads(line) for line in (tmp_path / "f.json").read_text().splitlines()][2]
    assert third["void_count"] is None
    assert third["void_frac"] is None
    assert third["radii_average"] is None
    assert third["positions"] == []
    assert third["path"] == "<c>.tif"


def test_track_data_has_the_columns_and_meanings_notebooks_know(made):
    linked = made["voids"].merge(made["links"], on=["frame", "label"])
    rows = export.track_data(linked, made["voids"])
    assert list(rows.columns) == [
        "particle", "start_frame", "end_frame", "total_frames", "inferred_frames", "positions", "touches_side",
        "local_id", "disp_from_start", "max_disp", "drift_rate", "dist_traveled", "total_traveled", "movement_rate",
        "radii", "max_radius", "min_radius", "growth_rate",
    ]  # fmt: skip
    life = rows.iloc[0]
    assert (life["start_frame"], life["end_frame"], life["total_frames"], life["inferred_frames"]) == (
        3,
        6,
        4,
        1,
    )
    np.testing.assert_allclose(life["positions"], [[10, 20], [11, 20], [12, 22], [13, 24]])
    assert life["local_id"] == [0, 0, None, 0]
    np.testing.assert_allclose(life["radii"], [4, 5, 6, 7])
    assert life["growth_rate"] == pytest.approx(1.0)
    assert life["max_disp"] == pytest.approx(5.0)
    assert life["drift_rate"] == pytest.approx(5.0 / 4)
    assert life["total_traveled"] == pytest.approx(1 + 2 * np.hypot(1, 2))
    assert life["movement_rate"] == pytest.approx(life["total_traveled"] / 4)
    once = rows.iloc[1]
    assert once["total_frames"] == 1
    assert once["max_disp"] is None or np.isnan(once["max_disp"])


def test_coordinates_hold_the_long_tracks_in_px_then_nm(made):
    linked = made["voids"].merge(made["links"], on=["frame", "label"])
    px = export.coordinates(linked, min_frames=4, calibration=PX)
    assert list(px.columns) == ["id", "frame", "x", "y", "r"]
    assert px["frame"].tolist() == [3, 4, 5, 6]
    assert set(px["id"]) == {0}
    nm = export.coordinates(linked, min_frames=4, calibration=NM)
    assert list(nm.columns)[:5] == list(px.columns)
    np.testing.assert_allclose(nm["x_nm"], px["x"] * 0.5)


def test_every_file_reads_back(made, tmp_path):
    written = export.write_tables(tmp_path, made, min_frames=2, calibration=NM)
    assert set(written["file"]) == {p.name for p in tmp_path.iterdir()}
    assert {"frame-data.json", "track-data.json", "void-2d-coordinates.csv"} <= set(written["file"])
    for name, table in made.items():
        back = export.read_csv(tmp_path / f"{name}.csv")
        assert len(back) == len(table)
        for column in tables.TABLES[name].columns:
            if column.dtype == "float64":
                # Seven digits.
                np.testing.assert_allclose(
                    back[column.name].astype(float), table[column.name].astype(float), rtol=5.1e-7
                )
    life = export.read_lines(tmp_path / "track-data.json")
    linked = made["voids"].merge(made["links"], on=["frame", "label"])
    assert life["positions"].tolist() == export.track_data(linked, made["voids"])["positions"].tolist()
    meanings = export.read_csv(tmp_path / "data-dictionary.csv")
    described = set(zip(meanings["table"], meanings["column"], strict=True))
    for name in made:
        for column in export.read_csv(tmp_path / f"{name}.csv").columns:
            assert (name, column) in described


def test_nothing_found_gives_every_file_all_the_same(made, tmp_path):
    frames = made["frames"].assign(void_count=0, void_fraction=0.0)
    nothing = {name: tables.empty(name) for name in made} | {"frames": frames, "drift": made["drift"]}
    written = export.write_tables(tmp_path, nothing, min_frames=2, calibration=PX).set_index("file")
    assert written.loc["track-data.json", "rows"] == 0
    assert written.loc["frame-data.json", "rows"] == 4
    assert list(export.read_csv(tmp_path / "void-2d-coordinates.csv").columns) == [
        "id",
        "frame",
        "x",
        "y",
        "r",
    ]


def test_the_exports_of_a_run_agree_with_its_tables(finished):
    paths, _, _ = finished
    tracks = tables.load(paths, "tracks")
    life = export.read_lines(paths.exports / export.TRACK_DATA).set_index("particle").loc[tracks["particle"]]
    assert life["total_frames"].tolist() == tracks["total_frames"].tolist()
    np.testing.assert_allclose(life["max_radius"], tracks["max_radius_px"])
    frame_lines = export.read_lines(paths.exports / export.FRAME_DATA).set_index("frame")
    for void in life.itertuples():
        frames = range(void.start_frame, void.end_frame + 1)
        for frame, local, position in zip(frames, void.local_id, void.positions, strict=True):
            if local is not None and not np.isnan(local):
                there = frame_lines.loc[frame, "positions-no-drift"][int(local)]
                np.testing.assert_allclose(position, there)


def test_no_spreadsheet_runs_a_name_as_a_formula(tmp_path):
    names = ["=1+cmd.tif", "+1.tif", "-1.tif", "@x", "\t=1", "tilt01.tif", "", None]
    rows = pd.DataFrame({"path": names, "x": -1.5, "kept": True})
    back = export.read_csv(export.write_csv(rows, tmp_path / "a.csv"))
    assert back["path"].fillna("").tolist() == [
        "'=1+cmd.tif",
        "'+1.tif",
        "'-1.tif",
        "'@x",
        "'\t=1",
        "tilt01.tif",
        "",
        "",
    ]
    assert (back["x"] == -1.5).all()
    assert rows["path"].tolist()[:7] == names[:7]
