"""What came of each image, a line each in reports/NAME/live/images.jsonl: a watch that is started again goes on.

Lines are only ever added; the last of a name counts. One that a crash cut short does not count. Shifts between images
are read when they are needed: nothing of them is held in memory.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from voidlab.drift.correlate import Shift
from voidlab.live.arrivals import Stamp
from voidlab.live.followed import Followed
from voidlab.tables.written import append_lines

WAITING, OK, BLANK, EXCLUDED = "waiting", "ok", "blank", "excluded"
_SHIFT = ("dx_px", "dy_px", "sigma_px", "peak", "peak_ratio")


@dataclass(slots=True)
class Entry:
    """An image: its file, and what is known of it; NaN what is not.

    ``key`` stands for what it was segmented with; ``digest`` for its file. Diameters (median, 95 % interval) in px.
    ``beyond``: share of its pixels brighter than the intensities that were decided, less that of darker ones.
    """

    name: str
    size: int
    mtime_ns: int
    frame: int
    status: str = WAITING
    digest: str = ""
    key: str = ""
    count: int = 0
    diameter_px: float = math.nan
    diameter_low_px: float = math.nan
    diameter_high_px: float = math.nan
    fraction: float = math.nan
    fraction_sigma: float = math.nan
    sharpness: float = math.nan
    beyond: float = math.nan
    swelling: float = math.nan
    swelling_low: float = math.nan
    swelling_high: float = math.nan

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.size, self.mtime_ns)

    @property
    def image(self) -> str:
        """What its image is kept under, see `voidlab.run.frame_cache`."""
        return f"{self.digest} 0"

    @property
    def mask(self) -> str:
        """What stands for its void mask: its file, and what it was segmented with."""
        return f"{self.digest[:16]}-{self.key[:8]}"

    @property
    def was_seen(self) -> bool:
        return self.status in (OK, BLANK)

    @property
    def is_done(self) -> bool:
        return self.status in (OK, BLANK, EXCLUDED)


class Index:
    """The file of all entries, of the shifts between images that were measured, and of what was followed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: dict[str, Entry] = {}
        self._read()

    def add(self, entry: Entry) -> None:
        """Write what came of an image.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._append([{key: _plain(value) for key, value in asdict(entry).items()}])

    def add_followed(self, mask: str, shifts: Mapping[str, Shift], followed: Iterable[Followed] = ()) -> None:
        """Write the shifts of a ``mask`` from others, and the images that are linked by now; else as `add`."""
        told = {other: [_plain(getattr(s, name)) for name in _SHIFT] for other, s in shifts.items()}
        lines: list[Mapping[str, Any]] = [{"shifts_of": mask, "from": told}] if told else []
        self._append([*lines, *({"followed": each.as_row()} for each in followed)])

    def begin_to_follow(self, asked: str, kept: int) -> None:
        """Write that behind the first ``kept`` images are followed anew, by these parameters; else as `add`."""
        self._append([{"followed_by": asked, "kept": kept}])

    def forget(self, names: Iterable[str]) -> None:
        """Write that these files are no images of the series any more; else as `add`."""
        self._append([{"name": name, "forgotten": True} for name in names])

    def shifts(self) -> dict[str, dict[str, Shift]]:
        """The shifts of masks from others, by what stands for both."""
        made: dict[str, dict[str, Shift]] = {}
        for line in self._lines('"shifts_of"'):
            with suppress(TypeError, ValueError, KeyError, AttributeError):
                of_image = made.setdefault(line["shifts_of"], {})
                for other, values in line["from"].items():
                    dx, dy, sigma, peak, ratio = (math.inf if value is None else value for value in values)
                    of_image[other] = Shift(dx, dy, sigma, peak, ratio)
        return made

    def followed(self, asked: str) -> list[Followed]:
        """The images that were followed last, in order, where that was by the parameters ``asked`` for."""
        made: list[Followed] = []
        by = ""
        for line in self._lines('"followed'):
            if "followed_by" in line:
                made, by = made[: line.get("kept", 0)], line["followed_by"]
                continue
            with suppress(ValueError, TypeError):
                made.append(Followed.of_row(line["followed"]))
        return made if by == asked else []

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        content = b"".join(json.dumps(line, allow_nan=False).encode() + b"\n" for line in lines)
        if content:
            append_lines(self.file, content)

    def _lines(self, with_text: str) -> Iterator[dict[str, Any]]:
        """Lines that begin with ``with_text``; what is none, or says nothing, is passed over."""
        try:
            lines = self.file.read_bytes().split(b"\n")
        except OSError:
            return
        start = b"{" + with_text.encode()
        for line in lines:
            if not line.startswith(start):
                continue
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def _read(self) -> None:
        known = {field.name for field in fields(Entry)}
        for content in self._lines('"name"'):
            try:
                if content.get("forgotten"):
                    self.entries.pop(content["name"], None)
                else:
                    told: dict[str, Any] = {
                        key: math.nan if value is None else value
                        for key, value in content.items()
                        if key in known
                    }
                    self.entries[content["name"]] = Entry(**told)
            except (TypeError, KeyError, AttributeError):
                continue


def _plain(value: Any) -> Any:
    """``value`` as strict JSON has it: no number where it is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
