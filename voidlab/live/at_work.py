"""Who segments the images of a watch: threads of this process, or the workers of a cluster where it has some.

Workers do one thing, what takes long: they read an image, segment it and keep what comes of it, as for a run
(`voidlab.run.frames_apart`). All else is done here. The watch never needs them: where they are gone, or cannot do it,
it says so and segments by itself.
"""

import os
from concurrent.futures import Executor, Future
from functools import lru_cache
from pathlib import Path

from voidlab.images.microscope import with_microscope_of
from voidlab.live import decide
from voidlab.live.index import Entry
from voidlab.live.look import Looked, Looker, NotYet, TryAgain, open_one
from voidlab.project import fingerprints
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths
from voidlab.run.cluster import ClusterExecutor
from voidlab.run.decided import Decided
from voidlab.run.frame_cache import FrameCache
from voidlab.run.frames_apart import (
    FramesLost,
    Work,
    WorkersKilled,
    root_of,
    told_by,
    when_it_arrives,
    work_of,
)
from voidlab.segment.frame import FrameResult, segment_frame
from voidlab.segment.segmenter import Segmenter

MOST_AT_ONCE = 64


class Here:
    """Threads of this process, a ``pool``; how many images it pays to work on ``at_once``."""

    def __init__(self, pool: Executor, at_once: int) -> None:
        self._pool, self._here = pool, at_once

    @property
    def at_once(self) -> int:
        return self._here

    @property
    def problems(self) -> list[str]:
        return []

    def submit(self, looker: Looker, path: Path, entry: Entry, *, with_picture: bool) -> Future[Looked]:
        """Look at the file at ``path``, in a thread."""
        return self._pool.submit(looker.look, path, entry, with_picture=with_picture)

    def close(self) -> None:
        """Wait for nothing any more."""


class ByWorkers(Here):
    """The ``workers`` of a cluster, each waited for by a thread of the ``pool``; ``at_once`` is for without them."""

    def __init__(self, pool: Executor, at_once: int, workers: ClusterExecutor, paths: RunPaths) -> None:
        super().__init__(pool, at_once)
        self._workers, self._paths = workers, paths
        self._why_without = ""
        self._there = 0
        self._under_way: set[Future[None]] = set()

    @property
    def at_once(self) -> int:
        """As many as there are workers, and one more so that none waits for the next image."""
        if not self._why_without:
            try:
                self._there = self._workers.at_once
            except Exception as error:
                self._do_without(error)
        return self._here if self._why_without else min(self._there + 1, MOST_AT_ONCE)

    @property
    def problems(self) -> list[str]:
        if self._why_without:
            return [f"images are segmented by this computer alone: {self._why_without}"]
        return [] if self._there else ["no worker has come yet: images wait for one, see --on."]

    def submit(self, looker: Looker, path: Path, entry: Entry, *, with_picture: bool) -> Future[Looked]:
        elsewhere = None if self._why_without else self._segment
        return self._pool.submit(looker.look, path, entry, with_picture=with_picture, elsewhere=elsewhere)

    def close(self) -> None:
        for task in list(self._under_way):
            task.cancel()

    def _segment(self, looker: Looker, path: Path, entry: Entry) -> FrameResult:
        """What comes of an image, made by a worker.

        Raises
        ------
        TryAgain
            If workers cannot do it.
        NotYet
            If it killed them, or is not seen there.
        """
        work = work_of(
            self._paths, with_microscope_of(looker.dataset, looker.first.microscope), looker.decided
        )
        file, size = os.path.relpath(path, self._paths.root), looker.first.calibration.pixel_size_nm
        try:
            task = self._workers.submit(segment_file, work, size, file, entry.frame, entry.digest)
            self._under_way.add(task)
            try:
                task.result()
            finally:
                self._under_way.discard(task)
        except NotYet:
            raise
        except WorkersKilled:
            raise NotYet("a worker died each time that it segmented it: has it too little memory?") from None
        except Exception as error:  # whatever the workers are like: the microscope does not wait
            self._do_without(error)
            raise TryAgain(self._why_without) from None
        cache = looker.cache
        result = when_it_arrives(cache.folder, lambda: cache.get(entry.frame, entry.image))
        if result is None:
            self._do_without(FramesLost(f"what they make is not seen in {cache.folder}."))
            raise TryAgain(self._why_without)
        return result

    def _do_without(self, error: Exception) -> None:
        self._why_without = f"{error} Start the watch again to have workers."


def segment_file(work: Work, pixel_size_nm: float | None, file: str, frame: int, digest: str) -> None:
    """Segment the image in a ``file``, relative to the project, and keep what comes of it: done by a worker.

    Raises
    ------
    NotYet
        If the file is not there, or not the one of this ``digest``.
    VoidlabError
        If this computer cannot do it.
    """
    dataset, decided, segmenter, cache = _opened(work, pixel_size_nm)
    path = Path(os.path.normpath(root_of(work) / file))
    if not when_it_arrives(path.parent, lambda: fingerprints.digest(path) == digest or None):
        raise NotYet(f"{path.name} is another one on the computer of a worker")
    series = open_one(path, dataset, decided.intensity_range)
    decided.pin(series)
    result = segment_frame(series, segmenter, 0)
    if not result.was_seen:
        raise NotYet(result.reason)
    cache.put(frame, f"{digest} 0", result)


@lru_cache(4)  # another threshold is another one
def _opened(
    work: Work, pixel_size_nm: float | None
) -> tuple[DatasetParameters, Decided, Segmenter, FrameCache]:
    paths, dataset, decided = told_by(work)
    asked = dataset.segment.model_copy(update={"arithmetic": decided.arithmetic})
    as_decided = dataset.model_copy(update={"segment": asked})
    method = decide.segmenter_of(as_decided, paths.parameters.parent)
    segmenter = decided.applied_to(decide.of_images(method, dataset, pixel_size_nm))
    return dataset, decided, segmenter, FrameCache(paths.kept_frames, decided)
