"""Edits by hand: what they are, and the append-only file parameters/NAME.corrections.jsonl that keeps them.

An edit names a void by where it lies and how big it is, not by its label, and a track by a void of it: labels and
particles are numbered anew when a stage runs with other settings. Nothing in the file is ever erased; an edit is
taken back by a line that says so, and that line can be taken back too. How edits act is in
`voidlab.segment.corrections` and `voidlab.track.corrections`.
"""

import getpass
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from voidlab.errors import VoidlabError
from voidlab.project.spots import Coordinate, Ellipse, FrameNumber, Plain, Run, Spot, check_area
from voidlab.tables.reading import KeyTwice, read_bytes, read_json, sendable
from voidlab.tables.written import append_lines


class CorrectionsError(VoidlabError):
    """A file of corrections with a line that is no edit, or an edit that cannot be."""


class _Edit(Plain):
    """What all edits share: the stage they act in, their name in the file, and ``words`` for what was done."""

    stage: ClassVar[str]
    words: ClassVar[str]
    edit: str

    def __str__(self) -> str:
        return self.words.format_map(vars(self))


class _EditOfVoid(_Edit):
    stage = "segment"
    at: Spot


class _EditOfTrack(_Edit):
    stage = "track"
    at: Spot


class DeleteVoid(_EditOfVoid):
    """This is no void."""

    words = "deleted the void at {at}"
    edit: Literal["delete_void"] = "delete_void"


class AddVoid(_EditOfVoid):
    """Here is a void: a circle, an ``ellipse`` of its area, or with ``runs`` these very pixels."""

    words = "added a void at {at}"
    edit: Literal["add_void"] = "add_void"
    runs: tuple[Run, ...] = ()
    ellipse: Ellipse | None = None

    @model_validator(mode="after")
    def _one_outline(self) -> Self:
        if self.runs and self.ellipse is not None:
            raise ValueError("runs and ellipse are both given; expected one of them")
        check_area(self.ellipse, self.at)
        return self


class RedrawVoid(_EditOfVoid):
    """This void consists of these pixels."""

    words = "redrew the void at {at}"
    edit: Literal["redraw_void"] = "redraw_void"
    runs: Annotated[tuple[Run, ...], Field(min_length=1)]


class MoveVoid(_EditOfVoid):
    """This void is the circle ``to``, or the ``ellipse`` of its area there: moved, or of another size or shape."""

    edit: Literal["move_void"] = "move_void"
    to: Spot
    ellipse: Ellipse | None = None

    @model_validator(mode="after")
    def _of_one_area(self) -> Self:
        check_area(self.ellipse, self.to)
        return self

    def __str__(self) -> str:
        size = self.ellipse or f"a radius of {self.to.radius_px:.1f} px"
        if (self.at.x_px, self.at.y_px) == (self.to.x_px, self.to.y_px):
            return f"resized the void at {self.at} to {size}"
        return f"moved the void at {self.at} to ({self.to.x_px:.1f}, {self.to.y_px:.1f}), with {size}"


class SplitVoid(_EditOfVoid):
    """This is two voids, one on each side of the line through (x0, y0) and (x1, y1)."""

    words = "split the void at {at}"
    edit: Literal["split_void"] = "split_void"
    line: tuple[Coordinate, Coordinate, Coordinate, Coordinate]


class MergeVoids(_Edit):
    """These are one void."""

    stage = "segment"
    edit: Literal["merge_voids"] = "merge_voids"
    at: Annotated[tuple[Spot, ...], Field(min_length=2)]

    def __str__(self) -> str:
        return f"merged {len(self.at)} voids at {self.at[0]}"


class BadFrame(_Edit):
    """This image is of no use."""

    stage = "segment"
    words = "marked frame {frame} as bad"
    edit: Literal["bad_frame"] = "bad_frame"
    frame: FrameNumber


class AcceptFrame(_Edit):
    """A person looked through the voids of this image and found them right; changes no result."""

    stage = "review"
    words = "accepted frame {frame}"
    edit: Literal["accept_frame"] = "accept_frame"
    frame: FrameNumber


class DeleteTrack(_EditOfTrack):
    """The track through this void is none."""

    words = "deleted the track through {at}"
    edit: Literal["delete_track"] = "delete_track"


class CutTrack(_EditOfTrack):
    """From this void on the track is another."""

    words = "cut the track before {at}"
    edit: Literal["cut_track"] = "cut_track"


class JoinTracks(_EditOfTrack):
    """The tracks through these two voids are one."""

    words = "joined the tracks through {at} and {to}"
    edit: Literal["join_tracks"] = "join_tracks"
    to: Spot


class Undo(_Edit):
    """The correction with this id does not hold; an undo can be undone."""

    stage = ""
    words = "took back {undone}"
    edit: Literal["undo"] = "undo"
    undone: str


VoidEdit = DeleteVoid | AddVoid | RedrawVoid | MoveVoid | SplitVoid | MergeVoids | BadFrame
TrackEdit = DeleteTrack | CutTrack | JoinTracks
Edit = VoidEdit | TrackEdit | AcceptFrame | Undo
_EDIT: TypeAdapter[Edit] = TypeAdapter(Annotated[Edit, Field(discriminator="edit")])


@dataclass(frozen=True)
class Correction:
    """A line of the file: an edit, who made it, and when (ISO 8601, UTC).

    Edits that were made in one go, such as the deletion of all that is selected, have the same ``batch``.
    """

    id: str
    who: str
    when: str
    edit: Edit
    batch: str = ""


@dataclass(frozen=True)
class Log:
    """All lines of a file of corrections, and what is wrong with those that cannot be read."""

    lines: tuple[Correction, ...] = ()
    problems: tuple[str, ...] = ()

    def kept(self, stage: str = "") -> list[Correction]:
        """Corrections that were not taken back, in order; those of ``stage`` alone if it is given."""
        undone: set[str] = set()
        kept = []
        for line in reversed(self.lines):
            if line.id in undone:
                continue
            if isinstance(line.edit, Undo):
                undone.add(line.edit.undone)
            elif stage in ("", line.edit.stage):
                kept.append(line)
        return kept[::-1]


def read_log(path: Path) -> Log:
    """Read a file of corrections; one that is not there holds none.

    A line cut short, as a crash leaves it, is left out and named in ``problems``.

    Raises
    ------
    CorrectionsError
        If a whole line is no edit.
    OSError
        If it cannot be read, or is no file.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        return Log()
    lines: dict[str, Correction] = {}
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path.name}:{number}"
        if not line.strip():
            continue
        try:
            fields = read_json(line)
        except KeyTwice as error:
            raise CorrectionsError(f"{where}: {error} Mend the line or delete it.") from None
        except (ValueError, RecursionError):
            problems.append(f"{where}: the line is cut short or damaged and does not count")
            continue
        made = _correction(fields, where)
        before = lines.setdefault(made.id, made)
        if before != made:
            raise CorrectionsError(
                f"{where}: the id '{made.id}' is that of a line before; give it one of its own."
            )
        if before is not made:
            problems.append(f"{where}: the line stands twice and counts once")
    return Log(tuple(lines.values()), tuple(problems))


def _correction(fields: object, where: str) -> Correction:
    if not isinstance(fields, dict):
        raise CorrectionsError(f"{where}: expected {{…}}, a correction, but found {str(fields)[:40]!r}.")
    about = {key: fields.pop(key, None) for key in ("id", "who", "when")} | {"batch": fields.pop("batch", "")}
    wrong = [key for key, value in about.items() if not isinstance(value, str)]
    if wrong:
        raise CorrectionsError(f"{where}: '{wrong[0]}' is missing or no text.")
    try:
        edit = _EDIT.validate_python(fields)
    except ValidationError as errors:
        first = errors.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise CorrectionsError(
            f"{where}: {key + ': ' if key else ''}{first['msg']}. Mend the line or delete it."
        ) from None
    return Correction(**{key: sendable(value) for key, value in about.items()}, edit=edit)


def append_edit(path: Path, edits: Sequence[Edit], *, who: str | None = None) -> list[Correction]:
    """Write ``edits`` at the end of the file, in the name of ``who`` (default: the user who is logged in).

    Several make a batch: `undo_edit` takes them back together.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    name = who or _user()
    batch = uuid.uuid4().hex[:12] if len(edits) > 1 else ""
    added = [Correction(uuid.uuid4().hex[:12], name, now, edit, batch) for edit in edits]
    together = {"batch": batch} if batch else {}
    lines = (
        {
            "id": c.id,
            "when": now,
            "who": name,
            **together,
            **c.edit.model_dump(mode="json", exclude_none=True),
        }
        for c in added
    )
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    append_lines(path, text.encode("utf-8"), sync=True)
    return added


def undo_edit(path: Path) -> list[Correction]:
    """Take back the last remaining correction, with those made in one go with it; give what was taken back."""
    kept = read_log(path).kept()
    undone = _with_batch(kept[-1], kept)[::-1] if kept else []
    if undone:
        append_edit(path, [Undo(undone=line.id) for line in undone])
    return undone


def redo_edit(path: Path) -> list[Correction]:
    """Take back the last remaining undo, if no other correction was made after it; give what is there again."""
    lines = read_log(path).lines
    undone_by = {line.id: line.edit.undone for line in lines if isinstance(line.edit, Undo)}
    for line in reversed(lines):
        if line.id not in undone_by:
            return []
        is_redo = undone_by[line.id] in undone_by
        if line.id not in undone_by.values() and not is_redo:
            undos = _with_batch(line, lines)[::-1]
            append_edit(path, [Undo(undone=undo.id) for undo in undos])
            back = {undone_by[undo.id] for undo in undos}
            return [line for line in lines if line.id in back]
    return []


def _with_batch(line: Correction, lines: Sequence[Correction]) -> list[Correction]:
    """``line`` and those of ``lines`` that were made in one go with it."""
    return [other for other in lines if other.batch == line.batch] if line.batch else [line]


def frame_of(edit: VoidEdit) -> int:
    """Number of the image that an edit of voids is about."""
    if isinstance(edit, BadFrame):
        return edit.frame
    return edit.at[0].frame if isinstance(edit, MergeVoids) else edit.at.frame


def bad_frames(log: Log) -> set[int]:
    """Numbers of the images that were marked as bad."""
    return {line.edit.frame for line in log.kept() if isinstance(line.edit, BadFrame)}


def content_for(path: Path, stage: str) -> list[object]:
    """What the remaining corrections of ``stage`` say, whoever made them whenever: what its results depend on."""
    kept = read_log(path).kept(stage)
    return [line.edit.model_dump(mode="json", exclude_none=True) for line in kept]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "unknown"
