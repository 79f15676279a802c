"""What a command says: in any terminal, pipe or log file, also where that is closed or knows few letters."""

import argparse
import codecs
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

# What a terminal of Windows or one without a language may not have, in letters that all have.
_PLAIN = {
    "×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "≥": ">=", "≤": "<=", "±": "+/-", "µ": "u",
    "μ": "u", "°": " deg", "σ": "sigma", "√": "sqrt", "⚠": "!", "Å": "A", "“": '"', "”": '"', "’": "'",
    "‘": "'", "⁻": "^-", "¹": "1", "²": "2", "³": "3",
}  # fmt: skip
_MOST_SHOWN = 40  # letters of what was typed
_BAR = re.compile(r"(?P<what>.*?):?\s+\d+%\|.*\|\s*(?P<done>\d+)/(?P<total>\d+) \[[^\]]*\]")


def _as_plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    said = "".join(_PLAIN.get(letter, letter.encode("ascii", "backslashreplace").decode()) for letter in part)
    return said, error.end


codecs.register_error("voidlab-plain", _as_plain)


@contextmanager
def speaking() -> Iterator[None]:
    """Make standard output and error such that nothing written to them can end a run; warnings are sentences."""
    before = sys.stdout, sys.stderr, warnings.showwarning, sys.unraisablehook
    sys.stdout, sys.stderr = (_Stream.of(stream) for stream in before[:2])
    warnings.showwarning = _say_warning
    sys.unraisablehook = _say_nothing  # of what libraries put away half made, the error itself is said
    try:
        yield
    finally:
        sys.stdout, sys.stderr, warnings.showwarning, sys.unraisablehook = before


def _say_nothing(unraisable: object) -> None:
    pass


class _Stream:
    """A stream that goes on in silence when nobody reads it any more."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @classmethod
    def of(cls, stream: TextIO | None) -> "_Stream":
        if isinstance(stream, _Stream):
            return stream
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and not getattr(stream, "closed", False):
            reconfigure(errors="voidlab-plain")
        return cls(stream)

    def write(self, text: str) -> int:
        try:
            if self._stream is not None:
                self._stream.write(text)
        except (OSError, ValueError):  # closed, or a disk that is full of log
            self._give_up()
        return len(text)

    def flush(self) -> None:
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _give_up(self) -> None:
        """Let what is left in the stream go nowhere: Python would complain of it at its end."""
        stream, self._stream = self._stream, None
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
            os.close(nowhere)
        except (OSError, ValueError, AttributeError):
            pass

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning meant for the user as a sentence; those that libraries give their callers are left out."""
    if category is UserWarning:
        print(f"note: {message}", file=sys.stderr)


class Line:
    """Lines of a run: what is finished stays, how far it is overwrites itself in a terminal."""

    _EVERY_S = 5.0

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._width = shutil.get_terminal_size().columns - 1
        self._last = time.monotonic()

    def log(self, text: str) -> None:
        clear = f"\r{'':{self._width}}\r" if self._live else ""
        print(f"{clear}  {text}", flush=True)

    def progress(self, text: str) -> None:
        """Show how far the run is: in place in a terminal, every few seconds in a log file."""
        if self._live:
            print(f"\r{('    ' + text)[: self._width]:{self._width}}", end="", flush=True)
        elif time.monotonic() - self._last > self._EVERY_S:
            bar = _BAR.fullmatch(text.strip())
            if bar is None or int(bar["done"]):
                self._last = time.monotonic()
                print(
                    f"    {bar['what']}: {bar['done']} of {bar['total']}" if bar else f"    {text}",
                    flush=True,
                )


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """What reads an option that is a whole number from ``low`` to ``high``."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            shown = text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."
            raise argparse.ArgumentTypeError(f"{shown}: expected a whole number, {low} to {high}")
        return number

    return read


def as_typed(argument: str) -> str:
    """``argument`` as it has to be typed, in quotes where a shell would part it."""
    return subprocess.list2cmdline([argument]) if sys.platform == "win32" else shlex.quote(argument)


def unforeseen(error: Exception) -> str:
    """What to say of an error that nobody foresaw: it is a fault of voidlab; where its traceback was kept."""
    what = f"{type(error).__name__}: {str(error)[:300]}" if str(error) else type(error).__name__
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="voidlab-error-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
        ) as kept:
            traceback.print_exception(error, file=kept)
        where = f"; what happened is in {kept.name}, please send that file with a report"
    except OSError:
        where = ""
    return f"voidlab: an error that should not have been possible ({what}){where}. Finished results are kept."


@contextmanager
def stopping_at_once() -> Iterator[None]:
    """Until `finish_in_order` is called, Ctrl-C ends the command with a word: nothing has been begun that must end.

    While libraries are imported an exception would come out of them as something else, with its traceback.
    """
    try:
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, _stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def finish_in_order() -> None:
    """From here on Ctrl-C is an exception again, at which a run puts away what it has begun."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(number: int, frame: FrameType | None) -> None:
    os.write(2, b"\nvoidlab: interrupted.\n")
    os._exit(130)
