"""The record of a run: a byte of code or data that changes anywhere in the package makes the stages run again."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict

import pytest

from projects import REPOSITORY
from projects import STAGES as OF_TILT
from voidlab.project import fingerprints, outdated, record
from voidlab.project.parameters.models import DatasetParameters, SampleParameters
from voidlab.project.paths import STAGES, RunPaths

# Written in the copy of the package, a line for each change: the fingerprints of all stages.
FINGERPRINTS = """
import sys
from pathlib import Path
import voidlab
from voidlab.project import fingerprints
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import STAGES, RunPaths

package, root = Path(voidlab.__file__).parent, Path(sys.argv[1])
assert package.is_relative_to(Path.cwd())

def say():
    fingerprints.code_digest.cache_clear()
    parameters = DatasetParameters(dataset="small", images="a")
    print(*[fingerprints.fingerprint(RunPaths(root, "small"), parameters, stage, {}) for stage in STAGES])

say()
(package / "measure.py").touch()
(package / "project" / "notes.txt").write_text("no code")
say()
for name in sys.argv[2:]:
    with (package / name).open("ab") as file:
        file.write(b" ")
    say()
"""
DECISIVE = ("measure.py", "segment/weights/voids.json", "tables/columns.csv")


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


def test_a_byte_of_code_or_data_changes_the_fingerprint_of_every_stage(package):
    said = with_copy(package, "-c", FINGERPRINTS, REPOSITORY, *DECISIVE).splitlines()
    first, untouched, *changed = [line.split() for line in said]
    assert len(first) == len(STAGES)
    assert first == untouched
    assert len(changed) == len(DECISIVE)
    for of_stage in zip(first, *changed, strict=True):
        assert len(set(of_stage)) == 1 + len(DECISIVE)


def test_the_sample_decides_the_export_alone():
    paths = RunPaths(REPOSITORY, "small")
    plain = DatasetParameters(dataset="small", images="a")
    known = plain.model_copy(update={"sample": SampleParameters(foil_thickness_nm=80, foil_sigma_nm=8)})
    changed = [
        stage
        for stage in STAGES
        if fingerprints.fingerprint(paths, plain, stage, {})
        != fingerprints.fingerprint(paths, known, stage, {})
    ]
    assert changed == ["export"]


@pytest.mark.slow
def test_a_byte_of_a_module_in_another_folder_runs_the_stages_again(copied, package):
    command = ("-m", "voidlab", "run", copied.parameters)
    assert with_copy(package, *command, cwd=copied.root).count("unchanged, skipped") == len(OF_TILT)
    with (package / "voidlab" / "swelling" / "sizes.py").open("ab") as file:
        file.write(b"\n")
    said = with_copy(package, *command, cwd=copied.root)
    assert "skipped" not in said
    assert [stage for stage in OF_TILT if f"{stage:11} done" in said] == list(OF_TILT)


@pytest.mark.parametrize(
    "damage",
    [
        {"outputs": None},
        {"inputs": None},
        {"inputs": 7},
        {"outputs": {"labels.tif": 3}},
        {"given": "abc"},
        {"given": [1]},
        {"key_figures": ["x"]},
        {"parameters": []},
        {"seconds": "long"},
        {"decided": 1},
        {"status": None},
    ],
)
def test_an_entry_of_other_kinds_is_no_record(tmp_path, damage):
    paths = RunPaths(tmp_path, "x")
    paths.folder.mkdir(parents=True)
    entry = asdict(record.Entry("finished", "a", {}, [], {})) | damage
    paths.record.write_text(json.dumps({"stages": {"segment": entry}}))
    assert record.read_record(paths) == {}
    assert outdated.out_of_date(paths) == []
    assert not outdated.is_current(paths, "segment", "a")


def test_a_record_nested_deeper_than_any_is_no_record(tmp_path):
    paths = RunPaths(tmp_path, "x")
    paths.folder.mkdir(parents=True)
    paths.record.write_text("[" * 100_000)
    with pytest.raises(record.RecordError, match="Run the dataset again to make it anew"):
        record.read_stages(paths)
    assert record.read_record(paths) == {}
