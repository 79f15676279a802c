"""Trying the linking on some frames: the tracks that a search range and a memory give, and numbers to judge by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab import tables, track
from voidlab.explore.state import Model
from voidlab.project.parameters.models import SegmentParameters, TrackParameters
from voidlab.project.paths import stages_for
from voidlab.tables.listing import number_of
from voidlab.tables.units import HasPixelSize, unit_of

_NEAR_RANGE = 0.8  # of the search range: a step as long may be one that was cut short


@dataclass(frozen=True)
class Preview:
    """Voids of some frames, linked: ``linked`` is the table of `voidlab.track.link_series`."""

    linked: pd.DataFrame
    frames: tuple[int, ...]
    search_range_px: float
    notes: tuple[str, ...] = ()

    @property
    def steps_px(self) -> np.ndarray:
        """How far each void moved from a frame to the next one it is seen in, less the drift, px."""
        ordered = self.linked.sort_values(["particle", "frame"])
        apart = ordered.groupby("particle")[["x_corrected_px", "y_corrected_px"]].diff().dropna().to_numpy()
        return np.hypot(apart[:, 0], apart[:, 1])

    def tails(self) -> list[np.ndarray]:
        """Each track of two voids or more: (n, 3) of x, y as recorded, frame."""
        ordered = self.linked.sort_values(["particle", "frame"])
        tracks = (rows[["x_px", "y_px", "frame"]].to_numpy() for _, rows in ordered.groupby("particle"))
        return [rows for rows in tracks if len(rows) > 1]

    def in_words(self, calibration: HasPixelSize) -> list[str]:
        """What came of it, a sentence each."""
        size, unit = unit_of(calibration)
        lengths = self.linked["particle"].value_counts()
        alone = int((lengths == 1).sum())
        said = [
            f"{number_of(len(self.frames), 'frame')}, {self.frames[0]} to {self.frames[-1]}: "
            f"{number_of(len(self.linked), 'void')} on {number_of(len(lengths), 'track')}, {alone} of them of a "
            f"single void; search range {self.search_range_px:.3g} px"
        ]
        steps = self.steps_px
        if len(steps):
            middle, most = np.percentile(steps, [50, 98]) * size
            near = np.mean(steps > _NEAR_RANGE * self.search_range_px)
            said.append(f"steps: median {middle:.2g} {unit}, 98 % below {most:.2g} {unit}")
            said.append(
                f"{100 * near:.1f} % of the steps are longer than {100 * _NEAR_RANGE:.0f} % of the search range"
                + (": it may cut tracks short, or join wrong voids" if near > 0.02 else "")
            )
        return [*said, *self.notes]


def preview(
    model: Model, rows: Sequence[int], settings: SegmentParameters, asked: TrackParameters
) -> Preview:
    """Link the voids that ``settings`` find in the frames of these ``rows`` as ``asked``.

    Raises
    ------
    LinkError
        If they cannot be linked so.
    """
    rows = [row for row in rows if not model.is_bad(row)]
    numbers = tuple(model.number(row) for row in rows)
    found = [tables.kept(model.voids(row, settings)) for row in rows]
    voids = pd.concat(found, ignore_index=True) if found else tables.empty("voids")
    drift = pd.DataFrame(model.drifts(np.asarray(numbers)), columns=["drift_x_px", "drift_y_px"])
    drift = drift.assign(frame=numbers)
    notes = [] if model.results else ["drift: not known before a run, so none is taken off"]
    frames = model.frames.iloc[rows]
    if "reconstruct" in stages_for(model.frames["tilt_deg"], asked.linker):
        notes.append(
            "a run links this tilt series in 3D (linker tilt), which needs neither; shown is linker trackpy"
        )
        asked = asked.model_copy(update={"linker": "trackpy"})
    linking = track.link_series(voids, drift, frames, asked, shape=model.run.series.shape)
    if linking.search_range.warning:
        notes.append(f"search range: {linking.search_range.warning}")
    return Preview(linking.linked, numbers, linking.search_range.px, tuple(notes))


def rows_about(row: int, count: int, most: int) -> range:
    """``count`` rows of ``most`` about ``row``."""
    first = min(max(row - count // 2, 0), max(most - count, 0))
    return range(first, min(first + count, most))
