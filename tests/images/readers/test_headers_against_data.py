"""Headers that say other than what is stored, which decoders fill up or cut off without a word: they are refused."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from voidlab.images.readers import open_file
from voidlab.images.series import ImagesError, open_series

RNG = np.random.default_rng(3)
HIGH, WIDE = 70, 96
GREY = (60 + np.add(*np.mgrid[:HIGH, :WIDE]) + RNG.integers(0, 12, (HIGH, WIDE))).astype(np.uint8)
TAGS = {"width": 256, "height": 257, "bits": 258, "offset": 273, "size": 279, "planar": 284}


def saved(kind: str, image: np.ndarray = GREY, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int = WIDE, height: int = HIGH, kind: int = 0, more: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in GREY))
    parts = chunk(b"IHDR", head) + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def jpeg(height: int, width: int, **options) -> bytes:
    content = saved("JPEG", quality=95, **options)
    at = content.index(b"\xff\xc2" if options else b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def bmp(at: int, value: int) -> bytes:
    content = saved("BMP")
    return content[:at] + struct.pack("<i", value) + content[at + 4 :]


def gif(height: int, width: int) -> bytes:
    content = saved("GIF")
    size = struct.pack("<HH", width, height)
    frame = content.index(b",\0\0\0\0") + 5
    return content[:6] + size + content[10:frame] + size + content[frame + 4 :]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.png",
            png(height=HIGH + 20),
            "its header says 96 × 90 px, but the pixels that are stored end before",
        ),
        ("a.png", png(height=HIGH - 20), "its header says 96 × 50 px, but more pixels are stored"),
        ("a.png", png(width=WIDE - 5), "cannot read"),
        ("a.png", png(kind=3), "its palette has 0 colours"),
        (
            "a.png",
            png(kind=3, more=chunk(b"PLTE", bytes(range(30)))),
            "its palette has 10 colours, but pixels have",
        ),
        (
            "a.jpg",
            jpeg(HIGH + 40, WIDE),
            "its header says 96 × 110 px, but the pixels that are stored end before",
        ),
        ("a.jpg", jpeg(HIGH - 30, WIDE), "its header says 96 × 40 px, but more pixels are stored"),
        ("a.jpg", jpeg(HIGH, WIDE + 8), "the pixels that are stored end before"),
        ("a.jpg", jpeg(HIGH, WIDE - 40), "more pixels are stored"),
        ("a.jpg", jpeg(HIGH + 40, WIDE, progressive=True), "the pixels that are stored end before"),
        ("a.bmp", bmp(22, HIGH - 30), "its header says 96 × 40 px, but more pixels are stored"),
        ("a.bmp", bmp(18, WIDE - 8), "more pixels are stored"),
        ("a.gif", gif(HIGH, WIDE - 9), "its header says 87 × 70 px, but more pixels are stored"),
        ("a.gif", gif(HIGH + 9, WIDE), "cannot read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_of_another_size_than_it_says(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImagesError, match=said):
        open_file(tmp_path / name).read(0)


def pictures() -> dict[str, np.ndarray]:
    """Images whose last rows tell little of whether all are there."""
    grey, white = GREY.copy(), GREY.copy()
    grey[HIGH // 2 :], white[HIGH // 2 :] = 128, 255
    return {"noise": GREY, "black": GREY * 0, "grey": GREY * 0 + 128, "half grey": grey, "half white": white}


@pytest.mark.parametrize("what", pictures())
def test_whole_pictures_are_read_whatever_they_show(tmp_path: Path, what: str) -> None:
    image, colours = pictures()[what], np.repeat(pictures()[what][..., np.newaxis], 3, 2)
    ways: list[dict] = [
        {},
        {"quality": 30},
        {"progressive": True},
        {"restart_marker_rows": 1},
        {"subsampling": 2},
    ]
    for shown in (image, colours, image[:5, :7]):
        for options in ways:
            (tmp_path / "a.jpg").write_bytes(saved("JPEG", shown, **options))
            assert open_file(tmp_path / "a.jpg").read(0).shape == shown.shape[:2]
        for kind in ("PNG", "BMP") if shown.ndim == 3 else ("PNG", "BMP", "GIF"):
            path = tmp_path / f"a.{kind.lower()}"
            path.write_bytes(saved(kind, shown))
            np.testing.assert_allclose(
                open_file(path).read(0), shown if shown.ndim == 2 else shown[..., 0], atol=0.01
            )


def patched(path: Path, tag: str, change: Callable[[int], int]) -> None:
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages.first.tags[TAGS[tag]]
        size = {3: 2, 4: 4}[int(entry.dtype)]
    at = entry.valueoffset
    value = change(int.from_bytes(content[at : at + size], "little"))
    content[at : at + size] = value.to_bytes(size, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "lzma", "zstd"])
@pytest.mark.parametrize("bits", [2, 4, 7])
def test_a_tiff_of_fewer_bits_than_are_stored(tmp_path: Path, compression: str, bits: int) -> None:
    pytest.importorskip("imagecodecs")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, compression=compression)
    patched(path, "bits", lambda _: bits)
    with pytest.raises(
        ImagesError, match=rf"part 0 of an image has 6720 bytes, its header describes {12 * bits * HIGH}"
    ):
        open_file(path).read(0)


@pytest.mark.parametrize(
    ("options", "tag", "change", "said"),
    [
        ({"rowsperstrip": 16}, "height", lambda high: high - 7, "5 parts of an image, its header describes 4"),
        ({"rowsperstrip": 16}, "offset", lambda at: at + 16, "two parts of an image share the bytes"),
        ({"compression": "jpeg"}, "width", lambda wide: wide + 3, "96 × 70 px of 8 bit, its header describes 99"),
        ({"compression": "jpeg"}, "size", lambda size: size // 2, "part 0 of an image is cut short"),
        ({"compression": "jpeg2000"}, "height", lambda high: high - 7, "of 8 bit, its header describes 96 × 63"),
    ],
)  # fmt: skip
def test_parts_of_a_tiff_that_are_of_another_image(
    tmp_path: Path, options: dict, tag: str, change, said: str
) -> None:
    if "compression" in options:
        pytest.importorskip("imagecodecs")
    if tag == "offset":
        options = {**options, "compression": "packbits"}
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    if tag == "offset":  # of the first part, into the second
        with tifffile.TiffFile(tmp_path / "a.tif") as tif:
            entry = tif.pages.first.tags["StripOffsets"]
        content = bytearray((tmp_path / "a.tif").read_bytes())
        content[entry.valueoffset : entry.valueoffset + 4] = (entry.value[0] + 16).to_bytes(4, "little")
        (tmp_path / "a.tif").write_bytes(content)
    else:
        patched(tmp_path / "a.tif", tag, change)
    with pytest.raises(ImagesError, match=said):
        open_file(tmp_path / "a.tif").read(0)


COLOURS = np.stack([GREY] * 3, -1)
DEEP = GREY.astype(np.uint16) * 200


@pytest.mark.parametrize(
    ("saved_as", "stored", "compression", "said"),
    [
        (
            COLOURS,
            COLOURS[:40, :50],
            "webp",
            "is 50 × 40 px of 8 bit, its header describes 96 × 70 px of 8 bit",
        ),
        (
            GREY,
            COLOURS,
            "webp",
            "holds 3 × 8 bit .whole numbers. for each pixel, its header describes 1 × 8 bit",
        ),
        (
            GREY,
            COLOURS,
            "jpeg2k",
            "holds 3 × 8 bit .whole numbers. for each pixel, its header describes 1 × 8 bit",
        ),
        (
            GREY,
            DEEP,
            "jpeg2k",
            "holds 1 × 16 bit .whole numbers. for each pixel, its header describes 1 × 8 bit",
        ),
        (
            DEEP,
            DEEP.astype(np.int16),
            "jpeg2k",
            r"1 × 16 bit .whole numbers with a sign. for each pixel, its header",
        ),
        (GREY, GREY[:40], "jpeg2k", "is 96 × 40 px of 8 bit, its header describes 96 × 70 px of 8 bit"),
        (
            GREY,
            DEEP,
            "png",
            "holds 1 × 16 bit .whole numbers. for each pixel, its header describes 1 × 8 bit",
        ),
        (GREY, GREY[:40, :50], "jpegxl", "is 50 × 40 px of 8 bit, its header describes 96 × 70 px of 8 bit"),
        (
            GREY,
            DEEP,
            "jpegxl",
            "holds 1 × 16 bit .whole numbers. for each pixel, its header describes 1 × 8 bit",
        ),
        (
            GREY,
            GREY.astype(np.float32),
            "lerc",
            "1 × 32 bit .decimal numbers. for each pixel, its header describes 1",
        ),
        (GREY, GREY[:48, :48], "jpegxr", "is 48 × 48 px of 8 bit, its header describes 96 × 70 px of 8 bit"),
    ],
)
def test_a_compressed_part_that_holds_other_pixels_than_the_header_says(
    tmp_path: Path, saved_as: np.ndarray, stored: np.ndarray, compression: str, said: str
) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    kinds = {"webp": 50001, "jpeg2k": 34712, "png": 34933, "jpegxl": 50002, "jpegxr": 22610, "lerc": 34887}
    encode = getattr(imagecodecs, f"{compression}_encode")
    holds_colours_only = compression == "webp" and saved_as.ndim == 2
    for content, what in ((stored, said), *([] if holds_colours_only else [(saved_as, "")])):
        path = tmp_path / f"{len(what)}.tif"
        tifffile.imwrite(
            path,
            iter([encode(content)]),
            shape=saved_as.shape,
            dtype=saved_as.dtype,
            compression=kinds[compression],
            photometric="rgb" if saved_as.ndim > 2 else "minisblack",
            rowsperstrip=HIGH,
        )
        if what:
            with pytest.raises(ImagesError, match=what):
                open_file(path).read(0)
        else:
            assert open_file(path).read(0).shape == (HIGH, WIDE)


def test_colours_one_by_one_that_are_side_by_side(tmp_path: Path) -> None:
    colours = np.stack([GREY, GREY // 2, GREY // 3], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    patched(tmp_path / "a.tif", "planar", lambda _: 2)
    with pytest.raises(ImagesError, match="holds 1 parts of an image, its header describes 3"):
        open_file(tmp_path / "a.tif").read(0)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiles_that_reach_beyond_the_image_are_no_lie(tmp_path: Path, compression) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, tile=(32, 48), compression=compression)
    np.testing.assert_array_equal(open_file(tmp_path / "a.tif").read(0), GREY)


def emd(path: Path, places: dict, units: dict, pixels=None) -> Path:
    """An EMD of a stack whose axes n, y, x lie at these places."""
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("rsciio")
    path.unlink(missing_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/images")
        group.attrs["emd_group_type"] = 1
        if pixels is None:
            group["data"] = np.stack([GREY] * 4)
        else:
            pixels(group, h5py)
        usual = {"n": np.arange(4.0), "y": 0.5 * np.arange(HIGH), "x": 0.5 * np.arange(WIDE)}
        for number, (axis, values) in enumerate({**usual, **places}.items(), 1):
            group[f"dim{number}"] = values
            group[f"dim{number}"].attrs.update(name=axis, units=units.get(axis, "[n_m]"))
    return path


@pytest.mark.parametrize(
    ("places", "nm"),
    [
        ({}, 0.5),
        ({"y": np.round(0.47 * np.arange(HIGH), 2), "x": np.round(0.47 * np.arange(WIDE), 2)}, 0.47),
        ({"y": np.array([0, 0.4]), "x": np.array([3, 3.4])}, 0.4),  # the first two in place of all
        ({"y": np.arange(HIGH) ** 2.0, "x": np.arange(WIDE) ** 2.0}, None),
        ({"y": np.array([b"a"] * HIGH), "x": np.array([b"b"] * WIDE)}, None),
        ({"y": 0.5, "x": 0.5}, None),
        ({"y": 0.5 * np.arange(7), "x": 0.5 * np.arange(9)}, None),
    ],
)
def test_places_along_the_axes_of_an_emd_give_a_pixel_size_where_they_are_even_steps(
    tmp_path: Path, places: dict, nm: float | None
) -> None:
    series = open_series(emd(tmp_path / "a.emd", places, {"n": "[]"}))
    assert series.calibration.pixel_size_nm == (None if nm is None else pytest.approx(nm, rel=1e-3))
    told = any("the places along y and x are not one for each pixel" in note for note in series.notes)
    assert told == (nm is None)


@pytest.mark.parametrize(
    ("unit", "nm"),
    [(b"[n_m]", 0.5), ("µm".encode("latin-1"), 500.0), (5, None), (b"\xff\xfe", None), ("", None)],
)
def test_units_of_an_emd_of_any_kind(tmp_path: Path, unit: object, nm: float | None) -> None:
    units = dict.fromkeys("xyn", np.bytes_(unit) if isinstance(unit, bytes) else unit)
    wide = {"x": 0.1 * np.arange(WIDE), "y": 0.1 * np.arange(HIGH)} if nm == 500 else {}
    series = open_series(emd(tmp_path / "a.emd", wide, units))
    assert series.calibration.pixel_size_nm == (None if nm is None else pytest.approx(100 if wide else nm))


def test_tilts_and_times_along_an_emd_are_those_that_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.emd"
    tilts = open_series(emd(path, {"n": np.array([-20.0, -5, 0, 20])}, {"n": "[deg]"}))
    assert tilts.frames["tilt_deg"].tolist() == [-20, -5, 0, 20]
    times = open_series(emd(path, {"n": np.array([0.0, 1, 5, 6])}, {"n": "[s]"}))
    assert times.frames["time_s"].tolist() == [0, 1, 5, 6]
    back = open_series(emd(path, {"n": np.array([3.0, 2, 1, 0])}, {"n": "[s]"}))
    assert back.frames["time_s"].isna().all()
    assert "The times in a.emd do not go up from image to image: they are not used." in " ".join(back.notes)


def test_an_emd_whose_pixels_lie_in_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(bytes(GREY.size))

    def outside(group, h5py) -> None:
        group.create_dataset("data", (HIGH, WIDE), "u1", external=[(str(tmp_path / "other"), 0, GREY.size)])

    def of_parts(group, h5py) -> None:
        layout = h5py.VirtualLayout((HIGH, WIDE), "u1")
        layout[:] = h5py.VirtualSource(tmp_path / "gone.h5", "data", (HIGH, WIDE))
        group.create_virtual_dataset("data", layout, fillvalue=7)

    for pixels in (outside, of_parts):
        with pytest.raises(ImagesError, match="the values of 'data/images/data' in .* lie in another file"):
            open_series(emd(tmp_path / "a.emd", {}, {}, pixels))


@pytest.mark.parametrize("order", ["nyx", "yxn", "xyn", ""])
def test_an_emd_written_row_by_row_is_not_taken_for_columns(tmp_path: Path, order: str) -> None:
    """Of an EMD without names of axes the first is x, as its readers have it."""
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("rsciio")
    stack = np.stack([GREY, GREY // 2])
    named = order or "xyn"
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/images")
        group.attrs["emd_group_type"] = 1
        group["data"] = stack.transpose(["nyx".index(axis) for axis in named])
        for place, axis in enumerate(named, 1):
            group[f"dim{place}"] = 0.5 * np.arange(stack.shape["nyx".index(axis)])
            group[f"dim{place}"].attrs.update(
                name=axis if order else "", units="[n_m]" if axis in "xy" else ""
            )
    series = open_series(tmp_path / "a.emd")
    assert (len(series), series.shape) == (2, GREY.shape)
    np.testing.assert_array_equal(series.raw(1), GREY // 2)
