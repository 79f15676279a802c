"""Files in places where others may have put their own: voidlab replaces and removes only what it wrote itself.

What it wrote it knows from lists of names and digests beside the files. A file that is not listed, or was changed
since, is never overwritten but renamed: ``voids.csv`` is kept as ``voids (kept).csv``, and a warning says so.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

from voidlab.tables.reading import read_text

_LARGE_HOLES, _CHUNK = 2**30, 2**20  # bytes
_Digests = Mapping[str, Collection[str]]
# As `unfinished` names files; older versions of voidlab left out host and random part.
_UNFINISHED = re.compile(r"\..+?\.(?:(?P<host>[\w-]+)\.(?P<pid>\d+)\.[0-9a-f]{8}|(?P<old>\d+))\.part\+*")


def this_host() -> str:
    """Name of this computer, of letters, digits and dashes."""
    return re.sub(r"[^\w-]", "-", socket.gethostname()) or "unnamed"


def unfinished(path: Path) -> Path:
    """Name beside ``path`` of what is not finished yet; computers that share a disk have the same process numbers."""
    return path.with_name(f".{path.name}.{this_host()}.{os.getpid()}.{secrets.token_hex(4)}.part")


def writer_of(file: Path) -> tuple[str, int] | None:
    """Computer and process that `unfinished` names; None of another file."""
    named = _UNFINISHED.fullmatch(file.name)
    return (named["host"] or this_host(), int(named["pid"] or named["old"])) if named else None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to: on success it becomes ``path`` in one step, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def append_lines(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Add lines to a file: all of them, or where the disk is full none; with ``sync`` they are on the disk then.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as stream:
        size = stream.tell()
        if size:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                content = b"\n" + content  # a line that a crash cut short must not swallow this one
        try:
            if stream.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(stream.fileno())
        except OSError:
            os.ftruncate(stream.fileno(), size)
            raise


@contextmanager
def filling(folder: Path, keep: Collection[Path] = ()) -> Iterator[Path]:
    """Give an empty folder to write to: on success its files take their places in ``folder``.

    Files from the last time that do not come again are removed from ``folder``, unless somebody changed them or they
    are among those to ``keep`` (resolved paths).
    """
    folder = folder.resolve()  # a link to another disk, on which the files are made then
    fresh = unfinished(folder)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        _publish(fresh, folder, keep)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def replacing_own(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, as `replacing`; what is at ``path`` is kept unless voidlab wrote it."""
    with _replacing_listed(path, path.parent / ".written.json") as temporary:
        yield temporary


@contextmanager
def adding(path: Path) -> Iterator[Path]:
    """As `replacing_own`, for a file more in a folder that `filling` has filled: the next `filling` removes it."""
    with _replacing_listed(path, _list_of(path.parent.resolve())) as temporary:
        yield temporary


@contextmanager
def _replacing_listed(path: Path, lists: Path) -> Iterator[Path]:
    with replacing(path) as temporary:
        yield temporary
        made, known = digest(temporary), _read(lists, path.parent)
        _write(lists, _both(known, {path.name: made}))
        _make_way(path, {made, *known.get(path.name, ())})
    _write(lists, {**known, path.name: [made]})


def remove_own(path: Path) -> None:
    """Remove a file that `replacing_own` wrote; one that was changed since, or is of somebody else, is renamed."""
    known = _read(path.parent / ".written.json", path.parent)
    _make_way(path, known.get(path.name, ()))
    path.unlink(missing_ok=True)


def foreign(folder: Path, fresh: Path, pattern: str) -> list[Path]:
    """Files in ``folder`` that match ``pattern`` and were not written by `filling`; nor are they in ``fresh``."""
    known = _read(_list_of(folder), folder)
    return [
        file
        for file in sorted(folder.glob(pattern))
        if digest(file) not in {*known.get(file.name, ()), digest(fresh / file.name)}
    ]


def set_aside(path: Path) -> Path:
    """Rename what is at ``path``, which somebody else wrote, to a free name; give that."""
    numbered = ("(kept)" if n == 1 else f"(kept {n})" for n in count(1))
    names = (path.with_name(f"{path.stem} {text}{path.suffix}") for text in numbered)
    free = next(name for name in names if not os.path.lexists(name))
    path.rename(free)
    warnings.warn(
        f"{path.name} was not written by voidlab, or was changed since: it is kept as {free.name}",
        stacklevel=3,
    )
    return free


def digest(file: Path) -> str:
    """Digest of a file's content; empty when it cannot be read.

    Of a file with holes, places that nobody wrote to, of a gigabyte or more, it is that of its size and of what was
    written: to read on through the terabytes that such a file may say it has would take hours.
    """
    try:
        if not file.is_file():  # a pipe would be waited on for ever
            return ""
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            written = _written(stream, size)
            if size - sum(end - start for start, end in written) < _LARGE_HOLES:
                return hashlib.file_digest(stream, "sha256").hexdigest()
            found = hashlib.sha256(f"with holes, {size}".encode())
            for start, end in written:
                found.update(f" {start}-{end} ".encode())
                stream.seek(start)
                for at in range(start, end, _CHUNK):
                    found.update(stream.read(min(_CHUNK, end - at)))
            return found.hexdigest()
    except OSError:
        return ""


def _written(stream: BinaryIO, size: int) -> list[tuple[int, int]]:
    """From where to where a file was written to: all of it where the system does not tell."""
    if size < _LARGE_HOLES or not hasattr(os, "SEEK_DATA"):
        return [(0, size)]
    spans, end = [], 0
    while end < size:
        try:
            start = os.lseek(stream.fileno(), end, os.SEEK_DATA)
        except OSError:  # nothing more was written
            break
        end = os.lseek(stream.fileno(), start, os.SEEK_HOLE)
        spans.append((start, end))
    stream.seek(0)
    return spans


def _publish(fresh: Path, folder: Path, keep: Collection[Path]) -> None:
    made = {file.relative_to(fresh).as_posix(): digest(file) for file in _files(fresh)}
    known = _read(_list_of(folder), folder)
    # First the list: of a run that dies half-way, the next one must know what is its own.
    _write(_list_of(folder), _both(known, made))
    for name, content in made.items():
        place = folder / name
        for above in place.relative_to(folder).parents:
            if (folder / above).is_file():
                set_aside(folder / above)
        _make_way(place, {content, *known.get(name, ())})
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(fresh / name, place)
    left = _remove(folder, {name: digests for name, digests in known.items() if name not in made}, keep)
    _write(_list_of(folder), {**left, **{name: [content] for name, content in made.items()}})


def _remove(folder: Path, listed: _Digests, keep: Collection[Path]) -> _Digests:
    """Remove the ``listed`` files that nobody has changed; give those that were left as they are to ``keep``."""
    left = {}
    for name, digests in listed.items():
        file = folder / name
        if digest(file) not in digests:
            continue
        if file.resolve() in keep:
            left[name] = digests
            continue
        file.unlink()
        for above in file.parents:
            if above == folder or any(above.iterdir()):
                break
            above.rmdir()
    return left


def _make_way(place: Path, own: Collection[str]) -> None:
    """Set aside what is at ``place`` unless its digest is among our ``own``."""
    if os.path.lexists(place) and digest(place) not in own:
        set_aside(place)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _list_of(folder: Path) -> Path:
    """The list of what `filling` wrote; beside the folder, not among what is sent on."""
    return folder.with_name(f".{folder.name}.written.json")


def _both(known: _Digests, made: Mapping[str, str]) -> _Digests:
    return {**known, **{name: [*known.get(name, ()), content] for name, content in made.items()}}


def _read(lists: Path, folder: Path) -> dict[str, list[str]]:
    """What is listed; before there is a list, what the record of a run in ``folder``, or of it, says."""
    try:
        if lists.exists():
            return {str(name): list(digests) for name, digests in json.loads(read_text(lists)).items()}
        return _recorded(folder)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return {}


def _recorded(folder: Path) -> dict[str, list[str]]:
    records = [above / "run.json" for above in (folder, folder.parent) if (above / "run.json").exists()]
    if not records:
        return {}
    record = records[0]
    stages = json.loads(read_text(record))["stages"].values()
    outputs = {name: content for stage in stages for name, content in stage["outputs"].items()}
    places = {record.parent / name: content for name, content in outputs.items()}
    return {p.relative_to(folder).as_posix(): [c] for p, c in places.items() if p.is_relative_to(folder)}


def _write(lists: Path, digests: _Digests) -> None:
    with replacing(lists) as temporary:
        text = json.dumps({name: list(dict.fromkeys(each)) for name, each in digests.items()}, indent=0)
        temporary.write_text(text, encoding="utf-8")
