"""The notebooks: clean as committed, in step with the typed parameters, the same by hand as in batch."""

import ast
import os
import shutil
import subprocess
import sys

import nbformat
import papermill
import pytest

from projects import MADE, REPOSITORY
from projects import STAGES as OF_TILT
from voidlab import tables
from voidlab.project import fingerprints, record
from voidlab.project.parameters import models
from voidlab.project.paths import STAGES

NOTEBOOKS = REPOSITORY / "notebooks"
SEGMENT_TO_EXPORT = {stage: NOTEBOOKS / f"{stage}.ipynb" for stage in STAGES}
ALL = sorted(NOTEBOOKS.glob("*.ipynb"))


def cells(notebook):
    return nbformat.read(notebook, as_version=4).cells


def tagged(notebook):
    return [c for c in cells(notebook) if "parameters" in c.metadata.get("tags", [])]


def test_the_stages_and_the_explorer_are_all_there():
    assert {p.stem for p in ALL} == {*STAGES, "explore", "live", "positions"}


@pytest.mark.parametrize("notebook", ALL, ids=lambda p: p.stem)
def test_no_outputs_no_counts_one_tagged_cell(notebook):
    for cell in cells(notebook):
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    assert len(tagged(notebook)) == 1


@pytest.mark.parametrize("notebook", ALL, ids=lambda p: p.stem)
def test_no_logic(notebook):
    for cell in cells(notebook):
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                assert not isinstance(
                    node, ast.FunctionDef | ast.For | ast.While | ast.If | ast.Lambda | ast.Try
                )


@pytest.mark.parametrize("stage", STAGES)
def test_the_parameters_cell_is_the_model(stage):
    (cell,) = tagged(SEGMENT_TO_EXPORT[stage])
    first, *lines = cell.source.split("\n")
    assert first.startswith('dataset = "demo"  #')
    parts = [models.model_of(section) for section in models.sections_of(stage)]
    fields = [(model, name, field) for model in parts for name, field in model.model_fields.items()]
    assert parts[0] is type(models.DatasetParameters(dataset="x", images="a").stage(stage))
    assert [line.split(" = ")[0] for line in lines] == [name for _, name, _ in fields]
    for line, (model, name, field) in zip(lines, fields, strict=True):
        unit = models.unit_of(model, name)
        assert line == f"{name} = None  # {field.description}" + (f", {unit}" if unit else "")


@pytest.mark.parametrize("stage", STAGES)
def test_every_parameter_is_used(stage):
    (cell,) = tagged(SEGMENT_TO_EXPORT[stage])
    rest = [c.source for c in cells(SEGMENT_TO_EXPORT[stage]) if c != cell and c.cell_type == "code"]
    opens = [code for code in rest if f'\nrun = stage.open_notebook("{stage}", globals())\n' in code]
    assert opens == rest[:1]  # before any of them is used for something else


def _by_hand(copied, stage, **given):
    """Run a notebook with plain papermill, from the notebooks' folder as JupyterLab does."""
    code = (
        "import sys, papermill; papermill.execute_notebook(sys.argv[1], sys.argv[2], "
        f"parameters={dict(dataset=copied.dataset, **given)!r}, kernel_name='python3', progress_bar=False)"
    )
    out = copied.root / f"{stage}-by-hand.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", code, str(copied.source(stage)), str(out)],
        cwd=copied.root / "notebooks", capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip
    return done, out


@pytest.mark.slow
def test_plain_papermill_gives_the_same_files(copied):
    before = {name: fingerprints.digest(copied.table(name)) for name in MADE}
    exports = {f.name: fingerprints.digest(f) for f in copied.exports.iterdir()}
    shutil.rmtree(copied.folder)
    for stage in OF_TILT:
        done, _ = _by_hand(copied, stage)
        assert done.returncode == 0, done.stderr
    assert {name: fingerprints.digest(copied.table(name)) for name in MADE} == before
    assert {f.name: fingerprints.digest(f) for f in copied.exports.iterdir()} == exports


def test_a_notebook_refuses_tables_that_do_not_belong_together(copied):
    tables.write(tables.load(copied, "voids").iloc[:-1], "voids", copied.table("voids"))
    done, out = _by_hand(copied, "track")
    assert done.returncode != 0
    text = out.read_text()
    assert "tables/voids.parquet is not the one that stage 'segment' recorded" in text


@pytest.mark.slow
def test_papermill_parameters_outweigh_the_yaml(copied):
    done, _ = _by_hand(copied, "track", memory=0, search_range_px=5.0)
    assert done.returncode == 0, done.stderr
    entry = record.read_record(copied)["track"]
    assert (entry.parameters["memory"], entry.parameters["search_range_px"]) == (0, 5.0)
    assert set(entry.given) == {"memory", "search_range_px"}


def test_the_explorer_notebook_opens(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    out = copied.root / "explore-out.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "papermill", str(copied.source("explore")), str(out), "-p", "dataset", "small",
         "-k", "python3", "--no-progress-bar"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = [o for c in cells(out) if c.cell_type == "code" for o in c.outputs]
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in shown)


def test_papermill_infers_every_parameter():
    for stage, notebook in SEGMENT_TO_EXPORT.items():
        known = papermill.inspect_notebook(str(notebook))
        parts = [models.model_of(section) for section in models.sections_of(stage)]
        assert set(known) == {"dataset", *(name for model in parts for name in model.model_fields)}
