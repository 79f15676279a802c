"""Voids and tracks for ImageJ, TrackMate, the Cell Tracking Challenge, GEFF and napari; and a row per void."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.export.contents import list_files
from voidlab.export.csv_file import FOR_EXCEL, write_csv
from voidlab.export.formats.ctc import write_challenge
from voidlab.export.formats.geff import write_geff
from voidlab.export.formats.imagej import write_rois
from voidlab.export.formats.napari import write_napari_tracks
from voidlab.export.formats.trackmate import write_trackmate
from voidlab.tables.digits import as_errors_allow
from voidlab.tables.focus import is_series
from voidlab.tables.written import replacing

LOADER = "open-in-napari.py"
NAPARI_TRACKS = "napari-tracks.csv"
SMALL = 20_000  # voids, in all images together: above, these files take hundreds of MB
_BYTES_A_VOID = 700
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
tracks = here / "napari-tracks.csv"  # a single image or a focus pair has none
viewer.add_tracks(pd.read_csv(tracks).to_numpy(), name="tracks") if tracks.exists() else None
napari.run()
'''


@dataclass(frozen=True)
class Exports:
    """The ``files`` written (a row each, see `list_files`), and ``notes`` on those that were not."""

    files: pd.DataFrame
    notes: tuple[str, ...]


def write_others(
    folder: Path,
    made: Mapping[str, pd.DataFrame],
    labels: Sequence[np.ndarray],
    *,
    shape: tuple[int, int],
    calibration: tables.HasPixelSize,
    wanted: bool | Literal["auto"] = "auto",
) -> Exports:
    """Write voids and tracks for ImageJ, TrackMate, the Cell Tracking Challenge, GEFF and napari into ``folder``.

    Parameters
    ----------
    made
        Tables ``frames, voids, links, events, tracks, fates``; loops and dots, which these files cannot tell from
        voids, are left out.
    labels
        The label images, one per row of ``frames``.
    shape
        (H, W) of an image.
    wanted
        False: write none of them. "auto": where there are more than 20,000 voids, only the row per void.

    Notes
    -----
    What needs a package that is not installed, or cannot hold these tracks, is left out; a sentence says so. Of a
    single image or a focus pair files of tracks are not written.
    """
    if not wanted:
        note = "Files for ImageJ, TrackMate and other trackers were not asked for (other_programs)."
        return Exports(list_files(folder, []), (note,))
    per_void = _per_void(made)
    write_csv(as_errors_allow(tables.to_nm(per_void, calibration)), folder / "per-void.csv", begin=FOR_EXCEL)
    written = [("per-void.csv", len(per_void), "spreadsheets: a row per void, all that is known of it")]
    links = made["links"][["frame", "label", "particle"]]
    linked = (
        tables.only_voids(made["voids"])
        .merge(links, on=["frame", "label"], how="left")
        .astype({"particle": "Int64"})
    )
    if wanted == "auto" and len(linked) > SMALL:
        note = (
            "Files for ImageJ, TrackMate, GEFF, napari and the Cell Tracking Challenge were left out: for "
            f"{len(linked):,} voids they would take about {len(linked) * _BYTES_A_VOID / 1e6:.0f} MB. "
            "To have them, set other_programs: true below export: in the parameter file."
        )
        return Exports(list_files(folder, written), (note,))
    notes = []
    for name, (what, write) in _writers(made, labels, shape, calibration).items():
        try:
            write(linked, folder / name, frames=made["frames"]["frame"].tolist())
            written.append((name, len(linked), what))
        except (ModuleNotFoundError, ValueError) as error:
            notes.append(f"{name} was not written: {error}")
    with replacing(folder / LOADER) as temporary:
        temporary.write_text(_NAPARI, encoding="utf-8")
    shown = "labels.tif" if has_no_tracks(made) else "labels.tif and the tracks"
    written.append((LOADER, 0, f"shows {shown} in napari: run it there"))
    return Exports(list_files(folder, written), tuple(notes))


def has_no_tracks(made: Mapping[str, pd.DataFrame]) -> bool:
    """Whether these are the tables of a single image or a focus pair, in which nothing could be tracked."""
    return not is_series(made["frames"]) and made["links"].empty


def _per_void(made: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per void: its track; of what has no tracks, each void as it was detected in its image.

    The columns begin with the same ones in both; without tracks those of ``voids`` follow.
    """
    per_track = made["tracks"].merge(made["fates"], on="particle", how="left", validate="1:1")
    if not has_no_tracks(made):
        return per_track
    voids = tables.only_voids(made["voids"]).reset_index(drop=True)
    radii = dict.fromkeys(("mean_radius_px", "min_radius_px", "max_radius_px"), voids["radius_px"])
    every = voids.assign(**radii)
    first = {name: every[name] if name in every else pd.Series(pd.NA, voids.index) for name in per_track}
    rest = voids.drop(columns=[name for name in voids if name in first])
    return pd.concat([pd.DataFrame(first, index=voids.index), rest], axis=1)


def _writers(
    made: Mapping[str, pd.DataFrame],
    labels: Sequence[np.ndarray],
    shape: tuple[int, int],
    calibration: tables.HasPixelSize,
) -> dict[str, tuple[str, Callable[..., Path]]]:
    """What each file is for, and what writes it from linked voids."""
    size, interval, events = calibration.pixel_size_nm, _interval(made["frames"]), made["events"]
    alone = has_no_tracks(made)
    of_voids: dict[str, tuple[str, Callable[..., Path]]] = {
        "imagej-rois.zip": (
            "ImageJ, Fiji: ROI Manager > More > Open; a circle per void"
            + ("" if alone else " on its image, a colour per track"),
            write_rois,
        ),
        "trackmate.xml": (
            "TrackMate in Fiji: Plugins > Tracking > Load a TrackMate file; voids"
            + ("" if alone else ", tracks and mergers"),
            partial(
                write_trackmate, shape=shape, pixel_size_nm=size, frame_interval_s=interval, merges=events
            ),
        ),
    }
    if alone:
        return of_voids
    return of_voids | {
        "tracks.geff": (
            "GEFF, the graph file of napari, Mastodon and tracking libraries; a folder",
            partial(write_geff, pixel_size_nm=size, merges=events),
        ),
        "ctc/01_RES": (
            "Cell Tracking Challenge: masks by track and res_track.txt, for its evaluation and for traccuracy",
            partial(write_challenge, labels=labels, merges=events),
        ),
        NAPARI_TRACKS: ("napari: tracks, in px of the images", write_napari_tracks),
    }


def _interval(frames: pd.DataFrame) -> float | None:
    """Time between images, s; None when unknown."""
    steps = np.diff(frames["time_s"].dropna().to_numpy())
    return float(np.median(steps)) if len(steps) and np.median(steps) > 0 else None
