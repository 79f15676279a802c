"""The record of a run, run.json: what each stage made, from what, with which parameters and version.

It is read and written here; `voidlab.project.fingerprints` says what is recorded of files and inputs, and
`voidlab.project.outdated` whether what was recorded still holds.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voidlab.errors import VoidlabError
from voidlab.project.paths import POSITIONS, STAGES, RunPaths
from voidlab.project.record_entry import Entry as Entry
from voidlab.project.record_entry import entry_of
from voidlab.tables.reading import read_text
from voidlab.tables.written import replacing

_RECORDED = (*STAGES, POSITIONS)
SHOWN_IN_MOVIE = STAGES[: STAGES.index("export")]


class RecordError(VoidlabError):
    """A run.json that cannot be read."""


def read_stages(paths: RunPaths) -> dict[str, dict[str, Any]]:
    """What run.json says of each stage, word for word: it may be of another version, or written by hand.

    Raises
    ------
    RecordError
        If it cannot be read.
    FileNotFoundError
        If there is none.
    """
    try:
        stages: dict[str, dict[str, Any]] = json.loads(read_text(paths.record))["stages"]
        if not all(isinstance(entry, dict) for entry in stages.values()):
            raise TypeError("a stage is not a mapping")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordError(
            f"{paths.record.name} cannot be read ({error}). Run the dataset again to make it anew."
        ) from None
    return stages


def read_record(paths: RunPaths) -> dict[str, Entry]:
    """Entries of the stages in run.json; none when there is no such file or it cannot be read."""
    try:
        stages = read_stages(paths)
        return {name: entry_of(stages[name]) for name in _RECORDED if name in stages}
    except (FileNotFoundError, RecordError, TypeError):
        return {}


def written_ns(paths: RunPaths) -> int | None:
    """When run.json was last written, ns; None when there is none."""
    try:
        return paths.record.stat().st_mtime_ns
    except OSError:
        return None


def write_entry(paths: RunPaths, stage: str, entry: Entry) -> None:
    """Put the entry of ``stage`` into run.json, and keep the others."""
    _write(paths, {**read_record(paths), stage: entry})


def remove_entry(paths: RunPaths, stage: str) -> None:
    """Take the entry of ``stage`` out of run.json, if it is there."""
    entries = read_record(paths)
    if entries.pop(stage, None) is not None:
        _write(paths, entries)


def write_movie(paths: RunPaths, movie: Path) -> None:
    """Note in run.json which results the ``movie`` shows: those that are there now."""
    shown = {**_movies(paths), _name(paths, movie): _fingerprints(read_record(paths))}
    _write(paths, read_record(paths), shown)


def shows_what_is_recorded(paths: RunPaths, movie: Path) -> bool:
    """Whether the ``movie`` shows the results that run.json has now; not if nobody knows which it shows."""
    return _movies(paths).get(_name(paths, movie)) == _fingerprints(read_record(paths))


def _fingerprints(entries: Mapping[str, Entry]) -> dict[str, str]:
    return {name: entries[name].fingerprint for name in SHOWN_IN_MOVIE if name in entries}


def _movies(paths: RunPaths) -> dict[str, Any]:
    try:
        movies = json.loads(read_text(paths.record)).get("movies", {})
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    return movies if isinstance(movies, dict) else {}


def _name(paths: RunPaths, file: Path) -> str:
    return file.relative_to(paths.folder).as_posix()


def _write(paths: RunPaths, entries: Mapping[str, Entry], movies: Mapping[str, object] | None = None) -> None:
    stages = {name: asdict(entries[name]) for name in _RECORDED if name in entries}
    content = {"dataset": paths.dataset, "stages": stages, "movies": movies or _movies(paths)}
    with replacing(paths.record) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def write_failure(paths: RunPaths, stage: str, given: Mapping[str, object], error: str) -> None:
    """Note in run.json that ``stage`` failed, ``given`` these; what is said of earlier results is kept with them."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    attempt = Entry("failed", "", dict(given), list(given), {}, started=now)
    before = read_record(paths).get(stage, attempt)
    write_entry(paths, stage, replace(before, status="failed", error=error))
