"""What the explorer shows, without a widget or a figure: frames, their voids with the corrections, tracks, drift.

Every answer is computed from the dataset, the settings and the corrections on file; nothing is held but caches of a
bounded size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from voidlab import tables
from voidlab.explore.cache import Cache
from voidlab.explore.live_segmenter import Finder
from voidlab.explore.words import SizesInWords, frame_in_words, in_short
from voidlab.images.binning import block_mean
from voidlab.images.microscope import with_microscope_of
from voidlab.project import corrections, outdated, record
from voidlab.project.edits import AcceptFrame, BadFrame, Edit, TrackEdit, VoidEdit, frame_of
from voidlab.project.parameters.models import SegmentParameters
from voidlab.project.parameters.sizes import as_given, in_px
from voidlab.run.images import stamps_of_images
from voidlab.run.stage import Stage
from voidlab.segment.corrections import correct_frame
from voidlab.tables.kinds import VOID
from voidlab.track.corrections import correct_tracks

_REACH_PX = 3.0  # two centres nearer than this, or than half a radius, are the same void
SHOWN_PX = 1500  # longest side of a picture; larger images are shown smaller
_NO_RESULTS = "no tracks or drift yet; they come with: voidlab run parameters/{}.yaml"
_READ = ("voids", "links", "drift", "views")  # tables of the last run that are shown
_REPLACED = "out of date: images were replaced or removed since the explorer was opened; open it again"


@dataclass(frozen=True)
class Picture:
    """An image as shown: ``pixels`` (h, w) are means over ``factor`` × ``factor`` of the (H, W) recorded."""

    pixels: np.ndarray
    factor: int

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in px of the image as recorded, the centre of its first pixel at (0, 0)."""
        height, width = self.pixels.shape
        return (-0.5, width * self.factor - 0.5, height * self.factor - 0.5, -0.5)


@dataclass(frozen=True)
class Detections:
    """What stands in a frame: its table ``voids``, and how many corrections by hand count in it."""

    table: pd.DataFrame
    edits: int = 0


@dataclass(frozen=True)
class Results:
    """Tables of an earlier run: its voids and the settings that found them, voids on tracks, drift of each frame."""

    voids: pd.DataFrame
    settings: dict[str, Any]
    linked: pd.DataFrame
    drift: pd.DataFrame


class Model:
    """A dataset as the explorer sees it."""

    def __init__(self, run: Stage) -> None:
        self.run = run
        self.frames = run.series.frames
        self.finder = Finder(
            run.series,
            run.paths.parameters.parent,
            with_microscope_of(run.dataset, run.series.microscope),
            run.calibration.pixel_size_nm,
        )
        self._pictures: Cache[Picture] = Cache(60_000_000)
        self._images: Cache[np.ndarray] = Cache(80_000_000)
        self.log = corrections.read_log(run.paths.corrections)
        self._results: Results | None = None
        self._linked: pd.DataFrame | None = None
        self._written_ns: int | None = None  # when the record of the run that these are of was written
        self._outdated = ""
        self._sizes = SizesInWords(run.series.shape, run.calibration, self.settings.edge_buffer_px)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def settings(self) -> SegmentParameters:
        """The settings of the dataset's YAML file, sizes in px."""
        return self.run.segmenting

    def as_given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` of settings as the YAML file is to have them: in nm where it gives sizes in nm."""
        size = self.run.calibration.pixel_size_nm
        return dict(values) if size is None else as_given(values, self.run.dataset.segment, size)

    def number(self, row: int) -> int:
        """Number of the frame in row ``row``."""
        return int(self.frames["frame"].iloc[row])

    def picture(self, row: int) -> Picture:
        """The image of row ``row``, at most `SHOWN_PX` on its longest side.

        Raises
        ------
        ImageReadError
            If it cannot be read.
        """
        return self._pictures.get(row, lambda: shrink(self.image(row)))

    def image(self, row: int) -> np.ndarray:
        """The image of row ``row`` as recorded (H, W), 0 to 1; NaN where it does not count."""
        return self._images.get(row, lambda: np.asarray(self.run.series[row]))

    def voids(self, row: int, settings: SegmentParameters) -> pd.DataFrame:
        """The voids of `detections`."""
        return tables.only_voids(self.detections(row, settings).table).reset_index(drop=True)

    def detections(self, row: int, settings: SegmentParameters, *, exact: bool = True) -> Detections:
        """What ``settings`` find in row ``row``, and what the corrections make of it.

        Loops and dots are in it where the parameters ask for them. ``exact``: see `Finder.find`.
        """
        number = self.number(row)
        edits = self._edits(row)
        if not edits and self._is_in_results(row, settings):
            assert self.results is not None
            here = self.results.voids["frame"] == number
            return Detections(self.results.voids[here].reset_index(drop=True))
        found = self.finder.find(row, lambda: self.image(row), settings, exact=exact)
        voids = found.voids.assign(frame=number)
        if not edits:
            return Detections(tables.check(voids, "voids"))
        buffer = settings.edge_buffer_px
        corrected, _, reasons = correct_frame(voids, found.labels, edits, edge_buffer_px=buffer)
        # A void that is moved is two rows of the table, but one correction.
        return Detections(corrected, reasons.count(""))

    def is_quick(self, row: int, settings: SegmentParameters) -> bool:
        """Whether `voids` can answer without a segmenter at work."""
        in_results = not self._edits(row) and self._is_in_results(row, settings)
        return in_results or self.finder.holds(row, settings)

    def is_exact(self, row: int, settings: SegmentParameters) -> bool:
        """Whether `detections` are exact without being asked to."""
        return (not self._edits(row) and self._is_in_results(row, settings)) or self.finder.is_exact(settings)

    def _edits(self, row: int) -> list[VoidEdit]:
        edits = [line.edit for line in self.log.kept("segment")]
        return [e for e in edits if frame_of(e) == self.number(row)]  # type: ignore[arg-type, misc]

    def _is_in_results(self, row: int, settings: SegmentParameters) -> bool:
        """Whether the last run found the voids of this frame with these settings, and nobody corrected them."""
        results = self.results
        if results is None or results.settings != settings.model_dump(mode="json"):
            return False
        here = results.voids["frame"] == self.number(row)
        return bool((results.voids.loc[here, "corrected"] == "").all()) and not self.is_bad(row)

    # --- corrections -----------------------------------------------------------------------------------------

    def correct(self, edits: Sequence[Edit]) -> None:
        """Keep ``edits``, made in one go.

        Raises
        ------
        OSError
            If the file of corrections cannot be written.
        """
        corrections.append_edit(self.run.paths.corrections, edits)
        self.reload()

    def refusal(self, edits: Sequence[Edit], settings: SegmentParameters) -> str:
        """Why ``edits`` of a frame as it is shown, or of tracks, cannot be applied; empty where they can."""
        of_voids = [e for e in edits if isinstance(e, VoidEdit) and not isinstance(e, BadFrame)]
        of_tracks = [edit for edit in edits if isinstance(edit, TrackEdit)]
        reasons = []
        if of_voids:
            row = int(np.flatnonzero(self.frames["frame"] == frame_of(of_voids[0]))[0])
            exact = self.is_exact(row, settings)
            found = self.finder.find(row, lambda: self.image(row), settings, exact=exact)
            voids = found.voids.assign(frame=self.number(row))
            every = [*self._edits(row), *of_voids]
            reasons += correct_frame(voids, found.labels, every, edge_buffer_px=settings.edge_buffer_px)[2]
        if of_tracks and len(self.linked):
            reasons += correct_tracks(self.linked.drop(columns="corrected"), of_tracks)[1]
        return next(filter(None, reasons[-len(edits) :]), "")

    def undo(self) -> str:
        """Take back the last correction, with those made in one go with it; say what, nothing if there is none."""
        undone = corrections.undo_edit(self.run.paths.corrections)
        self.reload()
        return in_short(undone)

    def redo(self) -> str:
        """Bring back what was taken back last; say what, nothing if there is none."""
        done = corrections.redo_edit(self.run.paths.corrections)
        self.reload()
        return in_short(done)

    def reload(self) -> None:
        """Read the corrections on file anew."""
        self.log = corrections.read_log(self.run.paths.corrections)
        self._linked = None

    @property
    def accepted(self) -> set[int]:
        """Numbers of the frames that somebody looked through and accepted."""
        return {line.edit.frame for line in self.log.kept() if isinstance(line.edit, AcceptFrame)}

    def is_bad(self, row: int) -> bool:
        """Whether the frame was marked as bad, or excluded in the YAML file."""
        number = self.number(row)
        return self.frames["status"].iloc[row] == "excluded" or number in corrections.bad_frames(self.log)

    # --- results of an earlier run ---------------------------------------------------------------------------

    @property
    def results(self) -> Results | None:
        """Tables of the last run; None before there is one, or when they do not fit together or these images."""
        if stamps_of_images(self.run.series) != self.run.stamps:
            self._outdated = _REPLACED
            return None
        written = record.written_ns(self.run.paths)
        if written != self._written_ns:  # there was a run since
            self._results, self._linked, self._written_ns = self._read_results(), None, written
        return self._results

    def _read_results(self) -> Results | None:
        paths, images = self.run.paths, self.run.inputs["images"]
        entries = record.read_record(paths)
        stages = [tables.TABLES[name].stage for name in _READ]
        now = outdated.present_parameters(paths) or self.run.dataset
        reasons = [outdated.why_outdated(paths, name, now, images) for name in stages]
        self._outdated = next((f"out of date: {reason}" for reason in reasons if reason), "")
        if any(entries[name].inputs.get("images") != images for name in stages if name in entries):
            return None  # what was found in other images is not in these
        tables_of = zip(stages, _READ, strict=True)
        if any(outdated.why_not_usable(paths, stage, paths.table(name)) for stage, name in tables_of):
            return None
        voids, links, drift, views = (tables.load(paths, name) for name in _READ)
        return Results(
            voids=voids,
            settings=self._settings_of(entries["segment"].parameters),
            linked=voids.merge(links.drop(columns="corrected"), on=["frame", "label"]),
            drift=tables.used_drift(drift, views),
        )

    def _settings_of(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the stage segment as a run ``recorded`` them, sizes in px; none where they are not of today."""
        given = {name: value for name, value in recorded.items() if name in SegmentParameters.model_fields}
        try:
            ran = SegmentParameters.model_validate(given)
            return in_px(ran, self.run.calibration.pixel_size_nm).model_dump(mode="json")
        except ValueError:
            return {}

    @property
    def outdated(self) -> str:
        """A sentence when the last run had other images or parameters, else nothing."""
        _ = self.results  # finds it out
        return self._outdated

    @property
    def why_no_results(self) -> str:
        """A sentence when there are no tracks and no drift to show, else nothing."""
        return "" if self.results else self._outdated or _NO_RESULTS.format(self.run.paths.dataset)

    @property
    def linked(self) -> pd.DataFrame:
        """Voids on tracks as the last run and the corrections since have them; empty before the first run."""
        results = self.results
        if results is None:
            return tables.empty("voids").assign(particle=pd.Series(dtype="int64"))
        if self._linked is None:
            edits = [line.edit for line in self.log.kept("track")]
            self._linked = tables.kept(correct_tracks(results.linked, edits)[0])  # type: ignore[arg-type]
        return self._linked

    def drift(self, row: int) -> tuple[float, float]:
        """Drift of the frame in row ``row``, px; (0, 0) when it is not known."""
        x, y = self.drifts(np.array([self.number(row)]))[0].tolist()
        return x, y

    def drifts(self, numbers: np.ndarray) -> np.ndarray:
        """Drift (n, 2) as (x, y) of the frames of these ``numbers``, px; 0 where it is not known."""
        if self.results is None:
            return np.zeros((len(numbers), 2))
        known = self.results.drift.set_index("frame")[["drift_x_px", "drift_y_px"]]
        return known.reindex(np.asarray(numbers, np.int64)).fillna(0.0).to_numpy(np.float64)

    def particles(self, voids: pd.DataFrame) -> np.ndarray:
        """Particle of each of the ``voids`` of a frame, by mutual nearness; −1 where it is on no track."""
        found = np.full(len(voids), -1, np.int64)
        near = self.linked[self.linked["frame"].isin(voids["frame"].unique())]
        if len(near) and len(voids):
            here, there = (t[["x_px", "y_px"]].to_numpy() for t in (voids, near))
            apart, other = cKDTree(there).query(here)
            back = cKDTree(here).query(there)[1]
            reach = np.maximum(_REACH_PX, voids["radius_px"].to_numpy() / 2)
            same = (apart <= reach) & (back[other] == np.arange(len(voids)))
            found[same] = near["particle"].to_numpy()[other[same]]
        return found

    def tails(self, row: int, length: int) -> list[np.ndarray]:
        """Where each void of row ``row`` was in the ``length`` frames before: (n, 3) of x, y (as recorded), frame."""
        number = self.number(row)
        numbers = np.sort(self.frames["frame"].to_numpy())
        first = numbers[max(int(np.searchsorted(numbers, number)) - length, 0)]
        near = self.linked[self.linked["frame"].between(first, number)]
        here = near.loc[near["frame"] == number, "particle"]
        near = near[near["particle"].isin(here)].sort_values(["particle", "frame"])
        return [t[["x_px", "y_px", "frame"]].to_numpy() for _, t in near.groupby("particle") if len(t) > 1]

    def life(self, particle: int) -> pd.DataFrame:
        """The voids of a track, frame by frame."""
        return self.linked[self.linked["particle"] == particle].sort_values("frame")

    def in_words(self, row: int, found: Detections) -> str:
        """What is to be said of a frame in which this was ``found``."""
        number, asked, bad = self.number(row), self.settings.kinds, self.is_bad(row)
        counted = tables.kept(tables.only_voids(found.table))
        return frame_in_words(
            number,
            float(self.frames["tilt_deg"].iloc[row]),
            found.table,
            asked=asked,
            sizes=self._sizes.of(row, counted, self.image) if VOID in asked and not bad else "",
            edits=found.edits,
            bad=bad,
            accepted=number in self.accepted,
        )


def shrink(image: np.ndarray, most_px: int = SHOWN_PX) -> Picture:
    """``image`` (H, W) as a picture of at most ``most_px`` on its longest side; a last odd row or column goes."""
    factor = max(-(-max(image.shape) // most_px), 1)
    return Picture(block_mean(np.asarray(image, np.float32), factor), factor)
