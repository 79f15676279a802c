"""The view as a picture, numbers for a spreadsheet, and what the browser says of the clipboard."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from voidlab.explore.save_panel import numbers_of


def given(explorer):
    """Name, kind and content of the file that the browser was given."""
    found = re.search(r'download="(.+?)" href="data:(.+?);base64,(.+?)"', explorer.browser.given.value)
    return found[1], found[2], base64.b64decode(found[3])


def test_the_view_is_saved_as_it_is_seen_without_what_lies_beside_the_image(explorer):
    explorer._resize(700, 300)
    explorer.save.png.click()
    name, kind, png = given(explorer)
    assert (name, kind) == ("small-frame-1.png", "image/png")
    picture = Image.open(io.BytesIO(png))
    assert picture.width / picture.height == pytest.approx(210 / 150, rel=0.01)
    assert picture.width > 1000
    assert tuple(explorer.canvas.figure.bbox.size) == (700, 300)  # what is seen stays as it was
    pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[-picture.height // 10 :] == 255).all(axis=-1).any()  # the scale bar is in it
    explorer.view.zoom(100.0, 70.0, 4)
    explorer.save.svg.click()
    name, kind, svg = given(explorer)
    assert (name, kind) == ("small-frame-1.svg", "image/svg+xml")
    width, height = (float(v) for v in re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups())
    assert width / height == pytest.approx(700 / 300, rel=0.02)  # zoomed in, the image fills the view


def test_numbers_are_those_of_the_selected_voids_or_of_all_that_count(explorer):
    explorer.hand.select([0, 2])
    explorer._key("Delete")
    run = explorer.model.run
    table = pd.read_csv(io.StringIO(numbers_of(explorer.scene, run.calibration)), sep="\t")
    assert len(table) == len(explorer.scene.voids) - 2
    assert table["radius_nm"].to_numpy() == pytest.approx(table["radius_px"] * 0.5, abs=1e-3)
    assert {"particle", "size_basis", "edge_radius_px", "confidence"} <= set(table.columns)
    explorer.hand.select([1, 3, 4])
    explorer.save.tsv.click()
    name, _, content = given(explorer)
    assert name == "small-frame-1.tsv"
    assert pd.read_csv(io.BytesIO(content), sep="\t")["label"].tolist() == explorer.scene.voids["label"][
        [1, 3, 4]
    ].tolist()  # fmt: skip


def test_where_the_browser_does_not_copy_the_numbers_stand_in_a_box(explorer):
    explorer.save.copy_numbers.click()
    assert 'data-do="copy"' in explorer.browser.given.value
    assert explorer.save.box.value.startswith("frame\tlabel")
    explorer.browser.heard.value = json.dumps([{"n": 1, "copied": False}])
    assert "does not let this page copy" in explorer.said.value
    assert explorer.save.box.layout.display == ""
    explorer.browser.heard.value = json.dumps([{"n": 2, "copied": True}])
    assert explorer.said.value.endswith("copied")
    assert explorer.save.box.layout.display == "none"
    explorer.save.copy_picture.click()
    assert 'data-do="copy-picture"' in explorer.browser.given.value
