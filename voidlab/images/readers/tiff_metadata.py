"""What the metadata of a TIFF say of its images: width of a pixel, times of the frames, voltage and detector."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
import tifffile

from voidlab.images.microscope import Microscope, as_kv, in_stem, mode_of_detector
from voidlab.images.pixel_size import PixelSize, unit_nm, usual

_SECONDS = {
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3, "µs": 1e-6, "us": 1e-6,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "ns": 1e-9, "d": 86_400.0, "day": 86_400.0, "days": 86_400.0,
}  # fmt: skip


def times_of(tif: tifffile.TiffFile, at: int, axis: str, count: int) -> tuple[tuple[float, ...], str]:
    """Times of ``count`` images along an ``axis`` of series ``at``, s, as ImageJ or OME say; empty where unknown.

    They are as stated, also where they cannot be: the series tells what it does not use. Beside them what is not used
    here, and why; empty when nothing.
    """
    pixels = _pixels_of(tif, at)
    if not axis and pixels is not None:
        return _time_of_one(pixels), ""
    if axis not in ("T", "Z", "I", "Q"):
        return (), ""
    imagej = tif.imagej_metadata or {}
    if "finterval" in imagej:
        interval, unit = imagej["finterval"], imagej.get("tunit", "s")
        times, why_not = _even_times(interval, unit, count, "its frame interval")
        if axis == "Z" and any(times):
            return _times_of_slices(times, f"its frame interval, {interval} {unit}", imagej)
        return times, why_not
    if pixels is None or axis != "T":
        return (), ""
    of_planes, why_not = _times_of_planes(pixels, count)
    if of_planes:
        return of_planes, ""
    if pixels.get("TimeIncrement") is None:
        return (), why_not
    unit = pixels.get("TimeIncrementUnit", "s")
    times, unknown = _even_times(pixels.get("TimeIncrement"), unit, count, "its time increment")
    return times, unknown or (f"{why_not}; its time increment is taken" if why_not else "")


def _even_times(value: object, unit: object, count: int, name: str) -> tuple[tuple[float, ...], str]:
    """Times at an interval of ``value``, s; none where its ``unit`` is no time, and the words for that."""
    interval = _seconds(value, unit)
    if interval is None:
        return (), f"{name}, {value} {str(unit)[:20]}, is no number of s, min or h and is not used"
    return tuple(interval * i for i in range(count)), ""


def _times_of_slices(
    times: tuple[float, ...], interval: str, imagej: Mapping[str, object]
) -> tuple[tuple[float, ...], str]:
    """Times of slices of ImageJ, which a video opened as a sequence has, but no stack in depth, with its spacing."""
    if imagej.get("spacing"):
        return (), f"its images are slices in depth, {interval}, is not used"
    return times, f"its images are slices, not frames; {interval}, is taken"


def _time_of_one(pixels: ElementTree.Element) -> tuple[float, ...]:
    """The time of the image of a file that holds one."""
    planes = pixels.findall(".//{*}Plane")
    time = _seconds(planes[0].get("DeltaT"), planes[0].get("DeltaTUnit", "s")) if len(planes) == 1 else None
    return () if time is None else (time,)


def _times_of_planes(pixels: ElementTree.Element, count: int) -> tuple[tuple[float, ...], str]:
    """Times of the images from the first, s, as OME has them plane by plane; or none, and what is wrong with them."""
    planes: dict[int, float] = {}
    stated = 0
    for plane in pixels.iterfind(".//{*}Plane"):
        stated += plane.get("DeltaT") is not None
        time = _seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))
        if time is not None and 0 <= time < np.inf:
            planes.setdefault(int(plane.get("TheT", -1)), time)
    if not stated or count < 2:
        return (), ""
    known = [planes[i] for i in range(count) if i in planes]
    if len(known) < count:
        return (), f"its times (DeltaT) are those of {len(known)} of {count} images and are not used"
    if known != sorted(set(known)):
        fall = next(i for i in range(1, count) if known[i] <= known[i - 1])
        return (), (
            f"its times (DeltaT) do not go up: {known[fall - 1]:g} s of image {fall - 1}, then {known[fall]:g} s; "
            "they are not used"
        )
    return tuple(time - known[0] for time in known), ""


def _seconds(value: object, unit: object) -> float | None:
    """``value`` of the ``unit`` in s; None where it is no number, or the unit is not known."""
    factor = _SECONDS.get(str(unit or "s").strip().lower().replace("\\u00b5", "µ").replace("μ", "µ"))
    try:
        return None if factor is None else float(str(value)) * factor
    except ValueError:
        return None


def _pixels_of(tif: tifffile.TiffFile, index: int) -> ElementTree.Element | None:
    """The description of series ``index`` in the metadata of OME."""
    try:
        root = ElementTree.fromstring(tif.ome_metadata or "<none/>")
    except ElementTree.ParseError:
        return None
    described = root.findall(".//{*}Pixels")
    return described[index] if 0 <= index < len(described) else None


def pixel_size_of(tif: tifffile.TiffFile, at: int = 0) -> PixelSize:
    """Width of a pixel as the metadata of a TIFF give it: ImageJ's, OME's, Gatan's, then the bare resolution tags."""
    for widths in (_imagej_nm(tif), _ome_nm(tif, at), _gatan_nm(tif)):
        if widths is not None:
            return PixelSize.of(*widths)
    bare = _tags_nm(tif)
    # Bare tags beyond what is usual are those of a printer.
    return PixelSize.of(*bare) if bare is not None and usual(bare[0]) else PixelSize()


def _imagej_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    unit = unit_nm((tif.imagej_metadata or {}).get("unit"))
    pixels = _resolution(tif)
    return None if unit is None or pixels is None else (unit / pixels[0], unit / pixels[1])


def _ome_nm(tif: tifffile.TiffFile, at: int) -> tuple[float, float] | None:
    pixels = _pixels_of(tif, at)
    if pixels is None:
        return None
    x, y = (_ome_width(pixels, axis) for axis in "XY")
    return None if x is None else (x, x if y is None else y)


def _ome_width(pixels: ElementTree.Element, axis: str) -> float | None:
    unit = unit_nm(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    try:
        return None if unit is None else float(pixels.get(f"PhysicalSize{axis}", "")) * unit
    except ValueError:
        return None


def _gatan_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """What DigitalMicrograph writes into tags of its own."""
    tags = tif.pages.first.tags
    units = [unit_nm(tags.valueof(code)) for code in (65003, 65004)]
    scales = [tags.valueof(code) for code in (65009, 65010)]
    if not all(units) or not all(isinstance(scale, float) for scale in scales):
        return None
    return scales[0] * units[0], scales[1] * units[1]


def _tags_nm(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    # 72 per inch and the like are written by every program and mean nothing.
    if tif.pages.first.tags.valueof("ResolutionUnit") != 3:
        return None
    pixels = _resolution(tif)
    return None if pixels is None else (1e7 / pixels[0], 1e7 / pixels[1])


def _resolution(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """Pixels per unit along x and y."""
    found = [tif.pages.first.tags.valueof(name) for name in ("XResolution", "YResolution")]
    if not all(isinstance(value, tuple) and value[0] and value[1] for value in found):
        return None
    x, y = (float(np.float64(value[0]) / value[1]) for value in found)
    return x, y


def taken(tif: tifffile.TiffFile) -> Microscope:
    """How the image of a Thermo Fisher (FEI) program was taken, from its own tags 34680 and 34682."""
    sections = {str(name): part for name, part in (tif.fei_metadata or {}).items() if isinstance(part, dict)}
    volts = next((part["HV"] for part in sections.values() if "HV" in part), None)
    names = [part.get("Name") for name, part in sections.items() if "detector" in name.lower()]
    detectors = [name for name in names if mode_of_detector(name)]
    return in_stem(volts, *detectors) if detectors else Microscope(as_kv(volts))
