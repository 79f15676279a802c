"""Opening series of images: what is found, how it is numbered, read, scaled and calibrated; writing labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from projects import SHARED as REAL
from voidlab import images
from voidlab.images import label_stack as label_files
from voidlab.images.find_files import find_files
from voidlab.images.label_stack import LabelWriter, open_labels
from voidlab.images.readers import pictures
from voidlab.images.series import ImageReadError, ImagesError, open_series, read_image
from voidlab.images.tilt_angles import read_angles

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real images in {REAL}")

SHAPE = (12, 20)  # not square, so that swapped axes show
STACK = np.arange(5 * 12 * 20, dtype=np.uint16).reshape(5, *SHAPE)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep what tifffile says of damaged files out of the test's output."""
    caplog.set_level("CRITICAL", logger="tifffile")


def ramp(value: int = 0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """8-bit image that differs in every row and column, its first pixel ``value``."""
    y, x = np.indices(shape)
    return ((3 * y + 5 * x + value) % 251).astype(np.uint8)


def write_pngs(folder: Path, names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        iio.imwrite(folder / name, ramp(i), extension=".png")


def numbers(source: Path, **options: str) -> list[int]:
    return list(open_series(source, frame_pattern=options.get("pattern")).frames["frame"])


# Which files, in which order


def test_two_comes_before_ten_whatever_the_disk_says(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f10.png", "f2.png", "f1.png"])
    series = open_series(tmp_path)
    assert list(series.frames["frame"]) == [1, 2, 10]
    assert [Path(p).name for p in series.frames["path"]] == ["f1.png", "f2.png", "f10.png"]
    assert [series.raw(row)[0, 0] for row in range(3)] == [2, 1, 0]


def test_a_glob_a_folder_and_a_list_give_the_same(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f1.png", "f2.png"])
    (tmp_path / ".hidden3.png").write_bytes(b"x")
    (tmp_path / "f4.png").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    sources: list[images.Source] = [
        tmp_path,
        str(tmp_path / "f*.png"),
        [tmp_path / "f2.png", tmp_path / "f1.png"],
    ]
    for source in sources:
        assert list(open_series(source).frames["frame"]) == [1, 2]


@pytest.mark.parametrize("folder", ["data [1]", "été µ", 'it\'s a "run"', "a*b"])
def test_odd_names_of_folders(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    write_pngs(tmp_path / folder, ["vide no 1.png", "vide no 2.png"])
    assert len(open_series(tmp_path / folder)) == 2
    assert len(open_series(tmp_path / folder / "vide*.png")) == 2
    assert len(open_series(tmp_path / folder / "vide no 2.png")) == 1


def test_a_glob_through_folders(tmp_path: Path) -> None:
    for name in ("a1", "a2"):
        (tmp_path / name).mkdir()
    write_pngs(tmp_path, ["a1/f1.png", "a2/f2.png"])
    assert len(open_series(tmp_path / "a*" / "*.png")) == 2
    assert len(open_series(tmp_path / "**" / "f*.png")) == 2


def test_the_folders_in_a_folder_where_asked(tmp_path: Path) -> None:
    for part in ("b", "a/c"):
        (tmp_path / part).mkdir(parents=True)
    write_pngs(tmp_path, ["b/f_2.png", "a/c/f_1.png"])
    with pytest.raises(ImagesError, match="no images in folder"):
        find_files(tmp_path)
    assert [path.name for path in find_files(tmp_path, recursive=True)] == ["f_1.png", "f_2.png"]


def test_nothing_matches(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["tilt_01.png"])
    with pytest.raises(ImagesError, match=r"no file matches 'tlit_\*\.png' in folder .*tilt_01\.png"):
        open_series(tmp_path / "tlit_*.png")
    with pytest.raises(ImagesError, match="no file matches"):
        open_series(tmp_path / "nowhere" / "*.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImagesError, match=r"no images in folder .* holds no files"):
        open_series(tmp_path / "empty")
    with pytest.raises(ImagesError, match="1 of 1 files are missing"):
        open_series([tmp_path / "gone.png"])


def test_several_kinds_of_files(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f1.png", "f2.png"])
    tifffile.imwrite(tmp_path / "f3.tif", ramp())
    with pytest.raises(ImagesError, match=r"several kinds: 2 \.png, 1 \.tif; .* such as .*\*\.png"):
        open_series(tmp_path)
    assert len(open_series(tmp_path / "*.tif")) == 1
    (tmp_path / "f2.png").unlink()  # as many of each: a PNG may be a picture of results, a TIFF hardly
    with pytest.raises(ImagesError, match=r"several kinds: 1 \.png, 1 \.tif; .* such as .*\*\.tif"):
        open_series(tmp_path)


def test_a_format_that_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"x")
    with pytest.raises(
        ImagesError, match=r"a\.xyz is of a format that is not read here: expected one of \.png"
    ):
        open_series(tmp_path / "a.xyz")
    with pytest.raises(ImagesError, match=r"it holds 1 \.xyz"):
        open_series(tmp_path)


# Frame numbers


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["20240105_run2_001.png", "20240105_run2_002.png"], [1, 2]),
        (["f1_512x512.png", "f2_512x512.png"], [1, 2]),
        (["f1_0.47nm.png", "f2_0.47nm.png"], [1, 2]),
        (["s_03_-10.5deg.png", "s_04_+0.0deg.png"], [3, 4]),
        (["s_+10deg.png", "s_-10deg.png", "s_0deg.png"], [1, 2, 3]),
        (["tilt+10.0.png", "tilt-22.5.png"], [1, 2]),
        (["tilt-01.png", "tilt-02.png"], [1, 2]),
        (["f2.png", "f10_b.png"], [2, 10]),
        (["Ni_600degC_7.png", "Ni_600degC_8.png"], [7, 8]),
        (["void_frame_0705.png"], [705]),
        (["void.png"], [0]),
    ],
)
def test_numbers_from_names(tmp_path: Path, names: list[str], expected: list[int]) -> None:
    write_pngs(tmp_path, names)
    assert numbers(tmp_path) == expected


def test_gaps_stay_gaps_and_are_told(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f4.png", "f6.png", "f10.png", "f11.png"])
    series = open_series(tmp_path)
    assert list(series.frames["frame"]) == [4, 6, 10, 11]
    assert series.notes == ["Frames 5, 7-9 are missing."]
    (tmp_path / "f4.png").unlink()
    (tmp_path / "f6.png").rename(tmp_path / "f9.png")
    (tmp_path / "f11.png").rename(tmp_path / "f12.png")
    assert open_series(tmp_path).notes == ["Frame 11 is missing."]


def test_steps_of_ten(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f10.png", "f20.png", "f30.png", "f50.png"])
    series = open_series(tmp_path)
    assert "'frame_step: 10'" in series.notes[0]
    assert series.notes[1] == "Frame 40 is missing."
    series = open_series(tmp_path, frame_step=10)
    assert list(series.frames["frame"]) == [1, 2, 3, 5]
    assert series.notes == ["Frame 4 is missing."]
    with pytest.raises(ImagesError, match="frame_step is 20, but the frames 10 and 20"):
        open_series(tmp_path, frame_step=20)


def test_numbers_that_stand_twice(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["a_1_of_2.png", "b_1_of_2.png", "c_2_of_2.png"])
    with pytest.raises(ImagesError, match=r"a_1_of_2\.png' and .*b_1_of_2\.png' both .* 1\. .*leave one"):
        open_series(tmp_path)


def test_no_number_at_all(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["a.png", "b.png"])
    with pytest.raises(ImagesError, match=r"'a\.png' and 'b\.png'.*frame_pattern"):
        open_series(tmp_path)


def test_frame_pattern(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f1_t30.png", "f2_t60.png"])
    assert numbers(tmp_path) == [30, 60]
    assert numbers(tmp_path, pattern=r"f(\d+)_") == [1, 2]
    assert numbers(tmp_path, pattern=r"(\d+)$") == [30, 60]
    for wrong, words in (
        ("(", "no regular expression"),
        (r"f\d+", "has no group"),
        (r"g(\d+)", "does not match"),
        ("(f)", "gives 'f'"),
    ):
        with pytest.raises(ImagesError, match=words):
            numbers(tmp_path, pattern=wrong)


# Reading


def test_colours_become_luminance_and_alpha_is_ignored(tmp_path: Path) -> None:
    gray = ramp()
    rgba = np.dstack([gray, gray, gray, np.full_like(gray, 9)])
    iio.imwrite(tmp_path / "f1.png", rgba)
    iio.imwrite(tmp_path / "f2.png", np.dstack([gray, 0 * gray, 0 * gray]))
    series = open_series(tmp_path)
    assert series.shape == SHAPE
    np.testing.assert_allclose(series.raw(0), gray, atol=1e-4)
    np.testing.assert_allclose(series.raw(1), 0.299 * gray, atol=1e-4)


def test_sixteen_bit_and_one_bit_png(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "f1.png", STACK[0])
    np.testing.assert_array_equal(read_image(tmp_path / "f1.png"), STACK[0])
    Image.fromarray(np.where(ramp() > 100, 255, 0).astype(np.uint8)).convert("1").save(tmp_path / "f2.png")
    np.testing.assert_array_equal(read_image(tmp_path / "f2.png") > 0, ramp() > 100)


@pytest.mark.parametrize("dtype", ["bool", "u1", ">u2", "i2", "u4", ">f4", "f8"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_types_of_tiff(tmp_path: Path, dtype: str, compression: str | None) -> None:
    stack = (STACK % 200).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", stack, photometric="minisblack", compression=compression, byteorder=stack.dtype.byteorder
        if stack.dtype.byteorder == ">" else "<",
    )  # fmt: skip
    series = open_series(tmp_path / "a.tif")
    for row, image in enumerate(stack):
        np.testing.assert_array_equal(series.raw(row), image)
        assert series.raw(row).dtype.isnative
    assert series[0].dtype == np.float32


def test_a_link_to_nothing_and_names_of_another_system_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.tif").symlink_to(tmp_path / "gone.tif")
    for source in ("a.tif", "a*.tif"):
        with pytest.raises(
            ImagesError, match=r"a\.tif is a link to .*gone\.tif, which is not there; mend the link"
        ):
            open_series(tmp_path / source)
    if os.sep == "/":
        for source in ("C:\\data\\x*.tif", r"\\server\share\x*.tif"):
            with pytest.raises(
                ImagesError, match=r"folders are parted by / and not by \\; a drive such as C:"
            ):
                open_series(source)
    for source, hint in (
        ("D:/data", "D: is a drive of Windows. On this computer it is a folder, as below /mnt (/mnt/d)"),
        ("file:///data", "Give the path alone, as /home/me/images, without file://."),
        ("https://x.org/a.tif", "What begins with https: is not fetched: download the images"),
    ):
        if os.sep == "/":
            with pytest.raises(ImagesError, match=re.escape(hint)):
                open_series(source)
    with pytest.raises(ImagesError, match="There are curly quotes in it: put straight ones"):
        open_series("“data/x*.tif”")


def test_a_link_that_leads_nowhere_is_an_image_that_is_lost(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["a_0.png", "a_1.png", "a_3.png"])
    (tmp_path / "a_2.png").symlink_to(tmp_path / "gone.png")
    for source in (tmp_path, f"{tmp_path}/a_*.png"):
        series = open_series(source)
        assert list(series.frames["frame"]) == [0, 1, 2, 3]
        (said,) = series.check_sizes()
        assert "1 of 4 images cannot be read and are left out, the first: cannot read" in said
        assert "a_2.png: it is a link to" in said
        with pytest.raises(ImagesError, match="Mend the link, or leave it out"):
            series[2]


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + ".tif", "*" + "a" * 300])
def test_a_name_that_no_disk_takes_is_a_sentence(tmp_path: Path, name: str) -> None:
    for source in (tmp_path / name, [tmp_path / name]):
        with pytest.raises(
            ImagesError, match=r"aaaaaa…' of 30\d characters, .* is longer than this computer takes"
        ):
            open_series(source)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_tilt_angles_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "angles.csv"
    path.write_text("frame,tilt_deg\n1,-10.5\n2,10\n", encoding=encoding)
    assert read_angles(path) == {1: -10.5, 2: 10}
    path.write_bytes("frame,tilt_deg\n1,-10 °\n".encode("latin-1"))
    with pytest.raises(
        ImagesError, match="angles.csv are no text in UTF-8 .*; save the file as text, or CSV, in UTF-8"
    ):
        read_angles(path)


@pytest.mark.parametrize(
    "text",
    [
        "frame;tilt_deg\n1;-10,5\n2;10\n",
        "Frame\tTilt_deg\n1\t-10.5\n2\t10\n",
        "frame , tilt_deg\n1,-10.5\n\n2,10\n,\n,,\n",
    ],
)
def test_tilt_angles_as_spreadsheets_write_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "angles.csv"
    path.write_text(text)
    assert read_angles(path) == {1: -10.5, 2: 10}


def test_images_without_a_number_are_not_good(tmp_path: Path) -> None:
    image = ramp().astype(np.float32)
    for name, picture in {"a_1": image, "a_2": np.full_like(image, np.nan), "a_3": image}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", picture)
    said = open_series(tmp_path).check_sizes()
    assert said == ["1 of 3 images looked at hold no number: each pixel is NaN or infinite."]
    for name in ("a_1", "a_3"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full_like(image, np.inf))
    with pytest.raises(
        ImagesError, match="all 3 images looked at hold no number: each pixel is NaN or infinite"
    ):
        open_series(tmp_path).check_sizes()


def test_white_is_zero_palette_and_planar_tiff(tmp_path: Path) -> None:
    gray = ramp()
    tifffile.imwrite(tmp_path / "white.tif", 255 - gray, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "white.tif"), gray)
    for kind in ("i1", "i2", "i4", "u2", "u8", "f4", "f8"):
        stored = np.tile(np.arange(64, dtype=kind), (48, 1))
        for compression in (None, "zlib"):
            tifffile.imwrite(
                tmp_path / f"{kind}.tif", stored, photometric="miniswhite", compression=compression
            )
            series = open_series(tmp_path / f"{kind}.tif")
            shown = series.raw(0)
            assert shown.dtype == (np.float64 if kind == "u8" else stored.dtype)
            assert len(np.unique(series[0])) > 50
            assert (np.diff(shown.astype(float)) == -1).all()
            said = ["its lowest value is white: its values are used with the other sign"] * (kind[0] == "f")
            assert [note.partition("says that ")[2].partition(", so")[0] for note in series.notes] == said
    backwards = np.tile(np.arange(255, -1, -1, dtype=np.uint16), (3, 1))
    tifffile.imwrite(tmp_path / "palette.tif", gray, photometric="palette", colormap=backwards)
    np.testing.assert_allclose(read_image(tmp_path / "palette.tif"), 255.0 - gray, atol=1e-4)
    tifffile.imwrite(
        tmp_path / "planar.tif", np.stack([gray] * 3), photometric="rgb", planarconfig="separate"
    )
    np.testing.assert_allclose(read_image(tmp_path / "planar.tif"), gray, atol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "used", "said"),
    [
        ((0.5, 0.25), None, "The files disagree on the pixel size, 0.25 to 0.5 nm: theirs is not used."),
        ((0.001, 0.5), None, "0.5 nm and, in a_0.tif, none that is credible: theirs is not used."),
        (
            (None, 0.5),
            0.5,
            "1 of 2 files looked at, such as a_0.tif, give no pixel size: that of the others, 0.5 nm",
        ),
        ((0.5, 0.502), 0.5, ""),
    ],
)
def test_pixel_sizes_of_files_that_do_not_agree(
    tmp_path: Path, sizes: tuple[float | None, ...], used: float | None, said: str
) -> None:
    for n, size in enumerate(sizes):
        how = {"resolution": (1 / size, 1 / size), "metadata": {"unit": "nm"}} if size else {}
        tifffile.imwrite(tmp_path / f"a_{n}.tif", ramp(), imagej=True, **how)
    series = open_series(tmp_path)
    assert series.calibration.pixel_size_nm == used
    assert said in " ".join(series.notes)


def test_what_a_file_that_is_not_the_first_says_is_told(tmp_path: Path) -> None:
    for n in range(3):
        turned = {"extratags": [(274, "H", 1, 3, True)]} if n else {}
        tifffile.imwrite(tmp_path / f"a_{n}.tif", ramp(), **turned)
    (note,) = open_series(tmp_path).notes
    assert note.startswith("a_1.tif says that its image is to be turned or mirrored (orientation 3)")


def test_images_whose_values_mean_other_grey_are_not_laid_on_one_scale(tmp_path: Path) -> None:
    def write(bits: int, **how: str) -> None:
        for n in range(40):
            image = ramp().astype(f"u{bits // 8}")
            tifffile.imwrite(tmp_path / f"a_{n}.tif", image, **(how if n == 1 else {}))

    write(8, photometric="miniswhite")  # not among those that are looked into at first
    said = "By the headers the lowest value is white in a_1.tif and black in a_0.tif: the former are turned round."
    assert open_series(tmp_path).check_sizes() == [f"{said} Check that they look alike."]
    write(16, photometric="miniswhite")
    with pytest.raises(
        ImagesError, match="white in a_1.tif and black in a_0.tif, and values of more than 8 bit"
    ):
        open_series(tmp_path).check_sizes()
    write(8)
    tifffile.imwrite(tmp_path / "a_1.tif", ramp().astype(np.uint16))
    with pytest.raises(
        ImagesError, match="several depths: a_0.tif has 8 bit, a_1.tif has 16 bit for each value"
    ):
        open_series(tmp_path).check_sizes()


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_pictures_of_several_depths_are_told(tmp_path: Path, kind: str) -> None:
    colours = np.stack([ramp()] * 3, -1)
    iio.imwrite(tmp_path / "a_1.png", colours)
    iio.imwrite(tmp_path / "a_2.png", ramp().astype(kind))
    if kind == "u1":
        assert open_series(tmp_path).check_sizes() == []
    else:
        with pytest.raises(ImagesError, match="a_1.png has 8 bit, a_2.png has 16 bit"):
            open_series(tmp_path)


def test_lzw(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.tif", ramp(), plugin="pillow", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), ramp())


def test_nan_stays_and_infinity_is_clipped(tmp_path: Path) -> None:
    image = ramp().astype(np.float32)
    image[3, 5], image[4, 6] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "a.tif", image)
    frame = open_series(tmp_path / "a.tif")[0]
    assert np.isnan(frame[3, 5])
    assert frame[4, 6] == 1
    assert np.isfinite(frame).sum() == image.size - 1


def write_stack(path: Path, kind: str) -> None:
    axes = {"axes": "TYX"}
    if kind == "pages":
        tifffile.imwrite(path, STACK, metadata=None)
    elif kind == "compressed pages":
        tifffile.imwrite(path, STACK, compression="zlib", metadata=None)
    elif kind == "one page for all":
        tifffile.imwrite(path, STACK, truncate=True)
    elif kind == "ImageJ":
        tifffile.imwrite(path, STACK, imagej=True, metadata=axes)
    elif kind == "ImageJ, one page for all":
        tifffile.imwrite(path, STACK, imagej=True, metadata=axes, truncate=True)
    else:
        tifffile.imwrite(path, STACK, ome=True, metadata=axes)


STACKS = ("pages", "compressed pages", "one page for all", "ImageJ", "ImageJ, one page for all", "OME")


@pytest.mark.parametrize("kind", STACKS)
def test_stacks(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("run7.ome.tif" if kind == "OME" else "run7.tif")
    write_stack(path, kind)
    series = open_series(path, frame_interval_s=0.5)
    assert list(series.frames["frame"]) == [0, 1, 2, 3, 4]
    assert list(series.frames["time_s"]) == [0, 0.5, 1, 1.5, 2]
    assert set(series.frames["path"]) == {str(path)}
    assert series.notes == []
    for row in (4, 0, -1):
        np.testing.assert_array_equal(series.raw(row), STACK[row])
    assert len(list(series)) == 5
    with pytest.raises(ImageReadError, match="holds 5 images"):
        read_image(path)


@pytest.mark.parametrize("kind", STACKS)
def test_stacks_cut_short_give_what_is_whole_or_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "run7.tif"
    write_stack(path, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        series = open_series(path)
    except ImagesError as error:
        assert "run7.tif" in str(error)  # noqa: PT017
        return
    np.testing.assert_array_equal(series.raw(0), STACK[0])
    unreadable = 0
    for row in range(len(series)):
        try:
            np.testing.assert_array_equal(series.raw(row), STACK[row])
        except ImageReadError as error:
            assert "run7.tif" in str(error)  # noqa: PT017
            unreadable += 1
    assert unreadable or "cut short" in series.notes[0]


def test_a_stack_with_two_axes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([STACK, STACK], 1), imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(ImagesError, match=r"T \(5\), C \(2\); expected one"):
        open_series(tmp_path / "a.tif")


def test_several_stacks(tmp_path: Path) -> None:
    for name in ("a1.tif", "a2.tif"):
        tifffile.imwrite(tmp_path / name, STACK)
    with pytest.raises(ImagesError, match="is a stack of 5 images among 2 files"):
        open_series(tmp_path)


def test_one_image_of_another_size(tmp_path: Path) -> None:
    write_pngs(tmp_path, [f"f{i}.png" for i in range(40)])
    iio.imwrite(tmp_path / "f1.png", ramp(shape=(8, 16)))  # one of those not looked into on opening
    series = open_series(tmp_path)
    assert series[0].shape == SHAPE
    with pytest.raises(
        ImagesError, match=r"f1\.png is 16 × 8 px, but .*f0\.png and others are 20 × 12 px"
    ) as said:
        series[1]
    assert not isinstance(said.value, ImageReadError)


def test_images_of_several_sizes(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "f1.png", ramp())
    iio.imwrite(tmp_path / "f2.png", ramp(shape=(8, 16)))
    with pytest.raises(ImagesError, match=r"f2\.png is 16 × 8 px, f1\.png is 20 × 12 px"):
        open_series(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.6])
def test_damaged_files_are_named_and_others_read(tmp_path: Path, suffix: str, share: float) -> None:
    rng = np.random.default_rng(0)
    for i in (1, 2, 3):
        iio.imwrite(tmp_path / f"f{i}{suffix}", rng.integers(0, 255, (60, 90), np.uint8))
    damaged = tmp_path / f"f1{suffix}"
    damaged.write_bytes(damaged.read_bytes()[: int(share * damaged.stat().st_size)])
    series = open_series(tmp_path)
    assert series.shape == (60, 90)
    with pytest.raises(ImageReadError, match=rf"cannot read .*f1\{suffix}.*again") as caught:
        series[0]
    assert isinstance(caught.value, OSError)
    assert series[1].max() == 1
    with pytest.raises(ImagesError, match=rf"f1\{suffix}"):
        open_series(damaged)[0]


def test_a_file_that_went_away(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f1.png", "f2.png"])
    series = open_series(tmp_path)
    (tmp_path / "f2.png").unlink()
    with pytest.raises(ImageReadError, match=r"f2\.png"):
        series[1]


# One scale


def test_one_scale_for_the_series(tmp_path: Path) -> None:
    for i, top in enumerate((50, 100, 200)):
        image = np.zeros(SHAPE, np.uint8)
        image[:, 10:] = top
        iio.imwrite(tmp_path / f"f{i}.png", image)
    series = open_series(tmp_path)
    assert series.scale == (0, 200)
    assert [series[row].max() for row in range(3)] == pytest.approx([0.25, 0.5, 1])
    assert [series[row].min() for row in range(3)] == [0, 0, 0]


def test_constant_and_nearly_constant_images(tmp_path: Path) -> None:
    flat = np.full((200, 300), 7, np.uint16)
    tifffile.imwrite(tmp_path / "flat.tif", flat)
    assert not open_series(tmp_path / "flat.tif")[0].any()
    flat[50, 60] = 9
    tifffile.imwrite(tmp_path / "dot.tif", flat)
    assert open_series(tmp_path / "dot.tif")[0].sum() == 1


def test_only_what_is_asked_for_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pngs(tmp_path, [f"f{i}.png" for i in range(40)])
    decoded = []
    decode = pictures.decode_whole

    def counted(path: Path, index: int) -> np.ndarray:
        decoded.append(path)
        return decode(path, index)

    monkeypatch.setattr(pictures, "decode_whole", counted)
    series = open_series(tmp_path)
    assert len(decoded) == 0
    series[39]
    assert len(decoded) == 17


# Excluded frames, angles, times


def test_excluded_frames(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["f1.png", "f2.png", "f3.png"])
    iio.imwrite(tmp_path / "f2.png", np.full(SHAPE, 255, np.uint8))
    series = open_series(tmp_path, excluded_frames=[2, 9])
    assert list(series.frames["status"]) == ["ok", "excluded", "ok"]
    assert series.notes == ["excluded_frames names 9, not in the series."]
    assert series.scale[1] < 200
    with pytest.raises(ImagesError, match="leaves out all 3 frames"):
        open_series(tmp_path, excluded_frames=[1, 2, 3])


@pytest.fixture
def three(tmp_path: Path) -> Path:
    folder = tmp_path / "three"
    folder.mkdir()
    write_pngs(folder, ["f1.png", "f2.png", "f4.png"])
    return folder


def given_angles(folder: Path) -> Iterator[object]:
    yield [-10, 0.5, 10]
    yield {4: 10.0, 1: -10.0, 2: 0.5}
    for name, text in (
        ("a.rawtlt", " -10\n0.50\n10.0\n\n"),
        ("a.tlt", "# deg\r\n-10\r\n0.5 # mid\r\n10\r\n"),
        ("a.csv", "tilt_deg, frame\n10,4\n-10,1\n0.5,2\n"),
    ):
        (folder / name).write_text(text)
        yield folder / name
        yield str(folder / name)


def test_angles_given(tmp_path: Path, three: Path) -> None:
    for angles in given_angles(tmp_path):
        assert list(open_series(three, tilt_angles_deg=angles).frames["tilt_deg"]) == [-10, 0.5, 10]  # type: ignore[arg-type]
    assert open_series(three).frames["tilt_deg"].isna().all()


def test_angles_in_file_names(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["s1_-22.5deg.png", "s2_0 deg.png", "s3_+10.0Deg.png"])
    series = open_series(tmp_path)
    assert list(series.frames["tilt_deg"]) == [-22.5, 0, 10]
    assert series.notes == ["Tilt angles are those in the file names, -22.5 to 10 deg."]
    iio.imwrite(tmp_path / "s4.png", ramp())
    assert open_series(tmp_path).frames["tilt_deg"].isna().all()


def test_angles_alone_rank_the_frames(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["tilt+10.png", "tilt-10.png", "tilt+0.png"])
    frames = open_series(tmp_path).frames
    assert list(frames["frame"]) == [1, 2, 3]
    assert list(frames["tilt_deg"]) == [-10, 0, 10]


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        ([1, 2], "2 values for 3 frames"),
        ({1: 0.0, 2: 1.0}, "none for 1 of the 3 frames, the first: frame 4"),
        ([0, 1, 400], "holds 400"),
        ([0, 1, float("nan")], "holds nan"),
        ("gone.tlt", "cannot be read"),
    ],
)
def test_angles_that_do_not_fit(three: Path, angles: object, words: str) -> None:
    with pytest.raises(ImagesError, match=words):
        open_series(three, tilt_angles_deg=angles)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.tlt", "1\nx\n3", r"a\.tlt, line 2: 'x' is no number"),
        ("a.csv", "frame,angle\n1,2", "columns frame, angle; expected frame and tilt_deg"),
        ("a.csv", "frame,tilt_deg\n1,2\n1,3", "line 3: frame 1 stands twice"),
        (
            "a.csv",
            "frame,tilt_deg\n1,2,5\n2,3,5",
            "line 2 holds more than its 2 columns: numbers are written with a",
        ),
        ("a.csv", "frame,tilt_deg,tilt_deg\n1,2,3", "expected frame and tilt_deg, once each"),
        ("a.csv", "frame,tilt_deg\n1e300,2", "line 2: '1e300' is no number of an image"),
        ("a.csv", "frame,tilt_deg\n1", "line 2: '' is no number"),
        (
            "a.csv",
            "frame,tilt_deg\n1," + 200_000 * "2",
            "is no table of frames and angles: field larger than",
        ),
        ("a.tlt", "1_0\n2\n3", "line 1: '1_0' is no number"),
        ("a.mdoc", "[ZValue = 0]\nTiltAngle = 1\nTiltAngle = 2\n", "line 3: image 0 has a second tilt angle"),
        (
            "a.mdoc",
            2 * "[ZValue = 0]\nTiltAngle = 1\n",
            "line 4: image 0 has a second tilt angle.*two files in one",
        ),
        ("a.mdoc", "[ZValue = 0]\nTiltAngle = 1\n[ZValue = 1]\nX = 2\n", "gives the tilt angles of 1 images"),
        ("a.mdoc", "[ZValue = 0.7]\nTiltAngle = 1\n", "line 1: '0.7' is no number of an image"),
        ("a.xyz", "1", "no file of tilt angles"),
    ],
)
def test_angle_files_that_are_wrong(tmp_path: Path, three: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ImagesError, match=words):
        open_series(three, tilt_angles_deg=tmp_path / name)


MDOC = "PixelSpacing = 4.7\r\n" + "".join(
    f"[ZValue = {z}]\r\nTiltAngle = {a}\r\nSubFramePath = D:\\DATA\\frames\\TS_01_{a:.1f}.eer\r\n\r\n"
    for z, a in enumerate((0, 3.1, -3, 6, -6))
)


@pytest.mark.parametrize(
    ("names", "angles", "note"),
    [
        (
            [f"TS_01_{a}.png" for a in ("-3.0", "0.0", "3.1")],
            [-3, 0, 3.1],
            "",
        ),  # named in it; two are left out
        ([f"t_{i}_{a:+}deg.png" for i, a in enumerate((-6, -3, 0, 3, 6))], [-6, -3, 0, 3.1, 6], ""),
        (
            [f"t_{i}.png" for i in range(5)],
            [0, 3.1, -3, 6, -6],
            "names none of the images: its angles, 0, 3.1, -3, 6,",
        ),
    ],
)
def test_angles_of_an_mdoc_go_to_the_images_it_means(
    tmp_path: Path, names: list[str], angles: list[float], note: str
) -> None:
    write_pngs(tmp_path, names)
    (tmp_path / "ts.mdoc").write_text(MDOC)
    series = open_series(f"{tmp_path}/*.png", tilt_angles_deg=tmp_path / "ts.mdoc")
    assert list(series.frames["tilt_deg"]) == angles
    assert [note in said for said in series.notes] == ([True] if note else [])


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("a.rawtlt", "0\n10\n-10\n", "a.rawtlt says 0 deg for s_1_-10deg.png, whose name says -10"),
        (
            "a.csv",
            "frame,tilt_deg\n1,-10\n2,10\n3,0\n",
            "a.csv says 10 deg for s_2_0deg.png, whose name says 0",
        ),
        ("a.mdoc", MDOC, "a.mdoc says 0 deg for s_1_-10deg.png, whose name says -10|has 5 values for 3"),
    ],
)
def test_angles_in_a_file_that_contradict_the_names(tmp_path: Path, file: str, text: str, words: str) -> None:
    write_pngs(tmp_path, ["s_1_-10deg.png", "s_2_0deg.png", "s_3_10deg.png"])
    (tmp_path / file).write_text(text)
    with pytest.raises(ImagesError, match=words):
        open_series(f"{tmp_path}/*.png", tilt_angles_deg=tmp_path / file)
    typed = open_series(f"{tmp_path}/*.png", tilt_angles_deg=[0, 10, -10])
    assert list(typed.frames["tilt_deg"]) == [0, 10, -10]
    assert "0 deg for s_1_-10deg.png, whose name says -10: that in tilt_angles_deg is used" in typed.notes[0]


def test_an_mdoc_of_other_images_is_refused(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["TS_01_0.0.png", "TS_01_3.1.png", "TS_01_33.0.png"])
    (tmp_path / "ts.mdoc").write_text(MDOC)
    with pytest.raises(ImagesError, match="names the files of other images, but not 'TS_01_33.0.png'"):
        open_series(f"{tmp_path}/*.png", tilt_angles_deg=tmp_path / "ts.mdoc")


def test_a_stage_at_rest_is_no_tilt_series(three: Path) -> None:
    series = open_series(three, tilt_angles_deg=[12.31, 12.30, 12.33])
    assert (
        series.notes[-1]
        == "The tilts, 12.3 to 12.33 deg, are those of a stage at rest: this is no tilt series."
    )
    assert list(series.frames["tilt_deg"]) == [12.31, 12.30, 12.33]


def test_times(three: Path) -> None:
    assert list(open_series(three, frame_interval_s=2).frames["time_s"]) == [0, 2, 6]
    assert list(open_series(three, times_s=[5, 6, 9]).frames["time_s"]) == [5, 6, 9]
    assert list(open_series(three, times_s={1: 1, 2: 2, 4: 4}).frames["time_s"]) == [1, 2, 4]
    with pytest.raises(ImagesError, match="both given"):
        open_series(three, times_s=[1, 2, 3], frame_interval_s=1)


# Pixel size


def imagej(path: Path, unit: str, per_px: float, per_px_y: float | None = None) -> Path:
    tifffile.imwrite(
        path, ramp(), imagej=True, resolution=(1 / per_px, 1 / (per_px_y or per_px)), metadata={"unit": unit}
    )
    return path


@pytest.mark.parametrize(
    ("unit", "per_px"),
    [
        ("nm", 0.47), ("um", 0.47e-3), ("micron", 0.47e-3), ("\\u00B5m", 0.47e-3), ("pm", 470), ("angstrom", 4.7),
        ("mm", 0.47e-6), ("cm", 0.47e-7),
    ],
)  # fmt: skip
def test_pixel_size_from_imagej(tmp_path: Path, unit: str, per_px: float) -> None:
    series = open_series(imagej(tmp_path / "a.tif", unit, per_px))
    assert series.calibration.pixel_size_nm == pytest.approx(0.47, rel=1e-3)
    assert series.calibration.source == "TIFF metadata"


@pytest.mark.parametrize(("unit", "size"), [("nm", 0.47), ("µm", 0.47e-3), ("Å", 4.7)])
def test_pixel_size_from_ome(tmp_path: Path, unit: str, size: float) -> None:
    about = {"axes": "TYX", "PhysicalSizeX": size, "PhysicalSizeXUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, metadata=about)
    series = open_series(tmp_path / "a.ome.tif")
    assert series.calibration.pixel_size_nm == pytest.approx(0.47)
    assert series.notes == []


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [("CENTIMETER", 1e7 / 0.47, 0.47), ("CENTIMETER", 28.3, None), ("INCH", 72, None), ("NONE", 1, None)],
)
def test_bare_resolution_tags(tmp_path: Path, unit: str, per_unit: float, expected: float | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(), resolution=(per_unit, per_unit), resolutionunit=unit)
    series = open_series(tmp_path / "a.tif")
    assert series.calibration.pixel_size_nm == (expected and pytest.approx(expected))
    assert series.calibration.source == ("unknown" if expected is None else "TIFF metadata")
    assert series.notes == []


def test_doubtful_pixel_sizes(tmp_path: Path) -> None:
    series = open_series(imagej(tmp_path / "a.tif", "mm", 0.35))
    assert series.calibration == images.Calibration(None, "unknown")
    assert "which no micrograph has" in series.notes[0]
    (tmp_path / "two").mkdir()
    imagej(tmp_path / "two" / "f1.tif", "nm", 0.5)
    imagej(tmp_path / "two" / "f2.tif", "nm", 1)
    series = open_series(tmp_path / "two")
    assert series.calibration.pixel_size_nm is None
    assert "disagree" in series.notes[0]


@pytest.mark.parametrize("high", [0.2, 0.98, 1.02])
def test_pixels_that_are_not_square_are_refused(tmp_path: Path, high: float) -> None:
    path = imagej(tmp_path / "b.tif", "nm", 1.0, high)
    words = rf"b.tif says that its pixels are 1 nm wide and {high:g} nm high; expected square .*give pixel_size_nm"
    with pytest.raises(ImagesError, match=words):
        open_series(path)
    series = open_series(path, pixel_size_nm=1.0)
    assert series.calibration == images.Calibration(1.0, "parameters")
    assert "as pixel_size_nm = 1 is given, they are taken as square" in series.notes[0]


def test_wide_pixels_are_told_not_refused(tmp_path: Path) -> None:
    path = imagej(tmp_path / "a.tif", "nm", 45.0)
    for given in (None, 45.0):
        series = open_series(path, pixel_size_nm=given)
        assert series.calibration.pixel_size_nm == pytest.approx(45)
        (note,) = series.notes
        assert note.startswith("A pixel is 45 nm wide, more than the 20 nm of most micrographs")
    assert open_series(imagej(tmp_path / "b.tif", "nm", 20.0)).notes == []


def test_pixel_size_given(tmp_path: Path) -> None:
    path = imagej(tmp_path / "a.tif", "nm", 0.47)
    series = open_series(path, pixel_size_nm=0.47)
    assert series.calibration == images.Calibration(0.47, "parameters")
    assert series.notes == []
    assert "0.5 is used" in open_series(path, pixel_size_nm=0.5).notes[0]
    for wrong in (0, -1, 470, float("nan")):
        with pytest.raises(ImagesError, match="expected 0.005 to 200 nm"):
            open_series(path, pixel_size_nm=wrong)


def test_description(tmp_path: Path) -> None:
    write_pngs(tmp_path, ["s1_-10deg.png", "s3_10deg.png"])
    assert open_series(tmp_path, pixel_size_nm=0.47, excluded_frames=[3]).describe() == (
        "2 images of 20 × 12 px (width × height), frames 1-3, 0.47 nm per px (parameters), "
        "tilt -10 to 10 deg, 1 excluded"
    )


# Labels


def label_images(top: int) -> list[np.ndarray]:
    frames = [np.zeros(SHAPE, np.int32) for _ in range(3)]
    frames[0][2:5, 3:9] = 1
    frames[1][6:9, 10:18] = top
    return frames


def write_labels(path: Path, frames: Sequence[np.ndarray]) -> None:
    with LabelWriter(path, pixel_size_nm=0.47) as writer:
        for labels in frames:
            writer.append(labels)


@pytest.mark.parametrize(("top", "dtype"), [(65535, "uint16"), (65536, "uint32"), (2**31 - 1, "uint32")])
def test_labels_come_back(tmp_path: Path, top: int, dtype: str) -> None:
    path = tmp_path / "labels.tif"
    write_labels(path, label_images(top))
    stack = open_labels(path)
    assert len(stack) == 3
    for found, labels in zip(stack, label_images(top), strict=True):
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, labels)
    with tifffile.TiffFile(path) as tif:
        assert {str(page.dtype) for page in tif.pages} == {dtype}
        assert tif.series[0].shape == (3, *SHAPE)
    assert [p.name for p in tmp_path.iterdir() if p.name != ".written.json"] == ["labels.tif"]
    assert open_series(path).calibration.pixel_size_nm == pytest.approx(0.47)


def test_one_frame_and_one_wide_frame(tmp_path: Path) -> None:
    for top in (3, 70000):
        write_labels(tmp_path / "labels.tif", [np.full(SHAPE, top)])
        stack = open_labels(tmp_path / "labels.tif")
        assert [labels.max() for labels in stack] == [top]


def test_a_large_file_becomes_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_files, "_CLASSIC_TIFF_BYTES", 1000)
    frames = label_images(70000)
    write_labels(tmp_path / "labels.tif", frames)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tif:
        assert tif.is_bigtiff
    for found, labels in zip(open_labels(tmp_path / "labels.tif"), frames, strict=True):
        np.testing.assert_array_equal(found, labels)
    assert {p.name for p in tmp_path.iterdir()} - {".written.json"} == {"labels.tif"}


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        write_labels(tmp_path / name, label_images(9))
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize("top", [5, 70000])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, top: int) -> None:
    path = tmp_path / "labels.tif"
    write_labels(path, label_images(7))
    before = path.read_bytes()

    def fail() -> None:
        with LabelWriter(path) as writer:
            for labels in label_images(top):
                writer.append(labels)
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    with pytest.raises(ImagesError, match="no label image was given"), LabelWriter(path):
        pass
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name != ".written.json"] == ["labels.tif"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((3, 4), int), "4 × 3 px, but those before are 20 × 12 px"),
        (np.zeros((2, *SHAPE), int), r"shape \(2, 12, 20\)"),
        (np.zeros(SHAPE), "float64"),
        (np.full(SHAPE, -1), "from 0"),
        (np.full(SHAPE, 2**31), "2147483648; expected at most"),
    ],
)
def test_what_is_no_label_image(tmp_path: Path, wrong: np.ndarray, words: str) -> None:
    with LabelWriter(tmp_path / "labels.tif") as writer:
        writer.append(label_images(5)[0])
        with pytest.raises(ValueError, match=words):
            writer.append(wrong)
        writer.append(label_images(5)[1])
    assert len(open_labels(tmp_path / "labels.tif")) == 2


def test_labels_must_be_whole_numbers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full(SHAPE, 2.0, np.float32))
    assert open_labels(tmp_path / "a.tif")[0].max() == 2
    tifffile.imwrite(tmp_path / "a.tif", np.full(SHAPE, 0.5, np.float32))
    with pytest.raises(ImageReadError, match="no labels"):
        open_labels(tmp_path / "a.tif")[0]


# Real files


@needs_real
def test_real_video_frames() -> None:
    series = open_series(REAL / "gold_video" / "frames")
    assert list(series.frames["frame"]) == list(range(1, 101))
    assert series.shape == (369, 369)
    assert series.notes == []
    assert 0.2 < float(series[57].mean()) < 0.9


@needs_real
def test_real_single_frame() -> None:
    series = open_series(REAL / "argonne_voids" / "void_frame_0705.tif")
    assert list(series.frames["frame"]) == [705]
    assert series.calibration == images.Calibration(None, "unknown")
    assert series[0].shape == (1024, 1024)


@needs_real
def test_real_folder_of_all_sorts() -> None:
    with pytest.raises(ImagesError, match=r"several kinds: \d+ \.png, \d+ \.jpg"):
        open_series(REAL / "cavity_micrographs")


@needs_real
def test_real_stack_saved_by_imagej() -> None:
    folder = REAL / "reader_files" / "rosettasciio" / "tiff"
    series = open_series(folder / "test_loading_image_saved_with_imageJ_stack.tif")
    assert len(series) == 2
    assert series.calibration.pixel_size_nm == pytest.approx(168.7, rel=1e-3)
    assert "A pixel is 168.7 nm wide, more than the 20 nm" in series.notes[0]


# --- the scale of intensities ------------------------------------------------------------------------------------


def test_a_range_of_intensities_that_is_given_is_used_for_every_image(tmp_path: Path) -> None:
    for number, top in enumerate((100, 4000)):
        tifffile.imwrite(tmp_path / f"a{number}.tif", ramp().astype(np.uint16) % 10 * (top // 10))
    found = open_series(tmp_path)
    given = open_series(tmp_path, intensity_range=(0, 2000.0))
    assert given.scale == (0, 2000)
    assert found.scale != given.scale
    raw = given.raw(0).astype(np.float64)
    np.testing.assert_allclose(given[0], np.clip(raw / 2000, 0, 1), atol=1e-6)
