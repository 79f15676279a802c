"""Tracks as the Cell Tracking Challenge lays them out: masks whose values are tracks, and res_track.txt."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from voidlab.export.formats import image_index, replacing_folder

_MOST_TRACKS = 65_535  # masks are 16-bit


def write_challenge(
    linked: pd.DataFrame,
    folder: Path,
    *,
    frames: Sequence[int],
    labels: Sequence[np.ndarray],
    merges: pd.DataFrame | None = None,
) -> Path:
    """Write ``mask000.tif`` … and ``res_track.txt`` (track, first and last image from 0, parent or 0) to ``folder``.

    A track there has no gaps: one that a void was missing in goes on as a new track with the former as its parent.
    The layout knows one parent only: of those that merge the one that is larger; the other just ends. Voids without a
    particle, and those of which no pixel is left in the label image, are not in the masks.

    Parameters
    ----------
    linked : DataFrame
        ``frame, label, particle``.
    frames
        Numbers of all images, in order.
    labels
        Label image (H, W) of each of them, whose pixels hold ``label``; one is read at a time.
    merges
        Events such as `voidlab.track.find_merges` gives.

    Raises
    ------
    ValueError
        If there are more than 65,535 tracks, which masks of 16 bits cannot hold.
    """
    seen = linked.dropna(subset=["particle"])
    seen = seen[["frame", "label", "particle"]].assign(image=image_index(seen, frames))
    present = [np.flatnonzero(np.bincount(labels[image].ravel())) for image in range(len(frames))]
    shown = [label in present[image] for image, label in zip(seen["image"], seen["label"], strict=True)]
    seen = seen[np.array(shown, bool)].sort_values(["particle", "image"], ignore_index=True)
    particle, image = seen["particle"].to_numpy(np.int64), seen["image"].to_numpy(np.int64)
    goes_on = (np.diff(particle, prepend=-1) == 0) & (np.diff(image, prepend=-1) == 1)
    seen["track"] = np.cumsum(~goes_on)
    if len(seen) and seen["track"].iloc[-1] > _MOST_TRACKS:
        raise ValueError(
            f"there are {seen['track'].iloc[-1]} tracks; the layout holds {_MOST_TRACKS} at most."
        )
    lines = _lines(seen, merges)
    digits = max(3, len(str(len(frames) - 1)))
    with replacing_folder(folder) as temporary:
        temporary.mkdir()
        rows_of = seen.groupby("image").indices
        for number in range(len(frames)):
            here = seen.iloc[rows_of.get(number, [])]
            labelled = labels[number]
            track_of = np.zeros(int(labelled.max(initial=0)) + 1, np.uint16)
            track_of[here["label"].to_numpy(np.int64)] = here["track"].to_numpy(np.uint16)
            tifffile.imwrite(
                temporary / f"mask{number:0{digits}d}.tif", track_of[labelled], compression="zlib"
            )
        text = "".join(" ".join(map(str, line)) + "\n" for line in lines)
        (temporary / "res_track.txt").write_text(text)
    return folder


def _lines(seen: pd.DataFrame, merges: pd.DataFrame | None) -> list[tuple[int, int, int, int]]:
    """Track, first and last image, parent, of every track."""
    tracks = seen.groupby("track").agg(
        particle=("particle", "first"),
        first=("image", "first"),
        last=("image", "last"),
        frame=("frame", "first"),
    )
    before = tracks["particle"].shift().eq(tracks["particle"]).fillna(False).to_numpy(bool)
    tracks["parent"] = np.where(before, tracks.index.to_numpy() - 1, 0)
    for event in merges.to_dict("records") if merges is not None else []:
        larger = "a" if event["radius_a_px"] > event["radius_b_px"] else "b"
        parents = tracks[
            (tracks["particle"] == event[f"parent_{larger}"]) & (tracks["frame"] < event["frame"])
        ]
        born = tracks[(tracks["particle"] == event["child"]) & (tracks["parent"] == 0)]
        if len(parents) and len(born) and event["child"] not in (event["parent_a"], event["parent_b"]):
            tracks.loc[born.index[0], "parent"] = parents.index[-1]
    return list(tracks[["first", "last", "parent"]].astype(int).itertuples(name=None))
