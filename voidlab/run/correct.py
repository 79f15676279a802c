"""Take label images that were edited in another program as corrections: `voidlab correct`."""

import os
from pathlib import Path

from voidlab import tables
from voidlab.images.label_stack import open_labels
from voidlab.project import corrections, outdated
from voidlab.project.edits import VoidEdit
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.segment import edited_labels


def take_edited_labels(name: str, labels: Path) -> tuple[RunPaths, list[VoidEdit]]:
    """Compare edited ``labels`` with labels.tif of the dataset and keep the differences as corrections.

    Raises
    ------
    ProjectError
        If the dataset's results are not there or are older than its corrections.
    ImagesError
        If ``labels`` cannot be read or do not fit the dataset.
    """
    paths = RunPaths.find(name)
    reason = outdated.why_not_usable(paths, "segment", paths.labels)
    if not reason and "segment" in outdated.out_of_date(paths):
        reason = "stage 'segment' was run before the last corrections"
    if reason:
        raise ProjectError(
            f"{reason}. Run the dataset first: voidlab run {os.path.relpath(paths.parameters)}"
        )
    frames, voids = tables.load(paths, "frames"), tables.load(paths, "voids")
    edits = edited_labels.edits_of_series(frames, voids, open_labels(paths.labels), open_labels(labels))
    corrections.append_edit(paths.corrections, edits)
    return paths, edits
