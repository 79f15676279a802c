"""Text that people hand in, read without trust: a pipe never ends, a device holds more than any memory."""

import codecs
import json
import stat
from pathlib import Path
from typing import Any

_MOST_BYTES = 2**30


class KeyTwice(ValueError):
    """A key that stands twice in an object of JSON."""


class NoFile(OSError):
    """Something that is there, but is no file to read."""


def read_bytes(path: Path, most: int = _MOST_BYTES) -> bytes:
    """Content of the file ``path``.

    Raises
    ------
    OSError
        If it cannot be read, is a pipe or a device, or holds more than ``most`` bytes.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise NoFile(f"{path} is a pipe or a device, no file")
    if found.st_size > most:
        raise NoFile(f"{path} holds {found.st_size:,} bytes; expected at most {most:,}")
    return path.read_bytes()


def read_text(path: Path, most: int = _MOST_BYTES) -> str:
    """Text of the file ``path``, UTF-8, or with the mark of another Unicode in front; else as `read_bytes`."""
    content = read_bytes(path, most)
    # Excel calls UTF-16 "Unicode text". That of UTF-32 begins like it.
    marks = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
    marks |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    return content.decode(
        next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8-sig")
    )


def read_json(text: str) -> Any:
    """What ``text`` says, as JSON has it; else as `json.loads`.

    Raises
    ------
    KeyTwice
        If a key stands twice in an object: the last one would count without a word.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise KeyTwice(f"'{next(key for key in keys if keys.count(key) > 1)}' stands twice.")
    return made


def sendable(text: str) -> str:
    """``text`` with a question mark for what no UTF-8 text can hold, as parts of characters in JSON are."""
    return text.encode("utf-8", "replace").decode("utf-8")
