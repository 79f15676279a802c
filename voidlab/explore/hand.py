"""What a person's hand does in the explorer: the tool in it, the voids it has selected, the corrections it makes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd

from voidlab.explore import choice, image_marks, words
from voidlab.explore.choice import Choice
from voidlab.explore.figure import Point, Scene
from voidlab.explore.mouse_tools import DRAWN, SELECTS, Shown, Tool, pick
from voidlab.explore.panels import CorrectPanel, SettingsPanel
from voidlab.explore.state import Model
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import AcceptFrame, BadFrame, DeleteVoid, Edit


class Shows(Protocol):
    """The explorer as the hand needs it."""

    model: Model
    scene: Scene | None
    correct: CorrectPanel
    settings: SettingsPanel

    def update(self) -> None:
        """Draw anew."""

    def say(self, note: str) -> None:
        """Say ``note`` below what is said of the frame."""

    def say_numbers(self, numbers: str) -> None:
        """Say ``numbers`` of voids."""

    def step(self, by: int) -> None:
        """Show the frame so many further on."""

    def show_row(self, row: int) -> None:
        """Show the frame in ``row``."""

    def mark(self, tool: str, path: Sequence[Point]) -> None:
        """Draw on the image what is about the image."""

    def attempt(self, do: Callable[[], None]) -> None:
        """Do it; what goes wrong is said."""


class Hand:
    """The tool in hand and what is selected; everything is asked of the explorer that ``shows`` it."""

    def __init__(self, shows: Shows) -> None:
        self._shows = shows
        self._tool = Tool()
        self._choice = Choice()

    def actions(self) -> dict[str, Callable[[], None]]:
        """What keys and buttons ask for, by name."""
        corrects = {
            "delete": self._delete_chosen,
            "undo": self._undo,
            "redo": self._redo,
            "accept": self._accept,
            "bad": self._mark_bad,
        }
        done = {name: partial(self._shows.attempt, do) for name, do in corrects.items()}
        return {**done, "none": lambda: self.select([])}

    def take(self, tool: str) -> None:
        """Take another tool in hand, and say how it is used."""
        self._shows.say(self._tool.take(tool))

    # --- selecting -------------------------------------------------------------------------------------------

    def chosen(self, frame: int, voids: pd.DataFrame, particles: np.ndarray) -> list[int]:
        """Positions in ``voids``, those of a ``frame``, of the selected ones; a single one is followed from there."""
        rows = self._choice.rows(frame, voids, particles)
        if len(rows) == 1:
            self._choice = choice.choose(frame, voids, particles, rows)
        return rows

    def select(self, rows: Sequence[int], *, more: bool = False) -> None:
        """Select the voids in these ``rows`` of those shown; with ``more`` besides those that are selected."""
        scene = self._shows.scene
        if scene is None:
            return
        rows = sorted({*scene.chosen, *rows}) if more else list(rows)
        self._choice = choice.choose(scene.frame, scene.voids, scene.particles, rows)
        self._shows.update()

    def say_chosen(self) -> None:
        """Say the numbers of what is selected."""
        scene = self._shows.scene
        if scene is None or not scene.chosen:
            self._shows.say_numbers("")
        elif scene.selected is not None:
            self._say_void(scene, scene.selected)
        else:
            chosen = scene.voids.iloc[list(scene.chosen)]
            self._shows.say_numbers(words.several_in_words(chosen, self._shows.model.run.calibration))

    def _say_void(self, scene: Scene, row: int) -> None:
        void, particle = scene.voids.iloc[row], int(scene.particles[row])
        self._shows.say_numbers(words.void_in_words(void, particle, self._shows.model.run.calibration))

    # --- the mouse -------------------------------------------------------------------------------------------

    def drawn_by(self) -> str | None:
        """What a drag with the tool in hand is drawn as; None for nothing."""
        return DRAWN.get(self._tool.name)

    def hover(self, at: Point) -> None:
        """Say the numbers of the void at ``at``, else of what is selected."""
        scene = self._shows.scene
        row = None if scene is None else pick(scene.voids, at)
        if scene is None or row is None:
            self.say_chosen()
        else:
            self._say_void(scene, row)

    def drag(self, path: Sequence[Point], *, more: bool = False) -> None:
        """What the tool in hand does with a drag along ``path``, px of the image as recorded."""
        scene = self._shows.scene
        if scene is None:
            return
        if self._tool.name in image_marks.HELP:
            self._shows.mark(self._tool.name, path)
            return
        if self._tool.name in SELECTS:
            self._select_within(scene.voids, path, more=more)
            return
        shown = Shown(scene.frame, scene.voids, scene.particles)
        edit, said = self._tool.use(shown, path[0], path[-1], shift=more)
        if edit is None:
            self._shows.say(said)
        else:
            self._shows.attempt(partial(self._apply, [edit]))

    def _select_within(self, voids: pd.DataFrame, path: Sequence[Point], *, more: bool) -> None:
        """Select what lies along ``path``; where a box or a loop holds nothing, say so."""
        rows, is_click = self._within(voids, path), path[0] == path[-1] and len(path) == 2
        self._shows.say("")  # what was said of the selection before
        self.select(rows, more=more)
        if not rows and not is_click:
            self._shows.say("nothing selected: the centre of no void lies in it")

    def _within(self, voids: pd.DataFrame, path: Sequence[Point]) -> list[int]:
        """The voids that a click, a box or a loop along ``path`` takes."""
        if len(path) == 2 and path[0] == path[1]:
            row = pick(voids, path[0])
            return [] if row is None else [row]
        if self._tool.name == "lasso":
            return choice.in_loop(voids, path)
        return choice.in_box(voids, path[0], path[-1])

    def choose_between(self, column: str, low: float, high: float) -> None:
        """Select the voids whose ``column`` lies between ``low`` and ``high``."""
        if self._shows.scene is not None:
            self.select(choice.between(self._shows.scene.voids, column, low, high))

    def choose_nearest(self, column: str, value: float) -> None:
        """Select the void whose ``column`` is nearest to ``value``."""
        if self._shows.scene is None:
            return
        voids = self._shows.scene.voids
        apart = (voids[column] - value).abs().mask(voids["corrected"] == "deleted").fillna(np.inf).to_numpy()
        self.select([int(np.argmin(apart))] if np.isfinite(apart).any() else [])

    def go_to(self, frame: float) -> None:
        """Show the frame whose number is nearest to ``frame``."""
        frames = self._shows.model.frames["frame"].to_numpy()
        self._shows.show_row(int(np.argmin(np.abs(frames - frame))))

    # --- correcting ------------------------------------------------------------------------------------------

    def _apply(self, edits: Sequence[Edit]) -> None:
        if refused := self._shows.model.refusal(edits, self._shows.settings.settings):
            self._shows.say(f"not done: {refused}")
            return
        self._shows.model.correct(edits)
        more = f", and {len(edits) - 1} more" if len(edits) > 1 else ""
        self._corrected(f"{edits[0]}{more}")

    def _delete_chosen(self) -> None:
        scene = self._shows.scene
        rows = [] if scene is None else [*scene.chosen]
        if scene is None or not rows:
            self._shows.say("no void is selected: click one, or draw a box around several")
            return
        self._choice = Choice()
        self._apply([DeleteVoid(at=spot_of(scene.voids.iloc[row])) for row in rows])

    def _undo(self) -> None:
        undone = self._shows.model.undo()
        self._corrected(f"took back: {undone}" if undone else "there is nothing to undo")

    def _redo(self) -> None:
        done = self._shows.model.redo()
        self._corrected(f"brought back: {done}" if done else "there is nothing to redo")

    def _mark_bad(self) -> None:
        if self._shows.scene is not None:
            self._apply([BadFrame(frame=self._shows.scene.frame)])

    def _accept(self) -> None:
        """Note that this frame was looked through, and go to the next."""
        scene, model = self._shows.scene, self._shows.model
        if scene is None:
            return
        if scene.frame not in model.accepted:
            self._apply([AcceptFrame(frame=scene.frame)])
        self._shows.step(1)
        self._shows.say(f"accepted {len(model.accepted)} of {len(model)} frames")

    def _corrected(self, said: str) -> None:
        self._shows.correct.show(self._shows.model.log)
        self._shows.update()
        self._shows.say(said)
