"""Nothing that somebody else wrote or changed is overwritten or removed; what is ours makes way for the new."""

import hashlib
import json
import os

import pytest

from voidlab import tables
from voidlab.tables.written import append_lines, digest, filling, foreign, remove_own, replacing_own


def fill(folder, files, keep=()):
    with filling(folder, keep) as fresh:
        for name, content in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_text(content)


def content(folder):
    files = [f for f in folder.rglob("*") if f.is_file() and not f.name.startswith(".")]
    return {file.relative_to(folder).as_posix(): file.read_text() for file in files}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "exports"


def test_what_is_ours_is_replaced_and_what_does_not_come_again_goes(folder):
    fill(folder, {"a.csv": "1", "ctc/01/m0.tif": "x", "ctc/01/m1.tif": "x"})
    fill(folder, {"a.csv": "2"})
    assert content(folder) == {"a.csv": "2"}
    assert not (folder / "ctc").exists()


def test_files_of_others_stay_beside_ours(folder):
    (folder / "ctc").mkdir(parents=True)
    (folder / "ctc" / "raw.tif").write_text("raw")
    fill(folder, {"ctc/m0.tif": "x"})
    fill(folder, {"a.csv": "1"})
    assert content(folder) == {"ctc/raw.tif": "raw", "a.csv": "1"}


def test_a_file_of_others_where_ours_would_go_is_kept(folder):
    folder.mkdir()
    (folder / "a.csv").write_text("theirs")
    with pytest.warns(UserWarning, match=r"a\.csv was not written by voidlab.* kept as a \(kept\)\.csv"):
        fill(folder, {"a.csv": "1"})
    (folder / "a.csv").write_text("edited")
    with pytest.warns(UserWarning, match=r"kept as a \(kept 2\)\.csv"):
        fill(folder, {"a.csv": "2"})
    assert content(folder) == {"a.csv": "2", "a (kept).csv": "theirs", "a (kept 2).csv": "edited"}


def test_a_file_that_was_edited_and_does_not_come_again_stays(folder):
    fill(folder, {"a.csv": "1", "b.csv": "1"})
    (folder / "b.csv").write_text("edited")
    fill(folder, {"a.csv": "1"})
    assert content(folder) == {"a.csv": "1", "b.csv": "edited"}


def test_a_file_or_a_folder_of_others_of_the_name_of_ours(folder):
    (folder / "b.csv").mkdir(parents=True)
    (folder / "b.csv" / "raw.tif").write_text("raw")
    (folder / "ctc").write_text("notes")
    with pytest.warns(UserWarning, match="was not written by voidlab"):
        fill(folder, {"b.csv": "1", "ctc/01/m0.tif": "x"})
    ours = {"b.csv": "1", "ctc/01/m0.tif": "x"}
    assert content(folder) == {**ours, "b (kept).csv/raw.tif": "raw", "ctc (kept)": "notes"}


def test_a_link_to_images_of_others_is_not_written_through(folder, tmp_path):
    raw = tmp_path / "raw.tif"
    raw.write_text("raw")
    folder.mkdir()
    (folder / "m0.tif").symlink_to(raw)
    with pytest.warns(UserWarning, match="was not written by voidlab"):
        fill(folder, {"m0.tif": "x"})
    fill(folder, {})
    assert raw.read_text() == "raw"


def test_what_is_to_be_kept_is_kept_and_goes_later(folder):
    fill(folder, {"a.csv": "1", "b.csv": "1"})
    fill(folder, {"a.csv": "1"}, keep={(folder / "b.csv").resolve()})
    assert content(folder) == {"a.csv": "1", "b.csv": "1"}
    fill(folder, {"a.csv": "1"})
    assert content(folder) == {"a.csv": "1"}


def test_a_filling_that_fails_changes_nothing(folder):
    fill(folder, {"a.csv": "1"})
    with pytest.raises(TypeError):
        fill(folder, {"a.csv": "2", "b.csv": None})
    assert content(folder.parent) == {"exports/a.csv": "1"}


def test_after_a_filling_that_died_half_way_ours_is_still_ours(folder, monkeypatch):
    fill(folder, {"a.csv": "1", "b.csv": "1"})
    replace = os.replace

    def die(source, target):
        if str(target).endswith("b.csv"):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        fill(folder, {"a.csv": "2", "b.csv": "2"})
    monkeypatch.undo()
    fill(folder, {"a.csv": "3", "b.csv": "3"})
    assert content(folder) == {"a.csv": "3", "b.csv": "3"}


def test_without_a_list_the_record_of_the_run_counts(folder):
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    outputs = {"exports/a.csv": digest(folder / "a.csv")}
    record = {"stages": {"export": {"outputs": outputs}}}
    (folder.parent / "run.json").write_text(json.dumps(record))
    fill(folder, {"a.csv": "2"})
    assert content(folder) == {"a.csv": "2"}


@pytest.mark.parametrize("damaged", ["", "[]", "3", '{"a.csv": 1}'])
def test_a_damaged_list_costs_nothing(folder, damaged):
    fill(folder, {"a.csv": "1"})
    (folder.parent / ".exports.written.json").write_text(damaged)
    with pytest.warns(UserWarning, match="was not written by voidlab"):
        fill(folder, {"a.csv": "2"})
    assert content(folder) == {"a.csv": "2", "a (kept).csv": "1"}


def test_a_single_file_that_was_changed_is_kept(tmp_path):
    labels = tmp_path / "labels.tif"
    for text in ("1", "2"):
        with replacing_own(labels) as temporary:
            temporary.write_text(text)
    assert content(tmp_path) == {"labels.tif": "2"}
    labels.write_text("edited")
    with pytest.warns(UserWarning, match=r"kept as labels \(kept\)\.tif"), replacing_own(labels) as temporary:
        temporary.write_text("3")
    assert content(tmp_path) == {"labels.tif": "3", "labels (kept).tif": "edited"}


def test_a_table_of_somebody_else_is_kept(tmp_path):
    path = tmp_path / "tracks.parquet"
    path.write_text("theirs")
    with pytest.warns(UserWarning, match="was not written by voidlab"):
        tables.write(tables.empty("tracks"), "tracks", path)
    tables.write(tables.empty("tracks"), "tracks", path)
    assert (tmp_path / "tracks (kept).parquet").read_text() == "theirs"
    assert len(list(tmp_path.glob("*.parquet"))) == 2


def test_foreign_files_are_those_not_ours(folder, tmp_path):
    fill(folder, {"tilt1.tif": "1", "tilt2.tif": "2"})
    (folder / "tilt2.tif").write_text("edited")
    (folder / "tilt3.tif").write_text("theirs")
    assert [f.name for f in foreign(folder, tmp_path, "tilt*.tif")] == ["tilt2.tif", "tilt3.tif"]


def test_of_two_files_that_go_the_edited_one_stays(tmp_path):
    for name in ("a.ipynb", "b.ipynb"):
        with replacing_own(tmp_path / name) as temporary:
            temporary.write_text("1")
    (tmp_path / "b.ipynb").write_text("edited")
    remove_own(tmp_path / "a.ipynb")
    with pytest.warns(UserWarning, match=r"b \(kept\)\.ipynb"):
        remove_own(tmp_path / "b.ipynb")
    remove_own(tmp_path / "c.ipynb")
    assert content(tmp_path) == {"b (kept).ipynb": "edited"}


def test_a_file_of_a_terabyte_that_nobody_wrote_is_not_read_through(tmp_path):
    file = tmp_path / "a.tif"
    digests = []
    for place, text in ((0, b"II*"), (2**39, b"x"), (2**39, b"y")):
        with file.open("r+b" if file.exists() else "wb") as stream:
            stream.seek(place)
            stream.write(text)
            stream.truncate(2**40)
        if file.stat().st_blocks * 512 > 2**30:
            pytest.skip("this disk keeps no holes")
        digests.append(digest(file))
    os.truncate(file, 2**40 - 1)
    digests.append(digest(file))
    assert len(set(digests)) == 4
    assert "" not in digests
    assert digest(file) == digests[-1]


def test_a_file_without_holes_has_the_digest_that_everybody_makes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_lines_are_added_whole_or_not_at_all(tmp_path):
    resource = pytest.importorskip("resource", reason="this system does not limit how large a file may get")
    file = tmp_path / "log" / "lines.jsonl"
    append_lines(file, b"one\n")
    file.write_bytes(b"one\ntw")  # as a crash leaves it
    append_lines(file, b"three\n", sync=True)
    assert file.read_bytes() == b"one\ntw\nthree\n"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 4, limits[1]))  # stands for a full disk
    try:
        with pytest.raises(OSError, match="No space left on device"):
            append_lines(file, b"a longer line\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == b"one\ntw\nthree\n"
