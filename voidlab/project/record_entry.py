"""What the record of a run says of one stage, and whether what stands there can be that."""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from voidlab import __version__


@dataclass(frozen=True)
class Entry:
    """What run.json says of one stage."""

    status: str  # finished or failed
    fingerprint: str
    parameters: dict[str, Any]
    given: list[str]  # names of the parameters that were set for this run only
    inputs: dict[str, str]  # digest of the images and of what each earlier stage made
    outputs: dict[str, str] = field(default_factory=dict)  # file in the run's folder: digest
    key_figures: list[dict[str, str]] = field(default_factory=list)
    decided: dict[str, Any] = field(default_factory=dict)  # what was left to the stage, as contrast: auto
    of_images: dict[str, Any] = field(default_factory=dict)  # what the YAML said of them, as pixel_size_nm
    computed_on: dict[str, Any] = field(default_factory=dict)  # workers of a cluster; they change no result
    started: str = ""
    seconds: float = 0.0
    error: str = ""
    voidlab: str = __version__
    python: str = field(default_factory=platform.python_version)


_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("status", "fingerprint", "started", "error", "voidlab", "python"), str),
    **dict.fromkeys(("parameters", "inputs", "outputs", "decided", "of_images", "computed_on"), dict),
    **dict.fromkeys(("given", "key_figures"), list),
    "seconds": (int, float),
}


def entry_of(content: Mapping[str, Any]) -> Entry:
    """What run.json says of a stage; a TypeError where a person or a damaged disk put something else."""
    entry = Entry(**content)
    wrong = [
        name
        for name, kind in _KINDS.items()
        if not isinstance(getattr(entry, name), kind)
        or (kind is dict and name in ("inputs", "outputs") and not _all_text(getattr(entry, name).values()))
    ]
    if wrong or not _all_text(entry.given) or not all(isinstance(each, dict) for each in entry.key_figures):
        raise TypeError(f"{', '.join(wrong) or 'given or key_figures'} of another kind than a record holds")
    return entry


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)
