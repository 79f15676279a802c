"""The explorer itself: widgets that ask the model, and the figures that show what it answers."""

from collections.abc import Callable, Sequence
from functools import partial
from threading import RLock
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voidlab import tables
from voidlab.errors import VoidlabError
from voidlab.explore import keys, layout
from voidlab.explore.browser import Browser
from voidlab.explore.canvas import canvas_of, fill, hide_handle
from voidlab.explore.compare_panel import ComparePanel
from voidlab.explore.debounce import Latest
from voidlab.explore.figure import INCHES, Point, Scene, View
from voidlab.explore.hand import Hand
from voidlab.explore.image_panel import ImagePanel
from voidlab.explore.keeping import Keeping
from voidlab.explore.kept_settings import KeptSettings
from voidlab.explore.link_panel import LinkPanel
from voidlab.explore.link_preview import Preview, preview, rows_about
from voidlab.explore.live_segmenter import names
from voidlab.explore.mouse_tools import HELP, OF_TRACKS
from voidlab.explore.panels import CorrectPanel, SettingsPanel, StylePanel, text
from voidlab.explore.plots import INCHES as BESIDE
from voidlab.explore.plots import Plots
from voidlab.explore.pointer import Pointer
from voidlab.explore.save_panel import SavePanel, numbers_of
from voidlab.explore.state import Model, Picture
from voidlab.tables.kinds import VOID
from voidlab.tables.size_basis import are_edges


class Explorer:
    """A dataset to look at, tune and correct: ``widget`` is what a notebook shows.

    ``heading`` are widgets that stand first in its upper row; ``reopen`` is called with a row and a sentence when the
    images are to be read anew, as another part of them counts.
    """

    correct: CorrectPanel

    def __init__(
        self,
        model: Model,
        heading: Sequence[Any] = (),
        *,
        kept: KeptSettings | None = None,
        reopen: Callable[[int, str], None] = lambda row, note: None,
    ) -> None:
        self.model, self._reopen = model, reopen
        self._linked: Preview | None = None
        self.scene: Scene | None = None  # what is shown; None while the frame cannot be
        self._lock = RLock()  # widgets may answer in a thread of their own
        self._size: tuple[int, int] | None = None  # of the image's place, once a browser has said it
        self._frame_words = self._note = ""
        self.latest = Latest(self.update)
        self._later = Latest(lambda: self.attempt(self._find), pause_s=0.15, patient=True)
        self._exactly = Latest(lambda: self.attempt(self._find), pause_s=0.4, patient=True)
        self.hand = Hand(self)
        self._make_figures()
        self._make_panels(kept or KeptSettings(model.run.paths.parameters))
        self._do: dict[str, Callable[[], None]] = self._actions()
        self.browser = Browser(keys.ACTIONS, self._key, self._resize, self._copied)
        self._lay_out(heading)
        self.correct.show(model.log)
        self.update()

    def _make_figures(self) -> None:
        run = self.model.run
        self.canvas = canvas_of(Figure(figsize=INCHES, dpi=80))
        self.beside = canvas_of(Figure(figsize=BESIDE, dpi=80))
        self.view = View(self.canvas.figure, run.series.shape, run.calibration)
        self.plots = Plots(self.beside.figure, run.calibration)
        self.pointer = Pointer(self.view, self.plots, self.canvas, self.beside, self.hand, self._lock)
        self.place = layout.box([self.canvas], "image")

    @property
    def _is_alone(self) -> bool:
        """Whether the dataset is a single image, which has no drift and no tracks."""
        return len(self.model) == 1

    def _make_panels(self, kept: KeptSettings) -> None:
        model = self.model
        longest = min(model.run.series.shape) / 2
        controls = partial(SettingsPanel, model.settings, names(model.settings.segmenter), longest)
        self.settings = controls(self._changed)
        self.style = StylePanel(self._changed, alone=self._is_alone)
        tools = [name for name in HELP if not (self._is_alone and name in OF_TRACKS)]
        self.correct = CorrectPanel(tools, self._take, lambda name: self._do[name]())
        compared = partial(self.attempt, self._compare)
        self.compare = ComparePanel(controls(lambda: None), self.place, self.canvas, compared)
        self.link = LinkPanel(model.run.dataset.track, len(model), self._changed)
        shape = model.run.series.shape
        self.about_image = ImagePanel(model.run.dataset, shape, self._take, self.update, self.say)
        panels = (self.settings, self.link, self.about_image)
        self.keep = Keeping(model, kept, panels, self.attempt, self.say, self._reopen_here).panel
        self.save = SavePanel(lambda what: self.attempt(partial(self._save, what)))

    def _lay_out(self, heading: Sequence[Any]) -> None:
        self.row = layout.frame_slider(self.model.frames)
        self.row.observe(lambda _: self._changed(), names="value")
        self.said, self.hover = layout.line(), layout.line()
        tabs = {
            "Find": [self.settings.widget],
            "See": [self.style.widget],
            "Correct": [self.correct.widget],
            "Link": [self.link.widget],
            "Image": [self.about_image.widget],
            "Compare": [self.compare.widget],
            "Save": [self.save.widget, self.browser.given],
        }
        if self._is_alone:
            del tabs["Link"]
        players = [] if self._is_alone else layout.players(self.row)
        self.widget = layout.window(
            bar=[*heading, *players, *layout.zoom_buttons(self._do)],
            words=[self.said, self.hover],
            image=self.place,
            controls=[self.keep.widget, layout.tabs(tabs), self.beside, layout.line(keys.legend())],
            unseen=self.browser.widget,
        )

    def _actions(self) -> dict[str, Callable[[], None]]:
        """What keys and buttons do, by name."""
        return {
            **self.hand.actions(),
            **{name: partial(self._hold, name) for name in ("select", "lasso", "add", "move")},
            "previous": partial(self.step, -1),
            "next": partial(self.step, 1),
            "in": lambda: self._look(lambda: self.view.zoom_in(1.5)),
            "out": lambda: self._look(lambda: self.view.zoom_in(1 / 1.5)),
            "whole": lambda: self._look(self.view.whole),
        }

    def _hold(self, tool: str) -> None:
        self.correct.tool.value = tool

    def _take(self, tool: str | None) -> None:
        """Take a ``tool`` of one group in hand; then none of the other group is."""
        if tool is None:
            return
        other = self.about_image.tool if tool in HELP else self.correct.tool
        other.value = None
        self.hand.take(tool)

    # --- looking ---------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._note = ""
        self.latest.ask()

    def update(self) -> None:
        """Draw the frame as the controls stand."""
        self.attempt(self._update)

    def _update(self) -> None:
        """Draw the frame at once; its voids too if they are at hand, else when the slider has come to rest."""
        row, model = self.row.value, self.model
        self._frame_words = f"frame {model.number(row)}"
        try:
            picture = model.picture(row)
        except OSError:
            # What was shown before is not this frame: there is nothing to click on.
            self.scene = self.pointer.offset = None
            self.view.clear()
            self.canvas.draw()
            raise
        if model.is_quick(row, self.settings.settings):
            self._later.forget()
            exact = model.is_exact(row, self.settings.settings)
            self._find(exact=exact)
            if not exact:
                self._exactly.ask()
            return
        self._draw(picture, row, tables.empty("voids"))
        self._frame_words += ": finding the voids …"
        self.say(self._note)
        self._later.ask()

    def _find(self, *, exact: bool = True) -> None:
        row, model = self.row.value, self.model
        found = model.detections(row, self.settings.settings, exact=exact)
        self.style.offer_radii(two=not are_edges(tables.only_voids(found.table)))
        self._linked = self._try_linking(row) if self.link.is_shown else None
        self._draw(model.picture(row), row, found.table)
        needs = self.style.drift.value or self.style.tails.value or self.style.colour.value == "track"
        self._frame_words = f"{model.in_words(row, found)}; circles: {self.style.shown_radius}"
        self._frame_words += "" if exact else ", being measured anew …"
        needs = needs and not self.link.is_shown
        self.say(self._note or model.outdated or (model.why_no_results if needs else ""))

    def _draw(self, picture: Picture, row: int, detections: pd.DataFrame) -> None:
        model = self.model
        voids = tables.only_voids(detections).reset_index(drop=True)
        particles = model.particles(voids)
        frame = model.number(row)
        chosen = self.hand.chosen(frame, voids, particles)
        dx, dy = model.drift(row) if self.style.drift.value else (0.0, 0.0)
        self.scene = Scene(
            picture=picture,
            voids=voids,
            particles=particles,
            others=tables.kept(detections[detections["kind"] != VOID]),
            offset=(-dx, -dy),
            tails=self._tails(row),
            tails_apart=self._linked is not None,
            boxes=self.about_image.marks.boxes,
            crop=self.about_image.marks.crop,
            chosen=chosen,
            life=model.life(int(particles[chosen[0]]) if len(chosen) == 1 else -1),
            frame=frame,
        )
        self.pointer.offset = self.scene.offset
        self.view.show(self.scene, self.style.style)
        self.plots.show(self.scene)
        self.canvas.draw()
        self.beside.draw_idle()
        self.hand.say_chosen()

    def _tails(self, row: int) -> list[np.ndarray]:
        """Tails in the image as recorded; those of a preview, and when the stack stands still, are drift-corrected.

        Tracks of a preview are there to judge the linking by: with the drift in them all would be streaks alike.
        """
        shown = self.style.tails.value
        tails = self._linked.tails() if self._linked else self.model.tails(row, shown) if shown else []
        if not (self.style.drift.value or self._linked):
            return tails
        here = np.asarray(self.model.drift(row))
        return [np.column_stack([t[:, :2] - self.model.drifts(t[:, 2]) + here, t[:, 2]]) for t in tails]

    def _try_linking(self, row: int) -> Preview:
        rows = rows_about(row, self.link.frames.value, len(self.model))
        tried = preview(self.model, rows, self.settings.settings, self.link.parameters)
        self.link.say(tried.in_words(self.model.run.calibration))
        self.link.show_used(tried.search_range_px)
        return tried

    def step(self, by: int) -> None:
        """Show the frame so many further on, at most the last."""
        self.row.value = int(np.clip(self.row.value + by, 0, max(len(self.model) - 1, 0)))

    def show_row(self, row: int) -> None:
        """Show the frame in ``row``."""
        self.row.value = row

    def _reopen_here(self, note: str) -> None:
        self._reopen(self.row.value, note)

    def _look(self, change: Callable[[], None]) -> None:
        with self._lock:
            change()
            self.canvas.draw()

    def mark(self, tool: str, path: Sequence[Point]) -> None:
        """Draw on the image what is about the image."""
        self.about_image.mark(tool, path, self.model.image(self.row.value))

    # --- comparing, saving -----------------------------------------------------------------------------------

    def _save(self, what: str) -> None:
        if self.scene is not None:
            run = self.model.run
            table = numbers_of(self.scene, run.calibration)
            name = f"{run.paths.dataset}-frame-{self.scene.frame}"
            self.save.give(what, name, self.view, table, self.browser)
            self.canvas.draw()

    def _compare(self) -> None:
        self.compare.show(self.model, self.row.value, self.settings.settings, self._size)

    # --- the browser -----------------------------------------------------------------------------------------

    def _key(self, key: str) -> None:
        self._do[keys.ACTIONS[key]]()

    def _resize(self, width: int, height: int) -> None:
        """The place of the image has another size."""
        with self._lock:
            self._size = (width, height)
            for canvas in (self.canvas, *([self.compare.canvas] if self.compare.is_shown else [])):
                fill(canvas, width, height)
            for canvas in (self.canvas, self.compare.canvas, self.beside):
                hide_handle(canvas)

    def _copied(self, done: bool) -> None:
        """The browser says whether it put something on the clipboard; where not, the numbers are in a box."""
        if done:
            self.save.show("")
        self.say(
            "copied" if done else "the browser does not let this page copy: save it, or copy from the box"
        )

    # --- saying ----------------------------------------------------------------------------------------------

    def attempt(self, do: Callable[[], None]) -> None:
        """Do it, one thing at a time; what goes wrong for reasons the user can mend is said."""
        with self._lock:
            try:
                do()
            except (VoidlabError, OSError) as error:
                self.say(_sentence(error))

    def say(self, note: str) -> None:
        """Say what there is to say of the frame, and below it ``note``."""
        self._note = note
        self.said.value = "<br>".join(text(s) for s in (self._frame_words, note) if s)

    def say_numbers(self, numbers: str) -> None:
        """Say the ``numbers`` of voids."""
        self.hover.value = text(numbers) or "&nbsp;"


class Sentence:
    """In place of an explorer that cannot be: why."""

    def __init__(self, why: str, heading: Sequence[Any] = ()) -> None:
        self.said = layout.line(text(why).replace("\n", "<br>"))
        self.widget = layout.below([*heading, self.said])


def _sentence(error: Exception) -> str:
    """What an error says, with the file where the system only gives a code."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be read or written: {error.strerror}. Nothing was changed."
    return str(error)
