"""All exports of a run, with a list of what is what; and, when asked for, one ZIP of it all for a collaborator."""

import html
import posixpath
import re
import urllib.parse
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab.export.contents import (
    CONTENTS,
    HOLDS_NOTHING,
    archive_name,
    files_in,
    list_files,
    meanings,
    size_of,
)
from voidlab.export.csv_file import write_csv
from voidlab.export.notebook_json import TRACK_DATA
from voidlab.export.other_programs import Exports, has_no_tracks, write_others
from voidlab.export.tables import COORDINATES, write_tables
from voidlab.export.tilt import write_tilt_files
from voidlab.project.parameters.models import ExportParameters
from voidlab.tables.focus import is_pair
from voidlab.tables.units import HasPixelSize
from voidlab.tables.written import adding, filling
from voidlab.track.summary import least_frames

_LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same results give the same file
_BESIDE = {
    "labels.tif": "label image of each frame; the pixel value is the label in exports/voids.csv",
    "index.html": "the report: begin here; opens in any browser",
    "overlays": "frames with the outlines of their voids at full resolution",
    "run.json": "parameters, versions and times of each stage",
}
# Without a series these hold nothing; earlier notebooks and scripts may look for them all the same.
_OF_TRACKS = (TRACK_DATA, COORDINATES, "links.csv", "tracks.csv", "fates.csv", "events.csv")
_OF_DRIFT = ("drift.csv", "pairs.csv")


def _about(place: str) -> str:
    """What a file beside the folder ``exports`` is for."""
    usual = "a page of the report" if place.endswith(".html") else "see exports/data-dictionary.csv"
    return _BESIDE.get(place, usual)


def write_exports(
    folder: Path,
    made: Mapping[str, pd.DataFrame],
    labels: Sequence[np.ndarray],
    asked: ExportParameters,
    *,
    shape: tuple[int, int],
    calibration: HasPixelSize,
    keep: Collection[Path] = (),
    more: Callable[[Path], pd.DataFrame] | None = None,
) -> Exports:
    """Write every export that was ``asked`` for into ``folder``.

    What was exported there before and does not come again is removed; what others put there or changed is kept.

    Parameters
    ----------
    made
        The tables of the run.
    labels
        The label images, one per row of ``frames``.
    shape
        (H, W) of an image, px.
    keep
        Files that are not removed even if they do not come again, as they are images of another dataset.
    more
        Writes further files into the folder it is given, and lists them as `list_files` does.
    """
    with filling(folder, keep) as fresh:
        least = least_frames(asked, "min_frames", made["frames"])
        plain = write_tables(fresh, made, min_frames=least, calibration=calibration)
        in_3d = write_tilt_files(fresh, made, shape=shape, calibration=calibration)
        others = write_others(
            fresh, made, labels, shape=shape, calibration=calibration, wanted=asked.other_programs
        )
        parts = [others.files, in_3d, plain, *([more(fresh)] if more else [])]
        files = pd.concat([part for part in parts if len(part)], ignore_index=True)
        if has_no_tracks(made):
            empty = _OF_TRACKS if is_pair(made["frames"]) else (*_OF_TRACKS, *_OF_DRIFT)
            files["what"] = files["what"].mask(files["file"].isin(empty), HOLDS_NOTHING)
        return Exports(write_contents(fresh, files), others.notes)


def write_contents(folder: Path, files: pd.DataFrame) -> pd.DataFrame:
    """Write contents.csv, the list of all ``files`` of the folder ``exports``; give ``files`` with it added."""
    about = [(CONTENTS, len(files) + 1, "this list: what each file is for")]
    every = pd.concat([files, list_files(folder, about)], ignore_index=True)
    write_csv(every[["file", "what"]], folder / CONTENTS)
    every.loc[every.index[-1], "bytes"] = size_of(folder / CONTENTS)
    return every


def write_archive(folder: Path, name: str, beside: Sequence[Path] = ()) -> Path:
    """Put all that contents.csv of the folder ``exports`` lists, and what lies ``beside`` it, into one ZIP there.

    The next run, which exports anew, removes it: it never holds older results than the files do.

    Returns
    -------
    Path
        The ZIP, which also holds a README.txt that says what each file is.
    """
    listed = meanings(folder)
    lines = [f"{name}: voids, tracks and what follows from them", ""]
    lines += [f"exports/{file}: {what}" for file, what in listed.items()]
    places = {path.relative_to(folder.parent).as_posix(): path for path in beside}
    lines += [f"{place}: {_about(place)}" for place in places]
    members = [
        *((f"exports/{file}", folder / file) for file in listed),
        *places.items(),
    ]
    found = [
        (inside if path.is_file() else f"{inside}/{file.relative_to(path).as_posix()}", file)
        for inside, path in members
        for file in files_in(path)
    ]
    there = {place for place, _ in found}
    target = folder / archive_name(name)
    with (
        adding(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        _add(archive, f"{name}/README.txt", ("\n".join(lines) + "\n").encode())
        for place, file in found:
            page = file.suffix == ".html" and place not in listed
            content = without_dead_links(file.read_text("utf-8"), place, there).encode() if page else file
            _add(archive, f"{name}/{place}", content)
    with zipfile.ZipFile(target) as archive:
        broken = archive.testzip()
    if broken:
        target.unlink()
        raise OSError(f"{target.name} cannot be read back: {broken} is damaged. It was removed.")
    return target


def without_dead_links(page: str, place: str, there: Collection[str]) -> str:
    """A ``page`` as it lies at ``place`` with words alone where a link leads to none of the files that are ``there``.

    Of a report that is sent on, those to other datasets, logs and notebooks lead nowhere.
    """

    def link(found: re.Match[str]) -> str:
        address = urllib.parse.urlsplit(html.unescape(found[1]))
        if address.scheme or address.netloc or not address.path:
            return found[0]
        target = posixpath.normpath(
            posixpath.join(posixpath.dirname(place), urllib.parse.unquote(address.path))
        )
        return found[0] if target in there else found[2]

    return _LINK.sub(link, page)


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> None:
    about = zipfile.ZipInfo(name, _EPOCH)
    about.external_attr = 0o644 << 16
    about.compress_type = (
        zipfile.ZIP_STORED if name.endswith((".tif", ".zip", ".gz")) else zipfile.ZIP_DEFLATED
    )
    if isinstance(content, bytes):
        archive.writestr(about, content)
        return
    with content.open("rb") as source, archive.open(about, "w", force_zip64=True) as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)
