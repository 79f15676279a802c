"""Boxes to ignore, the crop and the scale bar, drawn on the image; and the preview of the linking."""

import numpy as np
import pytest

from voidlab import explore
from voidlab.explore import compare, words
from voidlab.explore.image_marks import Marks, box_of, measure_bar
from voidlab.explore.link_preview import preview, rows_about
from voidlab.explore.state import Detections
from voidlab.project import parameters
from voidlab.report.swelling_words import format_number


@pytest.fixture
def window(copied, monkeypatch):
    monkeypatch.chdir(copied.root / "notebooks")
    return explore.open_explorer("small")


# --- boxes and crop ----------------------------------------------------------------------------------------------


def test_a_box_holds_the_pixels_between_its_corners():
    shape = (150, 210)
    assert box_of((-0.5, -0.5), (9.5, 4.5), shape) == (0, 0, 10, 5)
    assert box_of((9.4, 4.6), (-3.0, -9.0), shape) == (
        0,
        0,
        10,
        5,
    )  # whichever corner was first, and within the image
    assert box_of((205.0, 100.2), (400.0, 400.0), shape) == (206, 101, 4, 49)
    assert box_of((20.0, 20.0), (20.0, 20.0), shape) is None
    assert box_of((300.0, 20.0), (400.0, 40.0), shape) is None


def test_a_click_takes_out_the_box_it_is_in():
    shape = (150, 210)
    marks = Marks().drawn("ignore", [(9.5, 9.5), (19.5, 29.5)], shape)
    marks = marks.drawn("ignore", [(99.5, 9.5), (119.5, 29.5)], shape)
    assert marks.boxes == ((10, 10, 10, 20), (100, 10, 20, 20))
    assert marks.drawn("ignore", [(60.0, 60.0)] * 2, shape) == marks
    assert marks.drawn("ignore", [(15.0, 15.0)] * 2, shape).boxes == ((100, 10, 20, 20),)
    cropped = marks.drawn("crop", [(4.5, 4.5), (150.5, 100.5)], shape)
    assert cropped.crop == (5, 5, 146, 96)
    assert cropped.drawn("crop", [(200.0, 20.0)] * 2, shape) == cropped
    assert cropped.drawn("crop", [(50.0, 50.0)] * 2, shape).crop is None


def test_boxes_drawn_are_kept_and_the_images_are_read_anew(window, copied):
    explorer = window.explorer
    explorer.row.value = 2
    explorer.about_image.tool.value = "ignore"
    assert explorer.correct.tool.value is None  # one tool is in hand
    assert "draw a box around what is no specimen" in explorer.said.value
    explorer.hand.drag([(-0.5, 119.5), (80.0, 140.0), (99.5, 149.5)])
    assert "ignored: 100 × 30 px at (0, 120)" in explorer.about_image.list.value
    assert explorer.scene.boxes == ((0, 120, 100, 30),)
    explorer.keep.show.click()
    row = "<td>ignore_boxes_px</td><td>none</td><td><b>[[0, 120, 100, 30]]</b></td>"
    assert row in explorer.keep.table.value
    explorer.keep.write.click()
    assert parameters.load_parameters(copied.parameters).ignore_boxes_px == [[0, 120, 100, 30]]
    anew = window.explorer
    assert anew is not explorer
    assert anew.row.value == 2
    assert "ignore_boxes_px: none → [[0, 120, 100, 30]]" in anew.said.value
    assert np.isnan(anew.model.image(2)[120:, :100]).all()
    assert not anew.about_image.marks.changed(anew.model.run.dataset)
    anew.keep.undo.click()
    assert parameters.load_parameters(copied.parameters).ignore_boxes_px == []
    assert window.explorer is not anew
    assert np.isfinite(window.explorer.model.image(2)).all()


def test_what_would_leave_nothing_of_the_images_is_not_written(window, copied):
    explorer = window.explorer
    before = copied.parameters.read_bytes()
    explorer.about_image.tool.value = "ignore"
    explorer.hand.drag([(-0.5, -0.5), (300.0, 300.0)])
    explorer.keep.show.click()
    assert "leave nothing of the images" in explorer.said.value
    explorer.keep.write.click()
    assert copied.parameters.read_bytes() == before
    explorer.about_image.forget.click()
    assert explorer.scene.boxes == ()
    explorer._key("s")
    assert explorer.about_image.tool.value is None
    assert explorer.correct.tool.value == "select"


# --- the scale bar -----------------------------------------------------------------------------------------------


def test_a_bar_that_is_there_is_measured_to_the_pixel():
    image = np.random.default_rng(1).uniform(0.2, 0.6, (100, 300)).astype(np.float32)
    image[80:84, 40:240] = 1.0
    for start, end in (((42.0, 82.0), (236.0, 82.0)), ((245.0, 77.0), (33.0, 79.0))):
        bar = measure_bar(image, start, end)
        assert (bar.length_px, bar.found) == (200, True)
    assert "the bar found there is 200 px long, ± 0.35 %" in bar.in_words()


def test_where_there_is_no_bar_the_line_counts_and_says_so():
    image = np.random.default_rng(1).random((100, 300)).astype(np.float32)
    bar = measure_bar(image, (10.0, 20.0), (10.0 + 30.0, 20.0 + 40.0))
    assert (bar.length_px, bar.found) == (50.0, False)
    assert "no bar of one grey was found" in bar.in_words()
    assert measure_bar(image, (10.0, 20.0), (12.0, 20.0)) is None
    image[:] = 0.5  # one grey from border to border is no bar
    assert not measure_bar(image, (10.0, 20.0), (290.0, 20.0)).found
    image[:] = np.nan  # nor is what is ignored
    assert not measure_bar(image, (10.0, 20.0), (290.0, 20.0)).found
    assert not measure_bar(image, (-90.0, -20.0), (-10.0, -20.0)).found


def test_the_length_of_the_bar_gives_the_pixel_size(window, copied, monkeypatch):
    explorer = window.explorer
    image = np.zeros((150, 210), np.float32) + np.random.default_rng(0).uniform(0, 0.3, (150, 210))
    image[140:143, 20:120] = 1.0
    monkeypatch.setattr(explorer.model, "image", lambda row: image)
    explorer.about_image.tool.value = "scale bar"
    explorer.hand.drag([(19.0, 141.0), (118.0, 141.0)])
    assert "100 px long, ± 0.7 %; how long is it in nm?" in explorer.said.value
    explorer.about_image.length_nm.value = 20
    explorer.about_image.set_size.click()
    assert "pixel size 0.2 nm" in explorer.said.value
    explorer.keep.write.click()
    assert parameters.load_parameters(copied.parameters).pixel_size_nm == 0.2
    assert window.explorer.model.run.calibration.pixel_size_nm == 0.2
    assert "pixel_size_nm: 0.5 → 0.2" in window.explorer.said.value


# --- linking -----------------------------------------------------------------------------------------------------


def test_the_rows_of_a_preview_lie_about_the_frame():
    assert list(rows_about(0, 4, 10)) == [0, 1, 2, 3]
    assert list(rows_about(5, 4, 10)) == [3, 4, 5, 6]
    assert list(rows_about(9, 4, 10)) == [6, 7, 8, 9]
    assert list(rows_about(1, 10, 3)) == [0, 1, 2]


def test_a_preview_links_as_a_run_would_and_says_what_came_of_it(model):
    asked = model.run.dataset.track.model_copy(update={"search_range_px": 30.0, "linker": "trackpy"})
    wide = preview(model, range(4), model.settings, asked)
    narrow = preview(model, range(4), model.settings, asked.model_copy(update={"search_range_px": 0.5}))
    assert wide.linked["particle"].nunique() < narrow.linked["particle"].nunique()
    assert len(wide.tails()) > len(narrow.tails())
    said = wide.in_words(model.run.calibration)
    assert said[0].startswith(f"4 frames, 1 to 4: {len(wide.linked)} voids on ")
    assert "search range 30 px" in said[0]
    assert said[1].startswith("steps: median ")
    assert "nm" in said[1]
    assert wide.steps_px.max() <= 30.001
    assert not any("3D" in line for line in said)
    of_tilts = preview(model, range(4), model.settings, model.run.dataset.track)
    assert "a run links this tilt series in 3D" in of_tilts.in_words(model.run.calibration)[-1]


def test_the_preview_follows_the_controls_and_is_kept(window, copied):
    explorer = window.explorer
    link = explorer.link
    assert explorer.scene.tails == []
    link.start.click()
    assert "4 frames, 1 to 4" in link.said.value
    many = len(explorer.scene.tails)
    assert many > 3
    (frames, used) = explorer._linked.frames, explorer._linked.search_range_px
    assert frames == (1, 2, 3, 4)
    assert (link.search_range_px.value, link.search_range_px.readout) == (pytest.approx(used), True)
    assert link.touched == {}
    link.is_auto.value = False
    link.search_range_px.value = 0.5
    assert "search range 0.5 px" in link.said.value
    assert len(explorer.scene.tails) < many
    link.memory.value = 1
    explorer.row.value = 2
    assert link.said.value
    explorer.keep.write.click()
    track = parameters.load_parameters(copied.parameters).track
    assert (track.search_range_px, track.memory) == (0.5, 1)
    explorer.keep.undo.click()
    assert link.is_auto.value
    assert link.touched == {}
    link.stop.click()
    assert explorer.scene.tails == []
    assert link.said.value == ""


def test_tracks_of_a_preview_are_drawn_without_the_drift(window):
    explorer, model = window.explorer, window.explorer.model
    explorer.row.value = 1
    explorer.link.start.click()
    here = np.asarray(model.drift(1))
    drawn, recorded = explorer.scene.tails, explorer._linked.tails()
    assert np.ptp(model.drifts(np.arange(1, 5)), axis=0).max() > 1
    for one, other in zip(drawn, recorded, strict=True):
        assert one[:, :2] + model.drifts(one[:, 2]) - here == pytest.approx(other[:, :2])
        of_shown = other[:, 2] == 2
        assert one[of_shown] == pytest.approx(other[of_shown])  # they pass through the voids of this frame


# --- voids without a size ----------------------------------------------------------------------------------------


def test_voids_without_a_size_are_in_no_median_of_the_explorer(window):
    model = window.explorer.model
    voids = model.voids(0, model.settings).assign(size_basis="fringe")
    one = int(np.argmin(voids["touches_edge"]))
    voids.loc[voids.index != one, ["radius_px", "size_basis"]] = [25.0, "not a size"]
    only, factor = voids["radius_px"].iloc[one], model.run.calibration.pixel_size_nm
    said = model.in_words(0, Detections(voids))
    assert f"{len(voids)} voids ({len(voids) - 1} without a size), median diameter" in said
    assert f"{format_number(2 * only * factor)} nm (1 void away from the edge)" in said
    several = words.several_in_words(voids, model.run.calibration)
    assert f"{len(voids) - 1} of them without a size: median radius {only * factor:.2f} nm" in several
    beside = voids.assign(radius_px=voids["radius_px"] + 2.0)
    assert compare.compare(voids, beside).radius_difference_px == pytest.approx(2.0)
    none = compare.compare(voids.assign(size_basis="not a size"), beside)
    assert "radii on the right" not in none.in_words(model.run.calibration)
    assert len(none.left) == len(voids)
