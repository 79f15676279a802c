"""MRC: stacks of IMOD, SerialEM and FEI/Thermo Fisher with what their extended headers say of each image.

Rows are kept in the order of the file. Programs that count them from below, such as IMOD, show the image upside down
compared to here.
"""

import math
import re
import warnings
from functools import partial
from pathlib import Path

import mrcfile
import numpy as np

from voidlab.images.errors import ImagesError
from voidlab.images.microscope import NOTHING_SAID, Microscope, as_kv, in_stem
from voidlab.images.pixel_size import PixelSize
from voidlab.images.readers.base import ImageFile, plane
from voidlab.tables.listing import number_of

_HEADER_BYTES = 1024
_SIGNED_FROM = 20140  # version of the format that says that bytes have a sign
_MOST_WITH_SIGN, _MOST = 127, 255
_IMOD_STAMP = 1146047817
# FEI's first extended header: 1024 records of 32 numbers, among them tilt (deg), pixel size (m) and voltage (V).
_FEI1_RECORDS, _FEI1_NUMBERS, _FEI1_TILT, _FEI1_PIXEL, _FEI1_VOLTS = 1024, 32, 0, 11, 13
_MDOC_BYTES = 100_000  # the first section says it
_STEM = 2  # instrument mode of FEI's newer headers; 1 is TEM


def open_mrc(path: Path) -> ImageFile:
    """Read the header of an MRC file; the images stay where they are."""
    with warnings.catch_warnings():
        # Real files break small rules of the format, such as the stamp of the byte order.
        warnings.simplefilter("ignore")
        with mrcfile.open(path, mode="r", permissive=True, header_only=True) as mrc:
            header = mrc.header.copy()
            extended = mrc.extended_header
            records = mrc.indexed_extended_header if bytes(header["exttyp"]) in (b"FEI1", b"FEI2") else None
    dtype = _dtype(path, header)
    shape = (int(header["ny"]), int(header["nx"]))
    stated = int(header["nz"])
    if min(*shape, stated) < 1:
        raise ValueError(f"it says that it has {stated} images of {shape[1]} × {shape[0]} px: no MRC file")
    start = _HEADER_BYTES + int(header["nsymbt"])
    there = (path.stat().st_size - start) // (math.prod(shape) * dtype.itemsize)
    count = min(stated, there)
    if count < 1:
        raise ValueError("not one whole image is in it")
    notes = []
    if count < stated:
        notes.append(f"{path.name} is cut short: only its first images, {count}, are used. Copy it again.")
    over = path.stat().st_size - start - stated * math.prod(shape) * dtype.itemsize
    if over >= shape[1] * dtype.itemsize:
        notes.append(
            f"{path.name} holds {over:,} bytes more than its header says, which gives it "
            f"{number_of(stated, 'image')} of {shape[1]} × {shape[0]} px of {8 * dtype.itemsize} bit: check "
            "that they look right."
        )
    axes = tuple(int(header[name]) for name in ("mapc", "mapr", "maps"))
    if axes[:2] not in ((1, 2), (0, 0)):
        notes.append(
            f"The header of {path.name} says that its columns, rows and sections lie along the axes {axes}, where "
            "1 to 3 are x, y and z: they are taken as columns, rows and images all the same, as image viewers do."
        )
    if int(header["ispg"]) != 0 and stated > 1:
        notes.append(f"The header calls {path.name} a volume: each of its sections is a frame here.")
    if records is not None:
        tilts, pixel_size = _of_records(records)
        taken = _taken(records)
    else:
        tilts, pixel_size, taken = _of_bytes(header, extended, stated)
    return ImageFile(
        path,
        shape,
        count,
        partial(plane, path, start, dtype, shape),
        pixel_size or _of_cell(header),
        "MRC header",
        tuple(notes),
        tilts[:count],
        microscope=_of_mdoc(path) if taken == NOTHING_SAID else taken,
        bits=8 * dtype.itemsize,
    )


def _dtype(path: Path, header: np.recarray) -> np.dtype:
    """How the pixels are stored.

    Raises
    ------
    ImagesError
        If they are no real numbers of whole bytes.
    """
    mode = int(header["mode"])
    kinds = {0: "i1" if _bytes_have_sign(header) else "u1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
    if mode not in kinds:
        what = {3: "complex numbers", 4: "complex numbers", 101: "4 bits per pixel"}.get(mode)
        if what is None:
            raise ValueError(f"its header says mode {mode}, which no MRC file has")
        raise ImagesError(
            f"{path} holds {what}; expected an image of 8, 16 or 32 bit. Convert it in IMOD or Fiji."
        )
    return np.dtype(kinds[mode]).newbyteorder(header["nx"].dtype.byteorder)


def _bytes_have_sign(header: np.recarray) -> bool:
    """IMOD says it in a flag; else the format does since 2014, and before that programs meant 0 to 255."""
    raw = np.frombuffer(header.tobytes(), np.dtype(np.int32).newbyteorder(header["nx"].dtype.byteorder))
    stamp, flags = raw[38], raw[39]
    if stamp == _IMOD_STAMP:
        return bool(flags & 1)
    if header["dmin"] >= 0 and _MOST_WITH_SIGN < header["dmax"] <= _MOST:  # written by who does not know that
        return False
    return int(header["nversion"]) >= _SIGNED_FROM


def _of_records(records: np.ndarray) -> tuple[tuple[float, ...], PixelSize | None]:
    """Tilts and pixel size from the records of FEI's newer headers."""
    names = records.dtype.names or ()
    tilts = tuple(records["Alpha tilt"].astype(float).tolist()) if "Alpha tilt" in names else ()
    if "Pixel size X" not in names or not len(records) or not records["Pixel size X"][0] > 0:
        return tilts, None
    return tilts, PixelSize.of(
        float(records["Pixel size X"][0]) * 1e9, float(records["Pixel size Y"][0]) * 1e9
    )


def _taken(records: np.ndarray) -> Microscope:
    """Voltage and detector from the records of FEI's newer headers."""
    names = records.dtype.names or ()
    if not len(records):
        return NOTHING_SAID
    said = {
        name: records[name][0] for name in ("HT", "Instrument mode", "STEM Detector name") if name in names
    }
    if said.get("Instrument mode") == _STEM:
        return in_stem(said.get("HT"), bytes(said.get("STEM Detector name", b"")).decode("latin-1"))
    return Microscope(as_kv(said.get("HT")))


def _of_mdoc(path: Path) -> Microscope:
    """Voltage from the file that SerialEM writes beside a stack."""
    for name in (f"{path.name}.mdoc", f"{path.stem}.mdoc"):
        try:
            with path.with_name(name).open("rb") as stream:
                text = stream.read(_MDOC_BYTES).decode("latin-1")
        except OSError:
            continue
        found = re.search(r"^Voltage *= *([0-9.]+)", text, re.MULTILINE)
        return Microscope(as_kv(found[1])) if found else NOTHING_SAID
    return NOTHING_SAID


def _of_bytes(
    header: np.recarray, extended: np.ndarray | None, count: int
) -> tuple[tuple[float, ...], PixelSize | None, Microscope]:
    """What the extended headers say that are bare numbers, FEI's first and SerialEM's: tilts, pixel size, voltage."""
    raw = b"" if extended is None else extended.tobytes()
    order = header["nx"].dtype.byteorder
    if any("Fei Company" in label.decode("latin-1") for label in header["label"].tolist()):
        floats = np.frombuffer(raw[: 4 * (len(raw) // 4)], np.dtype("f4").newbyteorder(order))
        if len(floats) >= _FEI1_RECORDS * _FEI1_NUMBERS and count <= _FEI1_RECORDS:
            table = floats[: _FEI1_RECORDS * _FEI1_NUMBERS].reshape(_FEI1_RECORDS, _FEI1_NUMBERS)[:count]
            nm = float(table[0, _FEI1_PIXEL]) * 1e9
            tilts = tuple(table[:, _FEI1_TILT].astype(float).round(4).tolist())
            pixel_size = PixelSize.of(nm, nm) if nm > 0 else None
            return tilts, pixel_size, Microscope(as_kv(table[0, _FEI1_VOLTS]))
    section, flags = np.frombuffer(header.tobytes()[128:132], np.dtype("i2").newbyteorder(order)).tolist()
    is_serialem = bytes(header["exttyp"]) == b"SERI" or bytes(header["exttyp"]).strip(b"\0 ") == b""
    if is_serialem and flags & 1 and section >= 2 and section % 2 == 0 and len(raw) >= section * count:
        shorts = np.frombuffer(raw[: section * count], np.dtype("i2").newbyteorder(order))
        return tuple((shorts.reshape(count, section // 2)[:, 0] / 100).tolist()), None, NOTHING_SAID
    return (), None, NOTHING_SAID


def _of_cell(header: np.recarray) -> PixelSize:
    """Pixel size from the cell of the header, in Å."""
    cell, grid = header["cella"], (int(header["mx"]), int(header["my"]))
    if not (cell["x"] > 0 and cell["y"] > 0 and min(grid) > 0):
        return PixelSize()
    x, y = float(cell["x"]) / grid[0], float(cell["y"]) / grid[1]
    if x == y == 1.0:
        note = "The MRC header says 1 Å per px exactly, as programs write when they do not know: ignored."
        return PixelSize(None, (note,))
    return PixelSize.of(x / 10, y / 10)
