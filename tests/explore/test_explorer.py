"""The explorer without a browser: what its model answers, what its controls change, what the mouse does."""

import asyncio
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import ipywidgets as w
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

import situations
from beside_voids import DOTS, LOOPS, SeesMore
from voidlab import explore, scores, segment, tables
from voidlab.explore import Model, compare, mouse_tools
from voidlab.explore.cache import Cache
from voidlab.explore.debounce import Latest
from voidlab.explore.figure import COLOURS, Style
from voidlab.explore.state import shrink
from voidlab.project import corrections, parameters
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import AddVoid, BadFrame, CutTrack, DeleteVoid, JoinTracks, MergeVoids, SplitVoid
from voidlab.report.figures.base import OF_KIND
from voidlab.report.swelling_words import format_number
from voidlab.run import stage
from voidlab.segment.network import Maps


def shown(explorer):
    return explorer.scene.voids


def whole(voids):
    """Position of a void away from the edge and from others."""
    inside = voids[~voids["touches_edge"] & (voids["corrected"] == "")]
    return int(inside.index[inside["radius_px"].argmax()])


def middle(void):
    return (void["x_px"], void["y_px"])


# --- the model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.9])
def test_the_voids_are_those_a_run_would_find(model, threshold):
    settings = model.settings.model_copy(update={"threshold": threshold, "contrast": "bright"})
    found = model.voids(1, settings)
    wanted = (
        segment.from_parameters(settings, model.run.paths.parameters.parent).run(model.run.series[1]).voids
    )
    both = ["x_px", "y_px", "radius_px", "confidence"]
    pd.testing.assert_frame_equal(found[both], wanted[both])
    assert set(found["frame"]) == {2}


def test_the_voids_of_the_yaml_are_those_of_the_run_and_need_no_segmenter(model, finished, monkeypatch):
    monkeypatch.setattr("voidlab.segment.load.load_segmenter", None)
    assert model.is_quick(2, model.settings)
    stored = tables.load(finished[0], "voids")
    stored = stored[stored["frame"] == 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(model.voids(2, model.settings), stored)


def test_the_median_diameter_of_a_frame_is_that_of_the_report(model, finished):
    found = pd.read_parquet(finished[0].table("swelling"))
    row = len(model) - 1
    of_frame = found[(found["frame"] == model.number(row)) & (found["quantity"] == "median_diameter_seen")]
    of_report = of_frame["value"].item()
    said = model.in_words(row, model.detections(row, model.settings))
    assert f"median diameter {format_number(of_report)} nm (" in said
    whole = (~model.voids(row, model.settings)["touches_edge"]).sum()
    assert f"({whole} voids away from the edge)" in said


def test_auto_contrast_is_decided_for_the_whole_series_as_the_stage_does(model):
    settings = model.settings.model_copy(update={"min_radius_px": 3.0})
    found = model.voids(0, settings)
    frames, _ = segment.segment_series(
        model.run.series, segment.from_parameters(settings, model.run.paths.parameters.parent)
    )
    assert len(found) == frames["void_count"].iloc[0]


class _Halves:
    """A segmenter that splits its work in two."""

    maps_made = 0

    def __init__(self, threshold):
        self.threshold = threshold

    def with_contrast_from(self, images):
        return self

    def maps(self, image):
        _Halves.maps_made += 1
        return image

    def decode(self, maps):
        voids = situations.one().drop(columns="particle").iloc[: 1 if self.threshold < 0.9 else 0]
        return segment.Segmentation(maps, np.zeros(maps.shape, np.int32), voids)


def test_of_a_segmenter_in_two_halves_only_the_second_is_asked_again(model, monkeypatch):
    monkeypatch.setattr(
        "voidlab.segment.load.load_segmenter", lambda name, threshold, **rest: _Halves(threshold)
    )
    before = _Halves.maps_made
    counts = [
        len(model.voids(0, model.settings.model_copy(update={"threshold": t}))) for t in (0.3, 0.4, 0.95)
    ]
    assert counts == [1, 1, 0]
    assert _Halves.maps_made == before + 1


def test_a_network_looks_again_for_voids_larger_than_it_was_asked_for(model, monkeypatch):
    monkeypatch.setattr(
        "voidlab.segment.load.load_segmenter", lambda name, threshold, **rest: _Halves(threshold)
    )
    _Halves.maps_made = 0
    for largest in ("auto", 20.0, 37.0, 70.0):  # a quarter of the shorter side, 37.5 px, is always looked for
        model.voids(0, model.settings.model_copy(update={"max_radius_px": largest, "threshold": 0.3}))
    assert _Halves.maps_made == 2


def test_the_focus_is_decided_anew_only_when_a_slider_has_come_to_rest(model, monkeypatch):
    decided = []
    monkeypatch.setattr(
        "voidlab.segment.segmenter.decide_focus", lambda *args, **rest: decided.append(1) or None
    )
    first, other = (
        model.settings.model_copy(update={"segmenter": "voids", "threshold": t}) for t in (0.5, 0.6)
    )
    image = partial(model.image, 0)
    model.finder.find(0, image, first)
    assert model.finder.is_exact(first)
    assert len(decided) == 1
    model.finder.find(0, image, other, exact=False)
    assert model.finder.holds(0, other)
    assert not model.finder.is_exact(other)
    assert len(decided) == 1
    model.finder.find(0, image, other)
    assert model.finder.is_exact(other)
    assert len(decided) == 2


def test_caches_stay_bounded_whatever_is_looked_at(model):
    for cache in (model._pictures, model._images, model.finder._halves, model.finder._found):
        cache._most = 400_000  # a frame or two
    for row in [0, 1, 2, 3, 2, 1, 0]:
        for threshold in (0.3, 0.6):
            model.picture(row)
            model.voids(row, model.settings.model_copy(update={"threshold": threshold}))
    for cache in (model._pictures, model._images, model.finder._halves, model.finder._found):
        assert cache.bytes <= 400_000 or len(cache) == 1


def test_the_cache_forgets_the_oldest_and_keeps_one_that_is_too_large():
    cache = Cache(100)
    made = []
    for key in (1, 2, 1, 3):
        cache.get(key, lambda key=key: made.append(key) or np.zeros(50, np.uint8))
    assert made == [1, 2, 3]
    assert (2 in cache, 1 in cache, 3 in cache) == (False, True, True)
    cache.get(4, lambda: np.zeros(1000, np.uint8))
    assert len(cache) == 1


def test_the_cache_counts_the_maps_of_all_scales():
    cache = Cache(2 * 3 * 5 * 100)
    for key in range(4):
        map_ = np.zeros(100, np.uint8)
        cache.get(key, lambda map_=map_: tuple(Maps(scale, map_, map_, map_) for scale in (1, 2, 4, 8, 16)))
    assert len(cache) == 2


def test_the_cache_counts_the_maps_in_which_loops_are_looked_for():
    map_ = np.zeros(100, np.uint8)
    negative = Maps(1, map_, map_, map_, others={"loop": map_, "dot": map_})
    cache = Cache(10_000)
    cache.get("maps", lambda: (replace(negative, of_negative=negative),))
    assert cache.bytes == 2 * 5 * 100


def test_large_images_are_shown_smaller_and_points_stay_where_they_are():
    image = np.zeros((3000, 4097), np.float32)
    image[1500:1503, 2100:2103] = 1
    picture = shrink(image)
    assert picture.factor == 3
    assert max(picture.pixels.shape) <= 1500
    y, x = np.argwhere(picture.pixels > 0)[0]
    left, right, bottom, top = picture.extent
    step = (right - left) / picture.pixels.shape[1]
    assert (left + (x + 0.5) * step, top + (y + 0.5) * step) == pytest.approx((2101, 1501))
    assert (bottom, right) == (2999.5, 4094.5)


def test_a_small_image_is_shown_as_it_is():
    image = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    assert np.array_equal(shrink(image).pixels, image)


def test_drift_tails_and_tracks_come_from_the_last_run(model, finished):
    drift = tables.used_drift(*(tables.load(finished[0], name) for name in ("drift", "views")))
    drift = drift.set_index("frame")
    assert model.drift(3) == tuple(drift.loc[4, ["drift_x_px", "drift_y_px"]])
    voids = model.voids(3, model.settings)
    particles = model.particles(voids)
    links = tables.load(finished[0], "links")
    want = voids.merge(links, on=["frame", "label"], how="left")["particle"].fillna(-1)
    assert particles.tolist() == want.tolist()
    tails = model.tails(3, 2)
    assert tails
    for tail in tails:
        assert tail[:, 2].tolist() == sorted(tail[:, 2])
        assert set(tail[:, 2]) <= {2, 3, 4}


def test_corrections_show_at_once(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    model = Model(stage.open_stage("segment", "small"))
    before = model.voids(0, model.settings)
    victim = spot_of(before.iloc[whole(before)])
    model.correct([DeleteVoid(at=victim)])
    after = model.voids(0, model.settings)
    assert (after["corrected"] == "deleted").sum() == 1
    assert len(tables.kept(after)) == len(before) - 1
    assert model.undo().startswith("deleted the void")
    assert (model.voids(0, model.settings)["corrected"] == "").all()
    assert model.redo()
    assert len(tables.kept(model.voids(0, model.settings))) == len(before) - 1
    # with other settings the same void is meant
    strict = model.settings.model_copy(update={"min_radius_px": 2.7})
    assert (model.voids(0, strict)["corrected"] == "deleted").sum() == 1
    life = model.linked["particle"].value_counts().index[0]
    model.correct([CutTrack(at=spot_of(model.life(life).iloc[1]))])
    assert len(model.life(life)) == 1


# --- comparing ---------------------------------------------------------------------------------------------------


def test_a_comparison_tells_what_only_one_found():
    left = situations.two_that_touch()
    left = left[left["frame"] == 1].drop(columns="particle")
    right = left.assign(x_px=left["x_px"] + [0.5, 30], radius_px=left["radius_px"] + 1)
    found = compare.compare(left, right)
    assert found.left["matched"].tolist() == [True, False]
    assert found.right["matched"].tolist() == [True, False]
    assert found.radius_difference_px == pytest.approx(1)
    words = found.in_words(SimpleNamespace(pixel_size_nm=0.5))
    assert "1 matched, 1 only left, 1 only right; radii on the right +0.50 nm" in words


def test_nothing_compared_with_nothing():
    found = compare.compare(tables.empty("voids"), tables.empty("voids"))
    assert "0 voids on the left, 0 on the right" in found.in_words(SimpleNamespace(pixel_size_nm=None))
    figure = Figure()
    compare.draw(found, shrink(np.zeros((10, 20))), ("a", "b"), figure, SimpleNamespace(pixel_size_nm=None))
    assert [ax.get_title() for ax in figure.axes] == ["a: 0 voids", "b: 0 voids"]


# --- the tools ---------------------------------------------------------------------------------------------------


@pytest.fixture
def under():
    voids = situations.two_that_touch()
    voids = voids[voids["frame"] == 1].drop(columns="particle").reset_index(drop=True)
    return mouse_tools.Shown(1, voids, np.array([7, -1]))


def use(name, under, *drags):
    tool = mouse_tools.Tool()
    assert tool.take(name) == mouse_tools.HELP[name]
    for start, end in drags:
        made = tool.use(under, start, end)
    return made


def test_each_tool_makes_its_edit(under):
    a, b = (50.0, 50.0), (58.0, 50.0)
    assert use("select", under, (a, a)) == (None, "")
    assert isinstance(use("delete", under, (a, a))[0], DeleteVoid)
    added = use("add", under, ((80.0, 40.0), (83.0, 44.0)))[0]
    assert isinstance(added, AddVoid)
    assert (added.at.x_px, added.at.y_px, added.at.radius_px) == (80, 40, 5)
    split = use("split", under, ((50.0, 40.0), (50.0, 60.0)))[0]
    assert isinstance(split, SplitVoid)
    merged = use("merge", under, (a, a), (b, b))[0]
    assert isinstance(merged, MergeVoids)
    assert [s.x_px for s in merged.at] == [50, 58]
    assert isinstance(use("cut track", under, (a, a))[0], CutTrack)
    other = mouse_tools.Shown(2, under.voids.assign(frame=2), np.array([3, 4]))
    tool = mouse_tools.Tool()
    tool.take("join tracks")
    assert "first: the void at" in tool.use(under, a, a)[1]
    joined = tool.use(other, b, b)[0]
    assert isinstance(joined, JoinTracks)
    assert (joined.at.frame, joined.to.frame) == (1, 2)


def test_tools_say_what_is_missing(under):
    nowhere = (5.0, 5.0)
    assert use("delete", under, (nowhere, nowhere))[1].startswith("there is no void here")
    assert use("add", under, (nowhere, nowhere)) == (None, mouse_tools.HELP["add"])
    assert use("split", under, ((50.0, 50.0), (50.0, 50.0)))[0] is None
    assert "on no track" in use("delete track", under, ((58.0, 50.0), (58.0, 50.0)))[1]
    assert use("merge", under, ((50.0, 50.0),) * 2, ((50.0, 50.0),) * 2)[0] is None


def test_the_smaller_of_two_voids_under_the_mouse_is_picked(under):
    assert mouse_tools.pick(under.voids, (55.0, 50.0)) == 1
    assert mouse_tools.pick(under.voids, (46.0, 50.0)) == 0
    assert mouse_tools.pick(tables.empty("voids"), (1.0, 1.0)) is None


# --- latest value wins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", [False, True])
def test_only_the_latest_of_many_values_is_computed(patient):
    done, wanted = [], [0]

    async def drag():
        latest = Latest(lambda: done.append(wanted[0]), pause_s=0.05, patient=patient)
        for value in range(50):
            wanted[0] = value
            latest.ask()
        assert done == []
        await asyncio.sleep(0.2)
        latest.ask()
        latest.forget()
        await asyncio.sleep(0.1)

    asyncio.run(drag())
    assert done == [49]


# --- the widgets -------------------------------------------------------------------------------------------------


def test_it_opens_on_the_first_frame_and_slides(explorer):
    assert explorer.said.value.startswith("frame 1, ")
    assert f"{len(shown(explorer))} voids" in explorer.said.value
    explorer.row.value = 2
    assert explorer.said.value.startswith("frame 3, ")


def test_controls_change_what_is_found(explorer):
    before = len(shown(explorer))
    explorer.settings.threshold.value = 0.95
    assert len(shown(explorer)) < before
    assert f"{len(shown(explorer))} voids" in explorer.said.value
    explorer.settings.min_radius_px.value = 70
    assert len(shown(explorer)) == 0
    assert ": 0 voids" in explorer.said.value


def test_ranges_of_the_controls_are_those_of_the_parameters(explorer):
    assert (explorer.settings.threshold.min, explorer.settings.threshold.max) == (0.01, 0.99)
    assert 10**explorer.settings.min_radius_px.min == pytest.approx(1)
    assert explorer.settings.contrast.options == ("auto", "bright", "dark")
    assert "classical" in explorer.settings.segmenter.options


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("filled", ["outlines", "filled"])
def test_every_style_draws(explorer, colour, filled):
    explorer.style.colour.value, explorer.style.outlines.value = colour, filled
    assert explorer.style.style == Style(filled == "filled", colour, (0.0, 1.0))
    explorer.canvas.figure.canvas.draw()
    rings = [c for c in explorer.view.image.collections if len(c.get_offsets()) > 1]
    assert sum(len(c.get_offsets()) for c in rings) == len(shown(explorer))
    face = rings[0].get_facecolor()
    assert (len(face) > 0) == (filled == "filled")


def test_less_the_drift_the_stack_stands_still(explorer):
    explorer.row.value = 3
    explorer.style.drift.value = True
    explorer.style.tails.value = 3
    offset = explorer.scene.offset
    assert offset == tuple(-d for d in explorer.model.drift(3))
    left, _, _, top = explorer.view._photo.get_extent()
    assert (left, top) == pytest.approx((offset[0] - 0.5, offset[1] - 0.5))
    # the tails end on the voids, and are shorter than as recorded
    ends = np.array([tail[-1, :2] for tail in explorer.scene.tails])
    apart = np.hypot(*(ends[:, None] - shown(explorer)[["x_px", "y_px"]].to_numpy()[None]).transpose(2, 0, 1))
    assert apart.min(axis=1).max() < 1e-6


def test_a_click_selects_in_all_plots_and_the_track_is_kept_over_frames(explorer):
    on_track = np.flatnonzero(explorer.scene.particles >= 0)
    lives = [len(explorer.model.life(int(explorer.scene.particles[i]))) for i in on_track]
    row = int(on_track[int(np.argmax(lives))])
    explorer.hand.drag([middle(shown(explorer).iloc[row]), middle(shown(explorer).iloc[row])])
    particle = int(explorer.scene.particles[row])
    assert explorer.scene.selected == row
    assert "radius" in explorer.hover.value
    assert f"particle {particle}" in explorer.hover.value
    radius = shown(explorer)["radius_px"].iloc[row] * 0.5
    assert explorer.plots._marked[0].get_xdata()[0] == pytest.approx(radius)
    assert len(explorer.plots._life.get_xdata()) == max(lives)
    explorer.hand.go_to(2.2)
    assert explorer.row.value == 1
    if explorer.scene.selected is not None:
        assert explorer.scene.particles[explorer.scene.selected] == particle
    explorer.hand.choose_nearest("radius_px", radius / 0.5)
    assert explorer.scene.selected is not None


def test_the_mouse_hovers_clicks_and_zooms(explorer, mouse):
    void = shown(explorer).iloc[whole(shown(explorer))]
    at = mouse(explorer.view.image, void["x_px"], void["y_px"], step=1)
    explorer.pointer.move(at)
    assert f"= {void['radius_px']:.2f} px (" in explorer.hover.value
    explorer.pointer.move(mouse(explorer.view.image, -5, -5))
    assert explorer.hover.value == "&nbsp;"
    explorer.pointer.press(at)
    explorer.pointer.release(at)
    assert explorer.scene.selected is not None
    wide = np.ptp(explorer.view.image.get_xlim())
    explorer.pointer.scroll(at)
    assert np.ptp(explorer.view.image.get_xlim()) == pytest.approx(wide / 1.25)
    explorer.row.value = 1
    assert np.ptp(explorer.view.image.get_xlim()) == pytest.approx(wide / 1.25)  # zoom stays


def test_correcting_with_the_mouse(explorer, copied):
    void = shown(explorer).iloc[whole(shown(explorer))]
    count = len(shown(explorer))
    explorer.correct.tool.value = "delete"
    assert "click a void to delete it" in explorer.said.value
    explorer.hand.drag([middle(void), middle(void)])
    assert len(tables.kept(shown(explorer))) == count - 1
    assert "deleted the void at" in explorer.said.value
    assert "1 correction by hand" in explorer.correct.list.value
    explorer.correct.tool.value = "add"
    explorer.hand.drag([middle(void), (void["x_px"] + 4, void["y_px"])])
    assert len(tables.kept(shown(explorer))) == count
    explorer.correct.undo.click()
    explorer.correct.undo.click()
    assert len(tables.kept(shown(explorer))) == count
    explorer.correct.undo.click()
    assert "nothing to undo" in explorer.said.value
    explorer.correct.redo.click()
    assert len(tables.kept(shown(explorer))) == count - 1
    explorer.correct.bad_frame.click()
    explorer.row.value = 0
    explorer.update()
    assert "left out, marked as bad" in explorer.said.value
    kinds = [type(line.edit) for line in corrections.read_log(copied.corrections).kept()]
    assert kinds == [DeleteVoid, BadFrame]


def test_keeping_shows_the_difference_first_and_writes_only_what_was_touched(explorer, copied):
    before = copied.parameters.read_text()
    explorer.settings.threshold.value = 0.6
    explorer.keep.show.click()
    row = "<td>segment.threshold</td><td>0.5 (default)</td><td><b>0.6</b></td>"
    assert row in explorer.keep.table.value
    assert copied.parameters.read_text() == before
    explorer.keep.leave.click()
    assert explorer.keep.table.value == ""
    explorer.keep.show.click()
    explorer.keep.write.click()
    assert "segment.threshold: 0.5 (default) → 0.6" in explorer.said.value
    assert parameters.load_parameters(copied.parameters).segment.threshold == 0.6
    assert "min_radius_px" not in copied.parameters.read_text()
    explorer.keep.show.click()
    assert "nothing changed" in explorer.said.value


def test_what_was_kept_is_taken_back_unless_the_file_was_changed_since(explorer, copied):
    explorer.keep.undo.click()
    assert "nothing was kept here that could be taken back" in explorer.said.value
    before = copied.parameters.read_bytes()
    explorer.settings.threshold.value = 0.6
    explorer.settings.is_auto.value = False
    explorer.settings.max_radius_px.value = 20
    explorer.keep.write.click()
    assert "max_radius_px: auto (default) → 20.0" in explorer.said.value
    kept = copied.parameters.read_bytes()
    copied.parameters.write_bytes(kept + b"# mine\n")
    explorer.keep.undo.click()
    assert "was changed elsewhere since; nothing is taken back" in explorer.said.value
    copied.parameters.write_bytes(kept)
    explorer.keep.undo.click()
    assert copied.parameters.read_bytes() == before
    assert explorer.settings.threshold.value == 0.5
    assert explorer.settings.is_auto.value
    assert explorer.settings.touched == {}
    assert explorer.model.is_quick(0, explorer.settings.settings)  # as the run found them


def test_comparing_draws_both_and_says_the_counts(explorer):
    explorer.compare.other.threshold.value = 0.97
    explorer.compare.compare_now.click()
    canvas = explorer.compare.canvas
    assert explorer.place.children == (explorer.canvas, canvas)
    assert (explorer.canvas.layout.display, canvas.layout.display) == ("none", "")
    assert "threshold 0.5" in canvas.figure.axes[0].get_title()
    assert "threshold 0.97" in canvas.figure.axes[1].get_title()
    other = explorer.model.voids(0, explorer.compare.other.settings)
    matched = len(scores.match_voids(shown(explorer), other))
    assert (
        f"{len(shown(explorer))} voids on the left, {len(other)} on the right"
        in explorer.compare.compared.value
    )
    assert f"{matched} matched" in explorer.compare.compared.value
    explorer.compare.back.click()
    assert (explorer.canvas.layout.display, canvas.layout.display) == ("", "none")


# --- what a user can get wrong -----------------------------------------------------------------------------------


def test_a_frame_that_cannot_be_read_is_said(explorer, copied):
    (copied.root / "data" / "small" / "tilt02.tif").write_bytes(b"")
    explorer.row.value = 1
    assert "tilt02.tif" in explorer.said.value
    assert explorer.said.value.startswith("frame 2")
    explorer.correct.tool.value = "add"
    explorer.hand.drag([(20.0, 20.0), (25.0, 20.0)])  # on nothing
    assert explorer.model.log.lines == ()
    explorer.row.value = 2
    assert "frame 3" in explorer.said.value


@pytest.mark.parametrize(("tool", "seen"), [("add", Circle), ("split", Line2D), ("delete", type(None))])
def test_what_a_drag_would_make_is_seen_while_it_lasts(explorer, mouse, tool, seen):
    image = explorer.view.image
    explorer.correct.tool.value = tool
    explorer.pointer.press(mouse(image, 20.0, 30.0))
    explorer.pointer.move(mouse(image, 23.0, 34.0))
    assert isinstance(explorer.view._band, seen)
    if tool == "add":
        assert (explorer.view._band.center, explorer.view._band.radius) == ((20.0, 30.0), 5.0)
    explorer.pointer.release(mouse(image, 20.2, 30.0))  # too short for an edit
    assert explorer.view._band is None


def test_the_results_of_a_run_are_seen_without_opening_again(copied, monkeypatch):
    record = copied.record.read_bytes()
    copied.record.unlink()
    monkeypatch.chdir(copied.root)
    explorer = explore.open_explorer("small").explorer
    assert explorer.model.results is None
    assert explorer.model.linked.empty
    copied.record.write_bytes(record)
    explorer.row.value = 1
    assert (explorer.scene.particles >= 0).any()


def test_no_results_yet_is_a_sentence_when_they_are_asked_for(copied, monkeypatch):
    copied.record.unlink()
    monkeypatch.chdir(copied.root)
    explorer = explore.open_explorer("small").explorer
    assert explorer.said.value.startswith("frame 1")
    assert "no tracks" not in explorer.said.value
    explorer.style.tails.value = 5
    assert "no tracks or drift yet; they come with: voidlab run parameters/small.yaml" in explorer.said.value
    explorer.correct.tool.value = "cut track"
    void = shown(explorer).iloc[whole(shown(explorer))]
    explorer.hand.drag([middle(void), middle(void)])
    assert "on no track of the last run" in explorer.said.value


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.parameters.unlink(), "There is no dataset 'small'; there are: none."),
        (lambda p: p.parameters.write_text("images: ../data/none/*.tif\n"), "none"),
        (lambda p: p.parameters.write_text("images: [\n"), "small.yaml:"),
        (lambda p: p.parameters.write_text("imges: a\n"), "did you mean 'images'?"),
        (lambda p: p.corrections.write_text("[1]\n"), "small.corrections.jsonl:1"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(copied, monkeypatch, spoil, said):
    spoil(copied)
    monkeypatch.chdir(copied.root)
    opened = explore.open_explorer("small").explorer
    assert said in opened.said.value
    assert "Traceback" not in opened.said.value


def test_outside_a_project_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no folder 'parameters'" in explore.open_explorer("small").explorer.said.value


def test_a_folder_that_cannot_be_written_is_a_sentence(explorer, copied, monkeypatch):
    copied.corrections.mkdir()  # as good as read-only, also for the superuser
    explorer.correct.tool.value = "delete"
    void = shown(explorer).iloc[whole(shown(explorer))]
    explorer.hand.drag([middle(void), middle(void)])
    assert "small.corrections.jsonl cannot be read or written" in explorer.said.value

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(copied.parameters))

    monkeypatch.setattr("os.replace", refuse)
    before = copied.parameters.read_bytes()
    explorer.settings.threshold.value = 0.7
    explorer.keep.show.click()
    explorer.keep.write.click()
    assert "small.yaml cannot be read or written: Permission denied" in explorer.said.value
    assert copied.parameters.read_bytes() == before


def test_of_one_image_nothing_of_tracks_is_offered(copied, monkeypatch):
    first = min((copied.root / "data" / "small").glob("tilt*.tif")).name
    lines = copied.parameters.read_text().replace("tilt*.tif", first).splitlines(keepends=True)
    copied.parameters.write_text("".join(line for line in lines if not line.startswith("tilt_angles")))
    monkeypatch.chdir(copied.root)
    explorer = explore.open_explorer("small").explorer
    assert len(explorer.model) == 1
    tabs = next(tabs for tabs in _inside(explorer.widget) if isinstance(tabs, w.Tab))
    assert "Link" not in tabs.titles
    assert not set(explorer.correct.tool.options) & set(mouse_tools.OF_TRACKS)
    assert "track" not in explorer.style.colour.options
    assert explorer.style.tails not in explorer.style.widget.children
    assert not [each for each in _inside(explorer.widget) if isinstance(each, w.Play)]


def _inside(widget):
    yield widget
    for each in getattr(widget, "children", ()):
        yield from _inside(each)


def test_a_segmenter_that_is_not_there_is_a_sentence(copied, monkeypatch):
    copied.parameters.write_text(copied.parameters.read_text().replace("classical", "nets/none.safetensors"))
    monkeypatch.chdir(copied.root)
    opened = explore.open_explorer("small").explorer
    assert "nets/none.safetensors" in opened.said.value
    assert "Traceback" not in opened.said.value


# --- loops and dots ----------------------------------------------------------------------------------------------


@pytest.fixture
def with_loops(copied, monkeypatch):
    """The explorer of a dataset whose segmenter tells loops and dots from voids."""
    text = copied.parameters.read_text().replace("classical}", "classical, kinds: [void, loop, dot]}")
    copied.parameters.write_text(text)
    monkeypatch.chdir(copied.root)
    monkeypatch.setattr(
        "voidlab.segment.load.load_segmenter",
        lambda name, threshold, kinds, **rest: SeesMore(threshold=threshold, kinds=kinds, contrast="bright"),
    )
    made = explore.open_explorer("small").explorer
    made._find()
    return made


def test_loops_are_shown_beside_the_voids_and_said(with_loops):
    scene = with_loops.scene
    assert set(scene.voids["kind"]) == {"void"}
    assert scene.others["kind"].value_counts().to_dict() == {"loop": LOOPS, "dot": DOTS}
    assert len(scene.particles) == len(scene.voids)
    said = f"{LOOPS} loops (pink, dashes and dots), {DOTS} dots (yellow, dots)"
    assert f"{len(scene.voids)} voids, median diameter " in with_loops.said.value
    assert said in with_loops.said.value
    colours = [
        to_hex(c.get_edgecolor()[0]) for c in with_loops.view.image.collections if len(c.get_offsets())
    ]
    assert {OF_KIND["loop"][0].lower(), OF_KIND["dot"][0].lower()} <= set(colours)


def test_a_click_is_on_a_void_though_a_loop_lies_upon_it(with_loops):
    first = with_loops.scene.voids.iloc[0]
    loop = with_loops.scene.others.iloc[0]
    assert (loop["x_px"], loop["y_px"]) == (first["x_px"], first["y_px"])
    with_loops.hand.drag([middle(first), middle(first)])
    assert with_loops.scene.selected == 0
    with_loops._compare()
    count = len(with_loops.scene.voids)
    assert (
        f"{count} voids on the left, {count} on the right: {count} matched"
        in with_loops.compare.compared.value
    )
