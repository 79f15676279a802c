"""What every stage notebook does: open (parameters, images, earlier tables), show progress, save."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel
from tqdm import tqdm

from voidlab import images, tables
from voidlab.errors import VoidlabError
from voidlab.images.doubt import Doubt
from voidlab.images.label_stack import LabelWriter, open_labels
from voidlab.images.series import Calibration
from voidlab.project import corrections, fingerprints, outdated, parameters, record
from voidlab.project.parameters.models import (
    DatasetParameters,
    SegmentParameters,
    by_section,
    model_of,
    sections_of,
)
from voidlab.project.parameters.sizes import in_px
from voidlab.project.paths import STAGES, RunPaths, stages_for
from voidlab.run.apply_corrections import corrected_tracks, corrected_voids
from voidlab.run.cluster import ClusterExecutor, joined
from voidlab.run.frame_cache import SeriesFrames, open_frames
from voidlab.run.frames_apart import ApartFrames, work_of
from voidlab.run.images import (
    Mapped,
    digest_of_images,
    doubts_of_camera,
    doubts_of_valid_area,
    images_of_others,
    open_images,
    stamps_of_images,
    usable_images,
)
from voidlab.run.inputs import inputs_of
from voidlab.run.snapshot import parameter_file
from voidlab.run.watched import figures_of, read_watched
from voidlab.segment.frame import FrameResult
from voidlab.segment.segmenter import Segmenter
from voidlab.swelling.sample import Detection

Item = TypeVar("Item")


class StageError(VoidlabError):
    """A stage that cannot start, with the reason and what to do."""


@dataclass(frozen=True)
class Stage:
    """An opened stage: its files, its parameters, the images, and the way to save what it makes."""

    name: str
    paths: RunPaths
    dataset: DatasetParameters
    given: tuple[str, ...]
    series: images.ImageSeries
    inputs: dict[str, str]
    fingerprint: str
    started: datetime
    stamps: tuple[tuple[int, int], ...]  # of the files of images, as the stage was opened

    @property
    def parameters(self) -> BaseModel:
        """Parameters of this stage, sizes in px."""
        return self.segmenting if self.name == "segment" else self.dataset.stage(self.name)

    @property
    def segmenting(self) -> SegmentParameters:
        """Parameters of the stage segment, sizes in px."""
        return in_px(self.dataset.segment, self.calibration.pixel_size_nm)

    @property
    def calibration(self) -> Calibration:
        return self.series.calibration

    @property
    def doubts(self) -> list[Doubt]:
        """What of the images may be no specimen, though it counts."""
        return doubts_of_valid_area(self.series, self.dataset) + doubts_of_camera(self.series, self.dataset)

    @property
    def detection(self) -> Detection | None:
        """What the stage segment expects of its detections; None where that is not known."""
        expected = _decided_by_segment(self.paths).get("expected")
        if not expected or set(expected) != {"precision", "recall"}:
            return None
        return Detection(tuple(expected["precision"]), tuple(expected["recall"]))

    @property
    def odd_frames(self) -> set[int]:
        """Frames that the stage segment found to stand out of the series."""
        return {int(frame) for frame in _decided_by_segment(self.paths).get("odd_frames", {})}

    def load(self, name: str, *, every_kind: bool = False) -> pd.DataFrame:
        """Table ``name`` of an earlier stage, of what counts: without the rows that were deleted by hand.

        Loops and dots are there only if ``every_kind``: no stage takes them for voids.

        Raises
        ------
        StageError
            If it is not there, was changed, or rests on older results of the stages before it, on other images or
            on other parameters.
        """
        stage = tables.TABLES[name].stage
        pair = self.dataset.focus_pair is not None
        if stage not in stages_for(self.series.frames["tilt_deg"], self.dataset.track.linker, pair=pair):
            return _of_no_stage(name, self.series.frames)
        self._check(stage, self.paths.table(name))
        table = tables.kept(tables.load(self.paths, name))
        return (table if every_kind else tables.only_voids(table)).reset_index(drop=True)

    def load_drift(self) -> pd.DataFrame:
        """The drift that the tracks rest on, as a table ``drift``; see `tables.used_drift`."""
        return tables.used_drift(self.load("drift"), self.load("views"))

    def load_all(self) -> dict[str, pd.DataFrame]:
        """Every table of the stages before this one, by name; ``voids`` with loops and dots."""
        before = STAGES[: STAGES.index(self.name)]
        return {
            name: self.load(name, every_kind=True)
            for name, table in tables.TABLES.items()
            if table.stage in before
        }

    def images(self, source: str) -> Sequence[np.ndarray]:
        """The images, or (``source`` "masks") their void masks; a frame that cannot be looked at is blank."""
        if source == "images":
            bad = corrections.bad_frames(corrections.read_log(self.paths.corrections))
            return usable_images(self.series, bad)
        return Mapped(self.labels(), lambda labels, row: labels[row] > 0)

    def images_of_others(self) -> set[Path]:
        """Files that are images of another dataset of the project: an export keeps them."""
        return images_of_others(self.paths)

    def labels(self) -> Sequence[np.ndarray]:
        """The label images that the stage segment wrote, one per frame.

        Raises
        ------
        StageError
            If they are not there, or not those that it recorded.
        """
        self._check("segment", self.paths.labels)
        return open_labels(self.paths.labels)

    def decide(self, method: Segmenter) -> tuple[Segmenter, SeriesFrames | None]:
        """Decide once what holds for all images, as the contrast; give the segmenter with it, and the kept frames.

        What came of each image is kept as soon as it is there, so that no image is segmented twice: not after an
        interruption, nor for corrections by hand. Of a segmenter of one's own nothing is kept (None), unless it says
        what it is, see `voidlab.segment.identity`.
        """

        def by_workers(kept: SeriesFrames, executor: Executor) -> Iterator[FrameResult]:
            work = work_of(self.paths, self.dataset, kept.cache.decided)
            return ApartFrames(kept, work, executor).results()

        folder, digest = self.paths.kept_frames, self.inputs["images"]
        return open_frames(folder, self.series, method, digest, by_workers, read_watched(self.paths))

    @property
    def executor(self) -> ClusterExecutor | None:
        """Workers of the cluster that the run was started on, for the stage that uses them."""
        return joined() if self.name == "segment" else None

    def correct_voids(
        self, frames: pd.DataFrame, voids: pd.DataFrame
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Apply the corrections by hand to what the stage segment found, labels.tif included.

        Returns
        -------
        frames, voids, done : DataFrame
            The tables; deleted voids are flagged. And what came of each correction, see `list_outcomes`.
        """
        buffer = self.dataset.segment.edge_buffer_px
        return corrected_voids(self.paths, frames, voids, self.label_writer(), edge_buffer_px=buffer)

    def correct_tracks(self, linked: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Apply the corrections by hand to the linked voids; deleted tracks are flagged.

        Returns
        -------
        linked, done : DataFrame
            The linked voids, and what came of each correction.
        """
        return corrected_tracks(self.paths, linked)

    def label_writer(self) -> LabelWriter:
        """Writer of labels.tif, one label image per frame."""
        return LabelWriter(self.paths.labels, pixel_size_nm=self.calibration.pixel_size_nm)

    def progress(self, items: Iterable[Item], total: int | None = None) -> Iterable[Item]:
        """``items``, with a line of progress in the terminal or below the cell."""
        bar = tqdm(
            items,
            total=total,
            desc=self.name,
            file=sys.stderr,
            ascii=True,
            ncols=80,
            leave=False,
            mininterval=0.3,
        )
        return _with_workers(bar, self.executor) if self.executor is not None else bar

    def save(
        self,
        made: Mapping[str, pd.DataFrame] | None = None,
        *,
        files: Sequence[Path] = (),
        key_figures: Sequence[Mapping[str, str]] = (),
        decided: Mapping[str, Any] | None = None,
    ) -> str:
        """Write the tables ``made`` and the record of this stage, with ``files`` it wrote itself; say what.

        One of the ``files`` may be a folder: all that is in it. What the stage ``decided`` by itself goes into the
        record and into the metadata of the tables.

        Raises
        ------
        StageError
            If images have changed since the stage was opened.
        """
        self._check_images()
        written = [f for path in files for f in ([path] if path.is_file() else sorted(path.rglob("*")))]
        written += [self._write_table(table, name, decided) for name, table in (made or {}).items()]
        entry = self._entry(written, key_figures, dict(decided or {}))
        record.write_entry(self.paths, self.name, entry)
        named = [path.relative_to(self.paths.folder).as_posix() for path in files if path.is_dir()]
        named += [name for name in entry.outputs if not name.startswith(tuple(f"{n}/" for n in named))]
        said = f"the record {self.paths.record.name}"
        return f"wrote {', '.join(named)} and {said}" if named else f"wrote {said}"

    def _check_images(self) -> None:
        """Raise StageError if images have changed since the stage was opened."""
        if self.stamps == stamps_of_images(self.series):
            return
        if self.inputs["images"] != digest_of_images(self.paths, self.series):
            raise StageError(f"images were replaced or removed while stage '{self.name}' ran. Run it again.")

    def _write_table(self, table: pd.DataFrame, name: str, decided: Mapping[str, Any] | None) -> Path:
        if "path" in table:
            table = relative_paths(table, self.paths.root)
        if decided:
            table = table.copy(deep=False)
            table.attrs = {self.name: dict(decided)}
        tables.write(table, name, self.paths.table(name))
        return self.paths.table(name)

    def _entry(
        self, written: Sequence[Path], key_figures: Sequence[Mapping[str, str]], decided: dict[str, Any]
    ) -> record.Entry:
        """What run.json is to say of this stage."""
        figures = (*key_figures, *figures_of(decided, self.paths.dataset))
        return record.Entry(
            status="finished",
            fingerprint=self.fingerprint,
            parameters=self.dataset.deciding(self.name),
            given=list(self.given),
            inputs=self.inputs,
            outputs=fingerprints.outputs_of(self.paths, written),
            key_figures=[dict(figure) for figure in figures],
            decided=decided,
            of_images=self.dataset.of_images(),
            computed_on=self.executor.in_record if self.executor is not None else {},
            started=self.started.isoformat(timespec="seconds"),
            seconds=round((datetime.now(UTC) - self.started).total_seconds(), 1),
        )

    def _check(self, stage: str, file: Path) -> None:
        reason = outdated.why_not_usable(self.paths, stage, file)
        reason = reason or outdated.why_outdated(self.paths, stage, self.dataset, self.inputs["images"])
        if reason:
            raise StageError(f"{reason}. Run stage '{stage}' of dataset '{self.paths.dataset}' first.")


def _with_workers(bar: tqdm, executor: ClusterExecutor) -> Iterator[Any]:
    """The items of ``bar``, which says who works on them."""
    for item in bar:
        bar.set_postfix_str(str(executor), refresh=False)
        yield item


def _of_no_stage(name: str, frames: pd.DataFrame) -> pd.DataFrame:
    """Table ``name`` of a stage that does not apply: empty, and of a single image its drift of 0."""
    none = tables.empty(name)
    if name != "drift":
        return none
    rows = none.reindex(range(len(frames))).assign(frame=frames["frame"], pairs_kept=0, flag="reference")
    return tables.cast(rows.assign(drift_x_px=0.0, drift_y_px=0.0, drift_sigma_px=0.0), "drift")


def open_stage(name: str, dataset: str, given: Mapping[str, object] | None = None) -> Stage:
    """Open stage ``name`` of ``dataset`` in the project around the working folder.

    Parameters
    ----------
    given
        Parameters that outweigh the YAML file; those that are None do not count.

    Raises
    ------
    ParameterErrors
        If the parameters are wrong.
    ImagesError
        If the images cannot be opened.
    """
    started = datetime.now(UTC)
    paths = RunPaths.find(dataset)
    set_here = {key: value for key, value in (given or {}).items() if value is not None}
    typed = parameters.load_parameters(parameter_file(paths), by_section(name, set_here))
    typed = outdated.with_parameters_set(paths, name, typed)
    series = open_images(paths, typed)
    if name != "segment":
        _show_as_segmented(series, paths)
    stamps = stamps_of_images(series)
    inputs = inputs_of(paths, name, typed, digest_of_images(paths, series))
    fingerprint = fingerprints.fingerprint(paths, typed, name, inputs)
    return Stage(name, paths, typed, tuple(set_here), series, inputs, fingerprint, started, stamps)


def _decided_by_segment(paths: RunPaths) -> Mapping[str, Any]:
    """What the stage segment decided; nothing where it has not run."""
    entry = record.read_record(paths).get("segment")
    return entry.decided if entry else {}


def _show_as_segmented(series: images.ImageSeries, paths: RunPaths) -> None:
    """Make ``series`` give its images with the intensities that the stage segment saw them with.

    They are those of all images but after a watch, which decided on them while images were still to come.
    """
    match _decided_by_segment(paths).get("intensity_range"):
        case [int() | float() as low, int() | float() as high]:
            series.scale = (low, high)


def open_notebook(name: str, notebook: Mapping[str, object]) -> Stage:
    """Open stage ``name`` with what a ``notebook`` says, ``globals()`` there; see `open_stage`.

    ``dataset`` and each parameter of the stage (of export those of the sample too) are looked up in it by their
    names. One that is None, or is not there, has the value of the YAML file, else its default.
    """
    known = [key for section in sections_of(name) for key in model_of(section).model_fields]
    return open_stage(name, str(notebook["dataset"]), {key: notebook.get(key) for key in known})


def relative_paths(frames: pd.DataFrame, root: Path) -> pd.DataFrame:
    """``frames`` with the paths of the images relative to the project, so that a report can be sent on."""
    return frames.assign(path=[Path(os.path.relpath(path, root)).as_posix() for path in frames["path"]])
