"""Pictures of a dataset for the pages of its report: a micrograph with outlines, small or large; exported figures."""

import base64
import io
from pathlib import Path

import PIL.Image

from voidlab.project.paths import POSITIONS, STAGES, RunPaths
from voidlab.tables.written import replacing

_THUMBNAIL_PX, _LARGE_PX, _MOST_PIXELS = 240, 1200, 50_000_000
_MOST_BYTES = 400_000  # of a figure that goes into a page


def _pictured(paths: RunPaths) -> Path:
    """The notebook that shows what the dataset is of: segment, or positions where there are no images."""
    own = paths.notebook(POSITIONS)
    return own if own.exists() else paths.notebook(STAGES[0])


def photo_with_outlines(paths: RunPaths) -> str | None:
    """The first photo of `_pictured` as an address; None when there is none."""
    photo = _photo(paths, _LARGE_PX)
    return None if photo is None else _address("jpeg", photo)


def overlay_of_photo(paths: RunPaths) -> str | None:
    """Where the first photo of `_pictured` lies at full resolution, from the report's folder."""
    from voidlab.report import notebook_html

    file = notebook_html.link_of_first_photo(_pictured(paths))
    return file if file is not None and (paths.folder / file).is_file() else None


def thumbnail(paths: RunPaths) -> str | None:
    """The first photo of `_pictured`, small, for the list of datasets; kept, as that is written after each run."""
    kept, notebook = paths.folder / ".thumbnail.jpg", _pictured(paths)
    try:
        if kept.stat().st_mtime_ns >= notebook.stat().st_mtime_ns and kept.stat().st_size < _MOST_BYTES:
            return _address("jpeg", kept.read_bytes())
    except OSError:
        pass
    photo = _photo(paths, _THUMBNAIL_PX)
    if photo is None:
        return None
    try:
        with replacing(kept) as temporary:
            temporary.write_bytes(photo)
    except OSError:
        pass  # a report that cannot be written to is read all the same
    return _address("jpeg", photo)


def _photo(paths: RunPaths, most: int) -> bytes | None:
    """The first photo of `_pictured` as a JPEG of at most so many pixels a side."""
    from voidlab.report import notebook_html  # takes a second, and every kernel imports this package

    written = io.BytesIO()
    try:
        photo = notebook_html.first_photo(_pictured(paths)) or b""
        picture = PIL.Image.open(io.BytesIO(photo))  # an OSError where there is no photo
        if picture.width * picture.height > _MOST_PIXELS:
            return None
        if max(picture.size) <= most and picture.format == "JPEG":
            return photo
        picture.thumbnail((most, most))
        picture.convert("RGB").save(written, "JPEG", quality=80)
    except Exception:  # nbformat raises anything on what is no notebook, and pillow on what is no picture
        return None
    return written.getvalue()


def exported_figure(paths: RunPaths, name: str) -> str | None:
    """The figure called ``name`` in exports/figures as an address; None where it is not there, or is too large."""
    return picture_of(figures_folder(paths) / f"{name}.svg")


def picture_of(svg: Path) -> str | None:
    """An SVG file as an address; None where it is not there, or is too large."""
    try:
        return None if svg.stat().st_size > _MOST_BYTES else _address("svg+xml", svg.read_bytes())
    except OSError:
        return None


def figures_folder(paths: RunPaths) -> Path:
    """Where the stage export puts figures for papers."""
    return paths.exports / "figures"


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
