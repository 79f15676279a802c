"""A project's own copies of the notebooks: one of an older voidlab is told, with what to do."""

import json

import pytest

from projects import run_project
from voidlab import __version__, run
from voidlab.project.paths import packaged_notebook
from voidlab.run import notebook_copies
from voidlab.run.notebook_copies import lay_out_copy, notes_on_copies, why_it_failed
from voidlab.run.start import lay_out


def with_cells(file, old, new):
    """Change what stands in the cells of a notebook."""
    content = json.loads(file.read_text(encoding="utf-8"))
    assert any(old in "".join(cell["source"]) for cell in content["cells"])
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"]).replace(old, new)
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def older(few_copied, monkeypatch, tmp_path):
    """A project that a voidlab of other notebooks laid out."""
    segment = few_copied.root / "notebooks" / "segment.ipynb"
    segment.unlink()
    before = tmp_path / "segment.ipynb"
    before.write_bytes(packaged_notebook("segment").read_bytes())
    with_cells(before, "segment.segment_series(", "segment.segment_frames(")
    with monkeypatch.context() as patch:
        patch.setattr(notebook_copies, "packaged_notebook", lambda name: before)
        patch.setattr(notebook_copies, "__version__", "0.0.9")
        lay_out_copy("segment", segment)
    monkeypatch.chdir(few_copied.root)
    return few_copied


def test_a_copy_of_this_voidlab_is_as_the_packaged_one_and_nothing_is_told_of_it(few_copied):
    (few_copied.root / "notebooks" / "segment.ipynb").unlink()
    lay_out(few_copied.root)
    own, packaged = few_copied.source("segment"), packaged_notebook("segment")
    assert own != packaged
    assert json.loads(own.read_text())["cells"] == json.loads(packaged.read_text())["cells"]
    with_cells(own, "threshold = None", "threshold = 0.6")  # typed into the parameters cell
    assert notes_on_copies(few_copied, ["segment"]) == []
    assert why_it_failed(few_copied, "segment", "AttributeError", "x") == "x"
    with_cells(own, "segment.segment_series(", "my_own(")  # by somebody who means it
    assert notes_on_copies(few_copied, ["segment"]) == []


def test_an_older_copy_is_told_when_it_is_checked(older):
    (note,) = run.check(older.parameters).notes[-1:]
    assert note == (
        f"notebooks/segment.ipynb is a copy that an older voidlab laid out (0.0.9; this is {__version__}), and not "
        "the notebook that this one has. Delete it to have that one used."
    )
    with_cells(older.source("segment"), "segment_frames(", "my_own(")
    (note,) = run.check(older.parameters).notes[-1:]
    assert "(0.0.9; " in note
    assert "changed by hand since. Rename it to have the notebook of this one used" in note
    older.source("segment").unlink()
    assert not any("segment.ipynb" in note for note in run.check(older.parameters).notes)


@pytest.mark.slow
def test_a_copy_that_calls_for_what_there_is_no_more_fails_in_words(older):
    done, lines = run_project(older)
    assert not done
    said = " ".join(lines)
    assert "notebooks/segment.ipynb does not go with voidlab" in said
    assert "(AttributeError: module 'voidlab.segment' has no attribute 'segment_frames')" in said
    assert "is of an older voidlab, or was changed by hand. Rename it and run again" in said
