"""The movie of a dataset whose stages have run: its drift-corrected images with the voids outlined by track."""

from pathlib import Path

from voidlab.project import record
from voidlab.report import pages
from voidlab.report.figures.movie import can_write_mp4, write_movie
from voidlab.run import stage


def make_movie(dataset: str, *, frames_per_s: float = 10.0, expand: bool = False, gif: bool = False) -> Path:
    """Write exports/movie.mp4 (or .gif) of a dataset whose stages have run, and list it on the dataset's page.

    Raises
    ------
    StageError
        If a stage has not finished, or its results are no longer the present ones.
    """
    run = stage.open_stage("export", dataset)
    drift, voids, links = run.load_drift(), run.load("voids"), run.load("links")
    path = run.paths.exports / ("movie.gif" if gif or not can_write_mp4() else "movie.mp4")
    write_movie(
        path,
        run.images("images"),
        drift,
        voids.merge(links[["frame", "label", "particle"]], on=["frame", "label"], how="left"),
        calibration=run.calibration,
        frames=run.load("frames"),
        frames_per_s=frames_per_s,
        expand=expand,
        progress=run.progress,
    )
    record.write_movie(run.paths, path)
    pages.write_dataset_index(run.paths)
    return path
