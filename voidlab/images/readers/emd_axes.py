"""EMD of Berkeley: its images, whose axes are lists of places, and whether these are even steps, as `rsciio` has it.

An axis of text, or of steps that differ, gives no width of a pixel; in a stack each image has the value listed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np

from voidlab.images.errors import ImagesError

_EVEN = 0.25  # of a step: places may be rounded
_FIRST_TWO = 2  # values that some programs write in place of all


class Step(float):
    """The usual step along an axis, which knows the ``values`` it was read from; NaN where they are no numbers."""

    values: np.ndarray

    @classmethod
    def along(cls, values: np.ndarray) -> Self:
        real = values.ndim == 1 and values.size >= _FIRST_TWO and values.dtype.kind in "iuf"
        known = values.astype(np.float64) if real else np.array([])
        step = cls(np.diff(known).mean() if real else np.nan)
        step.values = known
        return step


def berkeley_images(path: Path) -> list[dict[str, Any]]:
    """The sets of images in an EMD that is none of Velox.

    Raises
    ------
    ValueError
        If it is no EMD.
    """
    import h5py
    from rsciio.emd._api import is_EMD_NCEM
    from rsciio.emd._emd_ncem import EMD_NCEM

    class Images(EMD_NCEM):
        @staticmethod
        def _parse_axis(axis_data: Any) -> tuple[float, Step]:
            step = Step.along(np.asarray(axis_data))
            return float(step.values[0]) if step.values.size else 0.0, step

        def _parse_attribute(self, obj: Any, key: str) -> Any:
            given = None if obj is None else obj.attrs.get(key)
            return super()._parse_attribute(SimpleNamespace(attrs={key: _as_text(given)}), key)

    file = h5py.File(path, "r")
    if not is_EMD_NCEM(file):
        raise ValueError("it is HDF5, but neither an EMD of Velox nor one of Berkeley")
    reader = Images()
    reader.read_file(file, lazy=True)
    return list(reader.dictionaries)


def _as_text(given: Any) -> str | None:
    """A name or unit as programs of all times wrote them; empty where it is none."""
    if not isinstance(given, bytes):
        return given if given is None or isinstance(given, str) else ""
    try:
        return given.decode()
    except UnicodeDecodeError:
        return given.decode("latin-1")


def check_own_pixels(path: Path, file: Any) -> None:
    """Raise ImagesError where pixels of an HDF5 ``file`` lie in another one: they may be of anything."""
    import h5py

    def in_another(name: str, item: Any) -> str | None:
        return name if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual) else None

    name = file.visititems(in_another)
    if name is not None:
        raise ImagesError(
            f"the values of '{name}' in {path} lie in another file; save the images with their values in one file."
        )


def is_even(axis: Mapping[str, Any]) -> bool:
    """Whether an axis has even steps, as far as that is known."""
    step = axis.get("scale")
    if not isinstance(step, Step):
        return True
    values = step.values
    if len(values) not in (_FIRST_TWO, axis.get("size")) or not np.isfinite(values).all():
        return False
    even = values[0] + float(step) * np.arange(len(values))
    return bool(np.abs(values - even).max() <= _EVEN * abs(step))


def values_along(axis: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The values along an axis, each as it is listed; none where they are no numbers; None where there is no list."""
    step = axis.get("scale")
    if not isinstance(step, Step):
        return None
    if len(step.values) == axis.get("size"):
        return tuple(step.values.tolist()) if np.isfinite(step.values).all() else ()
    return None if is_even(axis) else ()


def why_no_steps(path: Path, axes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to know of the last two ``axes`` where their places give no width of a pixel."""
    odd = [str(axis.get("name") or "?") for axis in axes[-2:] if not is_even(axis)]
    if not odd:
        return []
    return [
        f"{path.name}: the places along {' and '.join(odd)} are not one for each pixel in even steps, so they give "
        "no pixel size. Set pixel_size_nm if you know it."
    ]
