"""What holds for all images of a watch: decided from the first of them, and kept for later watches and runs."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from voidlab.errors import VoidlabError
from voidlab.images.microscope import with_microscope_of
from voidlab.images.series import ImageSeries, open_series
from voidlab.live.look import Looker, NotYet, Refused, open_one
from voidlab.project import parameters
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.parameters.sizes import in_px
from voidlab.project.paths import RunPaths
from voidlab.run.decided import Decided
from voidlab.run.frame_cache import FrameCache
from voidlab.run.images import of_every_image
from voidlab.run.watched import as_watched, differences, keep_watched, read_watched
from voidlab.segment.load import from_parameters, of_images
from voidlab.segment.segmenter import Segmenter
from voidlab.tables.rows import spread_rows

DECIDED_FROM = 5  # images
OR_AFTER_S = 3.0  # without another image
_MOST = 40  # images that it pays to open: a few of them are looked at, spread over all


def is_enough(images: int, quiet_s: float) -> bool:
    """Whether so many images are enough to decide by, the last of which came so long ago."""
    return images >= DECIDED_FROM or (images > 0 and quiet_s >= OR_AFTER_S)


def segmenter_of(dataset: DatasetParameters, folder: Path) -> Segmenter:
    """The segmenter that the parameters ask for; a file's name is relative to ``folder``, that of the YAML."""
    # Before the first image only the parameter file can tell how wide a pixel is.
    settings = in_px(dataset.segment, dataset.pixel_size_nm)
    method = from_parameters(settings, folder, dataset)
    return replace(method, use_series=False)  # the images that would confirm one are not there yet


def decide(
    paths: RunPaths, dataset: DatasetParameters, files: Sequence[Path], segmenter: Segmenter
) -> Looker:
    """Decide from the images in these ``files``, or take up what an earlier watch decided; give what looks at images.

    Raises
    ------
    NotYet, VoidlabError
        If they do not allow it, or it cannot be kept.
    OSError
        If none of them can be read.
    """
    first = open_one(files[0], dataset)
    segmenter = _of_first(segmenter, dataset, first)
    before = read_watched(paths)
    known = None if before is None else as_watched(before, first, segmenter)
    decided = known or Decided.of(_together(dataset, files), segmenter)
    if decided is None:
        raise VoidlabError(
            f"the segmenter '{segmenter.name}' does not say what it is, so nothing can be kept."
        )
    cache = _kept(paths, decided, is_known=known is not None)
    return Looker(dataset, decided, decided.applied_to(segmenter), cache, first)


def decide_again(paths: RunPaths, looker: Looker, files: Sequence[Path], segmenter: Segmenter) -> Looker:
    """Decide anew, from all ``files``; ``looker`` itself where it is hardly otherwise. Its threshold stays.

    Raises
    ------
    VoidlabError
        If they do not allow it, or it cannot be kept.
    """
    as_set = replace(segmenter, threshold=looker.segmenter.threshold)
    segmenter = _of_first(as_set, looker.dataset, looker.first)
    decided = Decided.of(_together(looker.dataset, files), segmenter)
    if decided is None or not differences(looker.decided, decided):
        return looker
    cache = _kept(paths, decided, is_known=False)
    return replace(looker, decided=decided, segmenter=decided.applied_to(segmenter), cache=cache)


def _of_first(segmenter: Segmenter, dataset: DatasetParameters, first: ImageSeries) -> Segmenter:
    """The ``segmenter`` with what the first image says of all."""
    taken = with_microscope_of(dataset, first.microscope)
    return of_images(segmenter, taken, first.calibration.pixel_size_nm)


def with_threshold(paths: RunPaths, looker: Looker, threshold: float) -> Looker:
    """The same with another threshold, which is written to the parameter file.

    Raises
    ------
    ParameterErrors
        If it is none.
    """
    parameters.write_values(paths.parameters, "segment", {"threshold": threshold})
    dataset = looker.dataset.model_copy(
        update={"segment": looker.dataset.segment.model_copy(update={"threshold": threshold})}
    )
    segmenter = replace(looker.segmenter, threshold=threshold)
    decided = replace(looker.decided, segmenter={**looker.decided.segmenter, "threshold": threshold})
    with suppress(OSError):  # a run takes the threshold from the parameter file, all else is kept already
        keep_watched(paths, decided)
    return Looker(dataset, decided, segmenter, FrameCache(paths.kept_frames, decided), looker.first)


def _kept(paths: RunPaths, decided: Decided, *, is_known: bool) -> FrameCache:
    """Keep what was ``decided``, give where images go; ``is_known``: it follows from what an earlier watch has kept.

    Raises
    ------
    VoidlabError
        If the disk takes no more: a run that knows nothing of it would decide otherwise.
    """
    try:
        with suppress(OSError) if is_known else nullcontext():
            keep_watched(paths, decided)
        return FrameCache(paths.kept_frames, decided)
    except OSError as error:
        raise VoidlabError(
            f"what holds for all images cannot be kept in {paths.folder}: {error.strerror or error}. Free some space "
            "on that disk, or make it writable; the watch then goes on by itself."
        ) from None


def _together(dataset: DatasetParameters, files: Sequence[Path]) -> ImageSeries:
    """The images of ``files``, or some of many, as a series; those of another size than the first are left out."""
    usable = []
    for file in (files[row] for row in spread_rows(len(files), _MOST)):
        try:
            usable.append((file, open_one(file, dataset).shape))
        except (NotYet, Refused, OSError):
            continue
    if not usable:
        raise NotYet("none of the images can be read at present.")
    same = [file for file, shape in usable if shape == usable[0][1]]
    return open_series(same, frame_pattern=dataset.frame_pattern, **of_every_image(dataset))
