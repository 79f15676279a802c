"""A dataset of each image of a folder of unrelated micrographs, the fields of view of a specimen among them."""

import os
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from voidlab import images
from voidlab.images.find_files import find_files
from voidlab.images.readers import open_file, size_text
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.run.pixel_sizes import PixelSizes, read_pixel_sizes
from voidlab.run.start import write_first
from voidlab.tables.listing import number_of


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


def init_each(source: str, prefix: str = "", sample: str = "", pixel_sizes: Path | None = None) -> str:
    """Write a parameter file for each image at ``source``, as unrelated micrographs are: one dataset each.

    They are named after the files, with ``prefix`` and a dash in front if there is one. A file that cannot be read is
    left out; so is one whose parameter file is there already.

    Parameters
    ----------
    sample
        Name of the specimen that all images are fields of view of, so that they are pooled. Images of another pixel
        size are a specimen of their own: a small void is seen at one magnification and missed at another.
    pixel_sizes
        CSV with a row for each image and its pixel size, see `voidlab.run.pixel_sizes`.

    Returns
    -------
    str
        What was made of each file, which sizes there are, and how to go on.

    Raises
    ------
    ImagesError
        If there are no images at ``source``.
    ProjectError
        If no dataset could be made, or the ``pixel_sizes`` cannot be read.
    """
    made: list[RunPaths] = []
    files = find_files(source, mixed=True)
    sizes, said = ({}, []) if pixel_sizes is None else _sizes_of(files, read_pixel_sizes(pixel_sizes))
    groups = {file: group for file in files if (group := _group_of(file, sizes.get(file))) is not None}
    scales = {group.scale for group in groups.values()}
    for file in files:
        name = _name_of(file, prefix, {paths.dataset.lower() for paths in made})
        specimen = sample
        if sample and len(scales) > 1 and file in groups:
            specimen = f"{sample}, {groups[file].scale}"
        try:
            paths, found = write_first(str(file), name, sample=specimen, pixel_size_nm=sizes.get(file))
        except (ProjectError, images.ImagesError) as error:
            said.append(f"{file.name}: left out: {error}")
            continue
        made.append(paths)
        said.append(f"{name}: {found}")
    if not made:
        raise ProjectError("\n".join([*said, f"no dataset was made of {number_of(len(said), 'file')}."]))
    said += _on_groups(list(groups.values()), sample)
    files_made = _as_typed(made, prefix)
    said.append(
        f"wrote {number_of(len(made), 'parameter file')}\nnext: look through {'it' if len(made) == 1 else 'them'}, "
        f"then\n  voidlab run {files_made}"
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


def _sizes_of(files: Sequence[Path], table: PixelSizes) -> tuple[dict[Path, float], list[str]]:
    """The pixel size of each of the ``files`` that the ``table`` has; and of which it has none that can be used."""
    found: dict[Path, float] = {}
    missing, doubts = [], []
    for file in files:
        try:
            shape = open_file(file).shape
        except images.ImagesError:
            continue  # said where it is left out
        size, why = table.of(file, shape)
        if size is not None:
            found[file] = size
        elif why:
            doubts.append(f"  note: the pixel size of {file.name} in {table.table} is not used: {why}.")
        else:
            missing.append(file.name)
    said = [f"{table.table} gives the pixel size of {number_of(len(found), 'image')}"]
    if missing:
        said.append(f"  note: it has no row for {number_of(len(missing), 'image')}: {', '.join(missing)}.")
    return found, [*said, *doubts]


def _group_of(file: Path, pixel_size_nm: float | None) -> Group | None:
    """Size of the image in ``file`` and of its pixels; None where it cannot be read, which is said of it later."""
    try:
        series = images.open_series(file, pixel_size_nm=pixel_size_nm)
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
            f"  note: {number_of(unknown, 'image')} without a pixel size, put together in px: set pixel_size_nm in "
            "each, as a specimen of one name is taken to be of one magnification."
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
