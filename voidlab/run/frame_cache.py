"""What came of each image, kept as soon as it is there: a run that was stopped, however, goes on at the next image.

``reports/NAME/.frames/KEY/000123.bin`` is frame 123: its voids, label image and counts. KEY stands for all that is
decided once for a series (`voidlab.run.decided`). A file also says of which image it is, by the digest of the image's
file, and has a checksum: what was damaged, cut short, or is of another image counts as not there.

From outside, as where images arrive one by one::

    decided = Decided.of(series, segmenter)             # once, from the first images; None: cannot be kept
    segmenter = decided.applied_to(segmenter)           # elsewhere, from decided.as_json(): with its contrast
    decided.pin(series)                                 # also of a series that was opened anew, with more images
    cache = FrameCache(paths.kept_frames, decided)
    kept = SeriesFrames(cache, series, segmenter)       # by row; `segment_series(..., store=kept)` takes it
    if kept.get(row) is None:                           # by frame and image: cache.has, cache.get, cache.put
        kept.put(row, segment_frame(series, segmenter, row))
    table = Collected(series.frames, segmenter.kinds)   # of voidlab.segment.series; add(row, kept.get(row)), tables()

Any number of processes may do so at once, also on several computers that share the folder: a file appears whole or
not at all, and two that make the same make the same bytes. `FrameResult.labels` that come from here are packed:
``labels.unpacked() > 0`` is the mask.
"""

import json
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from voidlab.images.sample import SeriesOfImages
from voidlab.images.series import ImageSeries
from voidlab.project import fingerprints
from voidlab.project.image_digests import digest_of_image
from voidlab.project.lock import held
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.run.decided import Decided, asked
from voidlab.run.frame_file import pack, read_sealed, unpack, write_sealed
from voidlab.run.watched import OTHERWISE, as_watched, differences
from voidlab.segment.frame import FrameResult
from voidlab.segment.segmenter import Segmenter

Kept = TypeVar("Kept")
ByWorkers = Callable[["SeriesFrames", Executor], Iterator[FrameResult]]
_SUFFIX = ".bin"
_DECIDED, _ASKED = f"decided{_SUFFIX}", "asked-"


class FrameCache:
    """The frames kept of one series under one `Decided`, by their number and the digest of their image.

    Parameters
    ----------
    folder
        ``RunPaths.kept_frames``.
    decided
        All that what is kept rests on.
    """

    def __init__(self, folder: Path, decided: Decided) -> None:
        self.decided = decided
        self.folder = folder / decided.key
        if _decided_in(self.folder / _DECIDED) is None:
            _write_decided(self.folder / _DECIDED, decided)

    def file(self, frame: int) -> Path:
        return self.folder / f"{frame:06d}{_SUFFIX}"

    def has(self, frame: int, image: str) -> bool:
        """Whether what came of this image is kept, whole."""
        return self.get(frame, image) is not None

    def get(self, frame: int, image: str) -> FrameResult | None:
        """What came of frame ``frame``; None where it is not kept, is damaged, or is of another ``image``."""
        content = read_sealed(self.file(frame))
        return None if content is None else unpack(content, image)

    def put(self, frame: int, image: str, result: FrameResult) -> FrameResult:
        """Keep what came of frame ``frame``; give it as `get` will.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        content = pack(image, result)
        write_sealed(self.file(frame), content)
        kept = unpack(content, image)
        assert kept is not None
        return kept


class SeriesFrames:
    """The kept frames of a series, by row, as `voidlab.segment.segment_series` wants them.

    An image that changed since it was kept, or while it was looked at, is looked at again.
    """

    def __init__(
        self,
        cache: FrameCache,
        series: ImageSeries,
        segmenter: Segmenter,
        by_workers: ByWorkers | None = None,
        otherwise: str = "",
    ) -> None:
        self.cache, self.series = cache, series
        self._otherwise = otherwise  # what all images would have otherwise than was decided while watching
        self._taken = 0
        self._segmenter, self._by_workers = segmenter, by_workers
        self._images: dict[str, _Image] = {}
        self._lock = threading.Lock()
        self._writes = True

    @property
    def decided(self) -> Mapping[str, Any]:
        otherwise = {OTHERWISE: self._otherwise} if self._otherwise else {}
        return {**self.cache.decided.in_record, **otherwise}

    @property
    def taken(self) -> int:
        return self._taken

    def check(self, series: SeriesOfImages, segmenter: Segmenter) -> None:
        """Raise ValueError where other images, or another segmenter, are to be kept than it was made for."""
        if series is not self.series:
            raise ValueError(
                "the store keeps frames of other images than are given. Of images that were changed in a notebook "
                "nothing can be kept: leave out store=."
            )
        if segmenter is not self._segmenter:
            self.cache.decided.check(segmenter)

    def get(self, row: int) -> FrameResult | None:
        found = self.look_up(row)
        if found is not None:
            with self._lock:
                self._taken += 1
        return found

    def look_up(self, row: int) -> FrameResult | None:
        """As `get`, of a frame that may have been made just now."""
        image = self._image(row)
        return self.cache.get(self._frame(row), image.of(row)) if image.digest else None

    def put(self, row: int, result: FrameResult, *, must: bool = False) -> FrameResult:
        """Keep what came of an image; where the disk takes no more it is only given back, unless it ``must`` be."""
        image = self._image(row)
        if not image.digest or image.stamp != _stamp(image.path):
            return result
        if must:
            return self.cache.put(self._frame(row), image.of(row), result)
        return self._write(lambda: self.cache.put(self._frame(row), image.of(row), result)) or result

    def results_from(self, executor: Executor) -> Iterator[FrameResult] | None:
        """What comes of every image, in order, by the workers of ``executor``; None where they cannot know how."""
        if self._by_workers is None or self.cache.decided.segmenter["own"]:
            return None
        return self._by_workers(self, executor)

    def once(self, name: str, rows: Iterable[int], make: Callable[[], Any]) -> Any:
        """What ``make`` made of the images of these ``rows``; kept, as it rests on nothing else that changes."""
        images = [self._image(row).of(row) for row in rows]
        choice = self.cache.decided.choice
        of = fingerprints.digest_of([images, choice and choice["verdict"], choice and choice["reason"]])
        file = self.cache.folder / f"{name}-{of[:16]}{_SUFFIX}"
        content = read_sealed(file)
        if content is None:
            content = json.dumps(make()).encode()
            self._write(lambda: write_sealed(file, content))
        return json.loads(content)

    def _write(self, write: Callable[[], Kept]) -> Kept | None:
        """Do ``write``, until the disk takes no more: the run needs none of it."""
        if not self._writes:
            return None
        try:
            return write()
        except OSError as error:
            self._writes = False
            warnings.warn(f"frames are no longer kept as they are made: {error}", stacklevel=3)
            return None

    def _frame(self, row: int) -> int:
        return int(self.series.frames["frame"].iloc[row])

    def _image(self, row: int) -> "_Image":
        path = Path(self.series.files[row])
        with self._lock:  # so that a stack is read once
            if str(path) not in self._images:
                stacked = self.series.stack is not None
                self._images[str(path)] = _Image(path, _stamp(path), digest_of_image(path), stacked)
            return self._images[str(path)]


@dataclass(frozen=True)
class _Image:
    """The file of an image, or of all: when it was written and how large it was, and its digest."""

    path: Path
    stamp: tuple[int, int]
    digest: str
    is_stack: bool

    def of(self, row: int) -> str:
        return f"{self.digest} {row if self.is_stack else 0}"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, -1)
    return found.st_mtime_ns, found.st_size


def open_frames(
    folder: Path,
    series: ImageSeries,
    segmenter: Segmenter,
    images: str,
    by_workers: ByWorkers | None = None,
    watched: Decided | None = None,
) -> tuple[Segmenter, SeriesFrames | None]:
    """The ``segmenter`` with what it reads off the ``series`` decided, and the frames that are kept of it.

    What was decided for the same images and settings before is taken up from ``folder``. What was decided while they
    were being taken, ``watched``, outweighs that; the frames say what all images would have otherwise. The
    frames are None where none can be kept, see `Decided.of`. ``images`` is the digest of all images;
    ``by_workers`` gives what comes of them by the workers of an executor.

    Raises
    ------
    DecidedError
        If most pixels lie outside the intensities that were given.
    """
    known = folder / f"{_ASKED}{asked(series, segmenter, images)}{_SUFFIX}"
    decided = _decided_in(known)
    if decided is None:
        decided = Decided.of(series, segmenter)
        if decided is None:
            return segmenter, None
        _write_decided(known, decided)
    live = None if watched is None else as_watched(watched, series, segmenter)
    otherwise = ""
    if live is not None:
        otherwise, decided = differences(live, decided), live
        vars(series).pop("scale", None)  # as all images have it, where that was looked for
    drop_outdated(folder, decided)
    decided.pin(series)
    segmenter = decided.applied_to(segmenter)
    return segmenter, SeriesFrames(FrameCache(folder, decided), series, segmenter, by_workers, otherwise)


def clean_dataset(paths: RunPaths) -> int:
    """Remove all that is kept of the images of a dataset; give how many bytes that were.

    Raises
    ------
    ProjectError
        If there is no such dataset.
    DatasetBusy
        If it is being run.
    """
    if not paths.parameters.exists() and not paths.folder.exists():
        raise ProjectError(
            f"no dataset '{paths.dataset}': there is neither {paths.parameters} nor {paths.folder}."
        )
    if not paths.kept_frames.exists():
        return 0
    with held(paths):
        size = sum(file.stat().st_size for file in paths.kept_frames.rglob("*") if file.is_file())
        shutil.rmtree(paths.kept_frames)
    return size


def drop_outdated(folder: Path, decided: Decided) -> None:
    """Remove what other code or other libraries made: nothing takes it up again. Other settings may be set again."""
    for file in (*folder.glob(f"*/{_DECIDED}"), *folder.glob(f"{_ASKED}*{_SUFFIX}")):
        of = _decided_in(file)
        if of is not None and (of.code, of.libraries) == (decided.code, decided.libraries):
            continue
        if file.name != _DECIDED:
            file.unlink(missing_ok=True)
        elif file.parent.name != decided.key:
            shutil.rmtree(file.parent, ignore_errors=True)


def _decided_in(file: Path) -> Decided | None:
    content = read_sealed(file)
    try:
        return None if content is None else Decided.from_json(content)
    except (TypeError, KeyError, ValueError):  # of another version
        return None


def _write_decided(file: Path, decided: Decided) -> None:
    with suppress(OSError):  # a disk that is full: it is only decided again
        write_sealed(file, decided.as_json().encode())
