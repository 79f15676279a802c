"""Digests of all that decides what a stage makes: files, parameters, corrections, notebook, network and code."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from voidlab import __version__
from voidlab.project import corrections
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import STAGES, RunPaths
from voidlab.project.record import read_record
from voidlab.tables.written import digest as digest


def outputs_of(paths: RunPaths, files: Iterable[Path]) -> dict[str, str]:
    """Digest of each of the ``files`` that a stage has written, by its place in the run's folder."""
    return {f.relative_to(paths.folder).as_posix(): digest(f) for f in files if f.is_file()}


def inputs_of(paths: RunPaths, stage: str, images: str) -> dict[str, str]:
    """Digests of what ``stage`` reads: the images, what each earlier stage made, its corrections by hand if any."""
    entries = read_record(paths)
    earlier = [name for name in STAGES[: STAGES.index(stage)] if name in entries]
    inputs = {"images": images, **{name: digest_of(entries[name].outputs) for name in earlier}}
    by_hand = digest_of_corrections(paths, stage)
    return {**inputs, "corrections": by_hand} if by_hand else inputs


def digest_of_corrections(paths: RunPaths, stage: str) -> str:
    content = corrections.content_for(paths.corrections, stage)
    return digest_of(content) if content else ""


def fingerprint(paths: RunPaths, parameters: DatasetParameters, stage: str, inputs: Mapping[str, str]) -> str:
    """Digest of all that decides what ``stage`` makes: parameters, inputs, notebook and version."""
    return digest_of(
        {
            "parameters": parameters.deciding(stage),
            "images": parameters.of_images(),
            "inputs": dict(inputs),
            "notebook": notebook_digest(paths.source(stage)),
            "model": _model_digest(paths, parameters) if stage == "segment" else "",
            "voidlab": f"{__version__} {code_digest()}",
        }
    )


def digest_of_files(files: Iterable[Path]) -> str:
    """Digest of the names and contents of ``files``."""
    return digest_of([(file.name, digest(file)) for file in files])


def digest_of(content: object) -> str:
    """Digest of anything JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def notebook_digest(notebook: Path) -> str:
    """Digest of a notebook's cells; outputs and the parameters cell, which people type in, do not count."""
    # Not by nbformat, which takes a second to import: every kernel does this.
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    decisive = [cell for cell in cells if "parameters" not in cell.get("metadata", {}).get("tags", [])]
    return digest_of([(cell["cell_type"], "".join(cell["source"])) for cell in decisive])


def _model_digest(paths: RunPaths, parameters: DatasetParameters) -> str:
    """Digest of the user's network and of what describes it."""
    file = parameters.segment.model_file(paths.parameters.parent)
    return digest_of_files([file, file.with_suffix(".json")]) if file else ""


@cache
def code_digest(*rooms: str) -> str:
    """Digest of the package's code and data, or of those of some of its ``rooms``.

    Of the whole package, wherever in it this module lies: changed code makes every stage run again.
    """
    package = Path(str(files("voidlab")))
    kinds = ("*.py", "weights/*", "*.csv")
    decisive = sorted(file for kind in kinds for file in package.rglob(kind))
    named = [(file.relative_to(package), file) for file in decisive]
    return digest_of(
        [(name.as_posix(), digest(file)) for name, file in named if not rooms or name.parts[0] in rooms]
    )
