"""A damaged report of another dataset is named in the overview and stops nobody."""

import base64
import io
import json
import os
import sys

import nbformat
import PIL.Image
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output

from voidlab.project.paths import RunPaths
from voidlab.report import pages, render, root_index

GOOD = {"status": "finished", "fingerprint": "a", "parameters": {}, "given": [], "inputs": {}}


@pytest.fixture
def root(tmp_path):
    """A project with a good report ``fine``, in whose overview another stands."""
    put(tmp_path, "fine", {"segment": {**GOOD, "started": "2026-01-01T00:00:00+00:00"}})
    return tmp_path


def put(root, name, stages):
    folder = root / "reports" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(stages if isinstance(stages, str) else json.dumps({"stages": stages}))
    return folder


def overview(root):
    page = BeautifulSoup(pages.write_root_index(root).read_text("utf-8"), "html.parser")
    rows = {row.th.text: row for row in page.select("tbody tr")}
    assert "fine" in rows
    return rows


@pytest.mark.parametrize(
    "stages",
    [
        {"segment": {**GOOD, "inputs": 7}},
        {"segment": {**GOOD, "outputs": None}},
        {"segment": {**GOOD, "started": "0001-01-01T00:00:00+14:00"}},
        {"segment": {**GOOD, "started": 5, "seconds": 1e400, "key_figures": [{"label": [1], "value": {}}]}},
        {"segment": {**GOOD, "key_figures": 3, "decided": [], "parameters": "x"}},
        {"segment": {**GOOD, "status": ["x"]}},
        {},
        "[" * 100_000,
        '{"stages": {"segment": []}}',
        "",
        "\ud800",
    ],
    ids=str,
)
def test_a_record_of_any_kind_leaves_the_others_alone(root, stages):
    if stages == "\ud800":
        put(root, "other", "")
        (root / "reports" / "other" / "run.json").write_bytes(b"\xff\xfe")
    else:
        put(root, "other", stages)
    assert "other" in overview(root)
    pages.write_dataset_index(RunPaths(root, "fine"))


def photo(width, height):
    stream = io.BytesIO()
    PIL.Image.new("L", (width, height)).save(stream, "JPEG", quality=1)
    data = {"image/jpeg": base64.b64encode(stream.getvalue()).decode()}
    return nbformat.writes(
        new_notebook(cells=[new_code_cell("", outputs=[new_output("display_data", data=data)])])
    )


@pytest.mark.parametrize(
    "notebook",
    [
        "{}",
        '{"nbformat":4,"nbformat_minor":5,"cells":null,"metadata":{}}',
        '{"nbformat":4,"nbformat_minor":5,"cells":[{"cell_type":"code","outputs":7}],"metadata":{}}',
        "[" * 100_000,
        "no notebook",
        photo(9000, 9000),
    ],
    ids=["empty", "cells null", "outputs 7", "deep", "text", "huge"],
)
def test_a_damaged_notebook_has_no_thumbnail(root, notebook):
    folder = put(root, "other", {"segment": GOOD})
    (folder / "segment.ipynb").write_text(notebook)
    assert overview(root)["other"].img is None


def test_a_whole_notebook_has_one(root):
    folder = put(root, "other", {"segment": GOOD})
    (folder / "segment.ipynb").write_text(photo(900, 600))
    assert overview(root)["other"].img is not None


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are files on Unix")
def test_a_pipe_in_place_of_a_record_or_notebook_is_not_waited_on(root):
    folder = put(root, "other", {"segment": GOOD})
    os.mkfifo(folder / "segment.ipynb")
    (root / "reports" / "third").mkdir()
    os.mkfifo(root / "reports" / "third" / "run.json")
    assert overview(root)["third"].find("td", class_="thumbnail").img is None


def test_what_nobody_foresaw_is_named_in_the_overview(root, monkeypatch):
    put(root, "other", {"segment": GOOD})
    read = root_index.read_states

    def fail(paths):
        if paths.dataset == "other":
            raise ZeroDivisionError("by chance")
        return read(paths)

    monkeypatch.setattr(root_index, "read_states", fail)
    assert "cannot be read (ZeroDivisionError: by chance)" in overview(root)["other"].text


def test_a_folder_where_the_overview_goes_is_kept_aside(root):
    (root / "reports" / "index.html").mkdir()
    (root / "reports" / "index.html" / "raw.tif").write_text("raw")
    with pytest.warns(UserWarning, match=r"index\.html was not written by voidlab"):
        pages.write_root_index(root)
    assert (root / "reports" / "index (kept).html" / "raw.tif").read_text() == "raw"
    assert "fine" in overview(root)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-14:00", None, 5, ""])
def test_a_moment_that_is_none_shows_nothing(moment):
    assert render.when(moment) == ""
