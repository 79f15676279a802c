"""What a file of positions holds is read in its order; what is doubtful is said, what is wrong refused."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from voidlab import tables
from voidlab.export.positions_file import PositionsError, read_positions
from wandering import SHAPE, write_positions


def test_images_are_put_in_the_order_of_their_times(tmp_path):
    name = "a_Hour_00_Minute_{:02d}_Second_{:02d}_Frame_0000.tif"
    images = [
        {"image-path": name.format(1, 5), "positions": [[100, 50]], "radii": [4]},
        {"image-path": name.format(0, 58), "positions": [[10, 20], [200, 30]], "radii": [5, 6]},
        {"image-path": name.format(1, 3), "positions": [], "radii": []},
    ]
    found = read_positions(write_positions(tmp_path / "a.json", images), SHAPE)
    assert found.frames["time_s"].tolist() == [0, 5, 7]
    assert found.frames["void_count"].tolist() == [2, 0, 1]
    assert found.voids[["frame", "label", "x_px", "y_px", "radius_px"]].to_numpy().tolist() == [
        [0, 1, 10, 20, 5], [0, 2, 200, 30, 6], [2, 1, 100, 50, 4],
    ]  # fmt: skip
    assert found.voids["touches_edge"].tolist() == [True, False, False]
    assert "1 of 3 images without a void." in found.notes


def test_what_is_no_file_is_said_in_a_sentence(tmp_path):
    with pytest.raises(
        PositionsError, match=r"there is no file .*nosuch.json; expected a file with a line of JSON"
    ):
        read_positions(tmp_path / "nosuch.json", SHAPE)
    with pytest.raises(PositionsError, match=r"is a folder; expected .* Name the file in it\."):
        read_positions(tmp_path, SHAPE)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(
            PositionsError, match="is a pipe or a device, no file; expected a file with a line"
        ):
            read_positions(tmp_path / "pipe", SHAPE)


def test_diameters_that_are_called_radii_are_noticed(tmp_path):
    fraction = np.pi * 10**2 / (300 * 420)
    for given, radius, said in ((20.0, 10.0, True), (10.0, 10.0, False)):
        image = {"frame": 7, "positions": [[100, 50]], "radii": [given], "void_frac": fraction}
        found = read_positions(write_positions(tmp_path / "a.json", [image]), SHAPE)
        assert found.voids["radius_px"].tolist() == [radius]
        assert any("diameters" in note for note in found.notes) == said
        assert any("They were halved" in doubt for doubt in found.doubts) == said
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
    with pytest.raises(PositionsError, match=said):
        read_positions(tmp_path / "a.json", SHAPE)


def test_what_voidlab_exports_is_read_back(finished):
    paths, _, _ = finished
    voids = tables.load(paths, "voids")
    found = read_positions(paths.exports / "frame-data.json", (150, 210)).voids
    columns = ["frame", "x_px", "y_px", "radius_px"]
    pd.testing.assert_frame_equal(found[columns], voids[columns])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"frame": 3, "positions": [], "radii": []}] * 2, "frame 3 stands on more than one line"),
        ([{"frame": 3, "positions": [[1, float("nan")]], "radii": [4]}], "1 void, the first in frame 3"),
        ([{"frame": 3, "positions": [[1, 2]], "radii": [0]}], "radius that is not above 0"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path, lines, said):
    with pytest.raises(PositionsError, match=said):
        read_positions(write_positions(tmp_path / "a.json", lines), SHAPE)


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
    file = write_positions(tmp_path / "a.json", [{"positions": [], "radii": [], **line} for line in lines])
    with pytest.raises(PositionsError, match=said):
        read_positions(file, SHAPE)


def test_a_series_over_midnight_is_put_in_order_and_it_is_said(tmp_path):
    name = "a_Hour_{:02d}_Minute_{:02d}_Second_00_Frame_0000.tif"
    clocks = [(0, 20), (23, 40), (0, 0), (23, 50)]
    images = [{"image-path": name.format(*c), "positions": [[100, 50]], "radii": [4]} for c in clocks]
    found = read_positions(write_positions(tmp_path / "a.json", images), SHAPE)
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
        found = read_positions(write_positions(tmp_path / "a.json", images[::-1]), SHAPE)
        assert found.frames["frame"].tolist() == [5, 6, 7]
        assert (
            found.frames["time_s"].astype(object).where(found.frames["time_s"].notna(), None).tolist()
            == times
        )
        assert any("run against the frame numbers" in note for note in found.notes) == (times[0] is None)


def test_loops_and_dots_are_left_out_and_types_of_other_tools_are_not(tmp_path):
    three = {"positions": [[100, 50], [10, 20], [200, 30]], "radii": [4, 5, 6]}
    images = [
        {"frame": 1, "type": ["void", "loop", "void"]} | three,
        {"frame": 2, "type": ["dot", "cavity", "bubble"]} | three,
        {"frame": 3, "type": "void"} | three,
    ]
    found = read_positions(write_positions(tmp_path / "a.json", images), SHAPE)
    assert found.frames["void_count"].tolist() == [2, 2, 3]
    assert found.voids["radius_px"].tolist() == [4, 6, 5, 6, 4, 5, 6]
    assert "2 loops and dots were left out: only voids are followed." in found.notes


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"positions":[[1,2]],"radii":["abc"]}', "'abc' is no number"),
        ('{"positions":[[[1],[2]]],"radii":[3]}', r"\[1\] is no number"),
        ('{"positions":[[1,2]],"radii":[[3]]}', r"\[3\] is no number"),
        ('{"positions":[[1,2]],"radii":[true]}', "True is no number"),
        ('{"frame":9223372036854775808,"positions":[[1,2]],"radii":[3]}', "is no whole number up to"),
        ('{"frame":1e400,"positions":[[1,2]],"radii":[3]}', "line 1 holds no positions and radii"),
        ('{"positions":[[1,2]],"radii":[3],"void_frac":"abc"}', "void_frac 'abc' is no number"),
        ('{"positions":[[1e308,2]],"radii":[3]}', "1 void, the first in frame 0, at a place or with a radius"),
        ('{"positions":[[1,2]],"radii":[1e9]}', "radius further than 1,000,000 px"),
        (f'{{"positions":[[{10**400},2]],"radii":[3]}}', "a position or radius is beyond 1,000,000 px"),
        ('{"frame":true,"positions":[[1,2]],"radii":[3]}', "frame True is no whole number"),
        ('{"positions":null,"radii":null}', "it is no object with lists of numbers"),
        ("[" * 100_000, "nested too deep"),
        ('{"radii":[3]}', r"holds no positions and radii \(no 'positions'\)"),
        ("7", "line 1 holds no positions and radii"),
    ],
)  # fmt: skip
def test_what_is_no_position_is_refused_in_a_sentence(tmp_path, line, words):
    file = tmp_path / "a.json"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(PositionsError, match=words) as error:
        read_positions(file, SHAPE)
    assert len(str(error.value)) < 400


def test_kinds_that_are_no_text_are_those_of_voids(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"positions":[[1,2],[3,4]],"radii":[3,4],"type":[["loop"],{"a":1}]}', encoding="utf-8")
    assert len(read_positions(file, SHAPE).voids) == 2


def test_a_key_twice_and_radii_larger_than_the_images_are_told(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"frame":1,"frame":2,"positions":[[1,2]],"radii":[3]}', encoding="utf-8")
    with pytest.raises(PositionsError, match="'frame' stands twice"):
        read_positions(file, SHAPE)
    file.write_text('{"positions":[[1,2],[3,4]],"radii":[3,1e6]}', encoding="utf-8")
    assert "1 of 2 voids are larger than the images" in " ".join(read_positions(file, SHAPE).notes)


def test_text_of_another_unicode_is_read_and_of_another_encoding_named_as_such(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"positions":[[1,2]],"radii":[3],"path":"µ"}', encoding="utf-16")  # PowerShell's >
    assert len(read_positions(file, SHAPE).voids) == 1
    file.write_text('{"positions":[[1,2]],"radii":[3],"path":"µ"}', encoding="latin-1")
    with pytest.raises(PositionsError, match=r"a\.json is no text in UTF-8 .* save it in UTF-8"):
        read_positions(file, SHAPE)


def test_names_with_half_a_character_or_a_line_separator_are_read(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(
        '{"positions":[[1,2]],"radii":[3],"path":"\\ud800"}\r\n{"positions":[],"radii":[],"path":"a\u2028b"}\n',
        encoding="utf-8",
        newline="",
    )
    assert read_positions(file, SHAPE).frames["path"].tolist() == ["?", "a\u2028b"]


def test_voids_outside_the_images_are_told_as_a_doubt(tmp_path):
    inside = [{"positions": [[10, 20], [SHAPE[1] - 1, SHAPE[0] - 1]], "radii": [5, 6]}]
    assert read_positions(write_positions(tmp_path / "a.json", inside), SHAPE).doubts == ()
    outside = [{"positions": [[10, 20], [3000, 20]], "radii": [5, 6]}]
    (said,) = read_positions(write_positions(tmp_path / "b.json", outside), SHAPE).doubts
    assert said.startswith(f"1 of 2 voids lie outside the images of {SHAPE[1]} × {SHAPE[0]} px")
    assert "reach to x = 3000" in said
    assert "Is the size right" in said


def lines(tmp_path, *extra):
    file = tmp_path / "a.json"
    rows = [
        {"positions": [[10, 10]], "radii": [3], "frame": 2 * number} | more
        for number, more in enumerate(extra)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_positions(file, SHAPE)


def test_a_file_may_give_pixel_size_and_times(tmp_path):
    found = lines(tmp_path, {"pixel_size_nm": 0.5, "frame_interval_s": 0.25}, {}, {"pixel_size_nm": 0.5})
    assert found.pixel_size_nm == 0.5
    assert found.frames["time_s"].tolist() == [0.0, 0.5, 1.0]  # frames 0, 2, 4
    assert lines(tmp_path, {"time_s": 3.0}, {"time_s": 5.5}).frames["time_s"].tolist() == [3.0, 5.5]
    assert lines(tmp_path, {}, {}).pixel_size_nm is None
    assert lines(tmp_path, {}, {}).frames["time_s"].isna().all()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ([{"pixel_size_nm": 0.5}, {"pixel_size_nm": 0.6}], "pixel_size_nm is 0.5 on one line and 0.6 on another"),
        ([{"pixel_size_nm": 0}, {}], "pixel_size_nm 0 is no number above 0"),
        ([{"pixel_size_nm": "half"}, {}], "pixel_size_nm 'half' is no number"),
        ([{"frame_interval_s": -1}, {}], "frame_interval_s -1 is no number above 0"),
        ([{"time_s": 1.0}, {}], "1 of 2 images have a 'time_s'; expected all or none"),
        ([{"time_s": 1.0}, {"time_s": 1.0}], "time_s does not go up"),
    ],
)  # fmt: skip
def test_pixel_size_and_times_that_cannot_be(tmp_path, extra, words):
    with pytest.raises(PositionsError, match=words):
        lines(tmp_path, *extra)
