"""What viewers may ask of a watch; each is answered in a sentence."""

from functools import partial
from typing import Any

from voidlab.errors import VoidlabError
from voidlab.live import decide
from voidlab.live.watch import Watch
from voidlab.project import corrections, parameters
from voidlab.run.watched import differences


def carry_out(watch: Watch, asked: dict[str, Any]) -> str:
    """Do what a viewer ``asked`` for; give a sentence.

    Raises
    ------
    VoidlabError
        If it cannot be done.
    """
    what = asked.get("do")
    if what == "pause":
        watch.paused = bool(asked.get("on"))
        return "paused: images are counted, not looked at" if watch.paused else "goes on"
    if what == "bad":
        frame, is_bad = asked.get("frame"), bool(asked.get("on"))
        if isinstance(frame, bool) or not isinstance(frame, int) or watch.register.of_frame(frame) is None:
            raise VoidlabError(f"there is no frame {_short(frame)}.")
        mark_bad(watch, frame, is_bad=is_bad)
        return f"frame {frame} is marked as bad" if is_bad else f"frame {frame} counts again"
    if what == "threshold":
        value = asked.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise VoidlabError(f"'{_short(value)}' is no threshold; expected a number between 0 and 1.")
        set_threshold(watch, float(value), for_all=bool(asked.get("all")))
        return watch.register.notes[-1]
    if what == "decide":
        decide_again(watch)
        return watch.register.notes[-1]
    raise VoidlabError(f"'{_short(what)}' is not known; expected pause, bad, threshold or decide.")


def mark_bad(watch: Watch, frame: int, *, is_bad: bool = True) -> None:
    """Mark a frame as bad, a correction by hand as in the explorer, or take that back."""
    entry = watch.register.of_frame(frame)
    if entry is None or is_bad == (frame in watch.bad):
        return
    file = watch.paths.corrections
    if is_bad:
        corrections.append_edit(file, [corrections.BadFrame(frame=frame)])
    else:
        of_it = [
            line.id
            for line in corrections.read_log(file).kept("segment")
            if isinstance(line.edit, corrections.BadFrame) and line.edit.frame == frame
        ]
        corrections.append_edit(file, [corrections.Undo(undone=each) for each in of_it])
    watch.read_marks()
    watch.changed.add(entry.name)


def set_threshold(watch: Watch, threshold: float, *, for_all: bool) -> None:
    """Segment later images with another threshold, or all of them; a run will use it for all.

    Raises
    ------
    ParameterErrors
        If it is none.
    """
    if watch.looker is None:
        parameters.write_values(watch.paths.parameters, "segment", {"threshold": threshold})
        watch.when_decided = partial(set_threshold, watch, threshold, for_all=for_all)
        watch.register.notes.append(f"threshold {threshold:g}: as soon as the first images were looked at.")
        return
    looker = decide.with_threshold(watch.paths, watch.looker, threshold)
    if for_all:
        watch.look_at_all_with(looker)
    else:
        watch.look_with(looker)
    whose = "all images are segmented again" if for_all else "for later images; a run uses it for all"
    watch.register.notes.append(f"threshold {threshold:g}: {whose}.")


def decide_again(watch: Watch) -> None:
    """Decide intensities, contrast and focus by all images so far; where they are others, segment all again.

    Raises
    ------
    VoidlabError
        If it cannot be decided; all is then as before.
    """
    before = watch.looker
    if before is None:
        raise VoidlabError("nothing is decided yet: that comes with the first images.")
    files = watch.files_of(watch.counted_images)
    looker = decide.decide_again(watch.paths, before, files, watch.segmenter)
    if looker is before:
        watch.register.notes.append("decided again: as before.")
        return
    watch.look_at_all_with(looker)
    otherwise = differences(before.decided, looker.decided)
    watch.register.notes.append(f"decided again: {otherwise}. All images are segmented again.")


def _short(value: object) -> str:
    return str(value)[:40]
