"""The movie: voids stay at their places, in the colours of their tracks; nothing, one frame, an expanded canvas."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageColor, ImageDraw

from voidlab import tables
from voidlab.cli import main
from voidlab.images.series import Calibration
from voidlab.report.figures import movie

NM = Calibration(0.5, "parameters")


def series(count=3, shape=(60, 90)):
    """Frames with one void that the stage carries to the right, their drift, and the void as linked."""
    images, rows = [], []
    for row in range(count):
        image = np.full(shape, 0.3, np.float32)
        image[28:33, 40 + 5 * row : 45 + 5 * row] = 1
        images.append(image)
        rows.append({"frame": 7 + row, "x_px": 42.0 + 5 * row, "y_px": 30.0, "radius_px": 8.0, "particle": 1})
    drift = pd.DataFrame(
        {"frame": np.arange(7, 7 + count), "drift_x_px": 5.0 * np.arange(count), "drift_y_px": 0.0}
    )
    voids = pd.DataFrame(rows, columns=["frame", "x_px", "y_px", "radius_px", "particle"])
    return images, drift, voids


def test_what_drifted_stands_still():
    pictures = list(movie.draw_frames(*series(), calibration=NM))
    for picture in pictures:
        shown = np.asarray(picture)
        assert shown[30, 42].tolist() == [255] * 3
        assert shown[30, 34].tolist() == list(ImageColor.getrgb(movie._COLOURS[1]))
    assert np.asarray(pictures[2])[30, 85].tolist() == [movie._OUTSIDE] * 3


def test_a_void_in_no_track_is_white():
    images, drift, voids = series(1)
    (picture,) = movie.draw_frames(images, drift, voids.assign(particle=np.nan), calibration=NM)
    assert np.asarray(picture)[30, 34].tolist() == [255] * 3


def test_an_expanded_canvas_shows_all_of_every_frame():
    pictures = list(movie.draw_frames(*series(), calibration=NM, expand=True))
    assert {picture.size for picture in pictures} == {(100, 60)}
    assert np.asarray(pictures[0])[30, 52].tolist() == [255] * 3


def test_large_frames_are_shrunk_to_even_sides():
    (picture,) = movie.draw_frames(*series(1, shape=(61, 93)), calibration=NM, most_px=50)
    assert picture.size == (46, 30)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_movie_has_a_picture_for_each_frame(tmp_path, suffix):
    path = movie.write_movie(tmp_path / f"movie{suffix}", *series(4), calibration=NM)
    if suffix == ".gif":
        with Image.open(path) as made:
            assert (made.n_frames, made.size) == (4, (90, 60))
        return
    av = pytest.importorskip("av")
    with av.open(str(path)) as made:
        shapes = [frame.to_ndarray(format="gray").shape for frame in made.decode(video=0)]
    assert shapes == [(60, 90)] * 4


def test_frames_without_voids_make_a_movie(tmp_path):
    images, drift, voids = series(2)
    assert movie.write_movie(tmp_path / "m.gif", images, drift, voids.iloc[:0], calibration=NM).exists()


def test_no_frames_and_other_suffixes_are_refused(tmp_path):
    images, drift, voids = series(1)
    with pytest.raises(ValueError, match="no frame"):
        movie.write_movie(tmp_path / "m.gif", [], drift.iloc[:0], voids, calibration=NM)
    with pytest.raises(ValueError, match=r"m.avi: a movie is .mp4 or .gif"):
        movie.write_movie(tmp_path / "m.avi", images, drift, voids, calibration=NM)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_movie_and_lists_it(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    assert main(["movie", copied.dataset, "--gif", "--expand"]) == 0
    assert (copied.exports / "movie.gif").stat().st_size
    assert "exports/movie.gif" in copied.index.read_text()
    copied.table("links").unlink()
    assert main(["movie", copied.dataset]) == 2
    assert "Run stage 'track'" in capsys.readouterr().err


def test_a_small_gif_fits_however_long_the_series():
    images = [np.random.default_rng(n).random((150, 210)) for n in range(60)]
    drift = tables.check(
        pd.DataFrame({"frame": range(60), "drift_x_px": 0.0, "drift_y_px": 0.0, "drift_sigma_px": 0.1,
                      "pairs_kept": 3, "flag": ""}), "drift"
    )  # fmt: skip
    voids = pd.DataFrame({"frame": range(60), "x_px": 40.0 + np.arange(60), "y_px": 70.0, "radius_px": 9.0})
    content = movie.small_gif(images, drift, voids.assign(particle=3), calibration=NM, most_bytes=150_000)
    assert len(content) <= 150_000
    picture = Image.open(io.BytesIO(content))
    assert picture.n_frames >= 2
    assert movie.small_gif([], drift.iloc[:0], voids.iloc[:0], calibration=NM) == b""


def test_a_trail_lies_where_the_void_has_been():
    images = [np.zeros((100, 140))] * 5
    drift = pd.DataFrame({"frame": range(5), "drift_x_px": 4.0 * np.arange(5), "drift_y_px": 0.0})
    voids = pd.DataFrame(
        {"frame": range(5), "x_px": 30.0 + 14 * np.arange(5), "y_px": 50.0, "radius_px": 4.0}
    )
    *_, last = movie.draw_frames(images, drift, voids.assign(particle=0), calibration=NM, trails=True)
    pixels = np.asarray(last)
    assert tuple(pixels[50, 45]) == (230, 159, 0)
    assert tuple(pixels[50, 85]) != (230, 159, 0)


def test_time_or_tilt_and_the_number_of_voids_stand_in_the_picture():
    numbers, frames = (
        np.array([7, 8]),
        pd.DataFrame({"frame": [7, 8], "tilt_deg": np.nan, "time_s": [np.nan, 2.5]}),
    )
    assert movie._captions(numbers, frames) == ["frame 7", "frame 8  2.5 s"]
    tilted = frames.assign(tilt_deg=[-12.0, 30.0])
    assert movie._captions(numbers, tilted) == ["frame 7  -12.0°", "frame 8  +30.0°"]
    assert movie._captions(numbers, None) == ["frame 7", "frame 8"]
    assert [movie._count(n) for n in (0, 1, 2)] == ["0 voids", "1 void", "2 voids"]


def test_few_colours_are_near_those_of_the_picture():
    picture = next(movie.draw_frames(*series(1), calibration=NM))
    few = np.asarray(movie._with_few_colours(picture).convert("RGB")).astype(int)
    whole = np.asarray(picture).astype(int)
    assert np.abs(few - whole).max() <= 256 // movie._GREYS
    coloured = np.ptp(whole, axis=2) > 0
    assert coloured.any()
    assert (few == whole)[coloured].all()


def test_an_ellipse_is_outlined_as_one_in_a_movie():
    picture = Image.new("RGB", (120, 100))
    shapes = np.array([[40.0, 10.0, 90.0]])
    movie._outline(ImageDraw.Draw(picture), np.array([[60.0, 50.0, 20.0, 1.0]]), shapes, np.zeros(2), 1)
    rows, columns = np.nonzero(np.asarray(picture).any(axis=2))
    assert (rows.min(), rows.max()) == pytest.approx((10, 90), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((50, 70), abs=1)
