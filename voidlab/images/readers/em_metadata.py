"""What DM3, DM4, EMD and the EMI beside a SER say of the microscope: voltage, detector of STEM, tilt of the stage."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voidlab.images.microscope import NOTHING_SAID, Microscope, as_kv, in_stem

_MOST_BYTES = 10**8  # of an EMI, which holds a copy of the image
_STEM_OF_VELOX = "2"  # Optics.OperatingMode; 1 is TEM
_SUBMODES: dict[str, Any] = {"brightfield": "bright field", "darkfield": "dark field"}


def taken(path: Path, title: str, metadata: Mapping[str, Any]) -> Microscope:
    """How the images of a file were taken, from what `rsciio` calls its original metadata."""
    if path.suffix.lower() == ".ser":
        return _of_emi(path)
    return _of_velox(metadata) if path.suffix.lower() == ".emd" else _of_dm(title, metadata)


def stage_tilt(path: Path, metadata: Mapping[str, Any]) -> float | None:
    """Angle of the stage about its axis when a single image was taken, degrees."""
    if path.suffix.lower() == ".emd":
        said, unit = _below(metadata, "Stage").get("AlphaTilt"), 180 / math.pi
    else:
        tags = _below(metadata, "ImageList", "TagGroup0", "ImageTags", "Microscope Info", "Stage Position")
        said, unit = tags.get("Stage Alpha"), 1.0
    try:
        angle = float(said) * unit  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return angle if math.isfinite(angle) else None


def _of_dm(title: str, metadata: Mapping[str, Any]) -> Microscope:
    """Of DigitalMicrograph, which names images of STEM after their detectors."""
    tags = _below(metadata, "ImageList", "TagGroup0", "ImageTags")
    if "Microscope Info" not in tags:  # of a stack that was put together: those of its first image
        tags = _below(tags, "source", "Tags at creation")
    about, shown = _below(tags, "Microscope Info"), _below(tags, "DataBar")
    scanned = "STEM" in str(about.get("Illumination Mode")) or about.get("Operation Mode") == "SCANNING"
    if scanned:
        return in_stem(about.get("Voltage"), shown.get("Signal Name"), title)
    return Microscope(as_kv(about.get("Voltage")))


def _of_velox(metadata: Mapping[str, Any]) -> Microscope:
    optics = _below(metadata, "Optics")
    if str(optics.get("OperatingMode")) == _STEM_OF_VELOX:
        return in_stem(optics.get("AccelerationVoltage"), _below(metadata, "BinaryResult").get("Detector"))
    submode = str(optics.get("TemOperatingSubMode", "")).lower()
    return Microscope(as_kv(optics.get("AccelerationVoltage")), _SUBMODES.get(submode))


def _of_emi(path: Path) -> Microscope:
    """Of TIA, which describes NAME_1.ser, NAME_2.ser … in NAME.emi beside them."""
    described = path.with_name(f"{re.sub(r'_[0-9]+$', '', path.stem)}.emi")
    try:
        if described.stat().st_size > _MOST_BYTES:
            return NOTHING_SAID
        text = described.read_bytes().decode("latin-1")
    except OSError:
        return NOTHING_SAID
    said = dict(re.findall(r"<Label>([^<]*)</Label>\s*<Value>([^<]*)</Value>", text))
    volts = said.get("High tension")
    if said.get("Mode", "").split()[:1] == ["STEM"]:
        return in_stem(volts, *re.findall(r"<[^<>]*Detector[^<>]*>([^<>]+)<", text))
    return Microscope(as_kv(volts))


def _below(metadata: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The part of nested ``metadata`` under these names; empty where there is none."""
    for name in names:
        part = metadata.get(name)
        metadata = part if isinstance(part, Mapping) else {}
    return metadata
