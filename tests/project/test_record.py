"""The record of a run: a byte of code or data that changes anywhere in the package makes the stages run again."""

import os
import shutil
import subprocess
import sys

import pytest

from projects import REPOSITORY
from voidlab.project.paths import STAGES

FINGERPRINTS = """
import sys
from pathlib import Path
import voidlab
from voidlab.project import record
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import STAGES, RunPaths

assert Path(voidlab.__file__).is_relative_to(Path.cwd())
parameters = DatasetParameters(dataset="small", images="a")
for stage in STAGES:
    print(record.fingerprint(RunPaths(Path(sys.argv[1]), "small"), parameters, stage, {}))
"""


@pytest.fixture
def package(tmp_path):
    """Folder that holds a copy of the package, to be changed."""
    folder = tmp_path / "package"
    shutil.copytree(REPOSITORY / "voidlab", folder / "voidlab", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def with_copy(package, *arguments, **options):
    """Run Python with the copy of the package; give what it wrote."""
    environment = os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, **({"cwd": package} | options)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fingerprints(package):
    lines = with_copy(package, "-c", FINGERPRINTS, REPOSITORY).split()
    assert len(lines) == len(STAGES)
    return lines


def add_a_byte(file, byte):
    file.write_bytes(file.read_bytes() + byte)


def test_a_byte_of_code_or_data_changes_the_fingerprint_of_every_stage(package):
    seen = [fingerprints(package)]
    (package / "voidlab" / "measure.py").touch()
    (package / "voidlab" / "project" / "notes.txt").write_text("no code")
    assert fingerprints(package) == seen[0]
    for name, byte in (
        ("measure.py", b"\n"),
        ("segment/weights/voids.json", b" "),
        ("tables/columns.csv", b"\n"),
    ):
        add_a_byte(package / "voidlab" / name, byte)
        seen.append(fingerprints(package))
    for of_stage in zip(*seen, strict=True):
        assert len(set(of_stage)) == len(seen)


@pytest.mark.slow
def test_a_byte_of_a_module_in_another_folder_runs_the_stages_again(copied, package):
    command = ("-m", "voidlab", "run", copied.parameters)
    assert with_copy(package, *command, cwd=copied.root).count("unchanged, skipped") == len(STAGES)
    add_a_byte(package / "voidlab" / "swelling" / "sizes.py", b"\n")
    said = with_copy(package, *command, cwd=copied.root)
    assert "skipped" not in said
    assert [stage for stage in STAGES if f"{stage:11} done" in said] == list(STAGES)
