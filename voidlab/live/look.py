"""What comes of one file: read, checked against the others, segmented, kept, measured."""

import io
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from voidlab.errors import VoidlabError
from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.readers import READERS, open_file, size_text
from voidlab.images.series import ImageSeries, open_series
from voidlab.live.arrivals import Stamp
from voidlab.live.index import BLANK, OK, Entry
from voidlab.project import fingerprints
from voidlab.project.parameters.models import DatasetParameters
from voidlab.run.decided import Decided
from voidlab.run.frame_cache import FrameCache
from voidlab.run.frame_file import pack, unpack
from voidlab.run.images import of_every_image
from voidlab.segment.frame import UNREADABLE, FrameResult, segment_frame
from voidlab.segment.segmenter import Segmenter
from voidlab.swelling.estimate import measure_swelling
from voidlab.swelling.sample import Sample
from voidlab.tables.kinds import only_voids
from voidlab.tables.size_basis import is_size

_SHOWN_PX = 1024
_SAME_SCALE = 0.01
_OTHER_VALUES = 0.5  # of the pixels, that lie outside the intensities
# Another --name for the same folder would begin with the images that are there, and refuse the same ones again.
_APART = "Move it to another folder, let the camera write there, and: voidlab watch OTHER_FOLDER --name NEW"
_DRAWS = 200  # for the interval of the swelling: enough for two digits


class NotYet(VoidlabError):
    """A file that cannot be read, or changes: it is to be looked at again."""


class TryAgain(VoidlabError):
    """An image that was not segmented, for no fault of its own: it waits on, where it is."""


class Refused(VoidlabError):
    """A file that is no image of this series, and why."""


@dataclass(frozen=True)
class Looked:
    """What came of an image; ``unkept``: why it could not be kept. ``picture``: a JPEG, where it was asked for."""

    entry: Entry
    result: FrameResult
    unkept: str
    picture: bytes


@dataclass(frozen=True)
class Looker:
    """Looks at files one by one, as was decided; ``first``: an image that all others must be like."""

    dataset: DatasetParameters
    decided: Decided
    segmenter: Segmenter
    cache: FrameCache
    first: ImageSeries

    def look(
        self, path: Path, entry: Entry, *, with_picture: bool, elsewhere: "Elsewhere | None" = None
    ) -> Looked:
        """What comes of the file at ``path``; where it is not kept, ``elsewhere`` makes and keeps it, else this.

        Raises
        ------
        NotYet, Refused
            If it cannot be looked at.
        """
        digest = fingerprints.digest(path)
        series = open_one(path, self.dataset, self.decided.intensity_range)
        self._check(path, series)
        self.decided.pin(series)
        beyond = _beyond(series)
        self._check_values(path, series, beyond)
        made = replace(entry, digest=digest, key=self.decided.key, beyond=beyond)
        found = self.cache.get(entry.frame, made.image) if digest else None
        if digest and found is None and elsewhere is not None:
            found = elsewhere(self, path, made)
        result = found or segment_frame(series, self.segmenter, 0)
        if result.status == UNREADABLE or not digest:
            raise NotYet(result.reason or f"cannot read {path}")
        picture = _jpeg(series) if with_picture else b""
        if Stamp.of(path) != entry.stamp:
            raise NotYet(f"{path.name} was written to while it was looked at")
        kept, unkept = (found, "") if found else self._keep(made, result)
        return Looked(self._measured(made, result), kept, unkept, picture)

    def _keep(self, entry: Entry, result: FrameResult) -> tuple[FrameResult, str]:
        """The result as it was kept, or packed as small, and why it could not be."""
        try:
            return self.cache.put(entry.frame, entry.image, result), ""
        except OSError as error:
            return unpack(pack(entry.image, result), entry.image) or result, str(error)

    def _check(self, path: Path, series: ImageSeries) -> None:
        kind, usual_kind = (READERS[file.suffix.lower()][0] for file in (path, self.first.files[0]))
        if kind != usual_kind:
            raise Refused(f"{path.name} is {kind}, the others are {usual_kind}: it is left out.")
        if series.shape != self.first.shape:
            raise Refused(
                f"{path.name} is {size_text(series.shape)}, the others are {size_text(self.first.shape)}. Images of "
                f"another size are another dataset. {_APART}"
            )
        size, usual = series.calibration.pixel_size_nm, self.first.calibration.pixel_size_nm
        if size and usual and abs(size / usual - 1) > _SAME_SCALE:
            raise Refused(
                f"{path.name} has {size:.4g} nm per px, the others have {usual:.4g}: the magnification was changed. "
                f"What follows is another dataset. {_APART}"
            )

    def _check_values(self, path: Path, series: ImageSeries, beyond: float) -> None:
        """Refuse images of which nothing is seen, as their values are of another type: no intensities fit both."""
        if abs(beyond) < _OTHER_VALUES:
            return
        with suppress(OSError):  # the first may be gone
            kind, usual = series.raw(0).dtype, self.first.raw(0).dtype
            if kind != usual:
                raise Refused(
                    f"{path.name} holds {kind} values, the others {usual}: images of another bit depth are another "
                    f"dataset. {_APART}"
                )

    def _measured(self, entry: Entry, result: FrameResult) -> Entry:
        """``entry`` with the numbers of the voids."""
        if result.status != OK:
            return replace(entry, status=BLANK, sharpness=result.sharpness)
        voids = only_voids(result.voids)
        sized = voids[~voids["touches_edge"] & is_size(voids)]  # as in the report of a run
        low, middle, high = _median(2 * sized["radius_px"].to_numpy())
        area = voids["area_px"].to_numpy()
        swelling = self._swelling(voids)
        return replace(
            entry,
            status=OK,
            count=len(voids),
            diameter_px=middle,
            diameter_low_px=low,
            diameter_high_px=high,
            fraction=result.labelled_px / result.valid_px if result.valid_px else math.nan,
            # Of voids that lie at random: their number scatters as much as its root.
            fraction_sigma=float(np.sqrt((area**2).sum())) / result.valid_px if result.valid_px else math.nan,
            sharpness=result.sharpness,
            swelling=swelling[0],
            swelling_low=swelling[1],
            swelling_high=swelling[2],
        )

    def _swelling(self, voids: pd.DataFrame) -> tuple[float, float, float]:
        """Swelling in percent and its 95 % interval; NaN where the thickness of the foil is not known."""
        known, of_sample = self.dataset.export, self.dataset.sample
        size = self.first.calibration.pixel_size_nm
        margin = float(self.dataset.segment.edge_buffer_px)
        sample = Sample.of(known, self.first.shape, size, margin, of_sample)
        if sample.thickness_px is None:
            return math.nan, math.nan, math.nan
        estimates = measure_swelling(voids, sample, draws=_DRAWS).estimates
        value, low, high = (float(estimates[column]["swelling"]) for column in ("value", "low95", "high95"))
        return value, low, high


Elsewhere = Callable[[Looker, Path, Entry], FrameResult]


def open_one(
    path: Path, dataset: DatasetParameters, intensity_range: tuple[float, float] | None = None
) -> ImageSeries:
    """The image at ``path`` as a series of one, with what the parameters say of all.

    Raises
    ------
    NotYet
        If it cannot be read.
    Refused
        If it is no single image.
    """
    settings = of_every_image(dataset) | {"intensity_range": intensity_range}
    try:
        open_file(
            path, settings["choice"]
        )  # of one that is torn a series says no more than that it holds no image
        series = open_series([path], **settings)
    except ImageReadError as error:
        raise NotYet(str(error)) from None
    except ImagesError as error:
        raise (Refused if path.exists() else NotYet)(str(error)) from None
    if series.stack is not None:
        raise Refused(
            f"{path.name} holds {len(series)} images: a stack that grows cannot be watched, as nothing tells when an "
            "image in it is complete. Let the camera write a file for each image."
        )
    return series


def _median(values: np.ndarray) -> tuple[float, float, float]:
    """Median of ``values`` with its 95 % interval, by their ranks: low, median, high."""
    if not values.size:
        return math.nan, math.nan, math.nan
    ordered = np.sort(values)
    half = 0.98 * math.sqrt(values.size)  # 1.96 standard deviations of how many lie below the median
    low = max(math.floor(values.size / 2 - half), 0)
    high = min(math.ceil(values.size / 2 + half), values.size - 1)
    return float(ordered[low]), float(np.median(ordered)), float(ordered[high])


def _beyond(series: ImageSeries) -> float:
    """Share of the pixels that are brighter than the intensities in use, less that of the darker ones."""
    image, (low, high) = series.raw(0), series.scale
    return float(np.mean(image > high) - np.mean(image < low))


def _jpeg(series: ImageSeries) -> bytes:
    """The image as it is shown: small enough for any screen, the boxes that do not count in mid-grey."""
    image = np.nan_to_num(series[0], nan=0.5)
    picture = Image.fromarray((255 * image).astype(np.uint8))
    picture.thumbnail((_SHOWN_PX, _SHOWN_PX))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=85)
    return written.getvalue()
