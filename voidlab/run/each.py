"""A dataset of each image of a folder of unrelated micrographs, the fields of view of a specimen among them."""

import os
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from voidlab import images
from voidlab.images.find_files import find_files
from voidlab.images.readers import size_text
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.run.start import write_first


class Group(NamedTuple):
    """What images have in common that may be put together: size of image and of pixel."""

    shape: tuple[int, int]
    pixel_size_nm: float | None

    def __str__(self) -> str:
        return f"{size_text(self.shape)}, {self.scale}"

    @property
    def scale(self) -> str:
        size = self.pixel_size_nm
        return "no pixel size" if size is None else f"{size:.4g} nm per px"


def init_each(source: str, prefix: str = "", sample: str = "") -> str:
    """Write a parameter file for each image at ``source``, as unrelated micrographs are: one dataset each.

    They are named after the files, with ``prefix`` and a dash in front if there is one. A file that cannot be read is
    left out; so is one whose parameter file is there already.

    Parameters
    ----------
    sample
        Name of the specimen that all images are fields of view of, so that they are pooled. Images of another pixel
        size are a specimen of their own: a small void is seen at one magnification and missed at another.

    Returns
    -------
    str
        What was made of each file, which sizes there are, and how to go on.

    Raises
    ------
    ImagesError
        If there are no images at ``source``.
    ProjectError
        If no dataset could be made.
    """
    made: list[RunPaths] = []
    said = []
    files = find_files(source, mixed=True)
    groups = {file: group for file in files if (group := _group_of(file)) is not None}
    scales = {group.scale for group in groups.values()}
    for file in files:
        name = _name_of(file, prefix, {paths.dataset.lower() for paths in made})
        specimen = sample
        if sample and len(scales) > 1 and file in groups:
            specimen = f"{sample}, {groups[file].scale}"
        try:
            paths, found = write_first(str(file), name, sample=specimen)
        except (ProjectError, images.ImagesError) as error:
            said.append(f"{file.name}: left out: {error}")
            continue
        made.append(paths)
        said.append(f"{name}: {found}")
    if not made:
        raise ProjectError("\n".join([*said, f"no dataset was made of {len(said)} file(s)."]))
    said += _on_groups(list(groups.values()), sample)
    files_made = _as_typed(made, prefix)
    said.append(
        f"wrote {len(made)} parameter file(s)\nnext: look through them, then\n  voidlab run {files_made}"
    )
    if sample:
        said.append(f"  voidlab compare {_names_as_typed(made)}".rstrip())
    return "\n".join(said)


def _as_typed(made: Sequence[RunPaths], prefix: str) -> str:
    """The parameter files of datasets as they are typed: a glob where it means these and no others."""
    folder, wanted = made[0].parameters.parent, {paths.parameters for paths in made}
    start = made[0].dataset[: len(prefix) + 1] if prefix else ""
    if re.fullmatch(r"[\w.]+-", start) and set(folder.glob(f"{start}*.yaml")) == wanted:
        return f"{os.path.relpath(folder)}/{start}*.yaml"
    return " ".join(shlex.quote(os.path.relpath(paths.parameters)) for paths in made)


def _names_as_typed(made: Sequence[RunPaths]) -> str:
    """The names of datasets as they are typed; none, which means all, where there are no others."""
    if set(made[0].parameters.parent.glob("*.yaml")) == {paths.parameters for paths in made}:
        return ""
    return " ".join(shlex.quote(paths.dataset) for paths in made)


def _group_of(file: Path) -> Group | None:
    """Size of the image in ``file`` and of its pixels; None where it cannot be read, which is said of it later."""
    try:
        series = images.open_series(file)
    except images.ImagesError:
        return None
    size = series.calibration.pixel_size_nm
    return Group(series.shape, None if size is None else float(f"{size:.4g}"))


def _on_groups(groups: Sequence[Group], sample: str) -> list[str]:
    """How many images there are of each size, and what becomes of several magnifications."""
    counts = {group: groups.count(group) for group in dict.fromkeys(groups)}
    unknown = sum(group.pixel_size_nm is None for group in groups)
    alike = []
    if sample and unknown:
        alike = [
            f"  note: {unknown} image(s) give no pixel size, and are put together in px: set pixel_size_nm in each, "
            "as a specimen of one name is taken to be of one magnification."
        ]
    if len(counts) < 2:
        return alike
    said = [f"images of {len(counts)} sizes:", *(f"  {count} of {group}" for group, count in counts.items())]
    if len({group.scale for group in counts}) > 1:
        why = "a small void is seen at one magnification and missed at another"
        said.append(
            f"  note: {why}, so each is a specimen of its own below 'sample:'; one name there pools them."
            if sample
            else f"  note: {why}: give a specimen's images of one magnification one name, --sample does."
        )
    return said + alike


def _name_of(file: Path, prefix: str, taken: Collection[str]) -> str:
    """A name of a dataset after ``file`` that is not ``taken``."""
    plain = (
        re.sub(r"[^\w.-]+", "-", f"{prefix}-{file.stem}" if prefix else file.stem).strip("-._")[:90]
        or "image"
    )
    names = (plain, *(f"{plain}-{n}" for n in range(2, len(taken) + 3)))
    return next(name for name in names if name.lower() not in taken)
