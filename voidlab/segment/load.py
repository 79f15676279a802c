"""Which method finds the voids, and the voids of a whole series of images."""

from __future__ import annotations

import difflib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pydantic import ValidationError

from voidlab import tables
from voidlab.images.frame_numbers import ImagesError
from voidlab.project.parameters.models import SegmentParameters
from voidlab.segment import network, torch_export
from voidlab.segment.network import ModelError
from voidlab.segment.segmenters import ClassicalSegmenter, NetworkSegmenter, Segmentation, Segmenter
from voidlab.tables.rows import spread_rows

Progress = Callable[[Iterable[int], int], Iterable[int]]
SHIPPED = ("voids", "classical")


class SeriesOfImages(Protocol):
    """Images and what is known of them, as `voidlab.images.ImageSeries`."""

    @property
    def frames(self) -> pd.DataFrame: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> np.ndarray: ...


def load_segmenter(
    name_or_path: str | Path = "voids",
    *,
    contrast: str = "auto",
    threshold: float = 0.5,
    min_radius_px: float = 2.5,
    max_radius_px: float = 80.0,
    edge_buffer_px: int = 8,
    trust: bool = False,
) -> Segmenter:
    """Segmenter by its name, or from a file.

    Parameters
    ----------
    name_or_path
        "voids", the trained network of this package; "classical", blobs and circle fits without one; or a file: a
        network that `voidlab train` made (``.safetensors`` with its ``.json`` card), or any network written by
        ``torch.export`` (``.pt2`` with a ``.json`` that says what goes in and what comes out, see
        `voidlab.segment.torch_export`).
    contrast
        "bright" or "dark" voids, or "auto": what the images speak for.
    threshold
        Confidence from which a disc counts as a void, between 0 and 1; with a ``.pt2`` file, the probability from
        which a pixel does.
    min_radius_px, max_radius_px
        Radii looked for, px, 1 to 1000.
    edge_buffer_px
        Voids this near to the border touch the edge, px.
    trust
        A ``.pt2`` file is a program: true says that you trust whoever made it.

    Raises
    ------
    ModelError
        If there is no such segmenter, the file cannot be used, or a value cannot be; a ValueError.
    """
    settings = _checked(
        contrast=contrast,
        threshold=threshold,
        min_radius_px=min_radius_px,
        max_radius_px=max_radius_px,
        edge_buffer_px=edge_buffer_px,
    )
    check_segmenter(name_or_path, trust=trust)
    name, path = str(name_or_path), Path(name_or_path)
    if name == "classical":
        return ClassicalSegmenter(**settings)
    if name == "voids" or path.suffix == ".safetensors":
        model, card = network.load_network(network.SHIPPED if name == "voids" else path)
        called = "voids" if name == "voids" else path.stem
        return NetworkSegmenter(
            network.fuse_for_inference(model),
            **settings,
            confidence_midpoint=card["confidence_midpoint"],
            name=called,
        )
    return torch_export.load_exported(path, **settings)


def _checked(**settings: object) -> dict[str, Any]:
    """These settings of a segmenter, in the ranges that a parameter file may give them."""
    try:
        # Not strict: numpy's numbers are numbers in a notebook.
        given = SegmentParameters.model_validate(settings, strict=False)
    except ValidationError as errors:
        raise ModelError(
            f"a segmenter cannot work with these settings: {network.in_words(errors)}."
        ) from None
    if given.max_radius_px <= given.min_radius_px:
        raise ModelError(
            f"max_radius_px = {given.max_radius_px:g}: expected more than min_radius_px = {given.min_radius_px:g}."
        )
    return given.model_dump(include=set(settings))


def from_parameters(parameters: SegmentParameters, folder: Path) -> Segmenter:
    """Segmenter that a dataset's parameters ask for; a file's name is relative to ``folder``, that of the YAML."""
    return load_segmenter(
        parameters.model_file(folder) or parameters.segmenter,
        contrast=parameters.contrast,
        threshold=parameters.threshold,
        min_radius_px=parameters.min_radius_px,
        max_radius_px=parameters.max_radius_px,
        edge_buffer_px=parameters.edge_buffer_px,
        trust=parameters.trust_model,
    )


def check_segmenter(name_or_path: str | Path, *, trust: bool = False) -> None:
    """Look whether a segmenter can be used, without loading it; see `load_segmenter`.

    Raises
    ------
    ValueError
        Saying what is wrong and what to do.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name in SHIPPED:
        return
    if path.suffix.lower() in torch_export.PICKLES:
        raise ModelError(torch_export.why_no_pickle(path))
    if path.suffix not in (".safetensors", ".pt2"):
        near = difflib.get_close_matches(name, SHIPPED, 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ModelError(
            f"there is no segmenter '{name}'; expected 'voids', 'classical', or a file that ends in .safetensors "
            f"or .pt2.{hint}"
        )
    if not path.is_file():
        raise ModelError(f"there is no file {path} to take the segmenter from.")
    if path.suffix == ".safetensors":
        network.read_card(path)
    elif not trust:
        raise ModelError(
            f"{path.name} is a program that could do anything on this computer. If you trust whoever made it, say "
            "so: trust=True, or 'trust_model: true' under 'segment:'."
        )
    else:
        torch_export.read_description(path.with_suffix(".json"))


def segment_series(
    series: SeriesOfImages,
    segmenter: Segmenter,
    *,
    keep_labels: Callable[[np.ndarray], None] | None = None,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the voids in every image of a series, a few images in memory at a time.

    Parameters
    ----------
    series
        Images and their table ``frames``; excluded frames are not looked at, unreadable ones are marked.
    segmenter
        What it reads off the images is decided once, from images spread over the series.
    keep_labels
        Called with the label image of every row, in order; blank for one that was not looked at.
    progress
        Called with the rows and their number, gives the rows back, as a progress bar does.
    tell
        Called with the reason for each image that cannot be read.

    Returns
    -------
    frames, voids : DataFrame
        The tables of these names.

    Raises
    ------
    ImagesError
        If no image can be read.
    """
    segmenter = segmenter.with_contrast_from(sample(series))
    frames = series.frames.assign(
        void_count=pd.array([None] * len(series), dtype="Int64"), void_fraction=np.nan
    )
    found, unreadable = [tables.empty("voids")], ""
    rows: Iterable[int] = range(len(series))
    rows = progress(rows, len(series)) if progress else rows
    for row, (status, result, reason) in zip(rows, _ordered(series, segmenter), strict=True):
        frames.loc[row, "status"] = status
        labels = np.zeros(series.shape, np.int32) if result is None else result.labels
        if result is not None:
            frames.loc[row, "void_count"] = len(result.voids)
            frames.loc[row, "void_fraction"] = np.count_nonzero(labels) / labels.size
            found.append(result.voids.assign(frame=series.frames["frame"].iloc[row]))
        unreadable = unreadable or reason
        if reason and log:
            log(f"frame {series.frames['frame'].iloc[row]} is left out: {reason}")
        if keep_labels:
            keep_labels(labels)
    if unreadable and not frames["status"].isin(["ok", "blank"]).any():
        raise ImagesError(f"no image of the series can be read, the first: {unreadable}")
    return tables.check(frames, "frames"), tables.check(pd.concat(found, ignore_index=True), "voids")


_Outcome = tuple[str, Segmentation | None, str]


def _look(series: SeriesOfImages, segmenter: Segmenter, row: int) -> _Outcome:
    """Status of an image, what was found in it, and why it could not be read."""
    if series.frames["status"].iloc[row] == "excluded":
        return "excluded", None, ""
    try:
        image = series[row]
    except OSError as error:
        return "unreadable", None, str(error)
    known = image[np.isfinite(image)]
    if known.size == 0 or known.min() == known.max():
        # It says nothing of the voids: an empty count, not a count of 0.
        return "blank", None, ""
    return "ok", segmenter.run(image), ""


def _ordered(series: SeriesOfImages, segmenter: Segmenter) -> Iterator[_Outcome]:
    """What comes of each image, in order, with a few under way at a time."""
    workers = min(os.cpu_count() or 1, segmenter.at_once)
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[_Outcome]] = deque()
        try:
            for row in range(len(series)):
                under_way.append(pool.submit(_look, series, segmenter, row))
                if len(under_way) > workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def sample(series: SeriesOfImages, most: int = 5) -> Iterator[np.ndarray]:
    """At most ``most`` images that can be read, spread over the series."""
    ok = np.flatnonzero(series.frames["status"] == "ok")
    for row in ok[spread_rows(len(ok), most, down=True)]:
        try:
            yield series[int(row)]
        except OSError:
            continue


__all__: Sequence[str] = (
    "ClassicalSegmenter",
    "NetworkSegmenter",
    "Segmentation",
    "Segmenter",
    "check_segmenter",
    "from_parameters",
    "load_segmenter",
    "segment_series",
)
