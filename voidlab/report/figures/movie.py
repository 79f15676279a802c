"""A drift-corrected movie of a series, with the outline of each void in the colour of its track.

MP4 with the extra ``video``, else GIF. For the eye only: frames are resampled once, numbers come from the tables.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from voidlab.drift import Canvas, align, subtract_drift
from voidlab.images.binning import block_mean
from voidlab.report.figures.base import BLUE, GREEN, ORANGE, RED, SKY, round_down, show_movie
from voidlab.tables.rows import spread_rows
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.written import replacing_own

Progress = Callable[[Iterable[int], int], Iterable[int]]

# Colours that stay apart for colour-blind eyes, after Okabe and Ito (2008); white: in no track.
_COLOURS = (ORANGE, SKY, GREEN, "#F0E442", BLUE, RED, "#CC79A7")
_NO_TRACK = "#FFFFFF"
_OUTSIDE = 40  # grey outside the frame
_MOST_PX = {".mp4": 1600, ".gif": 512}


def can_write_mp4() -> bool:
    """Whether the extra ``video`` is installed."""
    return find_spec("av") is not None


def write_movie(
    path: Path,
    images: Sequence[np.ndarray],
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    *,
    calibration: HasPixelSize,
    frames_per_s: float = 10.0,
    expand: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the series as a movie in which the specimen does not drift.

    Parameters
    ----------
    path
        ``.mp4``, or ``.gif`` of at most 512 px a side.
    images
        Frames (H, W), 0 to 1, in the order of the rows of ``drift``.
    drift, voids
        Tables of these names; ``voids`` with a column ``particle``, missing where a void is in no track.
    frames_per_s
        Frames shown in a second.
    expand
        Show all that any frame shows, not just the field of the reference frame.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ValueError
        If the suffix is another, or there is no frame.
    """
    if path.suffix not in _MOST_PX:
        raise ValueError(f"{path.name}: a movie is .mp4 or .gif.")
    if not len(images):
        raise ValueError("there is no frame to make a movie of.")
    most_px = _MOST_PX[path.suffix]
    pictures = draw_frames(images, drift, voids, calibration=calibration, expand=expand, most_px=most_px)
    rows = range(len(images))
    steps = iter(progress(rows, len(rows)) if progress else rows)
    counted = (picture for picture, _ in zip(pictures, steps, strict=False))
    with replacing_own(path) as temporary:
        write = _write_mp4 if path.suffix == ".mp4" else _write_gif
        write(temporary, counted, frames_per_s)
    next(steps, None)  # so that a bar knows that it is done
    return path


def small_gif(
    images: Sequence[np.ndarray],
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    *,
    calibration: HasPixelSize,
    most_bytes: int = 1_500_000,
) -> bytes:
    """A GIF for a report: as many frames as fit into ``most_bytes``, spread over the series, with the tracks so far.

    Parameters are those of `write_movie`. Empty without frames.
    """
    count, most_px = min(len(images), 48), 512
    while count:
        rows = spread_rows(len(images), count)
        pictures = draw_frames(
            images, drift, voids, calibration=calibration, most_px=most_px, rows=rows.tolist(), trails=True
        )
        stream = io.BytesIO()
        _write_gif(stream, pictures, frames_per_s=min(8.0, max(2.0, count / 6)))
        size = stream.tell()
        if size <= most_bytes or (count == 1 and most_px < 128):
            return stream.getvalue()
        # Fewer frames first: below a dozen a smaller picture says more than fewer of them.
        if count > 12:
            count = max(12, min(count - 1, int(0.9 * count * most_bytes / size)))
        else:
            most_px, count = int(0.7 * most_px), count if most_px > 200 else 1
    return b""


def show_track_movie(
    images: Sequence[np.ndarray],
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    linked: pd.DataFrame,
    calibration: HasPixelSize,
) -> None:
    """Show the drift-corrected series, each of the ``voids`` outlined in the colour of its track in ``linked``."""
    tracked = voids.merge(linked[["frame", "label", "particle"]], on=["frame", "label"], how="left")
    gif = small_gif(images, drift, tracked, calibration=calibration)
    show_movie(gif, "The drift-corrected series, each void outlined in the colour of its track")


def draw_frames(
    images: Sequence[np.ndarray],
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    *,
    calibration: HasPixelSize,
    expand: bool = False,
    most_px: int = 1600,
    rows: Sequence[int] | None = None,
    trails: bool = False,
) -> Iterator[Image.Image]:
    """The pictures of a movie, one after the other; see `write_movie`. They are halved until they fit ``most_px``.

    ``rows`` picks some of the frames; with ``trails`` each track is drawn up to where it has come.
    """
    shift = drift[["drift_x_px", "drift_y_px"]].to_numpy()
    shape = np.asarray(images[0]).shape
    canvas = Canvas.of_all(shape, shift) if expand else Canvas(shape)
    factor = max(1, -(-max(canvas.shape) // most_px))
    of_frame = dict(iter(voids.groupby("frame")))
    tracked = voids.dropna(subset=["particle"]).sort_values(["particle", "frame"])
    corrected = subtract_drift(tracked, drift) if trails else voids
    for row in range(len(drift)) if rows is None else rows:
        frame = drift["frame"].iloc[row]
        if not np.isfinite(shift[row]).all():
            continue  # its drift is unknown
        grey = _shrunk(align(images[row], shift[row], canvas=canvas), factor)
        picture = Image.fromarray(grey).convert("RGB")
        pen = ImageDraw.Draw(picture)
        here = of_frame.get(frame, voids.iloc[:0])
        if trails:
            so_far = corrected[(corrected["frame"] <= frame) & corrected["particle"].isin(here["particle"])]
            _trails(pen, so_far, np.array(canvas.origin), factor)
        _outline(pen, here, np.array(canvas.origin) - shift[row], factor)
        _label(pen, picture.size, f"frame {frame}", calibration, factor)
        yield picture


def _shrunk(image: np.ndarray, factor: int) -> np.ndarray:
    """Grey values, 0 to 255, of means of pixels; even sides, as videos need them."""
    height, width = (size // factor // 2 * 2 for size in image.shape)
    values = np.clip(255 * block_mean(image[: height * factor, : width * factor], factor), 0, 255)
    return np.where(np.isfinite(values), values, _OUTSIDE).astype(np.uint8)


def _outline(pen: ImageDraw.ImageDraw, voids: pd.DataFrame, begins: np.ndarray, factor: int) -> None:
    """Outline each void in the colour of its particle; ``begins`` is where (x, y) the frame begins on the canvas."""
    columns = voids[["x_px", "y_px", "radius_px", "particle"]]
    for x, y, radius, particle in columns.astype("float64").to_numpy(na_value=np.nan):
        # The centre of a shrunken pixel is that of the pixels it is the mean of.
        middle = (np.array([x, y]) + begins + 0.5) / factor - 0.5
        reach = radius / factor
        colour, width = (_NO_TRACK, 1) if np.isnan(particle) else (_colour(particle), 2)
        pen.ellipse([*(middle - reach), *(middle + reach)], outline=colour, width=width)


def _trails(pen: ImageDraw.ImageDraw, tracked: pd.DataFrame, begins: np.ndarray, factor: int) -> None:
    for rows in tracked.groupby("particle").indices.values():
        track = tracked.iloc[rows]
        way = (track[["x_corrected_px", "y_corrected_px"]].to_numpy() + begins + 0.5) / factor - 0.5
        if len(way) > 1:
            pen.line(way.ravel().tolist(), fill=_colour(track["particle"].iloc[0]), width=1)


def _colour(particle: float) -> str:
    return _COLOURS[int(particle) % len(_COLOURS)]


def _label(
    pen: ImageDraw.ImageDraw, size: tuple[int, int], text: str, calibration: HasPixelSize, factor: int
) -> None:
    """Number of the frame and a scale bar of a round length, white on black so that both are read on any ground."""
    width, height = size
    nm, unit = unit_of(calibration)
    length = round_down(width * factor * nm / 5)
    font = ImageFont.load_default(max(width // 45, 10))
    left, bottom, thick = width // 40, height - height // 40, max(height // 150, 2)
    pen.rectangle([left, bottom - thick, left + length / nm / factor, bottom], fill="white", outline="black")
    style = {"fill": "white", "stroke_width": 2, "stroke_fill": "black", "font": font}
    pen.text((left, bottom - 2 * thick), f"{length:g} {unit}", anchor="ld", **style)  # type: ignore[arg-type]
    pen.text((left, height // 40), text, anchor="la", **style)  # type: ignore[arg-type]


def _write_mp4(path: Path, pictures: Iterator[Image.Image], frames_per_s: float) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(frames_per_s).limit_denominator(1000))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for picture in pictures:
            if not container.streams.video[0].codec_context.is_open:
                stream.width, stream.height = picture.size
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def _write_gif(path: Path | BinaryIO, pictures: Iterator[Image.Image], frames_per_s: float) -> None:
    reduced = (picture.quantize(128, dither=Image.Dither.NONE) for picture in pictures)
    first = next(reduced)
    first.save(
        path, format="GIF", save_all=True, append_images=reduced, duration=round(1000 / frames_per_s), loop=0
    )
