"""Which method finds the voids: a segmenter by its name, or from a file."""

import difflib
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from voidlab.images.microscope import Mode
from voidlab.project.parameters.models import IN_NM, DatasetParameters, SegmentParameters
from voidlab.segment import model_file, network, torch_export
from voidlab.segment.classical_segmenter import ClassicalSegmenter
from voidlab.segment.confidence import Calibration
from voidlab.segment.defocus import USUAL_KV, fringe_nm
from voidlab.segment.expectation import Teacher
from voidlab.segment.model_file import ModelError
from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.segment.segmenter import Segmenter
from voidlab.tables.focus import OF_PAIR, UNDER
from voidlab.tables.kinds import VOID

SHIPPED = ("voids", "classical")
UNDER_OF_PAIR = tuple(focus == UNDER for focus in OF_PAIR)
_BRIGHT_FIELD = (None, "bright field")  # what nobody says is taken for it


def load_segmenter(
    name_or_path: str | Path = "voids",
    *,
    contrast: str = "auto",
    threshold: float = 0.5,
    min_radius_px: float = 2.5,
    max_radius_px: float | Literal["auto"] = "auto",
    edge_buffer_px: int = 8,
    arithmetic: str = "auto",
    kinds: Sequence[str] = (VOID,),
    use_series: bool = False,
    mode: Mode | None = None,
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
        Radii looked for, px; "auto" is up to a quarter of the image's shorter side.
    edge_buffer_px
        Voids this near to the border touch the edge, px.
    arithmetic
        What the network computes in: "float32", "bfloat16" or "auto", see `voidlab.segment.network.arithmetic_of`.
    kinds
        What is detected: "void", "loop", "dot". Only networks of voidlab tell loops and dots.
    use_series
        Whether images of a series confirm each other, see `segment_series`. Only with networks of voidlab.
    mode
        "bright field", "dark field" or "HAADF": in the latter two voids are dark and have no fringe. None, where you
        do not know, is taken for bright field.
    trust
        A ``.pt2`` file is a program: true says that you trust whoever made it.

    Raises
    ------
    ModelError
        If there is no such segmenter, the file cannot be used, it cannot do what is asked of it, or a value cannot
        be; a ValueError.
    """
    settings = _checked(
        contrast=contrast,
        threshold=threshold,
        min_radius_px=min_radius_px,
        max_radius_px=max_radius_px,
        edge_buffer_px=edge_buffer_px,
        arithmetic=arithmetic,
        kinds=kinds,
        use_series=use_series,
    )
    check_segmenter(name_or_path, trust=trust)
    check_asked(name_or_path, settings["kinds"], use_series=use_series)
    if mode not in (None, *get_args(Mode)):
        expected = ", ".join(f"'{each}'" for each in get_args(Mode))
        raise ModelError(f"mode = '{mode}': expected one of {expected}.")
    return _of_mode(_load(name_or_path, settings), mode)


def _load(name_or_path: str | Path, settings: dict[str, Any]) -> Segmenter:
    name, path, asked = str(name_or_path), Path(name_or_path), settings.pop("arithmetic")
    if name == "classical":
        return ClassicalSegmenter(**settings)
    if name == "voids" or path.suffix == ".safetensors":
        model, card = model_file.load_network(model_file.SHIPPED if name == "voids" else path)
        called = "voids" if name == "voids" else path.stem
        return NetworkSegmenter(
            network.fuse_for_inference(model),
            **settings,
            calibration=Calibration(card["confidence"]),
            taught={name: Teacher(**each) for name, each in card.get("expected", {}).items()},
            arithmetic=network.arithmetic_of(asked),
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
            f"a segmenter cannot work with these settings: {model_file.in_words(errors)}."
        ) from None
    if given.max_radius_px != "auto" and given.max_radius_px <= given.min_radius_px:
        raise ModelError(
            f"max_radius_px = {given.max_radius_px:g}: expected more than min_radius_px = {given.min_radius_px:g}."
        )
    return given.model_dump(include=set(settings))


def from_parameters(
    parameters: SegmentParameters,
    folder: Path,
    dataset: DatasetParameters | None = None,
    pixel_size_nm: float | None = None,
) -> Segmenter:
    """Segmenter that a dataset's parameters ask for; a file's name is relative to ``folder``, that of the YAML."""
    if given := [name for name in IN_NM.values() if getattr(parameters, name) is not None]:
        raise ModelError(
            f"{' and '.join(given)}: a segmenter takes sizes in px. Give it run.parameters, in which they are."
        )
    chosen = parameters.model_file(folder) or parameters.segmenter
    settings = parameters.model_dump(include={field.name for field in fields(Segmenter)})
    method = load_segmenter(chosen, **settings, trust=parameters.trust_model)
    return method if dataset is None else of_images(method, dataset, pixel_size_nm)


def of_images(method: Segmenter, dataset: DatasetParameters, pixel_size_nm: float | None) -> Segmenter:
    """The segmenter for images that were taken as the ``dataset`` says (see `voidlab.images.with_microscope_of`).

    Without bright field voids are dark and have no fringes: radii stay as they are detected. A defocus fixes the
    width of the fringe where the pixel size is known; one of 0 does not: a fringe that is seen nevertheless says that
    it is wrong.

    Raises
    ------
    ModelError
        If loops or dots are asked for in images that are not of bright field.
    """
    microscope = dataset.microscope
    if dataset.focus_pair is not None:
        return replace(method, under=UNDER_OF_PAIR)
    method = _of_mode(method, microscope.mode)
    if microscope.mode not in _BRIGHT_FIELD or not microscope.defocus_nm or pixel_size_nm is None:
        return method
    width = fringe_nm(microscope.defocus_nm, microscope.voltage_kv or USUAL_KV)
    return replace(method, fringe_px=width / pixel_size_nm)


def _of_mode(method: Segmenter, mode: str | None) -> Segmenter:
    if mode is None:
        return method
    if mode in _BRIGHT_FIELD:
        return replace(method, dark_field=False)
    check_mode(mode, method.kinds)
    return replace(method, focus=None, dark_field=True)


def check_mode(mode: str | None, kinds: Sequence[str]) -> None:
    """Look whether these kinds can be told from each other in images of this mode.

    Raises
    ------
    ModelError
        If loops or dots are asked for in images that are not of bright field.
    """
    asked = [f"{kind}s" for kind in kinds if kind != VOID]
    if asked and mode not in _BRIGHT_FIELD:
        raise ModelError(
            f"{' and '.join(asked)} are told from voids in bright field only, and these images are of {mode}. Ask "
            "for voids only (kinds: [void]); if that is mistaken, give microscope: {mode: bright field}."
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
        model_file.read_card(path)
        model_file.check_weights(path)
    elif not trust:
        raise ModelError(
            f"{path.name} is a program that could do anything on this computer. If you trust whoever made it, say "
            "so: trust=True, or 'trust_model: true' under 'segment:'."
        )
    else:
        torch_export.read_description(path.with_suffix(".json"))


def check_asked(name_or_path: str | Path, kinds: Sequence[str], *, use_series: bool = False) -> None:
    """Look whether a segmenter, which `check_segmenter` found good, can do what is asked of it.

    Raises
    ------
    ModelError
        If it knows voids only and loops are asked for: a table without loops would read as a specimen without loops.
        If its confidence is no probability and the series is to be weighed with it.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name == "voids" or path.suffix == ".safetensors":
        return
    called = name if name in SHIPPED else path.name
    instead = "take the segmenter 'voids' or a network trained with 'voidlab train'."
    if asked := [f"{kind}s" for kind in kinds if kind != VOID]:
        raise ModelError(
            f"the segmenter '{called}' cannot tell {' or '.join(asked)}: only voidlab's own networks tell them "
            f"from voids. Ask for voids only (kinds: [void]), or {instead}"
        )
    if use_series:
        raise ModelError(
            f"use_series: what the segmenter '{called}' calls confidence is no probability that other images could "
            f"change. Leave use_series out, or {instead}"
        )
