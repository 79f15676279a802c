"""One ZIP of all results of a dataset, for a collaborator."""

import os
from pathlib import Path

from voidlab.export.bundle import write_archive
from voidlab.export.contents import CONTENTS
from voidlab.project import fingerprints, outdated, record
from voidlab.project.paths import POSITIONS, STAGES, ProjectError, RunPaths
from voidlab.report import pages
from voidlab.report.figures.overlay_files import FOLDER as OVERLAYS
from voidlab.run.notebook import hold_dataset
from voidlab.tables.catalogue import TABLES


def make_archive(dataset: str) -> Path:
    """Write exports/NAME-results.zip, with report, exports and labels.tif, and list it on the dataset's page.

    Raises
    ------
    ProjectError
        If what is to go into it is not there, was changed since, or is no longer what a run would give.
    DatasetBusy
        If another process runs the dataset.
    """
    paths = RunPaths.find(dataset)
    with hold_dataset(paths):
        reason = _why_not(paths)
        if reason:
            shown = os.path.relpath(paths.parameters)
            again = f"voidlab run {shown}" if paths.parameters.exists() else "voidlab positions FILE …"
            raise ProjectError(f"{reason}. Run the dataset first: {again}")
        pages.write_dataset_index(paths, to_send=True)  # as it is sent: of the present results
        stages = [paths.html(name) for name in (*STAGES, POSITIONS)]
        others = [paths.table(name) for name in TABLES]  # so that what the report links to is there
        more = [paths.index, *stages, paths.labels, paths.record, paths.folder / OVERLAYS, *others]
        beside = [file for file in more if file.exists()]
        return write_archive(paths.exports, dataset, beside)


def _why_not(paths: RunPaths) -> str:
    """Why the results of a dataset must not be sent to anybody; empty when they may."""
    entries = record.read_record(paths)
    stage = POSITIONS if POSITIONS in entries else STAGES[-1]
    reason = outdated.why_not_usable(paths, stage, paths.exports / CONTENTS)
    if reason:
        return reason
    old = outdated.out_of_date(paths)
    if old:
        return (
            f"stage '{old[0]}' is out of date: parameters, corrections or earlier results were changed since"
        )
    for name, entry in entries.items():
        for file, digest in entry.outputs.items():
            place = paths.folder / file
            if (place.is_relative_to(paths.exports) or place == paths.labels) and fingerprints.digest(
                place
            ) != digest:
                return f"{file} is not the one that stage '{name}' recorded: it was changed since"
    return ""
