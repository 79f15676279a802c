"""MRC, microscope files and videos: the same pixels, the right pixel size and tilts, or a clear reason."""

import builtins
import warnings
import zipfile
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from projects import SHARED as REAL
from voidlab.errors import install_extra
from voidlab.images.readers import rosettasciio
from voidlab.images.series import ImagesError, open_series

needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real images are not on this machine (../shared/data)"
)
SHAPE = (6, 14, 22)


def stack(dtype: str = "i2") -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 100, SHAPE)
    return values.astype(dtype)


def write_mrc(path: Path, data: np.ndarray, *, pixel_nm: float | None = 0.47, extended: bytes = b"") -> Path:
    """An image stack as programs write them; ``extended`` lies between header and images."""
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data)
        mrc.set_image_stack()
        if pixel_nm is not None:
            mrc.voxel_size = pixel_nm * 10
        if extended:
            mrc.set_extended_header(np.frombuffer(extended, "V1"))
    return path


def patch(path: Path, offset: int, content: bytes) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(content)] = content
    path.write_bytes(raw)


# MRC


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f4", "f2"])
def test_mrc_gives_the_pixels_as_stored(tmp_path: Path, dtype: str) -> None:
    data = stack(dtype)
    series = open_series(write_mrc(tmp_path / "a.mrc", data))
    assert series.shape == SHAPE[1:]
    assert series.calibration.pixel_size_nm == pytest.approx(0.47)
    assert series.calibration.source == "MRC header"
    for row in range(len(data)):
        np.testing.assert_array_equal(series.raw(row), data[row])


def test_mrc_whose_axes_are_exchanged_is_told(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack())
    patch(path, 64, np.array([2, 1, 3], "<i4").tobytes())
    assert "lie along the axes (2, 1, 3), where 1 to 3 are x, y and z" in " ".join(open_series(path).notes)


def test_mrc_of_the_other_byte_order(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack())
    with mrcfile.open(path) as mrc:
        header, data = mrc.header.copy(), mrc.data.copy()
    swapped = header.byteswap().tobytes()
    path.write_bytes(swapped + data.byteswap().tobytes())
    patch(path, 208, b"MAP \x11\x11\x00\x00")
    series = open_series(path)
    np.testing.assert_array_equal(series.raw(3), data[3])
    assert series.calibration.pixel_size_nm == pytest.approx(0.47)


def test_bytes_of_old_programs_have_no_sign(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack("i1"))
    patch(path, 1024, bytes([200]))
    assert open_series(path).raw(0)[0, 0] == -56
    patch(
        path, 76, np.array([3, 250], "<f4").tobytes()
    )  # a smallest and largest value that signed bytes cannot have
    assert open_series(path).raw(0)[0, 0] == 200
    patch(path, 76, np.array([-56, 90], "<f4").tobytes())
    assert open_series(path).raw(0)[0, 0] == -56
    patch(path, 108, (0).to_bytes(4, "little"))  # no version
    assert open_series(path).raw(0)[0, 0] == 200
    patch(path, 152, (1146047817).to_bytes(4, "little") + (1).to_bytes(4, "little"))  # IMOD: signed
    assert open_series(path).raw(0)[0, 0] == -56


def test_tilts_and_pixel_size_of_the_first_fei_header(tmp_path: Path) -> None:
    records = np.zeros((1024, 32), "<f4")
    records[:6, 0] = [-20, -12, -4, 4, 12, 20]
    records[:6, 11] = 3.36e-9
    path = write_mrc(tmp_path / "a.mrc", stack(), pixel_nm=0.1, extended=records.tobytes())
    patch(path, 104, b"\0\0\0\0")
    patch(path, 224, b"Fei Company (c) Copyright 2003")
    series = open_series(path)
    assert list(series.frames["tilt_deg"]) == [-20, -12, -4, 4, 12, 20]
    assert series.calibration.pixel_size_nm == pytest.approx(3.36)
    np.testing.assert_array_equal(series.raw(5), stack()[5])


def test_tilts_of_serialem(tmp_path: Path) -> None:
    sections = np.zeros((6, 7), "<i2")
    sections[:, 0] = [-2000, -1200, -400, 400, 1200, 2050]
    path = write_mrc(tmp_path / "a.mrc", stack(), extended=sections.tobytes())
    patch(path, 104, b"SERI")
    patch(path, 128, np.array([14, 61], "<i2").tobytes())
    assert list(open_series(path).frames["tilt_deg"]) == [-20, -12, -4, 4, 12, 20.5]


@pytest.mark.parametrize(
    ("pixel_nm", "known", "words"),
    [
        (None, None, ""),
        (0.1, None, "1 Å per px exactly"),
        (300, None, "which no micrograph has"),
        (0.2, 0.2, ""),
    ],
)
def test_pixel_size_of_the_mrc_header(tmp_path: Path, pixel_nm: float, known: float, words: str) -> None:
    series = open_series(write_mrc(tmp_path / "a.mrc", stack(), pixel_nm=pixel_nm))
    assert series.calibration.pixel_size_nm == (known and pytest.approx(known))
    assert words in " ".join(series.notes)


def test_pixels_that_are_not_square_and_disagree_with_the_parameters(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack(), pixel_nm=None)
    with mrcfile.open(path, mode="r+") as mrc:
        mrc.voxel_size = (5.0, 6.0, 5.0)
    notes = " ".join(open_series(path, pixel_size_nm=0.7).notes)
    assert "its pixels are 0.5 nm wide and 0.6 nm high; as pixel_size_nm = 0.7 is given" in notes


def test_mrc_that_is_cut_short_keeps_its_whole_images(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack())
    path.write_bytes(path.read_bytes()[:-10])
    series = open_series(path)
    assert len(series) == 5
    assert "cut short: only its first images, 5" in series.notes[0]
    path.write_bytes(path.read_bytes()[:1100])
    with pytest.raises(ImagesError, match=r"a\.mrc: not one whole image"):
        open_series(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ImagesError, match=r"cannot read .*a\.mrc"):
        open_series(path)


def test_what_an_mrc_file_may_not_hold(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack("c8"))
    with pytest.raises(ImagesError, match="complex numbers"):
        open_series(path)
    path.write_bytes(b"\0" * 220 + b"\1" + b"\0" * 4000)
    with pytest.raises(ImagesError, match="0 images of 0 × 0 px: no MRC file"):
        open_series(path)
    path.write_bytes(b"\0" * 12 + b"\7" + b"\0" * 4000)
    with pytest.raises(
        ImagesError, match="its header says mode 7, which no MRC file has. The file may be damaged"
    ):
        open_series(path)


def test_a_volume_is_said_to_be_one(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack())
    with mrcfile.open(path, mode="r+") as mrc:
        mrc.set_volume()
    assert "a volume: each of its sections is a frame" in open_series(path).notes[0]


# Angles beside a stack

MDOC = "PixelSpacing = 4.7\nImageFile = a.mrc\n\n[T = SerialEM: a microscope]\n"


def mdoc(angles: list[float]) -> str:
    sections = (f"\n[ZValue = {i}]\nTiltAngle = {angle}\nStageZ = 3\n" for i, angle in enumerate(angles))
    return MDOC + "".join(sections)


def test_angles_of_an_mdoc(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack())
    angles = [-10.5, -6, -2, 2, 6, 10]
    (tmp_path / "a.mrc.mdoc").write_text(mdoc(angles))
    series = open_series(path)
    assert list(series.frames["tilt_deg"]) == angles
    assert series.angle_file == tmp_path / "a.mrc.mdoc"
    assert "those in a.mrc.mdoc, -10.5 to 10 deg" in series.notes[0]
    (tmp_path / "b.mdoc").write_text(mdoc(angles[::-1]))
    assert list(open_series(path, tilt_angles_deg=tmp_path / "b.mdoc").frames["tilt_deg"]) == angles[::-1]
    (tmp_path / "b.mdoc").write_text(MDOC)
    with pytest.raises(ImagesError, match="tilt angles of 0 images"):
        open_series(path, tilt_angles_deg=tmp_path / "b.mdoc")


def test_angles_beside_a_stack_for_another_number_of_images(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", stack())
    (tmp_path / "a.rawtlt").write_text("1\n2\n3\n")
    series = open_series(path)
    assert series.frames["tilt_deg"].isna().all()
    assert "3 tilt angles for 6 images: it is not used" in series.notes[0]


def test_angles_that_disagree_with_the_header(tmp_path: Path) -> None:
    sections = np.zeros((6, 7), "<i2")
    sections[:, 0] = np.arange(6) * 100
    path = write_mrc(tmp_path / "a.mrc", stack(), extended=sections.tobytes())
    patch(path, 104, b"SERI")
    patch(path, 128, np.array([14, 61], "<i2").tobytes())
    (tmp_path / "a.tlt").write_text("0\n1\n2\n3\n4\n7\n")
    series = open_series(path)
    assert list(series.frames["tilt_deg"]) == [0, 1, 2, 3, 4, 7]
    assert "differ from those in the file header by up to 2.0 deg" in " ".join(series.notes)


# Videos


def write_video(path: Path, frames: np.ndarray, codec: str, pixels: str, **options: str) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = pixels
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode())
    return path


def moving(count: int = 40) -> np.ndarray:
    y, x = np.mgrid[:48, :80]
    return np.stack(
        [
            (100 + 100 * np.exp(-((x - 20 - i) ** 2 + (y - 24) ** 2) / 50)).astype(np.uint8)
            for i in range(count)
        ]
    )


def test_a_lossless_video_gives_its_frames_in_any_order(tmp_path: Path) -> None:
    frames = moving()
    series = open_series(write_video(tmp_path / "a.avi", frames, "ffv1", "gray"))
    assert series.shape == (48, 80)
    assert list(series.frames["frame"]) == list(range(40))
    for row in (0, 1, 3, 2, 39, 7, 38, 0):
        np.testing.assert_array_equal(series.raw(row), frames[row])
    np.testing.assert_allclose(series.frames["time_s"], np.arange(40) / 10, atol=1e-6)


def test_a_compressed_video_with_frames_out_of_order(tmp_path: Path) -> None:
    frames = moving()
    path = write_video(tmp_path / "a.mp4", frames, "libx264", "yuv420p", crf="5", g="12", bf="3")
    series = open_series(path)
    assert len(series) == 40
    in_order = [series.raw(row) for row in range(40)]
    for row in (31, 5, 17, 16, 39, 0):
        np.testing.assert_array_equal(series.raw(row), in_order[row])
    found = [image.astype(float) - 100 for image in in_order]
    centres = [
        (image.clip(10).sum(axis=0) - 480) @ np.arange(80) / (image.clip(10) - 10).sum() for image in found
    ]
    np.testing.assert_allclose(centres, 20 + np.arange(40), atol=0.3)


def test_a_video_that_is_cut_short(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", moving(), "libx264", "yuv420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImagesError, match=r"cannot read .*a\.mp4"):
        open_series(path)
    (tmp_path / "b.avi").write_bytes(b"no video at all")
    with pytest.raises(ImagesError, match=r"cannot read .*b\.avi"):
        open_series(tmp_path / "b.avi")


# Extras and formats that are not read


def test_an_extra_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "av":
            raise ImportError(f"No module named '{name}'")
        return real(name, *args, **kwargs)

    def gone(name: str) -> object:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(rosettasciio, "import_module", gone)
    rosettasciio._library.cache_clear()
    for name, extra in (("a.mp4", "video"), ("a.dm3", "em")):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(ImagesError, match=r"not installed .*: ") as said:
            open_series(tmp_path / name)
        assert str(said.value).endswith(install_extra(extra))
        assert "\n" not in str(said.value)
    rosettasciio._library.cache_clear()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.zip", "unpack it first"),
        ("a.emi", r"open the \.ser files beside it"),
        ("a.npy", r"save it with tifffile\.imwrite"),
    ],
)
def test_advice_on_files_that_are_not_read(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ImagesError, match=advice):
        open_series(tmp_path / name)


def test_damaged_microscope_file(tmp_path: Path) -> None:
    pytest.importorskip("rsciio")
    for suffix in ("dm3", "dm4", "ser", "emd"):
        (tmp_path / f"a.{suffix}").write_bytes(b"\0\0\0\3" + bytes(range(200)))
        with pytest.raises(ImagesError, match=rf"a\.{suffix}"):
            open_series(tmp_path / f"a.{suffix}")


# Real files

EXPECTED = {  # shape of the series, nm per px; or what is said
    "mrcfile/EMD-3001.map": "pixels are 0.04483 nm wide and 0.03925 nm high; expected square ones",
    "mrcfile/EMD-3197.map": ((20, 20, 20), 1.14),
    "mrcfile/EMD-3197.map.bz2": "unpack it first",
    "ncempy/08_carbon.dm3": r"holds no image .* but data of shape \(1, 2048\)",
    "ncempy/dmTest_float32_nonSquare_diffPixelSize.dm3": "pixels are 1 nm wide and 0.2 nm high; expected square",
    "ncempy/dmTest_float32_nonSquare_diffPixelSize.dm4": "pixels are 1 nm wide and 0.2 nm high; expected square",
    "ncempy/temp.mrc": ((3, 128, 128), 0.2),
    "rosettasciio/digitalmicrograph/2D/multi_signal.dm3": ((1, 512, 512), 0.01775),
    "rosettasciio/digitalmicrograph/2D/test-13.dm4": "complex128 values",
    "rosettasciio/digitalmicrograph/2D/test_STEM_image.dm3": ((1, 68, 68), 0.2485),
    "rosettasciio/digitalmicrograph/2D/test_diffraction_pattern.dm3": "a diffraction pattern",
    "rosettasciio/digitalmicrograph/3D/test-13.dm3": "complex128 values",
    "rosettasciio/digitalmicrograph/3D/test-13.dm4": "complex128 values",
    "rosettasciio/digitalmicrograph/Fei HAADF-DE_location.dm3": ((1, 4, 16), 5.506),
    "rosettasciio/digitalmicrograph/Fei HAADF-UK_location.dm3": ((1, 4, 16), 5.506),
    "rosettasciio/digitalmicrograph/test_stackbuilder_imagestack.dm3": ((3, 2, 16), 59.98),
    "rosettasciio/emd/example_image.emd": ((1, 3, 3), None),
    "rosettasciio/emd/fei_example_tem_stack.emd": ((2, 3, 3), 0.008173),
    "rosettasciio/emd/velox_emd_version11.zip": "unpack it first",
    "rosettasciio/mrc/HAADFscan.mrc": ((1, 16, 16), 5.679),
    "rosettasciio/tia/new/128x128_TEM_acquire-sum1.emi": "open the .ser files beside it",
    "rosettasciio/tia/new/128x128_TEM_acquire-sum1_1.ser": ((1, 128, 128), 21.48),
    "rosettasciio/tia/old/64x64x5_TEM_preview.emi": "open the .ser files beside it",
    "rosettasciio/tia/old/64x64x5_TEM_preview_1.ser": ((5, 64, 64), 6.282),
    "rosettasciio/tiff/TVIPS_bin4.zip": "unpack it first",
    "rosettasciio/tiff/olympus_SIS.tif": ((1, 101, 112), None),
    "rosettasciio/tiff/test_loading_image_saved_with_DM.tif": ((1, 68, 68), 168.7),
    "rosettasciio/tiff/test_loading_image_saved_with_DM_stack.tif": "pixels are 168.7 nm wide and 1687 nm high",
    "rosettasciio/tiff/test_loading_image_saved_with_imageJ.tif": ((1, 68, 68), 168.7),
    "rosettasciio/tiff/test_loading_image_saved_with_imageJ_stack.tif": ((2, 68, 68), 168.7),
}


@needs_real
@pytest.mark.parametrize("name", EXPECTED)
def test_real_files_of_readers(name: str) -> None:
    pytest.importorskip("rsciio")
    expected, path = EXPECTED[name], REAL / "reader_files" / name
    if isinstance(expected, str):
        with pytest.raises(ImagesError, match=expected):
            open_series(path)
        return
    (count, *shape), nm = expected
    series = open_series(path)
    assert (len(series), *series.shape) == (count, *shape)
    assert series.calibration.pixel_size_nm == (nm and pytest.approx(nm, rel=1e-3))
    for row in {0, count // 2, count - 1}:
        assert series[row].shape == tuple(shape)


@needs_real
def test_every_real_file_is_expected() -> None:
    files = {
        p.relative_to(REAL / "reader_files").as_posix()
        for p in (REAL / "reader_files").rglob("*")
        if p.is_file()
    }
    assert files == set(EXPECTED)


@needs_real
def test_real_zipped_tiff_of_a_camera(tmp_path: Path) -> None:
    zipfile.ZipFile(REAL / "reader_files/rosettasciio/tiff/TVIPS_bin4.zip").extractall(tmp_path)
    series = open_series(tmp_path / "TVIPS_bin4.tif")
    assert series.calibration.pixel_size_nm == pytest.approx(1.4208, rel=1e-3)
    np.testing.assert_array_equal(series.raw(0), tifffile.imread(tmp_path / "TVIPS_bin4.tif"))


@needs_real
def test_real_tilt_series() -> None:
    folder = REAL / "needle_tilt_series"
    series = open_series(folder / "HAADF.mrc")
    assert len(series) == 77
    assert list(series.frames["tilt_deg"]) == list(range(-76, 77, 2))
    assert series.calibration.pixel_size_nm == pytest.approx(3.36, rel=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of small breaks of the format
        with mrcfile.open(folder / "HAADF.mrc", permissive=True) as mrc:
            np.testing.assert_array_equal(series.raw(40), mrc.data[40])
    serialem = open_series(folder / "SerialEM" / "test_000.mrc")
    assert serialem.angle_file == folder / "SerialEM" / "test_000.mdoc"
    assert serialem.calibration.pixel_size_nm == pytest.approx(0.788)


@needs_real
def test_real_dm3_stack_with_an_axis_of_angles() -> None:
    pytest.importorskip("rsciio")
    series = open_series(REAL / "needle_tilt_series" / "HAADF.dm3")
    assert list(series.frames["tilt_deg"]) == list(range(-90, 91, 2))
    assert "HAADF.rawtlt beside the images holds 77 tilt angles for 91 images" in series.notes[0]
    single = open_series(REAL / "needle_tilt_series" / "DM_Series_Test")
    assert single.frames["tilt_deg"].tolist() == pytest.approx([-72.003, -69.0036, -66.0042], abs=1e-4)
