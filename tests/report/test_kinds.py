"""Loops and dots on the page of the stage segment: counted, with density and diameter; drawn with a legend."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from voidlab import report, tables
from voidlab.images.series import Calibration
from voidlab.measure import measure_voids
from voidlab.report.figures.base import OF_KIND, ORANGE
from voidlab.report.figures.voids import overlay, overlay_sheet

SHAPE = (400, 500)
PX, NM = Calibration(None, "unknown"), Calibration(0.5, "given")


def made(loops=(12, 8), dots=None):
    """Frames and voids of two images with a void each, and so many loops of radius 9 and 11 px by turns."""
    labels = np.zeros(SHAPE, int)
    labels[50:60, 50:60] = 1
    rows = []
    for frame, count in enumerate(loops or (0, 0), 1):
        void = measure_voids(labels, frame=frame).assign(confidence=0.9)
        radius = np.where(np.arange(count) % 2, 11.0, 9.0)
        circles = pd.DataFrame(
            {"radius_px": radius, "x_px": 100.0, "y_px": 200.0, "label": np.arange(count) + 2}
        )
        of_loops = {"frame": frame, "kind": "loop", "confidence": 0.9, "touches_edge": False}
        rows += [void, circles.assign(area_px=np.pi * radius**2, **of_loops)]
    voids = tables.check(pd.concat(rows, ignore_index=True), "voids")
    frames = pd.DataFrame(
        {
            "frame": [1, 2], "path": "a.tif", "tilt_deg": np.nan, "time_s": np.nan, "status": "ok",
            "void_count": 1, "void_fraction": 0.01, "valid_px": SHAPE[0] * SHAPE[1],
            "loop_count": loops, "dot_count": dots,
        }
    )  # fmt: skip
    return tables.check(frames, "frames"), voids


def test_nothing_is_said_of_what_was_not_asked_for():
    frames, voids = made(loops=None)
    assert report.of_kinds(frames, voids, NM) == []
    assert report.detections_in_words(frames, voids) == "2 voids in 2 of 2 images"


@pytest.mark.parametrize(
    ("calibration", "density", "interval", "diameter"),
    [
        (NM, "200 µm⁻²", "95.9–368 µm⁻²", "10.00 ± 0.32 nm"),  # 10 in 0.05 µm²
        (PX, "50.0 per Mpx", "24.0–92.0 per Mpx", "20.00 ± 0.65 px"),  # 10 in 0.2 Mpx
    ],
)
def test_number_density_and_diameter_of_loops(calibration, density, interval, diameter):
    frames, voids = made()
    number, dense, wide, missed = report.of_kinds(frames, voids, calibration)
    assert (number["label"], number["value"]) == ("Loops per image", "10 (8–12)")
    assert (dense["label"], dense["value"]) == ("Loop density", density)
    assert f"95 % from counting those of one image: {interval}" in dense["meaning"]
    assert (wide["label"], wide["value"]) == ("Loop diameter", diameter)
    assert missed["value"] == "check"
    assert report.detections_in_words(frames, voids) == "2 voids, 20 loops in 2 of 2 images"


def test_no_loops_where_they_were_looked_for_is_said_with_what_may_have_been_missed_by_chance():
    number, dense, wide, missed = report.of_kinds(*made(loops=(0, 0)), NM)
    assert "Many loops and dots are missed" in missed["warning"]
    assert number["value"] == "0 (0–0)"
    assert dense["value"] == "0.00 µm⁻²"
    assert "0.00–73.8 µm⁻²" in dense["meaning"]  # 3.69 in 0.05 µm²
    assert wide["value"] == "–"


def test_loops_do_not_change_what_is_said_of_the_voids():
    frames, voids = made()
    alone, only = made(loops=None)[0], tables.only_voids(voids)
    of_voids = report.key_figures.of_voids
    assert of_voids(frames, only, NM) == of_voids(alone, only, NM)


def test_of_voids_that_were_not_asked_for_no_figure_is_given():
    frames, voids = made()
    frames = frames.assign(void_count=pd.array([pd.NA] * 2, "Int64"), void_fraction=np.nan)
    assert report.key_figures.of_voids(frames, voids.iloc[:0], NM) == []


def test_loops_are_drawn_in_a_colour_and_line_of_their_own_with_a_legend():
    frames, voids = made()
    series = [np.full(SHAPE, 0.5)] * 2
    sheet = overlay_sheet(series, frames, voids, NM)
    assert sheet.axes[0].get_title() == "frame 1: 1 void, 12 loops"
    assert [text.get_text() for text in sheet.legends[0].get_texts()] == ["void", "void at the edge", "loop"]
    sheet = overlay_sheet(series, *made(loops=None), NM)
    assert not sheet.legends
    ax = overlay(series[0], voids[voids["frame"] == 1], plt.figure().add_subplot(), NM)
    drawn = {
        to_hex(c.get_edgecolor()[0]): len(c.get_offsets()) for c in ax.collections if len(c.get_offsets())
    }
    assert drawn == {ORANGE.lower(): 1, OF_KIND["loop"][0].lower(): 12}
    plt.close("all")
