"""Headers that lie, packed files under other names, colours that are inks: the right grey values, or a refusal."""

import bz2
import gzip
import resource
import subprocess
import sys
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image

from voidlab.images import readers
from voidlab.images.series import ImagesError, open_series

GREY = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{root}>{images}</OME>'
)
IMAGE = (
    '<Image ID="Image:0"><Pixels ID="P" DimensionOrder="XYCZT" Type="uint8" SizeX="{x}" SizeY="64" SizeC="1" '
    'SizeZ="1" SizeT="{t}"><TiffData IFD="0" PlaneCount="1">{uuid}</TiffData></Pixels></Image>'
)


def described(path: Path, *, x: int = 256, t: int = 1, uuid: str = "", root: str = "") -> Path:
    """A TIFF of one image whose OME description says something else."""
    text = OME.format(root=root, images=IMAGE.format(x=x, t=t, uuid=uuid))
    tifffile.imwrite(path, GREY, description=text, metadata=None)
    return path


@pytest.mark.parametrize(("pack", "name"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_a_packed_file_under_the_name_of_an_image_is_refused(tmp_path: Path, pack, name: str) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(np.zeros((3, 14, 22), np.int16))
    (tmp_path / "b.mrc").write_bytes(pack((tmp_path / "a.mrc").read_bytes()))
    with pytest.raises(
        ImagesError, match=f"packed with {name}, though its name ends in .mrc; unpack it first"
    ):
        open_series(tmp_path / "b.mrc")


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize(("tag", "value"), [(256, 255), (256, 257), (257, 48), (257, 80), (258, 4), (273, 0)])
def test_a_tiff_whose_header_says_another_size_is_refused(
    tmp_path: Path, compression, tag: int, value: int
) -> None:
    """A width that is off by one would skew the image, without a word."""
    if compression and tag == 258:
        return  # bits that are no whole bytes are unpacked by imagecodecs alone
    if compression == "lzw":
        pytest.importorskip("imagecodecs")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, compression=compression, rowsperstrip=64)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages.first.tags[tag].valueoffset
        size = 4 if tif.pages.first.tags[tag].dtype == 4 else 2
    content[entry : entry + size] = value.to_bytes(size, "little")
    path.write_bytes(content)
    with pytest.raises(ImagesError, match=r"cannot read .*a\.tif: "):
        open_series(path).check_sizes()


def test_images_whose_pixels_cannot_be_read_are_told_by_check(tmp_path: Path) -> None:
    for number in range(5):
        tifffile.imwrite(tmp_path / f"a{number}.tif", GREY, compression="zlib")
    content = bytearray((tmp_path / "a0.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a0.tif") as tif:
        start = tif.pages.first.dataoffsets[0]
    content[start : start + 4] = b"oops"
    (tmp_path / "a0.tif").write_bytes(content)
    (said,) = open_series(tmp_path).check_sizes()
    assert said.startswith("1 of 3 images looked at cannot be read, the first: cannot read ")


def test_pixels_are_those_of_the_file_that_was_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other.tif", 255 - GREY)
    uuid = '<UUID FileName="other.tif">urn:uuid:22222222-2222-2222-2222-222222222222</UUID>'
    series = open_series(described(tmp_path / "mine_01.ome.tif", uuid=uuid))
    np.testing.assert_array_equal(series.raw(0), GREY)
    assert "speaks of pixels in other files, such as other.tif" in series.notes[0]


def test_a_file_of_ome_that_was_renamed_is_its_own(tmp_path: Path) -> None:
    own = "urn:uuid:22222222-2222-2222-2222-222222222222"
    path = described(
        tmp_path / "b_01.ome.tif", uuid=f'<UUID FileName="a.tif">{own}</UUID>', root=f' UUID="{own}"'
    )
    series = open_series(path)
    np.testing.assert_array_equal(series.raw(0), GREY)
    assert series.notes == []


def test_an_ome_description_of_fewer_images_than_are_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.stack([GREY] * 3), metadata={"axes": "TYX"})
    assert open_series(path).notes == []
    content = path.read_bytes()
    assert content.count(b'SizeT="3"') == 1
    path.write_bytes(content.replace(b'SizeT="3"', b'SizeT="2"'))
    series = open_series(path)
    assert (len(series), series.notes) == (
        2,
        ["The OME description of a.ome.tif speaks of 2 of the 3 images in it: only these are used."],
    )


@pytest.mark.parametrize("lie", [{"t": 10**9}, {"x": 25_600_000}, {"t": "9" * 5000}, {"t": -4}])
def test_an_ome_description_that_promises_more_than_is_there(tmp_path: Path, lie: dict) -> None:
    series = open_series(described(tmp_path / "f1.tif", **lie))
    np.testing.assert_array_equal(series.raw(0), GREY)
    assert len(series) == 1
    assert ["cut short: only its first images, 1" in note for note in series.notes] == [True] * (
        lie == {"t": 10**9}
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_lying_header_takes_no_memory(tmp_path: Path) -> None:
    lies = ('{"shape": [1000000000, 64, 256]}', "ImageJ=1.53\nimages=1000000000\nslices=1000000000\n")
    for number, text in enumerate(lies):
        tifffile.imwrite(tmp_path / f"f{number}.tif", GREY, description=text, metadata=None)
    code = (
        "from voidlab.images import open_series\n"
        "for name in ('f0.tif', 'f1.tif'): series = open_series(name); print(len(series), series.notes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30)),
    )
    said = "1 ['f{}.tif is cut short: only its first images, 1, are used. Copy it again.']"
    assert done.stdout.splitlines() == [said.format(0), said.format(1)], done.stderr
    assert done.stderr == ""


def patched(path: Path, code: int, value: int, compression: str | None) -> Path:
    tifffile.imwrite(path, GREY, metadata=None, compression=compression)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags[code].overwrite(value)
    return path


@pytest.mark.parametrize(
    ("code", "value", "compression", "words"),
    [
        (256, 2**31 - 1, None, r"says that it holds 1 image of 2147483647 × 64 px; expected at most"),
        (257, 2**31 - 1, "zlib", "parts of an image are in it"),
        (257, 128, None, "image 0 has 16384 of 32768 values"),
        (257, 128, "zlib", "1 of the 2 parts of an image are in it"),
        (256, 128, None, "its header says 128 × 64 px of 8 bit, 8,192 bytes, but 16,384 bytes are stored"),
        (278, 1, "zlib", "1 of the 64 parts of an image are in it"),
        (277, 60000, "zlib", "a pixel has 60000 values; expected gray"),
        (273, 60_000_000, None, "image 0 has 0 of 16384 values"),
    ],
)
def test_headers_that_disagree_with_what_is_stored(
    tmp_path: Path, code: int, value: int, compression: str | None, words: str
) -> None:
    with pytest.raises(ImagesError, match=words):
        open_series(patched(tmp_path / "f1.tif", code, value, compression)).raw(0)


def test_an_mrc_header_that_leaves_bytes_over_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros((3, 14, 22), np.int16))
    path.write_bytes(path.read_bytes() + bytes(14 * 22 * 2))
    assert any("holds 616 bytes more than its header says" in note for note in open_series(path).notes)


def test_a_header_that_asks_for_all_memory_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setitem(readers.READERS, ".ser", ("SER", read))
    (tmp_path / "a.ser").write_bytes(b"junk")
    with pytest.raises(
        ImagesError, match="asks for more memory than this computer has. The file may be damaged"
    ):
        open_series(tmp_path / "a.ser")


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (1j * GREY).astype(np.complex64))
    with pytest.raises(ImagesError, match="holds complex numbers.*Save the modulus or the phase"):
        open_series(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_much_ink_is_dark(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(np.stack([GREY] * 3, -1)).convert("CMYK").save(tmp_path / f"a.{suffix}", quality=100)
    np.testing.assert_allclose(open_series(tmp_path / f"a.{suffix}").raw(0), GREY, atol=4)


@pytest.mark.parametrize("colours", ["YCbCr", "LAB"])
def test_lightness_is_the_grey_value(tmp_path: Path, colours: str) -> None:
    first = np.stack([GREY, np.full_like(GREY, 128), np.full_like(GREY, 128)], -1)
    Image.fromarray(first, mode=colours).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(open_series(tmp_path / "a.tif").raw(0), GREY)


def test_an_animated_png_is_a_stack_of_its_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (19, 25)).astype(np.uint8) for _ in range(8)]
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(tmp_path / "f1.png", save_all=True, append_images=others)
    series = open_series(tmp_path / "f1.png")
    assert (len(series), series.shape) == (8, (19, 25))
    for row in (0, 7, 3):
        np.testing.assert_array_equal(series.raw(row), frames[row])
