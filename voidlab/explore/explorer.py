"""The explorer itself: widgets that ask the model, and the figure that shows what it answers."""

from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any

import ipywidgets as w
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voidlab import tables
from voidlab.errors import VoidlabError
from voidlab.explore import compare
from voidlab.explore.canvas import canvas_of
from voidlab.explore.debounce import Latest
from voidlab.explore.figure import INCHES, Scene, View
from voidlab.explore.live_segmenter import names
from voidlab.explore.mouse_tools import DRAWN, Point, Shown, Tool, pick
from voidlab.explore.panels import CorrectPanel, KeepPanel, SettingsPanel, StylePanel, text
from voidlab.explore.state import Model, Picture
from voidlab.project import parameters
from voidlab.project.corrections import BadFrame, Edit
from voidlab.tables.kinds import VOID


class Explorer:
    """A dataset to look at, tune and correct: ``widget`` is what a notebook shows."""

    def __init__(self, model: Model) -> None:
        self.model = model
        shape = model.run.series.shape
        self._selected: Point | None = None
        self._particle = -1
        self._scene: Scene | None = None
        self._pressed: Point | None = None
        self._tool = Tool()
        self._lock = RLock()  # widgets may answer in a thread of their own
        self._frame_words = self._note = ""
        self.latest = Latest(self.update)
        self._later = Latest(lambda: self._try(self._find), pause_s=0.15, patient=True)
        controls = partial(SettingsPanel, model.settings, names(model.settings.segmenter), min(shape) / 2)
        self.settings, self.other = controls(self._changed), controls(lambda: None)
        self.style = StylePanel(self._changed)
        self.correct = CorrectPanel(
            lambda name: self._say(self._tool.take(name)),
            *(partial(self._try, do) for do in (self._undo, self._redo, self._mark_bad)),
        )
        self.keep = KeepPanel(partial(self._try, self._show_difference), partial(self._try, self._write))
        self._build(shape)
        self.correct.show(model.log)
        self.update()

    def _build(self, shape: tuple[int, int]) -> None:
        last = max(len(self.model) - 1, 0)
        self.row = w.IntSlider(0, 0, last, description="image", layout=w.Layout(width="520px"))
        self.row.observe(lambda _: self._changed(), names="value")
        play = w.Play(min=0, max=last, interval=300)
        w.jslink((play, "value"), (self.row, "value"))
        self.said, self.hover = w.HTML(), w.HTML("&nbsp;")
        self.canvas = canvas_of(Figure(figsize=INCHES, dpi=80))
        self.view = View(self.canvas.figure, shape, self.model.run.calibration)
        for event, react in (
            ("button_press_event", self._press),
            ("button_release_event", self._release),
            ("motion_notify_event", self._move),
            ("scroll_event", self._scroll),
        ):
            self.canvas.mpl_connect(event, react)
        self.compare_now = w.Button(description="compare", icon="columns")
        self.compare_now.on_click(lambda _: self._try(self._compare))
        self.compared, self.side_by_side = w.HTML(), w.VBox([])
        with_other = w.VBox([self.other.widget, self.compare_now, self.compared, self.side_by_side])
        tabs = w.Tab(
            [w.HBox([self.settings.widget, self.keep.widget]), self.style.widget, self.correct.widget, with_other],
            titles=["Find", "See", "Correct", "Compare"],
        )  # fmt: skip
        self.widget = w.VBox([w.HBox([play, self.row]), tabs, self.said, self.hover, self.canvas])

    # --- looking ---------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._note = ""
        self.latest.ask()

    def update(self) -> None:
        """Draw the frame as the controls stand."""
        self._try(self._update)

    def _update(self) -> None:
        """Draw the frame at once; its voids too if they are at hand, else when the slider has come to rest."""
        row, model = self.row.value, self.model
        self._frame_words = f"frame {model.number(row)}"
        try:
            picture = model.picture(row)
        except OSError:
            self._scene = None  # what was shown before is not this frame: nothing to click on
            self.view.clear()
            self.canvas.draw()
            raise
        if model.is_quick(row, self.settings.settings):
            self._later.forget()
            self._find()
            return
        self._draw(picture, row, tables.empty("voids"))
        self._frame_words += ": finding the voids …"
        self._say(self._note)
        self._later.ask()

    def _find(self) -> None:
        row, model = self.row.value, self.model
        detections = model.detections(row, self.settings.settings)
        self._draw(model.picture(row), row, detections)
        needs = self.style.drift.value or self.style.tails.value or self.style.colour.value == "track"
        self._frame_words = model.in_words(row, detections)
        self._say(self._note or model.outdated or (model.why_no_results if needs else ""))

    def _draw(self, picture: Picture, row: int, detections: pd.DataFrame) -> None:
        model = self.model
        voids = tables.only_voids(detections).reset_index(drop=True)
        particles = model.particles(voids)
        selected = self._again(voids, particles)
        if selected is not None:
            self._particle = int(particles[selected])
            self._selected = tuple(voids[["x_px", "y_px"]].iloc[selected])
        dx, dy = model.drift(row) if self.style.drift.value else (0.0, 0.0)
        self._scene = Scene(
            picture=picture,
            voids=voids,
            particles=particles,
            others=tables.kept(detections[detections["kind"] != VOID]),
            offset=(-dx, -dy),
            tails=self._tails(row) if self.style.tails.value else (),
            selected=selected,
            life=model.life(self._particle if selected is not None else -1),
            frame=model.number(row),
        )
        self.view.show(self._scene, self.style.style)
        self.canvas.draw()

    def _tails(self, row: int) -> list[np.ndarray]:
        """Tails in the image as recorded; when the stack stands still, each point is drift-corrected."""
        tails = self.model.tails(row, self.style.tails.value)
        if not self.style.drift.value:
            return tails
        here = np.asarray(self.model.drift(row))
        return [np.column_stack([t[:, :2] - self.model.drifts(t[:, 2]) + here, t[:, 2]]) for t in tails]

    def _again(self, voids: Any, particles: np.ndarray) -> int | None:
        """The selected void in another frame or with other settings: the one of its track, else where it was."""
        on_track = np.flatnonzero((particles == self._particle) & (self._particle >= 0))
        if len(on_track):
            return int(on_track[0])
        return None if self._selected is None or self._particle >= 0 else pick(voids, self._selected)

    def select(self, row: int | None) -> None:
        """Select the void in row ``row`` of those shown, in the image and both plots; None: none."""
        if self._scene is None:
            return
        self._selected, self._particle = None, -1
        if row is not None:
            self._selected = tuple(self._scene.voids[["x_px", "y_px"]].iloc[row])
            self._particle = int(self._scene.particles[row])
        self.update()
        if row is not None:
            self.hover.value = self._numbers(row)

    def _numbers(self, row: int) -> str:
        assert self._scene is not None
        void, particle = self._scene.voids.iloc[row], int(self._scene.particles[row])
        size = self.model.run.calibration.pixel_size_nm
        radius = f"{void['radius_px']:.2f} px" + (f" = {void['radius_px'] * size:.2f} nm" if size else "")
        sure = "" if np.isnan(void["confidence"]) else f", confidence {void['confidence']:.2f}"
        track = f", particle {particle}" if particle >= 0 else ""
        edge = ", touches the edge" if void["touches_edge"] else ""
        hand = f", {void['corrected']} by hand" if void["corrected"] else ""
        place = f"({void['x_px']:.1f}, {void['y_px']:.1f}) px"
        return text(f"void at {place}: radius {radius}{sure}{track}{edge}{hand}")

    # --- the mouse -------------------------------------------------------------------------------------------

    def _at(self, event: Any) -> Point:
        """Where the mouse is in the image as recorded."""
        assert self._scene is not None
        return (event.xdata - self._scene.offset[0], event.ydata - self._scene.offset[1])

    def _press(self, event: Any) -> None:
        free = self._scene is not None and not self.canvas.toolbar.mode
        self._pressed = self._at(event) if free and event.inaxes is self.view.image else None

    def _release(self, event: Any) -> None:
        start, self._pressed = self._pressed, None
        if self._tool.name in DRAWN:
            self.view.drop_band()
            self.canvas.draw_idle()
        if self._scene is None or event.inaxes is None or self.canvas.toolbar.mode:
            return
        if event.inaxes is self.view.sizes:
            self._click_size(event.xdata)
        elif event.inaxes is self.view.radii:
            self._click_frame(event.xdata)
        elif event.inaxes is self.view.image and start is not None:
            self.drag(start, self._at(event))

    def drag(self, start: Point, end: Point) -> None:
        """What the tool in hand does with a drag from ``start`` to ``end``, px of the image as recorded."""
        if self._scene is None:
            return
        if self._tool.name == "look":
            self.select(pick(self._scene.voids, end))
            return
        shown = Shown(self._scene.frame, self._scene.voids, self._scene.particles)
        edit, words = self._tool.use(shown, start, end)
        if edit is None:
            self._say(words)
        else:
            self._try(partial(self._apply, edit))

    def _click_size(self, radius: float) -> None:
        assert self._scene is not None
        size, _ = tables.unit_of(self.model.run.calibration)
        voids = self._scene.voids
        apart = np.abs(voids["radius_px"].to_numpy() * size - radius)
        stands = (voids["corrected"] != "deleted").to_numpy()
        self.select(int(np.argmin(np.where(stands, apart, np.inf))) if stands.any() else None)

    def _click_frame(self, frame: float) -> None:
        frames = self.model.frames["frame"].to_numpy()
        self.row.value = int(np.argmin(np.abs(frames - frame)))

    def _move(self, event: Any) -> None:
        if self._scene is None or event.inaxes is not self.view.image:
            return
        if self._pressed is not None and self._tool.name in DRAWN:
            ox, oy = self._scene.offset
            start = (self._pressed[0] + ox, self._pressed[1] + oy)
            self.view.band(start, (event.xdata, event.ydata), circle=DRAWN[self._tool.name] == "circle")
            self.canvas.draw_idle()
            return
        row = pick(self._scene.voids, self._at(event))
        self.hover.value = "&nbsp;" if row is None else self._numbers(row)

    def _scroll(self, event: Any) -> None:
        if event.inaxes is self.view.image:
            with self._lock:
                self.view.zoom(event.xdata, event.ydata, 1.25**event.step)
                self.canvas.draw()

    # --- correcting ------------------------------------------------------------------------------------------

    def _mark_bad(self) -> None:
        self._apply(BadFrame(frame=self.model.number(self.row.value)))

    def _apply(self, edit: Edit) -> None:
        self.model.correct(edit)
        self._corrected(str(edit))

    def _undo(self) -> None:
        undone = self.model.undo()
        self._corrected(f"took back: {undone}" if undone else "there is nothing to undo")

    def _redo(self) -> None:
        self._corrected("brought back" if self.model.redo() else "there is nothing to redo")

    def _corrected(self, words: str) -> None:
        self.correct.show(self.model.log)
        self._note = words
        self.update()

    # --- keeping and comparing -------------------------------------------------------------------------------

    def _show_difference(self) -> None:
        file = self.model.run.paths.parameters
        difference = parameters.difference(file, "segment", self.model.as_given(self.settings.touched))
        if difference:
            self.keep.ask(difference)
        else:
            self.keep.clear()
            self._say(f"{file.name}: nothing changed")

    def _write(self) -> None:
        file = self.model.run.paths.parameters
        changes = parameters.write_values(file, "segment", self.model.as_given(self.settings.touched))
        self.keep.clear()
        self._say(f"{file.name}: " + ("; ".join(changes) or "nothing changed"))

    def _compare(self) -> None:
        row, model = self.row.value, self.model
        here, there = self.settings.settings, self.other.settings
        found = compare.compare(model.voids(row, here), model.voids(row, there))
        if not self.side_by_side.children:
            self.side_by_side.children = (canvas_of(Figure(figsize=(INCHES[0], INCHES[0] / 2), dpi=80)),)
        (canvas,) = self.side_by_side.children
        titles = [f"{s.segmenter}, threshold {s.threshold:g}" for s in (here, there)]
        compare.draw(found, model.picture(row), titles, canvas.figure, model.run.calibration)
        canvas.draw()
        self.compared.value = text(found.in_words(model.run.calibration))

    # --- saying ----------------------------------------------------------------------------------------------

    def _try(self, do: Callable[[], None]) -> None:
        """Do it, one thing at a time; what goes wrong for reasons the user can mend is said."""
        with self._lock:
            try:
                do()
            except (VoidlabError, OSError) as error:
                self._say(_sentence(error))

    def _say(self, note: str) -> None:
        """Say what there is to say of the frame, and below it ``note``."""
        self._note = note
        self.said.value = "<br>".join(text(s) for s in (self._frame_words, note) if s)


class Sentence:
    """In place of an explorer that cannot be: why."""

    def __init__(self, why: str) -> None:
        self.said = w.HTML(text(why).replace("\n", "<br>"))
        self.widget = w.VBox([self.said])


def _sentence(error: Exception) -> str:
    """What an error says, with the file where the system only gives a code."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be read or written: {error.strerror}. Nothing was changed."
    return str(error)
