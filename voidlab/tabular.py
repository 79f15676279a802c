"""A dataset that is a table of positions, without images: its notebook run into a report, its tables written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import papermill

from voidlab import export, positions, report, tables
from voidlab.images import Calibration
from voidlab.paths import ProjectError, RunPaths

NOTEBOOK = "positions"


def make(file: Path, name: str, size: tuple[int, int]) -> Path:
    """Run the notebook positions on ``file`` and write reports/NAME/positions.html.

    Parameters
    ----------
    size
        (width, height) of the images, px.

    Raises
    ------
    PositionsError
        If the file holds no positions and radii, before anything is run.
    ProjectError
        If the name belongs to a dataset with images, whose results would be lost, or the notebook fails.
    """
    positions.read_positions(file, (size[1], size[0]))
    paths = RunPaths.find(name)
    if paths.parameters.exists() or paths.record.exists():
        raise ProjectError(
            f"'{name}' is a dataset with images; choose another --name: its results would be lost."
        )
    paths.folder.mkdir(parents=True, exist_ok=True)
    given = {"dataset": name, "file": str(file.resolve()), "width_px": size[0], "height_px": size[1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill still calls what nbformat and asyncio deprecate
        try:
            papermill.execute_notebook(
                str(paths.source(NOTEBOOK)),
                str(paths.notebook(NOTEBOOK)),
                given,
                kernel_name="python3",
                progress_bar=False,
                cwd=str(paths.root),
            )
        except papermill.PapermillExecutionError as error:
            raise ProjectError(f"the notebook failed, {error.ename}: {error.evalue}") from None
    return report.write_html(
        paths.notebook(NOTEBOOK),
        paths.html(NOTEBOOK),
        title=f"{name}: positions",
        parameters=[
            {
                "name": "file",
                "value": file.name,
                "unit": "",
                "meaning": "what was read",
                "source": "this run",
            },
            {
                "name": "size",
                "value": list(size),
                "unit": "px",
                "meaning": "of the images",
                "source": "this run",
            },
        ],
    )


def save(dataset: str, made: Mapping[str, pd.DataFrame], *, min_frames: int) -> pd.DataFrame:
    """Write the tables of a dataset without images and its exports; list what was exported.

    Parameters
    ----------
    made
        Tables ``frames, voids, drift, links, tracks, lives, events``.
    """
    paths = RunPaths.find(dataset)
    for name, table in made.items():
        tables.write(table, name, paths.table(name))
    every = {**made, "pairs": tables.empty("pairs")}
    unknown = Calibration(None, "unknown")
    return export.write_all(paths.exports, every, min_frames=min_frames, calibration=unknown)


def compare(linked: Mapping[str, pd.DataFrame], *, long: int) -> pd.DataFrame:
    """How many tracks, single detections and long tracks each way of linking the same voids gives."""
    rows = {}
    for name, voids in linked.items():
        size = voids.groupby("particle").size()
        span = voids.groupby("particle")["frame"].agg(lambda frames: frames.max() - frames.min() + 1)
        rows[name] = {
            "detections": len(voids),
            "tracks": len(size),
            "single detections": int((size == 1).sum()),
            "detections per track": round(float(size.mean()), 1) if len(size) else 0.0,
            f"tracks of {long} frames or more": int((span >= long).sum()),
            "longest, frames": int(span.max()) if len(span) else 0,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
