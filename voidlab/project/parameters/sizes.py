"""Sizes that a parameter file gives in nm, made px as soon as the width of a pixel is known."""

from collections.abc import Iterator, Mapping
from typing import Any

from voidlab.errors import VoidlabError
from voidlab.project.parameters.models import IN_NM, SegmentParameters, range_of

_DIGITS = 3  # of a size that a slider in px gives in nm


class SizeError(VoidlabError):
    """A size in nm that cannot be had in px."""


def in_px(settings: SegmentParameters, pixel_size_nm: float | None) -> SegmentParameters:
    """``settings`` with radii in px in place of diameters in nm; the same where none is given.

    Raises
    ------
    SizeError
        If the width of a pixel is not known, or a radius is one that no parameter file may give in px.
    """
    wrong = [text for _, text in mistakes_in_nm(settings, pixel_size_nm)]
    if wrong:
        raise SizeError("\n".join(wrong))
    radii = _radii(settings, pixel_size_nm) if pixel_size_nm is not None else {}
    return settings.model_copy(update={**radii, **{IN_NM[name]: None for name in radii}})


def mistakes_in_nm(settings: SegmentParameters, pixel_size_nm: float | None) -> Iterator[tuple[str, str]]:
    """What is wrong with sizes given in nm: the parameter, and the sentence."""
    given = {px: getattr(settings, nm) for px, nm in IN_NM.items() if getattr(settings, nm) is not None}
    said = {px: f"segment.{IN_NM[px]} = {value:g}" for px, value in given.items()}
    if pixel_size_nm is None:
        remedy = "the width of a pixel is not known. Set pixel_size_nm, or in its place segment."
        yield from ((IN_NM[px], f"{said[px]}: {remedy}{px}") for px in given)
        return
    diameter = 2 * pixel_size_nm  # of a void of radius 1 px, nm
    for px, value in given.items():
        least, most = (bound * diameter for bound in range_of(SegmentParameters, px))
        if not least <= value <= most:
            expected = f"expected {least:.3g} to {most:.3g}, as a pixel is {pixel_size_nm:.4g} nm wide"
            yield IN_NM[px], f"{said[px]}: {expected} (1 px of radius: {diameter:.4g} nm)"
    in_nm = {px: getattr(settings, px) for px in IN_NM}
    in_nm = {px: size if size == "auto" else size * diameter for px, size in in_nm.items()} | given
    low, high = in_nm.values()
    if given and high != "auto" and high <= low:
        px = list(given)[-1]
        limits = f"the largest diameter looked for, {high:.4g} nm, must be more than the smallest kept, {low:.4g} nm"
        yield IN_NM[px], f"{said[px]}: {limits}"


def as_given(values: Mapping[str, Any], settings: SegmentParameters, pixel_size_nm: float) -> dict[str, Any]:
    """``values`` of parameters, with diameters in nm for radii in px where ``settings`` give them in nm."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        nm = IN_NM.get(name)
        if nm is not None and getattr(settings, nm) is not None:
            made[nm] = None if value == "auto" else float(f"{2 * value * pixel_size_nm:.{_DIGITS}g}")
        else:
            made[name] = value
    return made


def _radii(settings: SegmentParameters, pixel_size_nm: float) -> dict[str, float]:
    """Radius in px for each diameter that is given in nm."""
    given = {name: getattr(settings, nm) for name, nm in IN_NM.items()}
    return {name: value / 2 / pixel_size_nm for name, value in given.items() if value is not None}
