"""Digests of image files, read once: they are kept by the path, size and times of each file.

A run asks for them when it is checked and again in every stage, the next run, too; a video takes minutes to read. A
file that was written in the last seconds is read again each time, as its next change may leave the time as it is.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from voidlab.project.paths import RunPaths
from voidlab.tables.reading import read_text
from voidlab.tables.written import digest, replacing

_Stamp = tuple[int, int, int]  # size, and when it was written and last changed in any way, ns
# Files read side by side: a network's answer is waited for, and a core digests less than a disk gives.
_AT_ONCE = 8
_SETTLED_NS = 3_000_000_000  # the times of some disks go in steps of two seconds
_known: dict[str, tuple[_Stamp, str]] = {}  # what this process knows of the files that it looked at


def digests_of_images(paths: RunPaths, files: Iterable[Path]) -> list[str]:
    """Digest of each of the image ``files`` of a dataset; those that were not changed are not read again."""
    files = list(files)
    stored = _read(paths)
    for name, entry in stored.items():
        _known.setdefault(name, entry)
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        found = list(readers.map(digest_of_image, files))
    now = {str(file): _known[str(file)] for file in files if str(file) in _known}
    if now and now != stored:
        with suppress(OSError):  # a project that cannot be written to: they are read again
            _write(paths, now)
    return found


def digest_of_image(file: Path) -> str:
    """Digest of an image file, as `voidlab.tables.written.digest`; one that this process knows is not read again."""
    before, name = _stamp(file), str(file)
    known = _known.get(name)
    if known and known[0] == before:
        return known[1]
    _known.pop(name, None)
    found = digest(file)
    if found and before and before == _stamp(file) and _is_settled(before):
        _known[name] = (before, found)
    return found


def forget_digests(paths: RunPaths) -> None:
    """Forget what is kept of a dataset, so that each of its files is read again."""
    _known.clear()
    _place(paths).unlink(missing_ok=True)


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_settled(stamp: _Stamp) -> bool:
    """Whether a file was last changed so long ago that a later change shows in its times."""
    return time.time_ns() - max(stamp[1:]) > _SETTLED_NS


def _place(paths: RunPaths) -> Path:
    return paths.reports / ".image-digests" / f"{paths.dataset}.json"


def _read(paths: RunPaths) -> dict[str, tuple[_Stamp, str]]:
    """What is kept; nothing where it is damaged."""
    try:
        content = json.loads(read_text(_place(paths)))
        entries = {name: (tuple(stamp), said) for name, (stamp, said) in content["files"].items()}
        return entries if content["check"] == _check(entries) else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _write(paths: RunPaths, entries: dict[str, tuple[_Stamp, str]]) -> None:
    with replacing(_place(paths)) as temporary:
        content = {"check": _check(entries), "files": entries}
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _check(entries: dict[str, tuple[_Stamp, str]]) -> str:
    """What changes when anything of the ``entries`` does."""
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
