"""What came of each image, a line each in reports/NAME/live/images.jsonl: a watch that is started again goes on.

Lines are only ever added; the last of a name counts. One that a crash cut short does not count.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from voidlab.drift.correlate import Shift
from voidlab.live.arrivals import Stamp

WAITING, OK, BLANK, EXCLUDED = "waiting", "ok", "blank", "excluded"
_SHIFT = ("dx_px", "dy_px", "sigma_px", "peak", "peak_ratio")


@dataclass
class Entry:
    """An image: its file, and what is known of it; NaN what is not.

    ``key`` stands for what it was segmented with; ``digest`` for its file. Diameters (median, 95 % interval) in px.
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
    def is_done(self) -> bool:
        return self.status in (OK, BLANK, EXCLUDED)


class Index:
    """The file of all entries, and the shifts between images that were measured."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: dict[str, Entry] = {}
        self.shifts: dict[tuple[str, str], Shift] = {}
        self._read()

    def add(self, entry: Entry) -> None:
        """Write what came of an image.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._append({key: _plain(value) for key, value in asdict(entry).items()})

    def add_shifts(self, digest: str, shifts: Mapping[str, Shift]) -> None:
        """Write the shifts of the image of ``digest`` from others; else as `add`."""
        if shifts:
            told = {other: [_plain(getattr(s, name)) for name in _SHIFT] for other, s in shifts.items()}
            self._append({"shifts_of": digest, "from": told})

    def forget(self, names: Iterable[str]) -> None:
        """Write that these files are no images of the series any more; else as `add`."""
        for name in names:
            self._append({"name": name, "forgotten": True})

    def _append(self, content: Mapping[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab+") as stream:
            if stream.tell():
                stream.seek(-1, 2)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")  # a line that a crash cut short must not swallow this one
            stream.write(json.dumps(content, allow_nan=False).encode() + b"\n")

    def _read(self) -> None:
        try:
            lines = self.file.read_bytes().split(b"\n")
        except OSError:
            return
        known = {field.name for field in fields(Entry)}
        for line in lines:
            try:
                content = json.loads(line)
                if "shifts_of" in content:
                    for other, values in content["from"].items():
                        numbers = [math.inf if value is None else value for value in values]
                        self.shifts[other, content["shifts_of"]] = Shift(*numbers)  # type: ignore[arg-type]
                elif content.get("forgotten"):
                    self.entries.pop(content["name"], None)
                else:
                    told = {key: math.nan if value is None else value for key, value in content.items()}
                    self.entries[content["name"]] = _entry({k: v for k, v in told.items() if k in known})
            except (ValueError, TypeError, KeyError, AttributeError):
                continue


def _entry(told: Mapping[str, Any]) -> Entry:
    return Entry(**told)


def _plain(value: Any) -> Any:
    """``value`` as strict JSON has it: no number where it is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
