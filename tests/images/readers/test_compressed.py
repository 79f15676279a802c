"""Compressed and unusual TIFF and PNG: the values that were stored, or what to install."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from projects import SHARED as REAL
from voidlab.images.readers import tiff_pages
from voidlab.images.series import ImagesError, open_series

FAULTS = REAL.parent / "faults" / "11-compressed-tiff"
RANDOM = np.random.default_rng(0)
DEEP = (20_000 + RANDOM.integers(0, 1100, (30, 44))).astype(np.uint16)
LUMINANCE = np.array([0.299, 0.587, 0.114])
needs_faults = pytest.mark.skipif(not FAULTS.is_dir(), reason=f"no files in {FAULTS}")


def lzw(data: bytes) -> bytes:
    """``data`` packed by LZW, without ever using its table: codes of 9 bits, cleared before they grow."""
    codes = [256]
    for start in range(0, len(data), 200):
        codes += [*data[start : start + 200], 256]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def predicted(image: np.ndarray, predictor: int) -> bytes:
    """Bytes of ``image`` (H, W, samples) as a predictor of TIFF stores them."""
    if predictor == 3:
        planes = image.astype(image.dtype.newbyteorder(">")).reshape(len(image), -1, 1).view(np.uint8)
        rows = np.swapaxes(planes, 1, 2).reshape(len(image), -1, image.shape[2])
        return np.diff(rows, axis=1, prepend=np.zeros_like(rows[:, :1])).tobytes()
    if predictor == 2:
        whole = image.view(f"u{image.dtype.itemsize}")
        return np.diff(whole, axis=1, prepend=np.zeros_like(whole[:, :1])).tobytes()
    return image.tobytes()


def write_tiff(
    path: Path, image: np.ndarray, *, compression: int = 5, predictor: int = 1, photometric: int | None = None
) -> None:
    """A TIFF of one strip, of values and with a compression that the libraries at hand do not write."""
    image = image if image.ndim == 3 else image[..., np.newaxis]
    height, width, samples = image.shape
    data = predicted(np.ascontiguousarray(image), predictor)
    data = lzw(data) if compression == 5 else zlib.compress(data)
    kind = {"u": 1, "i": 2, "f": 3}[image.dtype.kind]
    colours = photometric if photometric is not None else 2 if samples == 3 else 1
    values = {256: width, 257: height, 258: 8 * image.dtype.itemsize, 259: compression, 262: colours, 273: 0,
              277: samples, 278: height, 279: len(data), 317: predictor, 339: kind}  # fmt: skip
    start = 8 + 2 + 12 * len(values) + 4
    many = {258, 339} if samples > 1 else set()
    extra = b"".join(struct.pack(f"<{samples}H", *[values[tag]] * samples) for tag in sorted(many))
    values[273] = start + len(extra)
    head, at = struct.pack("<2sHIH", b"II", 42, 8, len(values)), start
    for tag, value in values.items():
        if tag in many:
            head += struct.pack("<HHII", tag, 3, samples, at)
            at += 2 * samples
        else:
            head += struct.pack("<HHII", tag, 4, 1, value)
    path.write_bytes(head + struct.pack("<I", 0) + extra + data)


STORED = {
    "LZW, 8 bit with a sign": (RANDOM.integers(-100, 100, (30, 44)).astype(np.int8), {}),
    "LZW, 16 bit with a sign, differences": (
        RANDOM.integers(-9999, 9999, (30, 44)).astype(np.int16),
        {"predictor": 2},
    ),
    "LZW, 16 bit, differences": (DEEP, {"predictor": 2}),
    "LZW, 32 bit": (DEEP.astype(np.uint32) + 70_000, {}),
    "LZW, 64 bit float": (RANDOM.normal(0, 1, (30, 44)), {}),
    "LZW, float differences": (RANDOM.normal(0, 1, (30, 44)).astype(np.float32), {"predictor": 3}),
    "Deflate, float differences": (
        RANDOM.normal(0, 1, (30, 44)).astype(np.float32),
        {"predictor": 3, "compression": 8},
    ),
    "Deflate, half float differences": (
        RANDOM.normal(0, 1, (30, 44)).astype(np.float16),
        {"predictor": 3, "compression": 8},
    ),
}


@pytest.mark.parametrize("kind", STORED)
def test_values_are_those_stored(tmp_path: Path, kind: str) -> None:
    image, how = STORED[kind]
    write_tiff(tmp_path / "a.tif", image, **how)
    found = open_series(tmp_path / "a.tif").raw(0)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_where_white_is_zero_contrast_is_not_upside_down(tmp_path: Path, dtype: type) -> None:
    image = (DEEP // 100).astype(dtype)
    write_tiff(tmp_path / "a.tif", np.iinfo(dtype).max - image, photometric=0)
    np.testing.assert_array_equal(open_series(tmp_path / "a.tif").raw(0), image)


@pytest.mark.parametrize("predictor", [1, 2])
def test_deep_colours_keep_their_grey_levels(tmp_path: Path, predictor: int) -> None:
    colours = np.stack([DEEP, DEEP + 30, DEEP - 50], axis=-1)
    write_tiff(tmp_path / "a.tif", colours, predictor=predictor)
    np.testing.assert_allclose(open_series(tmp_path / "a.tif").raw(0), colours @ LUMINANCE, rtol=1e-6)


def write_png(path: Path, image: np.ndarray, filters: np.ndarray) -> None:
    """A PNG of 16 bits per colour whose rows are filtered as ``filters`` say."""
    height, width, samples = image.shape
    raw = image.astype(">u2").view(np.uint8).reshape(height, width, 2 * samples).astype(int)
    before = np.pad(raw, ((1, 0), (1, 0), (0, 0)))
    left, above, corner = before[1:, :-1], before[:-1, 1:], before[:-1, :-1]
    ways = np.stack([left, above, corner])
    nearest = np.abs(left + above - corner - ways).argmin(
        axis=0
    )  # of equal ones the first: left, above, corner
    paeth = np.take_along_axis(ways, nearest[np.newaxis], axis=0)[0]
    guesses = [np.zeros_like(raw), left, above, (left + above) // 2, paeth]
    rows = [
        bytes([k]) + ((raw[y] - guesses[k][y]) % 256).astype(np.uint8).tobytes()
        for y, k in enumerate(filters)
    ]
    kind = {2: 4, 3: 2, 4: 6}[samples]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_deep_colours_of_png(tmp_path: Path, samples: int) -> None:
    image = np.stack([DEEP, DEEP + 7, DEEP - 5, DEEP * 2][:samples], axis=-1)
    write_png(tmp_path / "a.png", image, np.arange(len(image)) % 5)
    with Image.open(tmp_path / "a.png") as picture:  # it is a PNG that others read too
        np.testing.assert_allclose(np.asarray(picture)[..., 0], DEEP >> 8, atol=1)
    found = open_series(tmp_path / "a.png").raw(0)
    np.testing.assert_allclose(
        found, image[..., 0] if samples == 2 else image[..., :3] @ LUMINANCE, rtol=1e-6
    )


def test_what_is_missing_is_named_before_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_pages, "has_imagecodecs", lambda: False)
    tifffile.imwrite(tmp_path / "a_1.tif", DEEP)
    write_tiff(tmp_path / "a_2.tif", DEEP)
    packed = (
        (tmp_path / "a_2.tif")
        .read_bytes()
        .replace(struct.pack("<HHII", 259, 4, 1, 5), struct.pack("<HHII", 259, 4, 1, 50000))
    )
    (tmp_path / "a_2.tif").write_bytes(packed)
    with pytest.raises(ImagesError, match=r"a_2.tif is compressed with ZSTD.*imagecodecs.*\[codecs\]"):
        open_series(tmp_path)  # and not: left out as damaged


@needs_faults
@pytest.mark.parametrize("name", ["lzw_miniswhite_u16", "zstd_u16", "jpeg2000_u16"])
def test_files_of_other_programs(name: str) -> None:
    if not name.startswith("lzw") and not tiff_pages.has_imagecodecs():
        pytest.skip("imagecodecs is not installed")
    np.testing.assert_array_equal(open_series(FAULTS / f"{name}.tif").raw(0), np.load(FAULTS / "u16.npy"))


@needs_faults
@pytest.mark.parametrize(("name", "levels"), [("rgb16.png", 59), ("la16.png", 59), ("lzw_i8.tif", 121)])
def test_grey_levels_of_files_of_other_programs(name: str, levels: int) -> None:
    assert len(np.unique(open_series(FAULTS / name).raw(0))) == levels
