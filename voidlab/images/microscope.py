"""How images were taken, as their files say it: voltage and mode; what was said of them outweighs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from voidlab.project.parameters.models import DatasetParameters, MicroscopeParameters

Mode = Literal["bright field", "dark field", "HAADF"]

_KV = (20.0, 3000.0)
_APART = 0.01  # of a voltage, relative: more is another one
# Detectors by the names that programs give them; an annular bright field (ABF) is none of the three.
_DETECTORS: tuple[tuple[str, Mode], ...] = (
    (r"(?<![A-Z])HAADF", "HAADF"),
    (r"(?<![A-Z])(?:[LM]A)?ADF|(?<![A-Z])DF(?![A-Z])", "dark field"),
    (r"(?<![A-Z])BF(?![A-Z])", "bright field"),
)


@dataclass(frozen=True)
class Microscope:
    """What a file says of how its images were taken; None where it says nothing.

    ``scanned`` without a ``mode``: in STEM, with a detector that it does not name.
    """

    voltage_kv: float | None = None
    mode: Mode | None = None
    scanned: bool = False


NOTHING_SAID = Microscope()


class Taken(Protocol):
    """A file whose header was read."""

    @property
    def microscope(self) -> Microscope: ...

    @property
    def pixel_source(self) -> str: ...


def as_kv(value: object) -> float | None:
    """A voltage in kV from what a file gives, in V or kV; None where no transmission microscope has it."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    number = number / 1000 if number > _KV[1] else number
    return round(number, 3) if _KV[0] <= number <= _KV[1] else None


def mode_of_detector(name: object) -> Mode | None:
    """What a detector of STEM with this name shows; None where the name does not say it."""
    said = str(name or "").upper()
    return next((mode for pattern, mode in _DETECTORS if re.search(pattern, said)), None)


def in_stem(voltage: object, *detectors: object) -> Microscope:
    """What a file says that was scanned; the first of the names of its detector that tells the mode counts."""
    modes = (mode_of_detector(name) for name in detectors)
    return Microscope(as_kv(voltage), next((mode for mode in modes if mode), None), scanned=True)


def of_series(files: Sequence[Taken], notes: list[str]) -> Microscope:
    """What the ``files`` of a series agree on; ``notes`` says what that is, and where they disagree."""
    said = [file.microscope for file in files]
    volts = sorted({each.voltage_kv for each in said if each.voltage_kv is not None})
    modes = list(dict.fromkeys(each.mode for each in said if each.mode is not None))
    if len(volts) > 1 and volts[-1] > (1 + _APART) * volts[0]:
        notes.append(
            f"The files disagree on the voltage, {volts[0]:g} to {volts[-1]:g} kV: theirs is not used."
        )
        volts = []
    if len(modes) > 1:
        notes.append(
            f"The files disagree on the mode, {' and '.join(modes)}: theirs is not used. A series is of one; else "
            "give microscope: {mode: …}."
        )
    mode = modes[0] if len(modes) == 1 else None
    found = Microscope(volts[0] if volts else None, mode, any(each.scanned for each in said))
    if known := in_words(found):
        source = next(file.pixel_source for file in files if file.microscope != NOTHING_SAID)
        notes.append(f"Taken {known} ({source}).")
    return found


def in_words(found: Microscope) -> str:
    """As in: at 300 kV with HAADF; empty where nothing is known."""
    known = [] if found.voltage_kv is None else [f"at {found.voltage_kv:g} kV"]
    if found.mode is not None:
        known.append("with HAADF" if found.mode == "HAADF" else f"in {found.mode}")
    return " ".join(known)


def with_microscope_of(dataset: DatasetParameters, found: Microscope) -> DatasetParameters:
    """The ``dataset``, what it does not say of the microscope as it was ``found`` in the files."""
    given = dataset.microscope
    filled = {
        "mode": given.mode or found.mode,
        "voltage_kv": given.voltage_kv or found.voltage_kv,
    }
    return dataset.model_copy(update={"microscope": given.model_copy(update=filled)})


def doubts_of_microscope(given: MicroscopeParameters, found: Microscope) -> Iterable[str]:
    """Where the files say something else than was ``given``, which holds, or not enough."""
    volts, said = given.voltage_kv, found.voltage_kv
    if volts and said and abs(volts - said) > _APART * said:
        yield f"microscope.voltage_kv is {volts:g}, but the files say {said:g} kV: {volts:g} is used."
    if given.mode and found.mode and given.mode != found.mode:
        yield f"microscope.mode is {given.mode}, but the files say {found.mode}: {given.mode} is used."
    if found.scanned and not found.mode and not given.mode:
        yield (
            "The files say STEM, but not with which detector: bright field is assumed. Else give microscope: {mode: "
            "HAADF} or dark field, which have no fringes that radii could be measured by."
        )
