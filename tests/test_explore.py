"""The explorer without a browser: its controls change what is found, and what is kept."""

import pytest

from voidlab import explore, parameters


@pytest.fixture
def explorer(copied, monkeypatch):
    monkeypatch.chdir(copied.root / "notebooks")
    return explore.open_explorer("small")


def test_it_shows_a_frame_and_says_how_many_voids(explorer):
    assert bytes(explorer.picture.value).startswith(b"\x89PNG")
    assert "frame 1:" in explorer.said.value
    assert "voids" in explorer.said.value


def test_sliding_shows_another_frame(explorer):
    before = explorer.picture.value
    explorer.row.value = 2
    assert explorer.picture.value != before
    assert "frame 3:" in explorer.said.value


def test_a_minimum_size_above_all_voids_leaves_none(explorer):
    explorer.min_radius.value = 20.0
    assert "frame 1: 0 voids" in explorer.said.value


def test_only_what_was_touched_is_written(explorer, copied):
    explorer.threshold.value = 0.6
    explorer.keep.click()
    assert "segment.threshold: default → 0.6" in explorer.said.value
    typed = parameters.load(copied.parameters)
    assert typed.segment.threshold == 0.6
    assert "min_radius_px" not in copied.parameters.read_text()
    explorer.keep.click()
    assert "nothing changed" in explorer.said.value


def test_a_frame_that_cannot_be_read_is_said(explorer, copied):
    (copied.root / "data" / "small" / "tilt02.tif").write_bytes(b"")
    explorer.row.value = 1
    assert "cannot be read" in explorer.said.value
