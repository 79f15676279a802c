"""Edits by hand, kept in the append-only file parameters/NAME.corrections.jsonl.

Nothing in the file is ever erased; an edit is taken back by a line that says so, and that line can be taken back too.
"""

import getpass
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from voidlab.errors import VoidlabError
from voidlab.project.edits import EDIT, BadFrame, Edit, Undo
from voidlab.tables.reading import KeyTwice, read_bytes, read_json, sendable
from voidlab.tables.written import append_lines


class CorrectionsError(VoidlabError):
    """A file of corrections with a line that is no edit, or an edit that cannot be."""


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
        edit = EDIT.validate_python(fields)
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
