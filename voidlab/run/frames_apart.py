"""The images of a series, segmented by other processes or computers: they keep what they make, and say only that.

A worker reads the images itself, from a disk that all share, and puts what comes of each where `frame_cache` has it.
So whatever is killed, worker or run, what was finished is kept; and which processes there are changes no result.
"""

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from voidlab.errors import VoidlabError
from voidlab.images.microscope import with_microscope_of
from voidlab.images.series import ImageSeries
from voidlab.project import fingerprints
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.parameters.sizes import in_px
from voidlab.project.paths import RunPaths, find_root
from voidlab.run.decided import ROOMS, Decided, libraries
from voidlab.run.frame_cache import FrameCache, SeriesFrames
from voidlab.run.images import open_images
from voidlab.segment.frame import EXCLUDED, FrameResult, segment_frame
from voidlab.segment.load import from_parameters
from voidlab.segment.segmenter import Segmenter

Found = TypeVar("Found")
_A_TASK_PX = 16 * 2**20  # of images that a worker is given at a time
_ARRIVES_S = (0.0, 0.1, 0.5, 2.0, 10.0, 30.0)  # how long a shared disk may hide a new file
_NAMED = 5


class WorkersKilled(Exception):
    """A task whose worker died each time that it was tried."""


class FramesLost(VoidlabError):
    """Images that other processes could not segment; what they finished is kept."""


@dataclass(frozen=True)
class Work:
    """What a worker must know of a series to segment some of its images.

    Attributes
    ----------
    root, dataset : str
        The project and the name of the dataset.
    parameters : str
        `DatasetParameters` as JSON.
    decided : str
        `Decided` as JSON.
    """

    root: str
    dataset: str
    parameters: str
    decided: str


def segment_rows(work: Work, rows: tuple[int, ...]) -> dict[int, str]:
    """Segment the images of these ``rows`` and keep what comes of them; why of each that cannot be read.

    Raises
    ------
    FramesLost
        If this computer does not see the project, or its software or processor is another one.
    """
    series, segmenter, kept = _opened(work)
    unreadable = {}
    for row in rows:
        result = segment_frame(series, segmenter, row)
        if result.was_seen:
            kept.put(row, result, must=True)
        else:
            unreadable[row] = result.reason
    return unreadable


@lru_cache(4)  # several datasets may share a worker
def _opened(work: Work) -> tuple[ImageSeries, Segmenter, SeriesFrames]:
    paths, parameters, decided = told_by(work)
    series = open_images(paths, parameters)
    size = series.calibration.pixel_size_nm
    settings = in_px(parameters.segment, size).model_copy(update={"arithmetic": decided.arithmetic})
    taken = with_microscope_of(parameters, series.microscope)
    method = from_parameters(settings, paths.parameters.parent, taken, size)
    segmenter = decided.applied_to(method)
    decided.pin(series)
    return series, segmenter, SeriesFrames(FrameCache(paths.kept_frames, decided), series, segmenter)


def told_by(work: Work) -> tuple[RunPaths, DatasetParameters, Decided]:
    """What a worker is told.

    Raises
    ------
    FramesLost
        If this computer does not see the project, or its software or processor is another one.
    """
    decided = Decided.from_json(work.decided)
    _check_software(decided)
    paths = RunPaths(root_of(work), work.dataset)
    if not (paths.kept_frames / decided.key).is_dir():
        raise FramesLost(
            f"the computer {socket.gethostname()} does not see the project at {work.root}: all must share a disk. If "
            "it has another path there, start the worker inside the project."
        )
    return paths, DatasetParameters.model_validate_json(work.parameters), decided


def root_of(work: Work) -> Path:
    """The project, which may have another path on this computer."""
    root = Path(work.root)
    return root if (root / "parameters").is_dir() else find_root()


def _check_software(decided: Decided) -> None:
    """Raise FramesLost where this computer would find something else."""
    here = {"code of voidlab": fingerprints.code_digest(*ROOMS)[:8], **libraries()}
    there = {"code of voidlab": decided.code[:8], **decided.libraries}
    others = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    if decided.arithmetic == "bfloat16":
        from voidlab.segment.network import arithmetic_of

        if arithmetic_of("auto") != "bfloat16":
            raise FramesLost(
                f"the processor of {socket.gethostname()} does not compute in bfloat16 as the others do, which gives "
                "other radii. Set segment.arithmetic: float32, or leave that computer out."
            )
    if others:
        said = ", ".join(f"{name} {here.get(name, 'none')} ({there.get(name, 'none')})" for name in others)
        raise FramesLost(
            f"the computer {socket.gethostname()} has other software than where the run was started: {said}. Use one "
            "environment for all."
        )


class ApartFrames:
    """What comes of every image of a series, in order, made by the workers of an executor.

    Parameters
    ----------
    kept
        Frames kept of the series; only those that are not there are segmented.
    executor
        Its ``submit`` may raise `WorkersKilled` from a future; ``at_once`` says how many tasks it works on.
    """

    def __init__(self, kept: SeriesFrames, work: Work, executor: Executor) -> None:
        self._kept, self._work, self._executor = kept, work, executor
        self._unreadable: dict[int, str] = {}
        self._lost: list[int] = []

    def results(self) -> Iterator[FrameResult]:
        """The results, a bounded number of tasks ahead.

        Raises
        ------
        FramesLost
            If a worker died at an image each time that it was tried, even alone. All others are finished first.
        """
        pending: deque[tuple[range, tuple[int, ...], Future[dict[int, str]] | None]] = deque()
        tasks, done = iter(self._tasks()), 0
        try:
            while True:
                while len(pending) < self._ahead() and (rows := next(tasks, None)) is not None:
                    missing = tuple(row for row in rows if self._is_missing(row))
                    pending.append((rows, missing, self._submit(missing) if missing else None))
                if not pending:
                    break
                next_rows, missing, future = pending.popleft()
                self._take(missing, future)
                if self._lost:
                    continue  # the others are finished first
                for row in next_rows:
                    yield self._result(row)
                done = next_rows.stop
        finally:
            for *_, future in pending:
                if future is not None:
                    future.cancel()
        self._try_alone()
        for row in range(done, len(self._kept.series)):
            yield self._result(row)

    def _tasks(self) -> Iterator[range]:
        height, width = self._kept.series.shape
        size = max(1, min(16, _A_TASK_PX // max(1, height * width)))
        return (
            range(row, min(row + size, len(self._kept.series)))
            for row in range(0, len(self._kept.series), size)
        )

    def _ahead(self) -> int:
        return 2 * max(1, int(getattr(self._executor, "at_once", os.cpu_count() or 1))) + 1

    def _is_missing(self, row: int) -> bool:
        excluded = self._kept.series.frames["status"].iloc[row] == EXCLUDED
        return not excluded and self._kept.get(row) is None

    def _submit(self, rows: tuple[int, ...]) -> "Future[dict[int, str]]":
        return self._executor.submit(segment_rows, self._work, rows)

    def _take(self, rows: tuple[int, ...], future: "Future[dict[int, str]] | None") -> bool:
        """Wait for a task; note what it could not read, and what is missing because its workers died."""
        if future is None:
            return True
        try:
            self._unreadable |= future.result()
        except (WorkersKilled, BrokenProcessPool):
            self._lost += [row for row in rows if self._kept.look_up(row) is None]
            return False
        return True

    def _try_alone(self) -> None:
        """Try again, with nothing else under way, what may have been lost for the fault of others."""
        doubtful, self._lost = self._lost, []
        for row in doubtful:
            self._take((row,), self._submit((row,)))
        if self._lost:
            frames = self._kept.series.frames.iloc[self._lost]
            named = [
                f"{frame} ({Path(path).name})"
                for frame, path in zip(frames["frame"], frames["path"], strict=True)
            ]
            more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            raise FramesLost(
                f"a worker died each time that it segmented frame {', '.join(named[:_NAMED])}{more}, also alone: "
                "has it too little memory? All other frames are kept. Give the workers more memory, or leave it out: "
                f"excluded_frames: {frames['frame'].tolist()}."
            )

    def _result(self, row: int) -> FrameResult:
        if self._kept.series.frames["status"].iloc[row] == EXCLUDED:
            return FrameResult(EXCLUDED)
        if row in self._unreadable:
            return FrameResult("unreadable", reason=self._unreadable[row])
        found = when_it_arrives(self._kept.cache.folder, lambda: self._kept.look_up(row))
        if found is not None:
            return found
        frame = self._kept.series.frames["frame"].iloc[row]
        raise FramesLost(
            f"frame {frame} was segmented elsewhere, but is not in {self._kept.cache.folder}: was its image replaced "
            "meanwhile, or is the project on a disk that the workers do not share?"
        )


def when_it_arrives(folder: Path, look: Callable[[], Found | None]) -> Found | None:
    """What ``look`` finds, as soon as a shared disk shows what is new in ``folder``; None where it never does."""
    for pause in _ARRIVES_S:
        time.sleep(pause)
        found = look()
        if found is not None:
            return found
        os.listdir(folder)  # makes a network disk look again
    return None


def work_of(paths: RunPaths, parameters: DatasetParameters, decided: Decided) -> Work:
    """What workers must know to segment images of a dataset."""
    content: Any = parameters.model_dump_json(exclude_unset=True)
    return Work(str(paths.root), paths.dataset, content, decided.as_json())
