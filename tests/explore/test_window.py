"""Switching the dataset in the explorer's heading; frames by their numbers."""

import shutil

import pandas as pd

from voidlab import explore
from voidlab.explore import layout
from voidlab.explore.explorer import Explorer, Sentence


def test_the_dataset_is_in_the_heading_and_another_can_be_chosen(copied, monkeypatch):
    other = copied.parameters.with_name("other.yaml")
    shutil.copy(copied.parameters, other)
    other.write_text(other.read_text().replace("dataset: small", "dataset: other"))
    copied.parameters.with_name("wrong.yaml").write_text("imges: a\n")
    monkeypatch.chdir(copied.root)
    window = explore.open_explorer("small")
    assert window.dataset.options == ("other", "small", "wrong")
    assert window.dataset.value == "small"
    assert window.dataset.tooltip == "dataset small: parameters/small.yaml"
    window.dataset.value = "other"
    assert window.dataset.tooltip == "dataset other: parameters/other.yaml"
    assert isinstance(window.explorer, Explorer)
    assert window.explorer.model.run.dataset.dataset == "other"
    assert window.widget.children == (window.explorer.widget,)
    window.dataset.value = "wrong"
    assert isinstance(window.explorer, Sentence)
    assert "did you mean 'images'?" in window.explorer.said.value
    window.dataset.value = "small"
    assert isinstance(window.explorer, Explorer)


def test_a_long_name_is_seen_in_the_heading(copied, monkeypatch):
    shutil.copy(copied.parameters, copied.parameters.with_name("cavp-5-1_115K_-1un.yaml"))
    monkeypatch.chdir(copied.root)
    assert explore.open_explorer("small").dataset.layout.width == "calc(18ch + 40px)"


def test_frames_have_their_numbers():
    frames = pd.DataFrame({"frame": [7, 12, 13], "tilt_deg": [-5.0, float("nan"), 0.0]})
    slider = layout.frame_slider(frames)
    assert [label for label, _ in slider.options] == ["7 (-5°)", "12", "13 (0°)"]
    slider.label = "12"
    assert slider.value == 1
    assert layout.frame_slider(frames.iloc[:0]).value == 0
