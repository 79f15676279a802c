"""Files that hold several kinds of images: the likely one, said, and every other when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from projects import SHARED as REAL
from voidlab.images.readers.base import Choice
from voidlab.images.readers.rosettasciio import _choose
from voidlab.images.series import ImageSeries, ImagesError, open_series

MOVIE = np.arange(5 * 24 * 36, dtype=np.uint16).reshape(5, 24, 36)
FAULTS = REAL.parent / "faults"


def with_preview(path: Path, preview: np.ndarray, *, last: bool = False, **how: str) -> Path:
    with tifffile.TiffWriter(path) as tif:
        if not last:
            tif.write(preview, metadata=None, **how)
        for image in MOVIE:
            tif.write(image, photometric="minisblack", metadata=None, contiguous=False)
        if last:
            tif.write(preview, metadata=None, contiguous=False, **how)
    return path


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("colour", [False, True])
def test_a_preview_hides_no_stack(tmp_path: Path, last: bool, colour: bool) -> None:
    preview = np.full((24, 36, 3), 7, np.uint8) if colour else np.full((6, 9), 7, np.uint8)
    how = {"photometric": "rgb" if colour else "minisblack"}
    path = with_preview(tmp_path / "a.tif", preview, last=last, **how)
    series = open_series(path)
    assert (len(series), series.shape) == (5, (24, 36))
    np.testing.assert_array_equal(series.raw(4), MOVIE[4])
    assert f"series {0 if last else 1} is used" in series.notes[0]
    chosen = open_series(path, choice=Choice(series=1 if last else 0))
    assert (len(chosen), chosen.raw(0).max(), chosen.notes) == (1, pytest.approx(7), [])


def test_the_movie_of_an_ome_file_with_its_own_scale(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        tif.write(MOVIE[:1, ::2, ::2], photometric="minisblack", metadata={"axes": "TYX", "Name": "overview"})
        scale = {
            "PhysicalSizeX": 0.5,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "nm",
        }
        tif.write(MOVIE, photometric="minisblack", metadata={"axes": "TYX", "Name": "movie", **scale})
    series = open_series(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(series.raw(4), MOVIE[4])
    assert series.calibration.pixel_size_nm == pytest.approx(0.5)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_channel_and_a_slice_of_a_hyperstack(tmp_path: Path, compression: str | None) -> None:
    data = np.arange(4 * 2 * 3 * 12 * 20, dtype=np.uint16).reshape(4, 2, 3, 12, 20)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, data, compression=compression, metadata={"axes": "TZCYX", "TimeIncrement": 2.0})
    with pytest.raises(ImagesError, match=r"T \(4\), Z \(2\), C \(3\).*a.ome.tif, channel: 0, slice: 0"):
        open_series(path)
    series = open_series(path, choice=Choice(channel=2, slice=1))
    np.testing.assert_array_equal([series.raw(row) for row in range(4)], data[:, 1, 2])
    assert series.frames["time_s"].tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (
            Choice(series=2),
            "series: 2 is not in a.tif; it holds 0: 1 image of 9 × 6 px; 1: 5 images of 36 × 24 px",
        ),
        (Choice(channel=1), "channel: 1 is not in a.tif; it has 1, from 0"),
        (
            Choice(signal="HAADF"),
            "signal: HAADF was asked for, but series, channel, slice can be chosen of a.tif",
        ),
    ],
)
def test_what_is_not_there_cannot_be_chosen(tmp_path: Path, choice: Choice, words: str) -> None:
    path = with_preview(tmp_path / "a.tif", np.zeros((6, 9), np.uint8), photometric="minisblack")
    with pytest.raises(ImagesError, match=words):
        open_series(path, choice=choice)


def of(titles: Sequence[str], counts: Sequence[int] | None = None) -> list[dict[str, np.ndarray]]:
    return [{"data": np.zeros((n, 4, 6)) if n > 1 else np.zeros((4, 6))} for n in counts or [1] * len(titles)]


@pytest.mark.parametrize(
    ("titles", "best"),
    [
        (["C", "Ca", "O", "Cu", "HAADF"], 4),
        (["Fe-EELS", "Ni-K", "BF", "Map of Cr", "?"], 2),
        (["DF4", "HAADF", "BF"], 1),
        (["?", "Fe"], 0),
    ],
)
def test_a_detector_comes_before_maps(titles: list[str], best: int) -> None:
    place, notes = _choose(Path("a.emd"), of(titles), titles, Choice())
    assert place == best
    assert f"'{titles[best]}' is used" in notes[0]
    assert _choose(Path("a.emd"), of(titles), titles, Choice(signal=titles[0].lower())) == (0, [])


def test_a_signal_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ImagesError, match=r"'BF' is not in a.emd; it holds 'HAADF' \(3 of 6 × 4 px\), 'C' \(1 of"
    ):
        _choose(Path("a.emd"), of(["HAADF", "C"], [3, 1]), ["HAADF", "C"], Choice(signal="BF"))


def test_the_image_of_velox_among_its_maps() -> None:
    files = list(FAULTS.glob("10-*/*.emd"))
    if not files:
        pytest.skip(f"no EMD of Velox in {FAULTS}")
    series = open_series(files[0])
    assert "'HAADF' is used" in series.notes[0]
    assert (series.shape, series.raw(0).dtype) == ((16, 16), np.uint16)


@pytest.mark.parametrize(
    ("metadata", "ome", "times"),
    [
        ({"axes": "TYX", "finterval": 3.0}, False, [0, 3, 6]),
        ({"axes": "TYX", "finterval": 1.5, "tunit": "min"}, False, [0, 90, 180]),
        ({"axes": "ZYX", "finterval": 3.0}, False, [0, 3, 6]),
        ({"axes": "TYX"}, False, None),
        ({"axes": "TYX", "fps": 7.0}, False, None),  # how fast it is shown
        ({"axes": "TYX", "TimeIncrement": 500.0, "TimeIncrementUnit": "ms"}, True, [0, 0.5, 1]),
        ({"axes": "TYX", "Plane": {"DeltaT": [1.0, 3.0, 7.0]}}, True, [0, 2, 6]),
        ({"axes": "ZYX", "TimeIncrement": 3.0}, True, None),
    ],
)
def test_times_of_the_frames(tmp_path: Path, metadata: dict, ome: bool, times: list[float] | None) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    tifffile.imwrite(path, MOVIE[:3], ome=ome, imagej=not ome, metadata=metadata)
    found = open_series(path).frames["time_s"]
    assert found.isna().all() if times is None else found.tolist() == pytest.approx(times)
    assert open_series(path, frame_interval_s=5).frames["time_s"].tolist() == [0, 5, 10]


def test_times_of_files_of_an_image_each(tmp_path: Path) -> None:
    def write(times: Sequence[float]) -> ImageSeries:
        for n, time in enumerate(times):
            metadata = {"axes": "YX", "Plane": {"DeltaT": [time]}}
            tifffile.imwrite(tmp_path / f"a_{n}.ome.tif", MOVIE[n], ome=True, metadata=metadata)
        return open_series(tmp_path)

    series = write([1.0, 3.0, 7.0])
    assert series.frames["time_s"].tolist() == [0, 2, 6]
    assert "Times are those in the file headers, 0 to 6 s." in series.notes
    series = write([1.0, 3.0, 2.0])
    assert series.frames["time_s"].isna().all()
    assert (
        "The times in the file headers do not go up from image to image: they are not used."
        in series.notes[-1]
    )
    assert write([0.0, 0.0, 0.0]).notes == []


def test_slices_of_imagej_are_told_and_have_no_times_in_depth(tmp_path: Path) -> None:
    for spacing, times in ((None, [0, 3, 6]), (2.0, None)):
        metadata = {"axes": "ZYX", "finterval": 3.0, **({"spacing": spacing} if spacing else {})}
        tifffile.imwrite(tmp_path / "a.tif", MOVIE[:3], imagej=True, metadata=metadata)
        series = open_series(tmp_path / "a.tif")
        found = series.frames["time_s"]
        assert found.tolist() == times if times else found.isna().all()
        said = "in depth, its frame interval, 3.0 s, is not used" if spacing else "3.0 s, is taken"
        assert any(said in note for note in series.notes)


@pytest.mark.parametrize(
    ("metadata", "ome", "times", "said"),
    [
        (
            {"Plane": {"DeltaT": [0, 5, 2.5]}},
            True,
            None,
            "do not go up: 5 s of image 1, then 2.5 s; they are not used.",
        ),
        (
            {"Plane": {"DeltaT": [3, 3, 3]}},
            True,
            None,
            "do not go up: 3 s of image 0, then 3 s; they are not used.",
        ),
        (
            {"Plane": {"DeltaT": [3, 3, 3]}, "TimeIncrement": 2.0},
            True,
            [0, 2, 4],
            "they are not used; its time increment is taken.",
        ),
        (
            {"Plane": {"DeltaT": [0, 5, 7], "DeltaTUnit": ["s", "s", "reference frame"]}},
            True,
            None,
            "its times (DeltaT) are those of 2 of 3 images and are not used.",
        ),
        (
            {"finterval": 1.0, "tunit": "frame"},
            False,
            None,
            "its frame interval, 1.0 frame, is no number of s",
        ),
    ],
)
def test_times_that_are_not_used_are_told(
    tmp_path: Path, metadata: dict, ome: bool, times: list[float] | None, said: str
) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    tifffile.imwrite(path, MOVIE[:3], ome=ome, imagej=not ome, metadata={"axes": "TYX", **metadata})
    series = open_series(path)
    found = series.frames["time_s"]
    assert found.isna().all() if times is None else found.tolist() == times
    (note,) = (note for note in series.notes if "not used" in note)
    assert note.startswith(f"{path.name}: its ")
    assert said in note
    assert note.endswith("If the times are known, give times_s or frame_interval_s.")
    assert "not used" not in " ".join(open_series(path, frame_interval_s=5).notes)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (1e300, "lie 1e+300 s apart, which is no time between images (1e-09 to 1e+07 s)"),
        (1e-30, "lie 1e-30 s apart, which is no time between images"),
        (0.0, "do not go up from image to image"),
        (-3.0, "do not go up from image to image"),
        (float("nan"), "do not go up from image to image"),
        (float("inf"), "do not go up from image to image"),
    ],
)
@pytest.mark.parametrize("ome", [True, False])
def test_a_time_between_images_that_cannot_be_is_told_and_not_taken(
    tmp_path: Path, interval: float, said: str, ome: bool
) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    metadata = {"axes": "TYX", "TimeIncrement" if ome else "finterval": interval}
    tifffile.imwrite(path, MOVIE[:3], ome=ome, imagej=not ome, metadata=metadata)
    series = open_series(path)
    assert series.frames["time_s"].isna().all()
    told = " ".join(series.notes)
    assert f"The times in {path.name} {said}" in told
    assert "they are not used. If they are known, give times_s or frame_interval_s." in told
    given = open_series(path, frame_interval_s=2.0)
    assert given.frames["time_s"].tolist() == [0, 2, 4]
    assert "not used" not in " ".join(given.notes)
