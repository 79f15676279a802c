"""The contract of the tables: empty, cast, check, write and read, px to nm."""

from importlib.resources import files

import pandas as pd
import pytest

from voidlab import tables
from voidlab.images.series import Calibration
from voidlab.tables.catalogue import COLUMNS, TABLES, TableError


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_is_typed_and_survives_the_disk(name, tmp_path):
    path = tmp_path / f"{name}.parquet"
    tables.write(tables.empty(name), name, path)
    back = tables.read(path, name)
    assert list(back.columns) == TABLES[name].names
    assert [str(back[c.name].dtype) for c in TABLES[name].columns] == [c.dtype for c in TABLES[name].columns]
    assert len(back) == 0


def test_every_column_says_its_unit_in_its_name():
    for table in TABLES.values():
        for column in table.columns:
            for unit in ("px", "deg", "s"):
                if column.unit == unit:
                    assert column.name.endswith(f"_{unit}")


def _frames(**changes):
    row = {
        "frame": 3, "path": "a.tif", "tilt_deg": 1.5, "time_s": float("nan"), "status": "ok",
        "void_count": 2, "void_fraction": 0.1, "valid_px": 100, "loop_count": None, "dot_count": 5,
        "focus": "",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_check_casts_and_keeps_order_and_extra_columns():
    table = _frames().assign(note="mine")[["note", *TABLES["frames"].names[::-1]]]
    checked = tables.check(table, "frames")
    assert list(checked.columns) == list(table.columns)
    assert str(checked["void_count"].dtype) == "Int64"


def test_check_names_the_missing_column_and_what_is_there():
    with pytest.raises(TableError, match=r"'frames' lacks the column\(s\) status; it has frame, path"):
        tables.check(_frames().drop(columns="status"), "frames")


def test_what_was_not_asked_for_may_be_missing_and_is_added_empty():
    """Also for the tables of runs from before there were loops and dots."""
    checked = tables.check(_frames().drop(columns=["loop_count", "dot_count", "focus"]), "frames")
    assert list(checked.columns) == TABLES["frames"].names
    assert checked[["loop_count", "dot_count"]].isna().all(axis=None)
    assert str(checked["loop_count"].dtype) == "Int64"
    assert tables.kinds_in(checked) == ("void",)
    assert tables.kinds_in(_frames()) == ("void", "dot")


def test_voids_are_told_from_loops_and_dots():
    table = pd.DataFrame({"kind": ["void", "loop", "void", "dot"], "label": [1, 2, 3, 4]})
    assert tables.only_voids(table)["label"].tolist() == [1, 3]
    assert len(tables.only_voids(table.drop(columns="kind"))) == 4
    assert tables.only_voids(tables.empty("voids")).empty


def test_check_refuses_a_key_that_stands_twice():
    with pytest.raises(TableError, match=r"'frames' has 1 row\(s\) whose key stands twice.*\{'frame': 3\}"):
        tables.check(pd.concat([_frames(), _frames()]), "frames")


def test_check_says_which_column_cannot_be_cast():
    with pytest.raises(TableError, match="column 'frame' of table 'frames' should hold int64"):
        tables.check(_frames(frame="three"), "frames")


def test_written_tables_are_sorted_by_their_key(tmp_path):
    tables.write(pd.concat([_frames(frame=10), _frames(frame=2)]), "frames", tmp_path / "frames.parquet")
    assert tables.read(tmp_path / "frames.parquet", "frames")["frame"].tolist() == [2, 10]


def test_reading_a_table_that_is_not_there_names_the_stage_that_writes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="stage 'drift' writes it"):
        tables.read(tmp_path / "pairs.parquet", "pairs")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "frames.parquet"
    tables.write(_frames(), "frames", path)
    with pytest.raises(TableError):
        tables.write(_frames().drop(columns="status"), "frames", path)
    assert len(tables.read(path, "frames")) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"frames.parquet", ".written.json"}


def test_to_nm_scales_lengths_once_and_areas_twice():
    table = pd.DataFrame({"x_px": [2.0], "area_px": [3.0], "growth_px_per_frame": [1.0], "frame": [1]})
    scaled = tables.to_nm(table, Calibration(0.5, "parameters"))
    assert scaled[["x_nm", "area_nm2", "growth_nm_per_frame"]].to_numpy().tolist() == [[1.0, 0.75, 0.5]]
    assert list(scaled.columns[:4]) == list(table.columns)


def test_without_a_calibration_nothing_is_said_in_nm():
    table = pd.DataFrame({"x_px": [2.0]})
    assert list(tables.to_nm(table, Calibration(None, "unknown")).columns) == ["x_px"]


def test_the_packaged_lists_name_every_column_once_and_the_keys_are_columns():
    assert set(TABLES) < set(COLUMNS)
    described = tables.data_dictionary(Calibration(0.5, "parameters"))
    assert not described.duplicated(["table", "column"]).any()
    assert (described[["column", "dtype", "meaning"]] != "").all(axis=None)
    for table in TABLES.values():
        assert set(table.key) <= set(table.names)
    written = files("voidlab.tables").joinpath("columns.csv").read_text("utf-8").splitlines()[1:]
    assert len(written) == sum(len(columns) for columns in COLUMNS.values())


@pytest.mark.parametrize("left", [0, 4, -50])
def test_a_damaged_table_is_a_sentence(tmp_path, left):
    path = tmp_path / "voids.parquet"
    tables.write(tables.empty("voids"), "voids", path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(TableError, match=r"table 'voids' cannot be read: .*run the stage 'segment' again"):
        tables.read(path, "voids")
