"""A file whose name says another kind is named by what it is, and what to do."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from voidlab.images.errors import ImagesError
from voidlab.images.series import open_series


def png() -> bytes:
    with io.BytesIO() as stream:
        Image.new("L", (9, 7)).save(stream, "png")
        return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tif", png(), "it is a PNG file: call it a.png."),
        ("a.tif", b"<html>404 not found</html>", "it is a page of the web, as of a sign-in or an error"),
        ("a.tif", b"\n<!DOCTYPE HTML>", "it is a page of the web"),
        (
            "a.tif",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
            "it is a pointer of Git LFS in place of the image: fetch it with `git lfs pull`.",
        ),
        ("a.png", b"%PDF-1.4", "it is a PDF: save the image in it as TIFF or PNG."),
        ("a.mp4", b"<html>", "it is a page of the web"),
        ("a.mrc", png() + bytes(2000), "it is a PNG file: call it a.png."),
        ("a.mp4", png(), "it is a PNG file: call it a.png."),
        ("a.mrc", b"II*\x00" + b"\1" * 2000, "it is a TIFF file: call it a.tif."),
        ("a.png", b"II*\x00" + b"\1" * 2000, "it is a TIFF file: call it a.tif."),
        ("a.tif", b"BM" + b"\1" * 99, "it is a BMP file: call it a.bmp."),
        ("a.tif", bytes(208) + b"MAP " + bytes(900), "it is an MRC file: call it a.mrc."),
        ("a.png", b"\0\0\0\3" + b"\1" * 99, "it is a DM3 file: call it a.dm3."),
        ("a.tif", b"RIFF\0\0\0\0AVI LIST", "it is an AVI file: call it a.avi."),
        ("a.png", b"\0\0\0\x18ftypheic", "it is a HEIC photo: save the image in it as TIFF or PNG."),
        ("a.tif", b"\x93NUMPY\1\0", "it is an array of numpy: save it with tifffile"),
        ("a.tif", b"L\0\0\0\1\x14\2\0" + bytes(90), "it is a shortcut of Windows: copy the file"),
        ("a.mrc", bytes(5000), "it is nothing but zeros, as after a copy that was cut off: copy it again."),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImagesError) as caught:
        open_series(tmp_path / name)
    message = str(caught.value)
    assert f"{name}: its name ends in {name[1:]}, but by its first bytes {said}" in message
    assert "damaged" not in message


def test_junk_is_still_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\x00" + b"x" * 99)
    with pytest.raises(ImagesError, match="may be damaged or cut short: copy it again"):
        open_series(tmp_path / "a.tif")


def test_a_tiff_is_not_read_as_a_picture(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.png", np.zeros((7, 9), np.uint16), photometric="miniswhite")
    with pytest.raises(ImagesError, match="by its first bytes it is a TIFF file: call it a.tif"):
        open_series(tmp_path / "a.png")


def test_a_png_under_the_name_of_another_picture_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(png())
    assert open_series(tmp_path / "a.jpg").shape == (7, 9)


@pytest.mark.parametrize("content", [b"\0\0\0\3" + b"\1" * 500, b"\0\0\0\3" + b"\0" * 500, b"\0\0\0\4" * 99])
def test_a_dm3_of_junk_is_told_in_words(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("rsciio")
    (tmp_path / "a.dm3").write_bytes(content)
    with pytest.raises(ImagesError) as caught:
        open_series(tmp_path / "a.dm3")
    assert "NoneType" not in str(caught.value)
    assert "may be damaged or cut short" in str(caught.value)
