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

from voidlab.drift import Canvas, align
from voidlab.images.binning import block_mean
from voidlab.report.figures.base import BLUE, GREEN, ORANGE, RED, SKY, round_down, show_movie
from voidlab.tables.outlines import axes_of, is_drawn_as_ellipse, points_on
from voidlab.tables.rows import spread_rows
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import HasPixelSize, unit_of
from voidlab.tables.written import replacing_own

Progress = Callable[[Iterable[int], int], Iterable[int]]

# Colours that stay apart for colour-blind eyes, after Okabe and Ito (2008); white: in no track.
_COLOURS = (ORANGE, SKY, GREEN, "#F0E442", BLUE, RED, "#CC79A7")
_NO_TRACK = "#FFFFFF"
_OUTSIDE = 40  # grey outside the frame
_GREYS = 32
_SMALL_PX = 6
_MOST_IN_REPORT, _ENOUGH = 24, 10  # frames
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
    frames: pd.DataFrame | None = None,
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
    frames
        Table of this name, for time or tilt of each.
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
    pictures = draw_frames(images, drift, voids, calibration=calibration, frames=frames, expand=expand,
                           most_px=most_px)  # fmt: skip
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
    frames: pd.DataFrame | None = None,
    most_bytes: int = 1_500_000,
) -> bytes:
    """A GIF for a report: as many frames as fit into ``most_bytes``, spread over the series, with the tracks so far.

    Parameters are those of `write_movie`. Empty without frames.
    """
    known = np.flatnonzero(np.isfinite(drift[["drift_x_px", "drift_y_px"]].to_numpy(float)).all(axis=1))
    if not len(known):
        return b""

    def drawn(rows: np.ndarray, most_px: int) -> list[Image.Image]:
        pictures = draw_frames(
            images, drift, voids, calibration=calibration, frames=frames, most_px=most_px, rows=rows.tolist(),
            trails=True,
        )  # fmt: skip
        return [_with_few_colours(picture) for picture in pictures]

    # One picture tells how much room they take, so that none is drawn in vain.
    most_px, room = _MOST_PX[".gif"], 0.9 * most_bytes
    most = min(len(known), _MOST_IN_REPORT)
    middle = known[len(known) // 2 :][:1]
    while (fitting := int(room / len(_gif(drawn(middle, most_px), 1)))) < min(most, _ENOUGH) and most_px > 64:
        most_px = int(0.7 * most_px)  # below a dozen a smaller picture says more than fewer of them
    pictures = drawn(known[spread_rows(len(known), max(min(most, fitting), 1))], most_px)
    while (
        len(gif := _gif(pictures, min(8.0, max(2.0, len(pictures) / 4)))) > most_bytes and len(pictures) > 1
    ):
        pictures = [pictures[row] for row in spread_rows(len(pictures), int(0.8 * len(pictures)))]
    return gif


def show_track_movie(
    images: Sequence[np.ndarray],
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    linked: pd.DataFrame,
    calibration: HasPixelSize,
    frames: pd.DataFrame | None = None,
) -> None:
    """Show the drift-corrected series, each of the ``voids`` outlined in the colour of its track in ``linked``.

    ``frames``, the table of this name, gives time or tilt of each.
    """
    tracked = voids.merge(linked[["frame", "label", "particle"]], on=["frame", "label"], how="left")
    gif = small_gif(images, drift, tracked, calibration=calibration, frames=frames)
    show_movie(gif, "The drift-corrected series, each void outlined in the colour of its track")


def draw_frames(
    images: Sequence[np.ndarray],
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    *,
    calibration: HasPixelSize,
    frames: pd.DataFrame | None = None,
    expand: bool = False,
    most_px: int = 1600,
    rows: Sequence[int] | None = None,
    trails: bool = False,
) -> Iterator[Image.Image]:
    """The pictures of a movie, one after the other; see `write_movie`. They are halved until they fit ``most_px``.

    ``rows`` picks some of the frames; with ``trails`` each track is drawn up to where it has come.
    """
    shift = drift[["drift_x_px", "drift_y_px"]].to_numpy(np.float64)
    numbers = drift["frame"].to_numpy()
    shape = np.asarray(images[0]).shape
    canvas = Canvas.of_all(shape, shift) if expand else Canvas(shape)
    factor = max(1, -(-max(canvas.shape) // most_px))
    height, width = (size // factor // 2 * 2 for size in canvas.shape)  # even, as videos need them
    small = Canvas((height, width), canvas.origin)
    of_frame = voids.groupby("frame").indices
    columns = voids[["x_px", "y_px", "radius_px", "particle"]].astype("float64").to_numpy(na_value=np.nan)
    shapes = axes_of(voids)
    ways = _ways(columns, voids["frame"].to_numpy(), drift) if trails else {}
    captions = _captions(numbers, frames)
    for row in range(len(drift)) if rows is None else rows:
        if not np.isfinite(shift[row]).all():
            continue  # its drift is unknown
        # The mean of pixels first: a quarter of the pixels and less is left to be moved.
        begins = np.array(canvas.origin) - shift[row]
        moved = align(block_mean(np.asarray(images[row], np.float32), factor), -begins / factor,
                      canvas=Canvas(small.shape))  # fmt: skip
        values = np.clip(255 * moved, 0, 255)
        grey = np.where(np.isfinite(values), values, _OUTSIDE).astype(np.uint8)
        picture = Image.fromarray(grey).convert("RGB")
        pen = ImageDraw.Draw(picture)
        rows_of = of_frame.get(numbers[row], [])
        here = columns[rows_of]
        for particle in np.unique(here[:, 3][np.isfinite(here[:, 3])]) if trails else ():
            seen, way = ways[particle]
            so_far = way[: np.searchsorted(seen, numbers[row], side="right")]
            _line(pen, (so_far + canvas.origin + 0.5) / factor - 0.5, _colour(particle))
        _outline(pen, here, shapes[rows_of], begins, factor)
        _label(pen, picture.size, [captions[row], _count(len(here))], calibration, factor)
        yield picture


def _captions(numbers: np.ndarray, frames: pd.DataFrame | None) -> list[str]:
    """What stands in the corner of each frame: its number, and its tilt or its time where it is known."""
    if frames is None:
        return [f"frame {number}" for number in numbers]
    about = frames.set_index("frame").reindex(numbers)
    tilted, said = is_tilted(frames["tilt_deg"]), []
    for number, tilt, time in zip(numbers, about["tilt_deg"], about["time_s"], strict=True):
        more = (
            f"  {tilt:+.1f}°"
            if tilted and np.isfinite(tilt)
            else f"  {time:.4g} s"
            if np.isfinite(time)
            else ""
        )
        said.append(f"frame {number}{more}")
    return said


def _count(voids: int) -> str:
    return f"{voids} void{'' if voids == 1 else 's'}"


def _ways(
    columns: np.ndarray, frame: np.ndarray, drift: pd.DataFrame
) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """Of each particle the frames it was seen in, and where, less the drift: (n,) and (n, 2)."""
    rows = np.flatnonzero(np.isfinite(columns[:, 3]))
    rows = rows[np.lexsort((frame[rows], columns[rows, 3]))]
    shift = drift.set_index("frame")[["drift_x_px", "drift_y_px"]].reindex(frame[rows]).to_numpy(np.float64)
    begins = np.flatnonzero(np.diff(columns[rows, 3], prepend=np.nan) != 0)
    tracks = np.split(np.arange(len(rows)), begins[1:]) if len(rows) else []
    places = columns[rows, :2] - shift
    return {columns[rows[track[0]], 3]: (frame[rows[track]], places[track]) for track in tracks}


def _outline(
    pen: ImageDraw.ImageDraw, voids: np.ndarray, shapes: np.ndarray, begins: np.ndarray, factor: int
) -> None:
    """Outline voids (n, 4), x, y, radius and particle, of these ``shapes`` (n, 3).

    ``begins`` is where (x, y) the frame begins on the canvas.
    """
    for (x, y, radius, particle), shape in zip(voids, shapes, strict=True):
        # The centre of a shrunken pixel is that of the pixels it is the mean of.
        middle = (np.array([x, y]) + begins + 0.5) / factor - 0.5
        reach = radius / factor
        colour = _NO_TRACK if np.isnan(particle) else _colour(particle)
        width = (
            2 if reach > _SMALL_PX and not np.isnan(particle) else 1
        )  # a small void is to be seen in its outline
        if is_drawn_as_ellipse(shape[None])[0]:
            around = points_on(middle[0], middle[1], shape / (factor, factor, 1)).ravel().tolist()
            pen.line([*around, *around[:2]], fill=colour, width=width)
            continue
        pen.ellipse([*(middle - reach), *(middle + reach)], outline=colour, width=width)


def _line(pen: ImageDraw.ImageDraw, way: np.ndarray, colour: str) -> None:
    if len(way) > 1:
        pen.line(way.ravel().tolist(), fill=colour, width=1)


def _colour(particle: float) -> str:
    return _COLOURS[int(particle) % len(_COLOURS)]


def _label(
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    texts: Sequence[str],
    calibration: HasPixelSize,
    factor: int,
) -> None:
    """Two texts at the top, and a scale bar of a round length: white on black, to be read on any ground."""
    width, height = size
    nm, unit = unit_of(calibration)
    length = round_down(width * factor * nm / 5)
    font = ImageFont.load_default(max(width // 32, 10))
    left, bottom, thick = width // 40, height - height // 40, max(height // 150, 2)
    pen.rectangle([left, bottom - thick, left + length / nm / factor, bottom], fill="white", outline="black")
    style = {"fill": "white", "stroke_width": 2, "stroke_fill": "black", "font": font}
    pen.text((left, bottom - 2 * thick), f"{length:g} {unit}", anchor="ld", **style)  # type: ignore[arg-type]
    pen.text((left, height // 40), texts[0], anchor="la", **style)  # type: ignore[arg-type]
    pen.text((width - left, height // 40), texts[1], anchor="ra", **style)  # type: ignore[arg-type]


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


def _write_gif(path: Path, pictures: Iterator[Image.Image], frames_per_s: float) -> None:
    _save_gif(path, (_with_few_colours(picture) for picture in pictures), frames_per_s)


def _gif(pictures: Sequence[Image.Image], frames_per_s: float) -> bytes:
    stream = io.BytesIO()
    _save_gif(stream, iter(pictures), frames_per_s)
    return stream.getvalue()


def _save_gif(path: Path | BinaryIO, pictures: Iterator[Image.Image], frames_per_s: float) -> None:
    next(pictures).save(
        path, format="GIF", save_all=True, append_images=pictures, duration=round(1000 / frames_per_s), loop=0
    )


def _with_few_colours(picture: Image.Image) -> Image.Image:
    """``picture`` in few greys and the colours of the tracks, the same for all: none has to be looked for."""
    values = np.asarray(picture)
    packed = values[:, :, 0].astype(np.int32) << 16 | values[:, :, 1].astype(np.int32) << 8 | values[:, :, 2]
    number = values[:, :, 1] // (256 // _GREYS)
    for place, colour in enumerate(_COLOURS, start=_GREYS):
        number[packed == int(colour[1:], 16)] = place
    result = Image.fromarray(number)
    greys = [[level] * 3 for level in np.linspace(0, 255, _GREYS).round().astype(int).tolist()]
    result.putpalette([value for grey in greys for value in grey] + list(b"".join(map(_rgb, _COLOURS))))
    return result


def _rgb(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])
