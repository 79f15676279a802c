"""Label images in a TIFF: written one by one, whole or not at all, and read back one by one."""

from __future__ import annotations

import math
import os
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import tifffile

from voidlab.images import readers
from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.find_files import PathLike, Source
from voidlab.images.readers import size_text
from voidlab.images.series import Frames, open_series
from voidlab.tables.written import replacing_own

_CLASSIC_TIFF_BYTES = 2**32 - 2**25  # what a TIFF with 32-bit offsets holds, with room for its directories
_STRIP_BYTES = 2**19  # of the rows that are compressed together


class LabelStack(Frames):
    """Label images, read when asked for: ``stack[row]`` is (H, W) int32, 0 where there is no void."""

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override]
        image = self.raw(row)
        with np.errstate(invalid="ignore"):  # NaN, found out below
            labels = image.astype(np.int32)
        if image.dtype.kind == "u" and image.dtype.itemsize < labels.itemsize:
            return labels  # as they are written: any value is a label
        if not np.array_equal(labels, image) or labels.min(initial=0) < 0:
            raise ImageReadError(
                f"{self.files[row]} holds values that are no labels: expected whole numbers, 0 to 2,147,483,647."
            )
        return labels


def open_labels(source: Source) -> LabelStack:
    """Open label images, a stack or a file per frame in the order of their numbers, as they are stored.

    Raises
    ------
    ImagesError
        If nothing is found, or it cannot be opened as one series.
    """
    series = open_series(source)
    return LabelStack(series.files, series.stack, series.shape)


@dataclass(frozen=True)
class PackedLabels:
    """A label image as it stands in a TIFF: strips of rows, compressed (zlib), of uint16 or uint32.

    `LabelWriter` writes it as it is, so that who makes label images side by side can compress them there.
    """

    shape: tuple[int, int]
    dtype: str  # "<u2" or "<u4"
    strips: tuple[bytes, ...]

    @classmethod
    def of(cls, labels: np.ndarray, dtype: str = "") -> PackedLabels:
        """Pack ``labels``, (H, W) of whole numbers from 0, as uint16 where they fit or of the ``dtype``.

        Raises
        ------
        ValueError
            If it is no label image.
        """
        labels = _checked(np.asarray(labels))
        fits = labels.max(initial=0) <= np.iinfo(np.uint16).max
        pixels = labels.astype(dtype or ("<u2" if fits else "<u4"))
        rows = _rows_of_a_strip(pixels.shape[1], pixels.dtype)
        strips = (zlib.compress(pixels[at : at + rows].tobytes()) for at in range(0, len(pixels), rows))
        return cls((labels.shape[0], labels.shape[1]), pixels.dtype.str, tuple(strips))

    def unpacked(self) -> np.ndarray:
        """The label image, (H, W) int32."""
        pixels = np.frombuffer(b"".join(map(zlib.decompress, self.strips)), self.dtype)
        return pixels.reshape(self.shape).astype(np.int32)


class LabelWriter:
    """Writes label images one by one into a compressed TIFF, which appears whole at the end or not at all.

    Use it in a ``with``. Pages are uint16; when a label above 65,535 comes they all become uint32. The same
    labels give the same bytes. ImageJ, Fiji and napari open the file as a stack.

    Parameters
    ----------
    path
        File to write. One of that name is replaced at the end; if somebody else wrote or changed it, it is kept under
        another name.
    pixel_size_nm
        Width of a pixel, nm, for the metadata.
    """

    def __init__(self, path: PathLike, *, pixel_size_nm: float | None = None) -> None:
        self.path = Path(path)
        self.pixel_size_nm = pixel_size_nm
        self._dtype = np.dtype("<u2")
        self._bigtiff = False
        self._shape: tuple[int, ...] = ()
        self._pages = 0
        self._cleanup = ExitStack()

    def __enter__(self) -> LabelWriter:
        self._whole = self._cleanup.enter_context(replacing_own(self.path))
        self._cleanup.push(self._finish)
        self._start(self._whole)
        return self

    def append(self, labels: np.ndarray | PackedLabels) -> None:
        """Write ``labels``, (H, W) of whole numbers from 0, packed or not, as the next page.

        Raises
        ------
        ValueError
            If it is no label image, or of another shape than those before.
        """
        page = labels if isinstance(labels, PackedLabels) else PackedLabels.of(labels)
        if self._pages and page.shape != self._shape:
            raise ValueError(
                f"labels are {size_text(page.shape)}, but those before are {size_text(self._shape)} "
                "(width × height)."
            )
        self._shape = page.shape
        if np.dtype(page.dtype).itemsize > self._dtype.itemsize:
            self._restart(np.dtype(page.dtype), self._bigtiff)
        most = self._file.stat().st_size + math.prod(page.shape) * self._dtype.itemsize
        if most > _CLASSIC_TIFF_BYTES and not self._bigtiff:
            self._restart(self._dtype, bigtiff=True)
        self._write(page)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.__exit__(kind, error, trace)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        if kind is None and self._pages:
            os.replace(self._file, self._whole)
            return
        self._file.unlink(missing_ok=True)
        if kind is None:
            raise ImagesError(f"no label image was given for {self.path}: nothing is written.")

    def _start(self, file: Path) -> None:
        self._file = file
        self._pages = 0
        self._writer = tifffile.TiffWriter(
            file, bigtiff=self._bigtiff, shaped=False, ome=False, byteorder="<"
        )

    def _restart(self, dtype: np.dtype, bigtiff: bool) -> None:
        """Begin a wider file and move the pages written so far into it."""
        self._writer.close()
        old, pages = self._file, self._pages
        self._dtype, self._bigtiff = dtype, bigtiff
        self._start(old.with_name(f"{old.name}+"))
        try:
            if pages:
                written = readers.open_tiff(old)
                for page in range(pages):
                    self._write(PackedLabels.of(written.read(page), self._dtype.str))
        finally:
            old.unlink()

    def _write(self, page: PackedLabels) -> None:
        if page.dtype != self._dtype.str:
            page = PackedLabels.of(page.unpacked(), self._dtype.str)
        # ImageJ's own description makes Fiji show nm; that of the first page holds for the stack.
        described = self.pixel_size_nm is not None and self._pages == 0
        resolution = None if self.pixel_size_nm is None else (1 / self.pixel_size_nm,) * 2
        self._writer.write(
            iter(page.strips),
            shape=page.shape,
            dtype=self._dtype,
            rowsperstrip=_rows_of_a_strip(page.shape[1], self._dtype),
            photometric="minisblack",
            compression="zlib",
            description="ImageJ=1.54f\nunit=nm\n" if described else None,
            resolution=resolution,
            resolutionunit=None if resolution is None else "NONE",
            software="voidlab",
            metadata=None,
        )
        self._pages += 1


def _rows_of_a_strip(width: int, dtype: np.dtype) -> int:
    return max(1, _STRIP_BYTES // max(1, width * dtype.itemsize))


def _checked(labels: np.ndarray) -> np.ndarray:
    if labels.ndim != 2 or labels.dtype.kind not in "bui" or labels.min(initial=0) < 0:
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; expected (H, W) of whole numbers from 0."
        )
    if labels.max(initial=0) > np.iinfo(np.int32).max:
        raise ValueError(f"a label is {labels.max()}; expected at most 2,147,483,647.")
    return labels
