"""Selecting many voids, moving them, keys, and what of it goes into the corrections."""

import json
from dataclasses import replace

import numpy as np
import pytest

from voidlab import tables
from voidlab.explore import choice, keys, mouse_tools, words
from voidlab.explore.figure import View
from voidlab.project import corrections
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import AcceptFrame, BadFrame, DeleteVoid, JoinTracks, MoveVoid
from voidlab.project.spots import Ellipse


def drag(explorer, mouse, ax, *points, held=(), release=None):
    """Press at the first of the ``points``, move over the others, release at the last."""
    over = explorer.pointer
    move, end = (
        (over.move, over.release) if ax is explorer.view.image else (over.move_beside, over.release_beside)
    )
    over.press(mouse(ax, *points[0], held=held))
    for point in points[1:]:
        move(mouse(ax, *point, held=held))
    end(mouse(ax, *points[-1], held=held))


def kept(explorer):
    return [line.edit for line in explorer.model.log.kept()]


def places(explorer):
    return explorer.scene.voids[["x_px", "y_px"]].to_numpy()


def test_a_box_selects_many_and_a_key_deletes_them_in_one_go(explorer, mouse):
    x, y = places(explorer).T
    inside = np.flatnonzero((x > 20) & (x < 150) & (y > 10) & (y < 100))
    assert len(inside) > 2
    drag(explorer, mouse, explorer.view.image, (20, 100), (90, 50), (150, 10))
    assert list(explorer.scene.chosen) == inside.tolist()
    assert f"{len(inside)} voids selected" in explorer.hover.value
    explorer._key("Delete")
    assert explorer.said.value.endswith(f", and {len(inside) - 1} more")
    assert [type(edit) for edit in kept(explorer)] == [DeleteVoid] * len(inside)
    assert (explorer.scene.voids["corrected"] == "deleted").sum() == len(inside)
    assert list(explorer.scene.chosen) == []
    explorer._key("u")
    assert kept(explorer) == []
    assert (explorer.scene.voids["corrected"] == "").all()
    explorer._key("r")
    assert len(kept(explorer)) == len(inside)
    explorer._key("Delete")
    assert "no void is selected" in explorer.said.value


@pytest.mark.parametrize("tool", ["select", "lasso"])
def test_a_box_or_lasso_around_nothing_says_so(explorer, mouse, tool):
    x, y = places(explorer)[0]
    explorer.correct.tool.value = tool
    drag(explorer, mouse, explorer.view.image, (-9, -9), (-9, -5), (-5, -5))
    assert explorer.said.value.endswith("nothing selected: the centre of no void lies in it")
    drag(explorer, mouse, explorer.view.image, (x - 2, y - 2), (x + 2, y - 2), (x + 2, y + 2), (x - 2, y + 2))
    drag(explorer, mouse, explorer.view.image, (x, y), (x, y))
    assert list(explorer.scene.chosen) == [0]
    assert "nothing selected" not in explorer.said.value
    drag(explorer, mouse, explorer.view.image, (-9, -9), (-9, -9))  # a click beside them lets go of all
    assert "nothing selected" not in explorer.said.value


def test_a_lasso_selects_what_it_goes_around_and_shift_adds(explorer, mouse):
    one, other = (int(i) for i in np.argsort(places(explorer)[:, 0])[[0, -1]])
    explorer._key("l")
    assert explorer.correct.tool.value == "lasso"
    for row, held in ((one, ()), (other, ("shift",))):
        x, y = places(explorer)[row]
        loop = [(x + dx, y + dy) for dx, dy in ((-2, -2), (2, -2), (2, 2), (-2, 2))]
        drag(explorer, mouse, explorer.view.image, *loop, held=held)
    assert sorted(explorer.scene.chosen) == sorted({one, other})
    explorer.row.value = 1
    assert list(explorer.scene.chosen) == []  # several are of one frame
    explorer.row.value = 0
    assert len(explorer.scene.chosen) == 2
    explorer._key("Escape")
    assert list(explorer.scene.chosen) == []


@pytest.mark.parametrize(("axes", "column"), [("sizes", "radius_px"), ("sure", "confidence")])
def test_a_range_in_a_histogram_selects_the_voids_in_it(explorer, mouse, axes, column):
    values = explorer.scene.voids[column].to_numpy()
    low, high = np.quantile(values, [0.3, 0.8])
    factor = 0.5 if axes == "sizes" else 1  # the sizes are drawn in nm
    ax = getattr(explorer.plots, axes)
    drag(explorer, mouse, ax, (high * factor, 1), (low * factor, 1))
    assert list(explorer.scene.chosen) == np.flatnonzero((values >= low) & (values <= high)).tolist()
    assert explorer.plots._range.axes is None


def test_deleted_voids_are_not_selected():
    voids = tables.empty("voids").reindex(range(2)).assign(x_px=1.0, y_px=1.0, radius_px=2.0, corrected="")
    voids.loc[1, "corrected"] = "deleted"
    assert choice.in_box(voids, (0, 0), (2, 2)) == [0]
    assert choice.in_loop(voids, [(0, 0), (3, 0), (0, 3)]) == [0]
    assert choice.between(voids, "radius_px", 2, 2) == [0]
    assert choice.in_loop(voids, [(0, 0), (3, 0)]) == []


def test_a_drag_moves_a_void_and_its_rim_resizes_it(explorer, mouse):
    voids = explorer.scene.voids
    row = int(voids.index[~voids["touches_edge"]][voids.loc[~voids["touches_edge"], "radius_px"].argmax()])
    x, y, edge = voids.loc[row, ["x_px", "y_px", "edge_radius_px"]]
    explorer._key("m")
    drag(explorer, mouse, explorer.view.image, (x, y), (x + 2, y + 1), (x + 3, y + 2))
    (made,) = kept(explorer)
    assert isinstance(made, MoveVoid)
    assert (made.to.x_px, made.to.y_px) == pytest.approx((x + 3, y + 2), abs=0.01)
    assert made.to.radius_px == pytest.approx(edge, abs=0.01)
    moved = explorer.scene.voids.iloc[-1]
    assert (moved["corrected"], moved["size_basis"]) == ("moved", "edge")
    assert ", 1 edit by hand" in explorer.model.in_words(
        0, explorer.model.detections(0, explorer.settings.settings)
    )
    drag(explorer, mouse, explorer.view.image, (x + 3 + edge, y + 2), (x + 3 + edge + 2, y + 2))
    assert explorer.scene.voids.iloc[-1]["radius_px"] == pytest.approx(edge + 2, abs=0.02)
    assert explorer.scene.voids.iloc[-1]["x_px"] == pytest.approx(x + 3, abs=0.01)
    assert "of its edge" in explorer.hover.value or explorer.hover.value == "&nbsp;"
    explorer.row.value = 1
    explorer.row.value = 0
    assert ", 2 edits by hand" in explorer.said.value


def test_a_void_that_is_not_dragged_stays(explorer):
    void = explorer.scene.voids.iloc[0]
    at = (void["x_px"], void["y_px"])
    assert mouse_tools.moved(void, at, at) == (None, mouse_tools.HELP["move"])


def test_accepted_frames_are_counted_and_the_next_is_shown(explorer):
    explorer._key("Enter")
    assert explorer.row.value == 1
    assert kept(explorer) == [AcceptFrame(frame=1)]
    assert "accepted 1 of 4 frames" in explorer.said.value
    explorer._key("ArrowLeft")
    assert ", accepted" in explorer.said.value
    explorer._key("Enter")  # once is enough
    assert len(kept(explorer)) == 1
    for _ in range(9):
        explorer._key("ArrowRight")
    assert explorer.row.value == 3


def test_the_browser_says_keys_and_sizes_each_once(explorer):
    said = [{"n": 1, "key": "ArrowRight"}, {"n": 2, "size": [500, 400]}]
    explorer.browser.heard.value = json.dumps(said)
    explorer.browser.heard.value = json.dumps([*said, {"n": 3, "key": "ArrowRight"}])
    explorer.browser.heard.value = "no JSON"
    assert explorer.row.value == 2
    assert tuple(explorer.canvas.figure.bbox.size) == (500, 400)


def test_every_key_does_something(explorer):
    assert set(keys.ACTIONS.values()) <= set(explorer._do)
    assert len(keys.ACTIONS) == sum(len(each.pressed) for each in keys.ALL)  # none means two things
    assert all(each.words in keys.legend() for each in keys.ALL)


def test_each_canvas_says_to_a_browser_that_it_has_no_handle(explorer, monkeypatch):
    """A page of voila shows one until it is told: seen in its websocket and on the screen."""
    every, told = (explorer.canvas, explorer.compare.canvas, explorer.beside), []
    for canvas in every:
        monkeypatch.setattr(canvas, "send_state", lambda key=None, canvas=canvas: told.append((canvas, key)))
    explorer._resize(500, 400)
    assert [(canvas, "resizable") for canvas in every] == [one for one in told if one[1] == "resizable"]
    assert not any(canvas.resizable for canvas in every)


def test_the_image_fills_the_figure_and_a_part_keeps_its_magnification(explorer, mouse):
    view = explorer.view

    def limits():
        return np.ptp(view.image.get_xlim()), np.ptp(view.image.get_ylim())

    for size in ((500, 400), (900, 300), (300, 800)):
        explorer._resize(*size)
        wide, high = limits()
        assert wide / high == pytest.approx(size[0] / size[1])  # circles stay round
        assert (wide == pytest.approx(210) and high >= 150) or (high == pytest.approx(150) and wide >= 210)
    explorer._key("+")
    before = limits()[0]
    explorer._resize(600, 800)
    assert limits()[0] == pytest.approx(2 * before)
    middle = np.mean(view.image.get_xlim())
    over = explorer.pointer
    over.press(mouse(view.image, 100, 70, button=3))
    over.move(mouse(view.image, 110, 70, button=3))
    over.release(mouse(view.image, 100, 70, button=3))
    assert np.mean(view.image.get_xlim()) == pytest.approx(middle - 10)
    assert kept(explorer) == []
    explorer._key("0")
    assert limits()[0] == pytest.approx(210)


def test_the_scale_bar_is_right_after_zooming(explorer):
    view: View = explorer.view
    for _ in range(4):
        view.zoom(20.0, 30.0, 1.7)
        (left, right), (bottom, top) = view.image.get_xlim(), view.image.get_ylim()
        length, unit = view._bar_label.get_text().split()
        assert unit == "nm"
        assert view._bar.get_width() * 0.5 == pytest.approx(float(length))  # 0.5 nm a pixel
        assert left < view._bar.get_x() < left + 0.1 * (right - left)
        assert bottom > view._bar.get_y() > bottom - 0.1 * (bottom - top)
        assert view._bar_label.get_position()[1] > bottom - 0.2 * (bottom - top)


def test_which_radius_is_drawn_is_said_and_can_be_chosen(explorer, monkeypatch):
    found = explorer.model.detections(0, explorer.settings.settings)
    edges = found.table["radius_px"] - 0.5
    fringed = replace(found, table=found.table.assign(size_basis="fringe", edge_radius_px=edges))
    monkeypatch.setattr(explorer.model, "detections", lambda *_, **__: fringed)

    def widths():
        return [np.sort(c.get_widths()) for c in explorer.view.image.collections if len(c.get_offsets()) > 1]

    explorer.update()
    assert "circles: physical radius" in explorer.said.value
    whole = widths()
    explorer.style.radius.value = "edge as drawn by hand"
    assert "circles: edge as drawn by hand" in explorer.said.value
    for one, other in zip(whole, widths(), strict=True):
        assert one - other == pytest.approx(1.0)


def test_where_no_void_rests_on_a_fringe_there_is_one_radius_and_it_is_as_detected(explorer, monkeypatch):
    found = explorer.model.detections(0, explorer.settings.settings)
    for basis, shown, said in (
        ("fringe", ("", "none"), "circles: physical radius"),
        ("network", ("none", ""), "circles: radius as detected"),
        ("not a size", ("", "none"), "circles: physical radius"),
    ):
        rest = replace(found, table=found.table.assign(size_basis=basis))
        monkeypatch.setattr(explorer.model, "detections", lambda *_, rest=rest, **__: rest)
        explorer.update()
        style = explorer.style
        assert (style.radius.layout.display, style.only_radius.layout.display) == shown
        assert said in explorer.said.value


def test_the_file_of_corrections_says_what_was_made_in_one_go(explorer, copied):
    explorer.hand.select([0, 1])
    explorer._key("Delete")
    lines = [json.loads(line) for line in copied.corrections.read_text().splitlines()]
    assert len({line["batch"] for line in lines}) == 1
    assert len(corrections.read_log(copied.corrections).kept()) == 2


def test_what_does_not_fit_is_refused_at_once_and_not_written(explorer, mouse):
    voids = explorer.scene.voids
    x, y = places(explorer).T
    first = int(np.argmin(x + y))
    second = int(np.argmax(np.hypot(x - x[first], y - y[first])))
    explorer.hand.take("merge")
    for row in (first, second):
        drag(explorer, mouse, explorer.view.image, (x[row], y[row]), (x[row], y[row]))
    assert "not done: the voids at " in explorer.said.value
    assert "px apart; expected pieces of one void, at most " in explorer.said.value
    assert kept(explorer) == []
    assert len(explorer.scene.voids) == len(voids)
    on_track = voids.iloc[int(np.argmax(explorer.scene.particles >= 0))]
    twice = JoinTracks(at=spot_of(on_track), to=spot_of(on_track))
    assert explorer.model.refusal([twice], explorer.settings.settings).endswith("are on one track already")
    assert explorer.model.refusal([BadFrame(frame=1)], explorer.settings.settings) == ""


def test_an_ellipse_that_lies_along_x_is_at_0_degrees(explorer):
    void = explorer.scene.voids.iloc[0].copy()
    void[["semi_major_px", "semi_minor_px", "orientation_deg"]] = [6.0, 3.0, -0.2]
    assert "the long one at 0°" in words.void_in_words(void, -1, explorer.model.run.calibration)
    assert str(Ellipse(semi_major_px=6, semi_minor_px=3, orientation_deg=-0.2)).endswith(" 0°")


def test_with_shift_the_rim_goes_one_way_and_the_void_is_an_ellipse(explorer, mouse):
    voids = explorer.scene.voids
    apart = np.hypot(*(places(explorer)[:, None] - places(explorer)).T) + 999 * np.eye(len(voids))
    row = int(np.argmax(np.where(voids["touches_edge"], 0, apart.min(axis=0))))
    x, y, radius, edge = voids.loc[row, ["x_px", "y_px", "radius_px", "edge_radius_px"]]
    explorer._key("m")
    drag(explorer, mouse, explorer.view.image, (x, y + radius), (x, y + edge + 4), held=("shift",))
    (made,) = kept(explorer)
    assert made.to.radius_px == pytest.approx(np.sqrt(edge * (edge + 4)), abs=0.02)
    assert (made.ellipse.semi_major_px, made.ellipse.semi_minor_px) == pytest.approx(
        (edge + 4, edge), abs=0.01
    )
    assert made.ellipse.orientation_deg == 90  # down
    drawn = explorer.scene.voids.iloc[-1]
    assert drawn["semi_major_px"] == pytest.approx(edge + 4, abs=0.01)
    shapes = [c for c in explorer.view.image.collections if hasattr(c, "_widths") and len(c._widths)]
    assert any(
        (np.abs(c._widths / c._heights - (edge + 4) / edge) < 0.01).any() and 90 in np.rad2deg(c._angles)
        for c in shapes
    )
    explorer.hand.hover((x, y + edge + 3))  # inside the ellipse, outside the circle of its area
    assert "drawn as an ellipse of semi-axes" in explorer.hover.value
    # Without Shift the size goes with the shape, and a drag from inside moves it as it is.
    drag(explorer, mouse, explorer.view.image, (x, y + edge + 4), (x, y + edge + 6))
    grown = explorer.scene.voids.iloc[-1]
    factor = (edge + 6) / (edge + 4)
    assert grown["semi_minor_px"] == pytest.approx(edge * factor, abs=0.02)
    drag(explorer, mouse, explorer.view.image, (x, y), (x + 1, y + 1), (x + 2, y + 1))
    moved = explorer.scene.voids.iloc[-1]
    assert (
        moved[["semi_major_px", "orientation_deg"]].tolist()
        == grown[["semi_major_px", "orientation_deg"]].tolist()
    )
    assert moved["x_px"] == pytest.approx(x + 2, abs=0.01)
