"""A run for people who work with other programs: their files, a list of what is what, one ZIP of it all."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.export.contents import CONTENTS, files_in, size_of
from voidlab.export.formats.ctc import write_challenge
from voidlab.export.formats.geff import write_geff
from voidlab.export.formats.imagej import write_rois
from voidlab.export.formats.trackmate import write_trackmate
from voidlab.export.tables import write_csv
from voidlab.tables.files import replacing

LOADER = "open-in-napari.py"
_COLUMNS = ["file", "rows", "bytes", "what"]
_EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same results give the same file
_NAPARI = '''"""Show voids and tracks in napari: python open-in-napari.py [your images]"""
import sys
from pathlib import Path

import napari
import pandas as pd
import tifffile

here = Path(__file__).resolve().parent
viewer = napari.Viewer()
viewer.open(sys.argv[1:], stack=len(sys.argv) > 2) if sys.argv[1:] else None
viewer.add_labels(tifffile.imread(here.parent / "labels.tif"), name="voids", opacity=0.4)
viewer.add_tracks(pd.read_csv(here / "napari-tracks.csv").to_numpy(), name="tracks")
napari.run()
'''


@dataclass(frozen=True)
class Exchange:
    """The ``files`` written (a row each: ``file, rows, bytes, what``), and ``notes`` on those that were not."""

    files: pd.DataFrame
    notes: tuple[str, ...]


def write_others(
    folder: Path,
    made: Mapping[str, pd.DataFrame],
    labels: Sequence[np.ndarray],
    *,
    shape: tuple[int, int],
    calibration: tables.HasPixelSize,
    wanted: bool = True,
) -> Exchange:
    """Write voids and tracks for ImageJ, TrackMate, the Cell Tracking Challenge and GEFF into ``folder``.

    Parameters
    ----------
    made
        Tables ``frames, voids, links, events, tracks, fates``.
    labels
        The label images, one per row of ``frames``.
    shape
        (H, W) of an image.
    wanted
        False: write none of them.

    Notes
    -----
    What needs a package that is not installed, or cannot hold these tracks, is left out; a sentence says so.
    """
    if not wanted:
        note = "Files for ImageJ, TrackMate and other trackers were not asked for (other_programs)."
        return Exchange(pd.DataFrame(columns=_COLUMNS), (note,))
    links = made["links"][["frame", "label", "particle"]]
    linked = made["voids"].merge(links, on=["frame", "label"], how="left").astype({"particle": "Int64"})
    frames = made["frames"]["frame"].tolist()
    nm, interval, events = calibration.pixel_size_nm, _interval(made["frames"]), made["events"]
    writers: dict[str, tuple[str, Callable[[Path], Path]]] = {
        "imagej-rois.zip": (
            "ImageJ, Fiji: ROI Manager > More > Open; a circle per void on its image, a colour per track",
            lambda path: write_rois(linked, path, frames=frames),
        ),
        "trackmate.xml": (
            "TrackMate in Fiji: Plugins > Tracking > Load a TrackMate file; voids, tracks and mergers",
            lambda path: write_trackmate(
                linked,
                path,
                frames=frames,
                shape=shape,
                pixel_size_nm=nm,
                frame_interval_s=interval,
                merges=events,
            ),
        ),
        "tracks.geff": (
            "GEFF, the graph file of napari, Mastodon and tracking libraries; a folder",
            lambda path: write_geff(linked, path, frames=frames, pixel_size_nm=nm, merges=events),
        ),
        "ctc/01_RES": (
            "Cell Tracking Challenge: masks by track and res_track.txt, for its evaluation and for traccuracy",
            lambda path: write_challenge(linked, labels, path, frames=frames, merges=events),
        ),
    }
    rows, notes = [], []
    for name, (what, write) in writers.items():
        try:
            rows.append((name, len(linked), size_of(write(folder / name)), what))
        except (ModuleNotFoundError, ValueError) as error:
            notes.append(f"{name} was not written: {error}")
    with replacing(folder / LOADER) as temporary:
        temporary.write_text(_NAPARI, encoding="utf-8")
    rows.append(
        (LOADER, 0, size_of(folder / LOADER), "shows labels.tif and the tracks in napari: run it there")
    )
    per_void = tables.to_nm(
        made["tracks"].merge(made["fates"], on="particle", how="left", validate="1:1"), calibration
    )
    path = write_csv(per_void, folder / "per-void.csv")
    rows.append(
        (path.name, len(per_void), size_of(path), "spreadsheets: a row per void, all that is known of it")
    )
    return Exchange(pd.DataFrame(rows, columns=_COLUMNS), tuple(notes))


def bundle(folder: Path, name: str, files: pd.DataFrame, beside: Sequence[Path] = ()) -> pd.DataFrame:
    """Put all ``files`` of the folder ``exports`` and those ``beside`` it into one ZIP for a collaborator.

    Returns
    -------
    DataFrame
        ``files`` with the list contents.csv and the ZIP added, which holds a README.txt of the same.
    """
    archive_name = f"{name}-results.zip"
    about = [
        (CONTENTS, len(files) + 2, 0, "this list: what each file is for"),
        (archive_name, len(files) + len(beside) + 2, 0, "all of it in one file, to send to a collaborator"),
    ]
    every = pd.concat([files, pd.DataFrame(about, columns=_COLUMNS)], ignore_index=True)
    write_csv(every[["file", "what"]], folder / CONTENTS)
    lines = [f"{name}: voids, tracks and what follows from them", ""]
    lines += [f"exports/{file}: {what}" for file, what in zip(files["file"], files["what"], strict=True)]
    lines += [f"{path.name}: {_BESIDE.get(path.name, 'see exports/data-dictionary.csv')}" for path in beside]
    members = [(f"exports/{file}", folder / file) for file in [*files["file"], CONTENTS]]
    members += [(path.name, path) for path in beside]
    with (
        replacing(folder / archive_name) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        _add(archive, f"{name}/README.txt", ("\n".join(lines) + "\n").encode())
        for inside, path in members:
            for file in files_in(path):
                place = inside if path.is_file() else f"{inside}/{file.relative_to(path).as_posix()}"
                _add(archive, f"{name}/{place}", file)
    with zipfile.ZipFile(folder / archive_name) as archive:
        broken = archive.testzip()
    if broken:
        raise OSError(f"{archive_name} cannot be read back: {broken} is damaged.")
    every.loc[every.index[-2:], "bytes"] = [size_of(folder / CONTENTS), size_of(folder / archive_name)]
    return every


_BESIDE = {"labels.tif": "label image of each frame; the pixel value is the label in exports/voids.csv"}


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> None:
    about = zipfile.ZipInfo(name, _EPOCH)
    about.external_attr = 0o644 << 16
    about.compress_type = zipfile.ZIP_STORED if name.endswith((".tif", ".zip")) else zipfile.ZIP_DEFLATED
    if isinstance(content, bytes):
        archive.writestr(about, content)
        return
    with content.open("rb") as source, archive.open(about, "w", force_zip64=True) as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)


def _interval(frames: pd.DataFrame) -> float | None:
    """Time between images, s; None when unknown."""
    steps = np.diff(frames["time_s"].dropna().to_numpy())
    return float(np.median(steps)) if len(steps) and np.median(steps) > 0 else None
