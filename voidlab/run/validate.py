"""Check a dataset before a kernel starts: parameters, images, notebooks; every mistake at once.

What is found good is a `Plan`, which `voidlab.run` carries out.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voidlab import __version__, images, segment
from voidlab.images import readers, tilt_angles
from voidlab.project import corrections, parameters
from voidlab.project.image_digests import forget_digests
from voidlab.project.parameters.models import SECTIONS, DatasetParameters
from voidlab.project.parameters.sizes import in_px, mistakes_in_nm
from voidlab.project.parameters.yaml_file import ParameterErrors, Problem
from voidlab.project.paths import STAGES, ProjectError, RunPaths, check_name, find_root, stages_for
from voidlab.run.images import digest_of_images, notes_on_valid_area, open_images
from voidlab.run.notebook_copies import notes_on_copies
from voidlab.segment.decode import are_tiny

Overrides = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Plan:
    """A dataset whose parameters and images were found good."""

    paths: RunPaths
    parameters: DatasetParameters
    images_digest: str
    notes: tuple[str, ...]
    pixels: int  # of an image
    stages: tuple[str, ...]  # those that apply to the series
    tiny: bool = False  # whether voids are looked for at twice the size too


def check(yaml: Path, overrides: Overrides | None = None, *, verify: bool = False) -> Plan:
    """Validate a parameter file and open its images, without starting a kernel.

    With ``verify`` images are read whole to see whether they changed, also where size and times are as before.

    Raises
    ------
    ParameterErrors
        With every mistake found.
    """
    problems: list[Problem] = []
    try:
        typed = parameters.load_parameters(yaml, overrides)
    except ParameterErrors as errors:
        if errors.usable is None:
            raise
        # What is wrong with the images is said along with what is wrong with other parameters.
        problems, typed = errors.problems, errors.usable
    try:
        paths = RunPaths(find_root(yaml.parent), check_name(yaml.stem))
    except ProjectError as error:
        raise ParameterErrors([*problems, Problem(str(yaml), None, str(error))]) from None
    if yaml.suffix != ".yaml":
        problems.append(Problem(yaml.name, None, f"must end in .yaml to be run: call it {yaml.stem}.yaml"))
    elif paths.parameters.resolve() != yaml.resolve():
        problems.append(Problem(yaml.name, None, f"the file must lie in {paths.parameters.parent} to be run"))
    typed, angles = _without_bad_angles(yaml, typed)
    problems += angles + _bad_segmenter(yaml, typed) + _bad_notebooks(paths)
    try:
        series = open_images(paths, typed)
        unreadable = series.check_sizes()
    except (images.ImagesError, OSError) as error:
        problems.append(_of_images(yaml, str(error)))
    else:
        problems += _do_not_fit(yaml, typed, series)
    try:
        by_hand = corrections.read_log(paths.corrections)
    except (corrections.CorrectionsError, OSError) as error:
        problems.append(Problem(os.path.relpath(paths.corrections.parent), None, str(error)))
    if problems:
        raise ParameterErrors(problems)
    if verify:
        forget_digests(paths)
    stages = stages_for(series.frames["tilt_deg"], typed.track.linker, pair=typed.focus_pair is not None)
    copies = notes_on_copies(paths, stages)
    return Plan(
        paths,
        typed,
        digest_of_images(paths, series),
        (*series.notes, *unreadable, *notes_on_valid_area(series, typed), *copies, *by_hand.problems),
        series.shape[0] * series.shape[1],
        stages,
        are_tiny(in_px(typed.segment, series.calibration.pixel_size_nm).min_radius_px),
    )


def _without_bad_angles(yaml: Path, typed: DatasetParameters) -> tuple[DatasetParameters, list[Problem]]:
    """The parameters less a file of tilt angles that cannot be read, and what is wrong with it."""
    if not isinstance(typed.tilt_angles_deg, str):
        return typed, []
    try:
        tilt_angles.read_angles(yaml.parent / os.path.expanduser(typed.tilt_angles_deg))
    except images.ImagesError as error:
        line = parameters.line_of(yaml, "tilt_angles_deg")
        problem = Problem(yaml.name, line, f"tilt_angles_deg: {error}")
        return typed.model_copy(update={"tilt_angles_deg": None}), [problem]
    return typed, []


def _bad_segmenter(yaml: Path, typed: DatasetParameters) -> list[Problem]:
    """What is wrong with the segmenter asked for, or asked of it."""
    asked = typed.segment
    chosen, key, value = asked.model_file(yaml.parent) or asked.segmenter, "segmenter", f"'{asked.segmenter}'"
    try:
        segment.check_segmenter(chosen, trust=asked.trust_model)
        key, value = "kinds", f"[{', '.join(asked.kinds)}]"
        segment.check_asked(chosen, asked.kinds, use_series=asked.use_series)
    except ValueError as error:
        line = parameters.line_of(yaml, "segment", key)
        return [Problem(yaml.name, line, f"segment.{key} = {value}: {error}")]
    return []


def _bad_notebooks(paths: RunPaths) -> list[Problem]:
    """Notebooks of the project that cannot be run, as someone may have edited them."""
    import nbformat  # takes a second, and every kernel imports this module

    problems = []
    for name in STAGES:
        source = paths.source(name)
        remedy = f"Put it right, or delete it to have the one of voidlab {__version__} used."
        try:
            cells = nbformat.read(source, as_version=nbformat.NO_CONVERT).cells
        except Exception as error:  # nbformat raises anything on what is no notebook
            what = str(error).split("\n")[0][:100]
            problems.append(Problem(os.path.relpath(source), None, f"is no notebook: {what}. {remedy}"))
            continue
        if not any("parameters" in cell.metadata.get("tags", []) for cell in cells):
            what = "has no cell with the tag 'parameters', so it would run on another dataset"
            problems.append(Problem(os.path.relpath(source), None, f"{what}. {remedy}"))
    return problems


def _of_images(yaml: Path, text: str) -> Problem:
    """A problem with the images, on the line of the parameter that it speaks of."""
    others = {"images", "dataset", *SECTIONS}  # words that a path may hold too
    keys = [key for key in DatasetParameters.model_fields if key not in others and key in text]
    return Problem(yaml.name, parameters.line_of(yaml, *keys[:1] or ["images"]), text)


def _do_not_fit(yaml: Path, typed: DatasetParameters, series: images.ImageSeries) -> list[Problem]:
    """Parameters that are good by themselves, but not for these images."""
    size = series.calibration.pixel_size_nm
    problems = [(f"segment.{key}", text) for key, text in mistakes_in_nm(typed.segment, size)]
    smallest = typed.segment.min_radius_px if problems else in_px(typed.segment, size).min_radius_px
    if 2 * smallest > min(series.shape):
        nm = typed.segment.min_diameter_nm
        said = f"segment.min_radius_px = {smallest:g}" if nm is None else f"segment.min_diameter_nm = {nm:g}"
        what = f"a void of that size is larger than the images, {readers.size_text(series.shape)}"
        problems.append((said.split(" ")[0], f"{said}: {what}"))
    try:
        segment.check_mode(
            images.with_microscope_of(typed, series.microscope).microscope.mode, typed.segment.kinds
        )
    except segment.ModelError as error:
        problems.append(("segment.kinds", f"segment.kinds = [{', '.join(typed.segment.kinds)}]: {error}"))
    usable = series.frames.loc[series.frames["status"] == "ok", "frame"]
    frames_named = {
        "drift.reference_frame": typed.drift.reference_frame,
        "export.swelling_frame": typed.export.swelling_frame,
    }
    for key, frame in frames_named.items():
        if frame is not None and frame not in set(usable):
            span = f"{usable.min()} to {usable.max()}"
            problems.append((key, f"{key} = {frame}: no such frame is in use; they go from {span}"))
    return [Problem(yaml.name, parameters.line_of(yaml, *key.split(".")), text) for key, text in problems]
