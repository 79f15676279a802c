"""Figures as a paper takes them, a panel each: SVG and PDF with text that can be edited, and the data as CSV."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from voidlab.export.contents import list_files
from voidlab.export.tables import write_csv
from voidlab.report.figures.positions import CORRECTED
from voidlab.report.figures.swelling import (
    drawn_quantities,
    over_series,
    voids_by_size,
    volume_by_size,
    volume_share_of,
)
from voidlab.report.figures.tilt import density_by_depth as draw_density_by_depth
from voidlab.report.figures.tracks import growth_over_diameter, tracks_alone
from voidlab.swelling.series import Outcome
from voidlab.tables.digits import as_tables_need
from voidlab.tables.focus import is_series
from voidlab.tables.listing import number_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import HasPixelSize, to_nm, unit_of
from voidlab.track.summary import growth_rate_per

FOLDER = "figures"
# Text stays text in both: a journal's own font can be set.
_STYLE: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 9, "svg.hashsalt": "voidlab"}
_OVER_SERIES = ("density-over-series", "diameter-over-series", "swelling-over-series")


@dataclass(frozen=True)
class Panel:
    """One panel: the name of its files, how it is drawn, the data behind it, and what it shows."""

    name: str
    draw: Callable[[Axes], Axes]
    data: pd.DataFrame
    what: str


def figures_for_papers(
    made: Mapping[str, pd.DataFrame],
    outcome: Outcome,
    calibration: HasPixelSize,
    *,
    density_by_depth: pd.DataFrame,
) -> Callable[[Path], pd.DataFrame]:
    """What writes the figures of a dataset into the folder ``figures`` of a folder it is given, and lists them.

    Parameters
    ----------
    made
        Tables ``frames, tracks, reconstruction``.
    density_by_depth
        As `voidlab.swelling.density_over_depth` gives it; empty where nothing was placed in depth.
    """
    frames, tracks = made["frames"], made["tracks"]
    at = f", {outcome.called}" if outcome.called else ""
    tracks = tracks[is_size(tracks)]  # as on the page of the stage track

    def panels() -> Iterator[Panel]:
        _, unit = unit_of(calibration)
        bins = outcome.sizes.bins
        if len(bins):
            about = f"share of the voids per diameter{at}"
            yield Panel("sizes", lambda ax: voids_by_size(outcome.sizes, ax, unit), bins, about)
            of = volume_share_of(outcome)
            about = f"share of the {of} per diameter{at}"
            yield Panel(
                "volume-by-size", lambda ax: volume_by_size(outcome.sizes, ax, unit, of=of), bins, about
            )
        if is_series(frames) and not is_tilted(frames["tilt_deg"]):
            yield from _over_series(outcome, frames)
            yield from _growth(tracks, calibration)
        if len(density_by_depth):
            yield Panel(
                "density-by-depth",
                lambda ax: draw_density_by_depth(density_by_depth, made["reconstruction"], ax, calibration),
                density_by_depth,
                "voids per volume over the depth in the foil; the table is in px",
            )

    return _writing(panels)


def figures_of_positions(
    made: Mapping[str, pd.DataFrame],
    linked: pd.DataFrame,
    outcome: Outcome,
    calibration: HasPixelSize,
    *,
    min_frames: int,
) -> Callable[[Path], pd.DataFrame]:
    """As `figures_for_papers`, without images: tracks of ``min_frames`` frames or more, density, diameter, growth.

    Parameters
    ----------
    made
        Tables ``frames, tracks``.
    linked
        The voids on tracks, with drift-corrected positions.
    """
    frames = made["frames"]
    tracks = made["tracks"][made["tracks"]["total_frames"] >= min_frames]

    def panels() -> Iterator[Panel]:
        long = linked[linked["particle"].isin(tracks["particle"])].sort_values(["particle", "frame"])
        if len(long):
            yield Panel(
                "tracks",
                lambda ax: tracks_alone(linked, ax, calibration, min_frames=min_frames),
                to_nm(long[["particle", "frame", *CORRECTED]], calibration),
                f"drift-corrected tracks of {number_of(min_frames, 'frame')} or more",
            )
        if len(frames) > 1:
            yield from _over_series(outcome, frames)
            yield from _growth(tracks, calibration)

    return _writing(panels)


def _growth(tracks: pd.DataFrame, calibration: HasPixelSize) -> Iterator[Panel]:
    if tracks["growth_px_per_frame"].notna().any():
        growth = (f"{name}_px_per_{growth_rate_per(tracks)}" for name in ("growth", "growth_sigma"))
        columns = ["particle", "mean_radius_px", *growth]
        yield Panel(
            "growth-over-size",
            lambda ax: growth_over_diameter(tracks, ax, calibration),
            to_nm(tracks[columns], calibration),
            "growth of the diameter of each void; the table has radii",
        )


def _writing(panels: Callable[[], Iterator[Panel]]) -> Callable[[Path], pd.DataFrame]:
    """What writes ``panels`` below a folder it is given, and lists them."""
    return lambda folder: list_files(folder, [row for panel in panels() for row in _write(folder, panel)])


def _over_series(outcome: Outcome, frames: pd.DataFrame) -> Iterator[Panel]:
    for name, quantity in zip(_OVER_SERIES, drawn_quantities(outcome), strict=True):
        rows = outcome.over_time[outcome.over_time["quantity"] == quantity]
        if rows["value"].notna().any():
            yield Panel(
                name,
                lambda ax, quantity=quantity: over_series(outcome.over_time, frames, quantity, ax),  # type: ignore[misc]
                rows,
                f"{quantity.replace('_', ' ')} over the series, with 95 % intervals",
            )


def _write(folder: Path, panel: Panel) -> Iterator[tuple[str, int, str]]:
    stem = write_panel(folder, panel)
    yield f"{stem}.svg", 0, f"figure: {panel.what}"
    yield f"{stem}.pdf", 0, f"figure: {panel.what}"
    yield f"{stem}.csv", len(panel.data), f"the data of the figure: {panel.what}"


def write_panel(folder: Path, panel: Panel) -> str:
    """Write the files of a panel below ``folder``; give their path in it, without the extension."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    (folder / FOLDER).mkdir(exist_ok=True)
    stem = f"{FOLDER}/{panel.name}"
    with plt.rc_context(_STYLE):
        figure, ax = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
        panel.draw(ax)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # it is laid out: not once more for each file, as by savefig
        # Without the date, so that the same results give the same file.
        FigureCanvasSVG(figure).print_svg(folder / f"{stem}.svg", metadata={"Date": None})
        FigureCanvasPdf(figure).print_pdf(folder / f"{stem}.pdf", metadata={"CreationDate": None})
        plt.close(figure)
    write_csv(as_tables_need(panel.data), folder / f"{stem}.csv")
    return stem
