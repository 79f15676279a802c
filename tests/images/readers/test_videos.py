"""Videos and pictures in every way they are stored: the frames that plain decoding gives, in any order."""

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from voidlab.images.readers.video import luminance
from voidlab.images.series import ImagesError, open_series

av = pytest.importorskip("av")

COUNT, SHAPE = 25, (48, 80)
ANY_ORDER = (0, 1, 2, 17, 3, 24, 23, 8, 9, 10, 11, 12, 0)


def moving() -> np.ndarray:
    texture = gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), 3)
    texture = 255 * (texture - texture.min()) / np.ptp(texture)
    return np.stack([np.roll(texture, 3 * k, axis=1) for k in range(COUNT)]).astype(np.uint8)


def write(path: Path, frames, codec: str, pixels: str, container: str | None = None, **options: str) -> Path:
    """A video of ``frames``: gray images, or pairs of an image of numbers and their palette."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = SHAPE[1], SHAPE[0], pixels
        stream.bit_rate = 4_000_000
        for frame in frames:
            named = {"format": "gray"} if isinstance(frame, np.ndarray) else {"format": "pal8"}
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, **named)))
        file.mux(stream.encode())
    return path


def decoded(path: Path) -> np.ndarray:
    """All frames as FFmpeg gives them one after the other, green of red, green and blue."""
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24")[..., 1] for frame in file.decode(video=0)])


STORED = [
    ("a.webm", "libvpx-vp9", "yuv420p", None, {"lag-in-frames": "20"}),
    ("a.wmv", "wmv2", "yuv420p", "asf", {}),
    ("a.mpg", "mpeg2video", "yuv420p", "mpeg", {"bf": "2", "g": "6"}),
    ("b.mpg", "mpeg1video", "yuv420p", "mpeg1video", {}),  # a bare stream
    ("a.avi", "libx264", "yuv420p", None, {"bf": "3", "g": "6"}),
    ("b.avi", "mpeg4", "yuv420p", None, {"bf": "2", "g": "6"}),
    ("a.mkv", "libx264", "yuv420p", None, {"bf": "3", "g": "6", "x264-params": "open-gop=1"}),
]


@pytest.mark.parametrize("stored", STORED, ids=[f"{s[0]}-{s[1]}" for s in STORED])
def test_a_video_gives_the_frames_that_a_player_shows_in_any_order(tmp_path: Path, stored) -> None:
    name, codec, pixels, container, options = stored
    try:
        path = write(tmp_path / name, moving(), codec, pixels, container, **options)
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"this FFmpeg does not write {codec}: {error}")
    series, plain = open_series(path), decoded(path)
    assert len(series) == len(plain) == COUNT
    for row in ANY_ORDER:
        assert abs(series.raw(row).astype(float) - plain[row]).mean() < 2, row
        assert abs(plain[row].astype(float) - plain[row - 1]).mean() > 10  # neighbours are not taken for it


@pytest.mark.parametrize("name", ["a.avi", "a.mov", "a.nut"])
def test_colours_of_a_palette_are_kept_from_the_first_frame_to_the_last(tmp_path: Path, name: str) -> None:
    frames = moving()
    shuffled = np.random.default_rng(1).permutation(256).astype(np.uint8)
    palette = np.zeros((256, 4), np.uint8)
    palette[shuffled] = np.stack([np.full(256, 255), *[np.arange(256)] * 3], axis=1)
    path = write(tmp_path / name, [(shuffled[frame], palette) for frame in frames], "rawvideo", "pal8")
    series = open_series(path if name != "a.nut" else path.rename(tmp_path / "a.mkv"))
    for row in ANY_ORDER:
        np.testing.assert_allclose(series.raw(row), frames[row], atol=0.01)


@pytest.mark.parametrize(
    ("pixels", "atol"),
    [("gray12le", 0.1), ("gray16le", 0.01), ("bgr0", 1), ("yuv420p", 1.5), ("yuv444p10le", 1)],
)
def test_grey_values_of_pixels_of_many_kinds(tmp_path: Path, pixels: str, atol: float) -> None:
    frames = moving()
    series = open_series(write(tmp_path / "a.mkv", frames, "ffv1", pixels))
    for row in (0, 24, 3):
        image = series.raw(row).astype(float)
        np.testing.assert_allclose(image * (255 / 65535 if image.max() > 255 else 1), frames[row], atol=atol)


def test_pixels_that_ffmpeg_has_no_straight_way_to_make_gray() -> None:
    flat = av.VideoFrame.from_ndarray(np.full(SHAPE, 120, np.uint8), format="bayer_rggb8")
    np.testing.assert_allclose(luminance(flat), 120, atol=1)

    class Unknown:
        format = type("Format", (), {"name": "x2bgr99", "components": ()})

        def to_ndarray(self, format: str) -> np.ndarray:
            raise OSError("Operation not supported")

    with pytest.raises(ImagesError, match="its pixels are x2bgr99, .* Convert it"):
        luminance(Unknown())


# Pictures


def test_an_animated_gif_is_a_stack_of_its_frames_in_any_order(tmp_path: Path) -> None:
    frames = moving()
    first, *others = [PIL.Image.fromarray(frame) for frame in frames]
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=100)
    series = open_series(tmp_path / "a.gif")
    assert len(series) == COUNT
    for row in ANY_ORDER:
        np.testing.assert_allclose(series.raw(row), frames[row], atol=0.01)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bitmaps(tmp_path: Path, mode: str) -> None:
    picture = PIL.Image.fromarray(moving()[0]).convert(mode)
    picture.save(tmp_path / "a.bmp")
    seen = np.asarray(picture.convert("L"))
    np.testing.assert_allclose(
        open_series(tmp_path / "a.bmp").raw(0) * (255 if mode == "1" else 1), seen, atol=1
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_they_say(tmp_path: Path, orientation: int) -> None:
    """Positions lie where a viewer shows the voids, whatever the format and the compression."""
    image = moving()[0]
    image[5:9, 3:11] = 255
    picture, exif = PIL.Image.fromarray(image), PIL.Image.Exif()
    exif[0x112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    picture.save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture.save(tmp_path / "a.tif", compression="jpeg", quality=100, tiffinfo={0x112: orientation})
    for name, compression in (("b.tif", None), ("c.tif", "zlib"), ("d.tif", "packbits")):
        tag = [(0x112, 3, 1, orientation, True)]
        tifffile.imwrite(
            tmp_path / name, image, compression=compression, extratags=tag, photometric="minisblack"
        )
    with PIL.Image.open(tmp_path / "a.png") as stored:
        seen = np.asarray(PIL.ImageOps.exif_transpose(stored)).astype(float)
    for name in ("a.png", "a.jpg", "a.tif", "b.tif", "c.tif", "d.tif"):
        series = open_series(tmp_path / name)
        assert series.shape == seen.shape
        np.testing.assert_allclose(series.raw(0), seen, atol=12)
        said = "to be turned or mirrored" in " ".join(series.notes)
        assert said == (orientation > 1)


def test_a_picture_that_moves_in_16_bit_colours_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (PIL.Image.fromarray(frame) for frame in moving()[:2])
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    monkeypatch.setattr("voidlab.images.readers.pictures.is_deep_colour", lambda path: True)
    with pytest.raises(ImagesError, match="animated PNG of 16-bit colours"):
        open_series(tmp_path / "a.png")


def test_frames_that_are_made_up_where_data_are_damaged_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving(), "mpeg4", "yuv420p", g="5")
    whole = [open_series(path).raw(row) for row in range(COUNT)]
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
        at, size = packets[11].pos, packets[11].size
    content[at + size // 3 : at + size // 3 + 8] = b"\xff" * 8
    (tmp_path / "b.mp4").write_bytes(content)
    series = open_series(tmp_path / "b.mp4")
    for row in (12, 3, 24, 11, 14, 20):  # frame 11 and those made of it, up to the next that needs no other
        if 11 <= row < 15:
            with pytest.raises(ImagesError, match=rf"frame {row}, or of one that it rests on, are damaged"):
                series.raw(row)
        else:
            np.testing.assert_array_equal(series.raw(row), whole[row])


def end_early(content: bytearray, at: int, size: int) -> None:
    scan = content.index(b"\xff\xda", at)
    content[scan + 40 : scan + 42] = b"\xff\xd9"


def grow(content: bytearray, at: int, size: int) -> None:
    frame = content.index(b"\xff\xc0", at)
    content[frame + 5 : frame + 7] = (SHAPE[0] + 16).to_bytes(2, "big")


def overwrite(content: bytearray, at: int, size: int) -> None:
    content[at + size // 2 : at + size // 2 + size // 4] = bytes(size // 4)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "damage", "rows"),
    [
        ("a.avi", "mjpeg", "yuvj420p", overwrite, range(11, 12)),
        ("b.avi", "mjpeg", "yuvj420p", end_early, range(11, 12)),
        ("c.avi", "mjpeg", "yuvj420p", grow, range(11, 12)),
        ("a.mov", "mjpeg", "yuvj420p", end_early, range(11, 12)),
        (
            "a.mkv",
            "ffv1",
            "gray",
            overwrite,
            range(11, 15),
        ),  # the next ones are made of it, up to one that needs none
    ],
)
def test_frames_that_decoders_make_up_and_tell_only_their_log_are_not_read(
    tmp_path: Path, name: str, codec: str, pixels: str, damage, rows: range
) -> None:
    path = write(tmp_path / f"whole-{name}", moving(), codec, pixels, g="5")
    whole = [open_series(path).raw(row) for row in range(COUNT)]
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    at = content.index(bytes(packets[11]))
    damage(content, at, packets[11].size)
    (tmp_path / name).write_bytes(content)
    series = open_series(tmp_path / name)
    for row in (12, 3, 24, 11, 14, 20, 10):
        if row in rows:
            with pytest.raises(
                ImagesError, match=rf"frame {row}, or of one.*are damaged|frame {row} cannot be decoded"
            ):
                series.raw(row)
        else:
            np.testing.assert_array_equal(series.raw(row), whole[row])


def test_a_video_that_does_not_count_its_frames_says_when_it_is_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", moving(), "ffv1", "gray")
    assert not open_series(path).notes
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (note,) = open_series(path).notes
    assert "a.mkv is cut short: it says 1 s, its frames end at 0." in note
