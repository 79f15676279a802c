"""Pixel sizes of many images from a CSV with a row for each: `voidlab init FOLDER --each --pixel-sizes TABLE.csv`."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voidlab.images.pixel_size import plausible, unit_nm
from voidlab.images.readers import size_text
from voidlab.project.paths import ProjectError
from voidlab.tables.reading import read_text

_MOST_BYTES = 10**8
_UNIT = r"(pm|nm|[uµμ]m|å|angstroms?)"
_PIXEL = r"(?:px|pixels?)"
# Of a heading in small letters: nm/pixel, nm per px, pixel size (nm), pixel_size_nm; and pixels per nm.
_LENGTHS = (
    rf"{_UNIT}\s*(?:/|per)\s*{_PIXEL}(?![a-z])",
    rf"{_PIXEL}[\s_-]*(?:size|width)[\s_(\[,]*{_UNIT}(?![a-z])",
)
_INVERSE = rf"{_PIXEL}\s*(?:/|per)\s*{_UNIT}(?![a-z])"
_NAME = r"(?:image|file|name|micrograph)"
_SIDES = r"(?:width|height|length)\s*\(?(?:px|pixels?)?\)?$"


@dataclass(frozen=True)
class PixelSizes:
    """Rows of a table by the names of the images, in small letters; a row is its line and its cells by heading."""

    table: str
    rows: Mapping[str, Sequence[tuple[int, Mapping[str, str]]]]
    column: str
    nm: float  # that a value of 1 is; of an inverse, that it is per
    inverse: bool
    sides: tuple[str, ...]
    comma: bool  # of decimals

    def of(self, file: Path, shape: tuple[int, int]) -> tuple[float | None, str]:
        """Pixel size of the image in ``file``, (H, W) in size, nm; else None, and why."""
        rows = self.rows.get(file.name.lower()) or self.rows.get(file.stem.lower(), ())
        if not rows:
            return None, ""
        found = {}
        for line, row in rows:
            size = self._value(row[self.column])
            if size is None:
                return None, f"line {line} says '{row[self.column]}', which is no pixel size of a micrograph"
            if (said := self._other_size(row, shape)) is not None:
                return (
                    None,
                    f"line {line} is of an image of {said}, but it is {size_text(shape)}: was it rescaled?",
                )
            found[size] = line
        if len(found) > 1:
            said = " and ".join(f"{size:g} nm (line {line})" for size, line in found.items())
            return None, f"it is there several times, with {said}"
        return next(iter(found)), ""

    def _value(self, text: str) -> float | None:
        try:
            number = float(text.replace(",", ".") if self.comma else text)
            size = float(f"{self.nm / number if self.inverse else self.nm * number:.6g}")
        except (ValueError, ZeroDivisionError):
            return None
        return size if plausible(size) else None

    def _other_size(self, row: Mapping[str, str], shape: tuple[int, int]) -> str | None:
        """The size that a row gives an image where it is another than ``shape``; some call the height length."""
        given = [row[name].strip() for name in self.sides]
        if len(given) != 2 or not all(each.isdigit() for each in given):
            return None
        sides = sorted(map(int, given))
        return None if sides == sorted(shape) else f"{sides[0]} × {sides[1]} px"


def read_pixel_sizes(path: Path) -> PixelSizes:
    """Read a table with a column of names of images and one of pixel sizes, whose heading says the unit.

    Raises
    ------
    ProjectError
        If it cannot be read, or these columns are not in it; with the headings that are.
    """
    try:
        lines = read_text(path, _MOST_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"the pixel sizes in {path} cannot be read: {error}. Save it as CSV, UTF-8."
        ) from None
    first = lines[0] if lines else ""
    delimiter = max(",;\t", key=first.count)
    headings, *rows = list(csv.reader(lines, delimiter=delimiter)) or [[]]
    lengths = [(name, scale) for name in headings if (scale := _scale_of(name)) is not None]
    named = [name for name in headings if re.match(_NAME, name.strip().lower())]
    if not named or len(lengths) != 1:
        raise ProjectError(
            f"{path.name} has the columns {', '.join(headings) or 'none'}; expected one with the names of the "
            "images, called image or file, and one with their pixel sizes, called pixel_size_nm or nm/pixel."
        )
    by_name: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, cells in enumerate(rows, 2):
        row = dict(zip(headings, [*cells, *[""] * len(headings)], strict=False))
        for name in {row[column].strip().lower() for column in named} - {""}:
            by_name.setdefault(name, []).append((line, row))
            stem = Path(name).stem
            if stem != name:
                by_name.setdefault(stem, []).append((line, row))
    ((column, (nm, inverse)),) = lengths
    sides = tuple(name for name in headings if re.match(_SIDES, name.strip().lower()))
    return PixelSizes(path.name, by_name, column, nm, inverse, sides, delimiter != ",")


def _scale_of(heading: str) -> tuple[float, bool] | None:
    """How many nm a value under this ``heading`` is, and whether it is pixels per length; None of other headings."""
    said = heading.strip().lower()
    for pattern in _LENGTHS:
        if found := re.search(pattern, said):
            nm = unit_nm(found[1].removesuffix("s"))
            return None if nm is None else (nm, False)
    if found := re.search(_INVERSE, said):
        nm = unit_nm(found[1].removesuffix("s"))
        return None if nm is None else (nm, True)
    return None
