"""The corrections by hand of a dataset, applied to what a stage found, and what came of each."""

import warnings
from collections.abc import Sequence

import pandas as pd

from voidlab import tables
from voidlab.images.label_stack import LabelWriter, open_labels
from voidlab.project.apply_edits import list_outcomes
from voidlab.project.corrections import Correction, read_log
from voidlab.project.paths import RunPaths
from voidlab.segment.corrections import correct_series
from voidlab.track import corrections


def corrected_voids(
    paths: RunPaths, frames: pd.DataFrame, voids: pd.DataFrame, writer: LabelWriter, *, edge_buffer_px: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables ``frames`` and ``voids`` with the corrections, labels.tif by ``writer``; see `Stage.correct_voids`."""
    log = read_log(paths.corrections)
    lines = log.kept("segment")
    reasons: list[str] = []
    if lines:
        with writer:
            frames, voids, reasons = correct_series(
                frames,
                voids,
                open_labels(paths.labels),
                [line.edit for line in lines],  # type: ignore[misc]
                edge_buffer_px=edge_buffer_px,
                keep_labels=writer.append,
            )
    return frames, tables.check(voids, "voids"), _outcomes(lines, reasons, log.problems)


def corrected_tracks(paths: RunPaths, linked: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ``linked`` voids with the corrections; see `Stage.correct_tracks`."""
    log = read_log(paths.corrections)
    lines = log.kept("track")
    linked, reasons = corrections.correct_tracks(linked, [line.edit for line in lines])  # type: ignore[misc]
    return linked, _outcomes(lines, reasons, log.problems)


def _outcomes(lines: Sequence[Correction], reasons: Sequence[str], problems: Sequence[str]) -> pd.DataFrame:
    """What came of the corrections; a warning says which of them do not count."""
    done = list_outcomes(lines, reasons, problems)
    lost = done[done["outcome"] != "applied"]
    said = [": ".join(filter(None, row)) for row in zip(lost["what"], lost["outcome"], strict=True)]
    if said:
        # As of the cell of the notebook: above this function, the one that calls it, and the method of `Stage`.
        warnings.warn("corrections by hand that do not count:\n" + "\n".join(said), stacklevel=4)
    return done
