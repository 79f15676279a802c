"""Whole columns as text: the bytes that pandas and json write one by one, and what cannot be read back is refused."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import siegelslopes

from voidlab import export
from voidlab.export import csv_file, json_lines
from voidlab.export.siegel import siegel_slopes

FLOATS = [
    5.0, 0.1, 1e-4, 1.2e-5, 1e15, 1e16, 1.5e17, 123.45678901234567, -0.0, 0.0, np.nan, np.inf, -np.inf, 1e-300,
    2.5e-4, 9.999e-5, 5e-324, 1e22, 12345678901234567.0, -7.0, 999999999999999.9, 1 / 3,
]  # fmt: skip


def table(rows):
    """A column of every kind that tables have, and values that are hard to write."""
    numbers = np.arange(rows)
    texts = ["x,y", 'q"u', None, "two\nlines", "ü", "", "a b", " c"]
    return pd.DataFrame(
        {
            "float_px": np.resize(FLOATS, rows),
            "int": numbers,
            "maybe": pd.array(np.resize([1, None], rows), dtype="Int64"),
            "bool": numbers % 2 == 0,
            "text": pd.Series(np.resize(np.array(texts, object), rows), dtype="str"),
            "mixed": np.resize(np.array([1.5, "t", None, True, 3], object), rows),
        }
    )


@pytest.mark.parametrize("rows", [0, 1, len(FLOATS), 500])
def test_csv_is_what_pandas_writes(tmp_path, rows, monkeypatch):
    monkeypatch.setattr(csv_file, "_ROWS_AT_ONCE", 100)
    wanted = table(rows).to_csv(index=False, lineterminator="\n")
    assert export.write_csv(table(rows), tmp_path / "a.csv").read_text("utf-8") == wanted
    parts = [table(rows).iloc[:120], table(rows).iloc[120:]]
    assert export.write_csv(parts, tmp_path / "b.csv").read_text("utf-8") == wanted
    packed = export.write_csv(table(rows), tmp_path / "a.csv.gz")
    assert gzip.decompress(packed.read_bytes()).decode() == wanted
    pd.testing.assert_frame_equal(export.read_csv(packed), export.read_csv(tmp_path / "a.csv"))


def test_random_floats_keep_every_digit(tmp_path):
    random = np.random.default_rng(0)
    values = random.normal(0, 1, 20_000) * 10.0 ** random.integers(-20, 20, 20_000)
    values = np.append(values, [1e9 - 1e-6, 1e9 + 1e-6, 1e-4 * (1 + 1e-15), 1e-4 * (1 - 1e-15)])
    lines = export.write_csv(pd.DataFrame({"v": values}), tmp_path / "a.csv").read_text().split()[1:]
    assert lines == list(map(repr, values.tolist()))


def test_a_single_column_without_a_value_is_a_row_all_the_same(tmp_path):
    rows = pd.DataFrame({"only": ["a", "", None]})
    path = export.write_csv(rows, tmp_path / "a.csv")
    assert path.read_text() == rows.to_csv(index=False, lineterminator="\n")


def test_json_lines_are_what_json_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "_VALUES_AT_ONCE", 10)
    rows = pd.DataFrame(
        {
            "path": ["a.tif", '<ü>"x.tif', None],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "radii": [[1.0, 2.5], [], [float("nan"), float("inf")]],
            "positions": [[[1.0, 2.0]], [], [[3.0, 4.5], [1e-7, 2.0]]],
            "drifts": [None, None, [1.0]],
            "touches": [[True], [False, True], []],
            "local_id": [[1, None], [2], []],
            "share": [1.5, np.nan, -0.0],
            "nothing": [None, None, None],
        }
    )
    path = export.write_lines(rows, tmp_path / "a.json")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [list(line) for line in lines] == [list(rows.columns)] * 3
    for name in ("path", "positions", "drifts", "touches", "local_id", "nothing"):
        assert [line[name] for line in lines] == rows[name].astype(object).where(
            rows[name].notna(), None
        ).tolist(), name
    assert [line["count"] for line in lines] == [1, None, 3]
    assert [line["radii"] for line in lines] == [[1.0, 2.5], [], [None, None]]
    assert [line["share"] for line in lines] == [1.5, None, 0.0]


def test_what_reads_back_as_something_else_is_not_kept(tmp_path, monkeypatch):
    right = json_lines._lines
    monkeypatch.setattr(json_lines, "_lines", lambda part: right(part).to_pybytes().replace(b"2.5", b"2.6"))
    with pytest.raises(OSError, match=r"a\.json cannot be read back as it was written"):
        export.write_lines(pa.table({"radii": [[1.0], [2.5]]}), tmp_path / "a.json")
    monkeypatch.setattr(csv_file, "_lines", lambda part: b"1\n")
    with pytest.raises(OSError, match=r"a\.csv cannot be read back as it was written"):
        export.write_csv(pd.DataFrame({"a": [1, 2]}), tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [2, 3, 4, 5, 50, 51, 499, 500])
def test_growth_of_up_to_500_frames_is_siegels_to_the_last_bit(length):
    radii = np.random.default_rng(length).normal(8, 0.3, (6, length))
    radii[0] = radii[0].round(1)  # values that are equal
    assert siegel_slopes(radii).tolist() == [siegelslopes(row)[0] for row in radii]


def test_growth_of_more_frames_rests_on_500_of_them_evenly_spread():
    random = np.random.default_rng(0)
    growth = random.normal(0, 0.002, 20)
    frames = np.arange(4000)
    radii = 9 + growth[:, None] * frames + random.normal(0, 0.3, (20, 4000))
    some = np.linspace(0, 3999, 500).round().astype(int)
    found = siegel_slopes(radii)
    assert found.tolist() == [siegelslopes(row[some], some)[0] for row in radii]
    np.testing.assert_allclose(found, growth, atol=8e-5)
