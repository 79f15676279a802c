"""A dataset that is a table of positions, without images: its notebook run into a report, its tables written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from voidlab import export, tables
from voidlab.export.positions_file import read_positions
from voidlab.images.series import Calibration
from voidlab.project import fingerprints, record
from voidlab.project.lock import DatasetBusy
from voidlab.project.paths import POSITIONS, ProjectError, RunPaths
from voidlab.report import headline
from voidlab.report.states import read_states
from voidlab.run.images import images_of_others, lies_in_report
from voidlab.run.notebook import Log, StageFailed, hold_dataset, log_failure, run_notebook
from voidlab.tables.written import filling


def run_positions(file: Path, name: str, size: tuple[int, int], *, log: Log, progress: Log) -> bool:
    """Run the notebook positions on ``file``, and write reports/NAME/positions.html; True when it is finished.

    Parameters
    ----------
    size
        (width, height) of the images, px.
    log, progress
        Called with a line for the user: what came of it, or why it failed; how far it is.

    Raises
    ------
    PositionsError
        If the file holds no positions and radii, before anything is run.
    ProjectError
        If the name belongs to a dataset with images, whose results would be lost, or the file lies in the report.
    """
    read_positions(file, (size[1], size[0]))
    paths, started = _paths(name), datetime.now(UTC)
    if lies_in_report(paths, file):
        raise ProjectError(
            f"{file} lies in the report of '{name}', which the run rewrites; move it, or choose another name."
        )
    given = {"file": str(file.resolve()), "width_px": size[0], "height_px": size[1]}
    shown = [("file", file.name, "", "what was read"), ("size", list(size), "px", "of the images")]
    parameters = pd.DataFrame(shown, columns=["name", "value", "unit", "meaning"]).assign(source="this run")
    try:
        with hold_dataset(paths):
            run_notebook(
                paths,
                POSITIONS,
                given,
                stages=(POSITIONS,),
                progress=progress,
                parameters=parameters,
                begun=progress,
            )
            entry = record.read_record(paths)[POSITIONS]
            seconds = round((datetime.now(UTC) - started).total_seconds(), 1)
            entry = replace(entry, started=started.isoformat(timespec="seconds"), seconds=seconds)
            record.write_entry(paths, POSITIONS, entry)
    except (DatasetBusy, StageFailed, OSError) as error:
        log_failure(paths, POSITIONS, error, log)
        return False
    _say_what_came(paths, seconds, log)
    return True


def _say_what_came(paths: RunPaths, seconds: float, log: Log) -> None:
    """Say how long it took, the first numbers, and the verdict with its first reason."""
    states, _ = read_states(paths)
    numbers = ", ".join(f"{f['label'].lower()} {f['value']}" for f in headline.numbers_of(states)[:3])
    log(f"{POSITIONS:11} done in {seconds:.1f} s: {numbers}")
    judged = headline.judge(states)
    log(f"{'verdict':11} {judged.grade}{': ' if judged.in_a_line else ''}{judged.in_a_line}")


def _paths(dataset: str) -> RunPaths:
    paths = RunPaths.find(dataset)
    if paths.parameters.exists() or (paths.record.exists() and set(record.read_record(paths)) != {POSITIONS}):
        raise ProjectError(
            f"'{dataset}' is a dataset with images; choose another name: its results would be lost."
        )
    return paths


def save_positions(
    dataset: str,
    file: Path,
    made: Mapping[str, pd.DataFrame],
    *,
    parameters: Mapping[str, object],
    min_frames: int,
    calibration: Calibration = Calibration(None, "unknown"),  # noqa: B008, it is frozen
    key_figures: Sequence[Mapping[str, str]] = (),
    decided: Mapping[str, object] | None = None,
    more: Callable[[Path], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Write the tables of a dataset without images, its exports and its record; list what was exported.

    Parameters
    ----------
    file
        What was read.
    made
        Tables ``frames, voids, drift, links, tracks, fates, events``.
    parameters
        What the notebook ran with, for the record.
    min_frames
        See `voidlab.export.write_tables`.
    calibration
        Width of a pixel, where the file says it.
    decided
        What was left to the notebook, as search_range_px: auto.
    more
        Writes more files into the folder of the exports and lists them, as `voidlab.report.figures_of_positions`.

    Raises
    ------
    ProjectError
        If the name belongs to a dataset with images.
    """
    paths = _paths(dataset)
    for name, table in made.items():
        tables.write(table, name, paths.table(name))
    every = {**made, "pairs": tables.empty("pairs")}
    with filling(paths.exports, images_of_others(paths)) as fresh:
        files = export.write_tables(fresh, every, min_frames=min_frames, calibration=calibration)
        every_file = pd.concat([files, *([more(fresh)] if more else [])], ignore_index=True)
        written = export.write_contents(fresh, every_file)
    outputs = [*map(paths.table, made), *(paths.exports / name for name in written["file"])]
    inputs = {"file": fingerprints.digest(file)}
    entry = record.Entry(
        status="finished",
        fingerprint=fingerprints.digest_of({"parameters": dict(parameters), "inputs": inputs}),
        parameters={"file": file.name, **parameters},
        given=[],
        inputs=inputs,
        outputs=fingerprints.outputs_of(paths, outputs),
        key_figures=[dict(figure) for figure in key_figures],
        decided=dict(decided or {}),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    record.write_entry(paths, POSITIONS, entry)
    return written
