"""The points in 3D as a small rotating GIF. For the eye only."""

import io

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from voidlab.report.figures.base import round_down, show_movie
from voidlab.report.figures.tilt import depth_colours
from voidlab.swelling.places_in_foil import inclination, mid_foil
from voidlab.tables.size_basis import is_size
from voidlab.tables.units import HasPixelSize, unit_of

_SIZE = (480, 360)
_CENTRE = np.array([_SIZE[0] / 2, _SIZE[1] / 2 - 8])  # the scale bar stands below
_PICTURES, _MS = 45, 90
_LEAN_DEG = 12.0  # looked at from a little above
_MOST = 1500  # voids drawn: of more, the largest
_GROUND, _INK = (255, 255, 255), (60, 60, 60)


def rotating_gif_bytes(
    points: pd.DataFrame,
    reconstruction: pd.DataFrame,
    calibration: HasPixelSize,
    *,
    pictures: int = _PICTURES,
) -> bytes:
    """The voids in 3D, to scale and coloured by depth, turning once about image y; with the foil's faces as frames.

    Returns
    -------
    bytes
        A GIF, well below 1 MB; empty where there are no points.
    """
    if points.empty:
        return b""
    shown = points.nlargest(_MOST, "radius_px")
    angles = np.linspace(0, 2 * np.pi, pictures, endpoint=False)
    drawn = [_draw(shown, reconstruction, calibration, angle) for angle in angles]
    palette = drawn[0].quantize(64, dither=Image.Dither.NONE)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in drawn]
    stream = io.BytesIO()
    frames[0].save(
        stream, format="GIF", save_all=True, append_images=frames[1:], duration=_MS, loop=0, optimize=True
    )
    return stream.getvalue()


def show_rotating_voids(
    points: pd.DataFrame, reconstruction: pd.DataFrame, calibration: HasPixelSize
) -> None:
    """Show the voids in 3D as they turn once about image y; nothing where there are no points."""
    gif = rotating_gif_bytes(points, reconstruction, calibration)
    show_movie(gif, "The voids in 3D, turning about image y, coloured by depth")


def _draw(
    points: pd.DataFrame, reconstruction: pd.DataFrame, calibration: HasPixelSize, angle: float
) -> Image.Image:
    picture = Image.new("RGB", _SIZE, _GROUND)
    pen = ImageDraw.Draw(picture)
    places = points[["x_px", "y_px", "z_px"]].to_numpy(np.float64)
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    reach = np.ptp(places, axis=0) / 2 + points["radius_px"].max()  # a single void has its own width
    # Room for the widest and the highest that it gets on its way round.
    wide, lean = np.hypot(reach[0], reach[2]), np.deg2rad(_LEAN_DEG)
    high = reach[1] * np.cos(lean) + wide * np.sin(lean)
    scale = min(0.47 * _SIZE[0] / wide, 0.43 * _SIZE[1] / high)
    turn = _turn(angle)
    seen = (places - middle) @ turn.T
    _draw_faces(pen, reconstruction, middle, reach, turn, scale)
    colours = depth_colours(places[:, 2])
    radius, sized = np.maximum(points["radius_px"].to_numpy() * scale, 1.0), is_size(points)
    for row in np.argsort(-seen[:, 2]):  # the farthest first
        x, y = _CENTRE + seen[row, :2] * scale
        box = [x - radius[row], y - radius[row], x + radius[row], y + radius[row]]
        colour = tuple(colours[row].tolist())
        if sized[row]:
            pen.ellipse(box, fill=colour, outline=_INK if radius[row] > 2.5 else None)
        else:  # how large it is is not known
            pen.ellipse(box, outline=colour)
    _scale_bar(pen, scale, calibration)
    return picture


def _turn(angle: float) -> np.ndarray:
    """Rotation (3, 3) by ``angle`` about y, then a little forward."""
    c, s, lean = np.cos(angle), np.sin(angle), np.deg2rad(_LEAN_DEG)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    forward = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    return np.asarray(forward @ about_y)


def _draw_faces(
    pen: ImageDraw.ImageDraw,
    reconstruction: pd.DataFrame,
    middle: np.ndarray,
    reach: np.ndarray,
    turn: np.ndarray,
    scale: float,
) -> None:
    """The two faces of what holds voids, which lean as the foil does; none where there is no thickness."""
    if reconstruction.empty or not np.isfinite(reconstruction["thickness_px"].iloc[0]):
        return
    row = reconstruction.iloc[0]
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * reach[:2]
    depth = mid_foil(corners + middle[:2], row) - middle[2]
    # The thickness is that along the normal, the faces lie apart along the beam.
    half = row["thickness_px"] / 2 / np.cos(inclination(row))
    for side in (-half, half):
        line = _CENTRE + (np.column_stack([corners, depth + side]) @ turn.T)[:, :2] * scale
        pen.line([tuple(point) for point in line], fill=(150, 150, 150), width=1)


def _scale_bar(pen: ImageDraw.ImageDraw, scale: float, calibration: HasPixelSize) -> None:
    font = ImageFont.load_default(13)
    size, unit = unit_of(calibration)
    length = round_down(_SIZE[0] / scale * size / 5)
    left, bottom = 12, _SIZE[1] - 12
    pen.rectangle([left, bottom - 3, left + length / size * scale, bottom], fill=_INK)
    pen.text((left, bottom - 6), f"{length:g} {unit}", fill=_INK, anchor="ld", font=font)
    pen.text((_SIZE[0] - 12, bottom), "colour: depth; turns about y", fill=_INK, anchor="rd", font=font)
