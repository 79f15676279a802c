"""Width of a pixel in nm, from whatever unit a file gives it in; refused where none has it or it is not square."""

from __future__ import annotations

from dataclasses import dataclass

from voidlab.images.errors import ImagesError

# nm per px of any transmission electron micrograph, from atomic resolution to a whole grid square.
PLAUSIBLE_NM = (0.005, 200.0)
_USUAL_NM = 20.0  # wider ones are those of low-magnification STEM, or of a mistaken unit
_SQUARE = 0.005  # relative difference of width and height up to which a pixel is square

_UNITS_NM = {
    "pm": 1e-3, "picometer": 1e-3,
    "å": 0.1, "a": 0.1, "angstrom": 0.1, "ångström": 0.1,
    "nm": 1.0, "nanometer": 1.0, "nanometre": 1.0,
    "um": 1e3, "µm": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3,
    "mm": 1e6, "cm": 1e7, "m": 1e9,
}  # fmt: skip


@dataclass(frozen=True)
class PixelSize:
    """Width of a pixel as a file has it (None when it says nothing credible, or it is not square), and warnings.

    ``not_square`` says how wide and high a pixel is that is not square; empty when it is.
    """

    nm: float | None = None
    notes: tuple[str, ...] = ()
    not_square: str = ""

    @classmethod
    def of(cls, x_nm: float, y_nm: float) -> PixelSize:
        """Judge the width and height of a pixel as a file gives them."""
        if not plausible(x_nm):
            low, high = PLAUSIBLE_NM
            return cls(
                None,
                (f"The file says {x_nm:.4g} nm per px, which no micrograph has ({low}-{high:g}): ignored.",),
            )
        if abs(x_nm - y_nm) <= _SQUARE * x_nm:
            return cls(x_nm, wide_in_words(x_nm))
        return cls(not_square=f"{x_nm:.4g} nm wide and {y_nm:.4g} nm high")


def wide_in_words(nm: float) -> tuple[str, ...]:
    """A warning about a pixel that is wider than those of most micrographs; none for others."""
    if nm <= _USUAL_NM:
        return ()
    return (
        f"A pixel is {nm:.4g} nm wide, more than the {_USUAL_NM:g} nm of most micrographs: right for STEM at low "
        "magnification; else check the unit.",
    )


def usual(nm: float) -> bool:
    """Whether ``nm`` is the width of a pixel of most micrographs."""
    return PLAUSIBLE_NM[0] <= nm <= _USUAL_NM


def plausible(nm: float) -> bool:
    """Whether ``nm`` can be the width of a pixel of a transmission electron micrograph."""
    return PLAUSIBLE_NM[0] <= nm <= PLAUSIBLE_NM[1]


def check_pixel_size(pixel_size_nm: float) -> None:
    """Raise ImagesError unless ``pixel_size_nm`` can be the width of a pixel of a micrograph."""
    if not plausible(pixel_size_nm):
        low, high = PLAUSIBLE_NM
        raise ImagesError(
            f"pixel_size_nm is {pixel_size_nm:g}; expected {low} to {high:g} nm per px. "
            "Give nanometres (1 Å = 0.1, 1 µm = 1000), or leave it out."
        )


def unit_nm(unit: object) -> float | None:
    """How many nm the length ``unit`` is; None when it is no length that is known here."""
    # ImageJ writes what is not ASCII as an escape; micro and Å have two code points each.
    text = str(unit or "").strip().lower().replace("\\u00b5", "µ").replace("\\u00c5", "å").replace("μ", "µ")
    return _UNITS_NM.get(text)
