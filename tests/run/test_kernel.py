"""The Python of a notebook: voidlab's own whatever is installed, and a sentence where it does not start."""

import json
import os
import sys

import pandas as pd
import papermill
import pytest

from projects import run_project
from voidlab.project import record
from voidlab.project.paths import RunPaths
from voidlab.run import engine, notebook
from voidlab.run.engine import _OwnPython


def test_it_is_the_one_that_runs_voidlab(tmp_path, monkeypatch):
    foreign = tmp_path / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text(
        json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "R"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert _OwnPython(kernel_name="python3").kernel_spec.argv[0] == sys.executable


def test_one_that_does_not_start_is_a_sentence_and_is_recorded(copied, monkeypatch):
    def die(*given, **options):
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(papermill, "execute_notebook", die)
    done, lines = run_project(copied, force=True)
    assert not done
    assert lines[0].startswith(
        "segment     FAILED: the Python process of the notebook did not start, or stopped"
    )
    assert "(Kernel died before replying to kernel_info)" in lines[0]
    assert record.read_record(copied)["segment"].status == "failed"
    assert "This stage failed" in copied.html("segment").read_text(encoding="utf-8")
    assert "Traceback" in copied.log("segment").read_text(encoding="utf-8")


def test_too_few_files_that_may_be_open_are_a_sentence_before_it_starts(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    said = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = os.dup(0)
    os.close(open_now)
    paths = RunPaths(tmp_path, "x")
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 20, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            notebook.run_notebook(
                paths, "export", {}, stages=("export",), progress=said.append, parameters=pd.DataFrame()
            )
        assert os.dup(0) == open_now  # what was opened to see is closed
        os.close(open_now)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    notebook.log_failure(paths, "export", caught.value, said.append)
    (line,) = said
    assert line.startswith("export      FAILED: too many files are open at once: this computer allows fewer")
    assert "`ulimit -n 1024`" in line
    assert line.endswith("Finished stages are kept: the next run goes on from there.")


def test_only_how_far_it_is_goes_to_the_terminal(tmp_path):
    told = []
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        feed = notebook._Feed(log, told.append, only=notebook._BAR)
        feed.write("drift:  20%|##   | 3/15 [00:01<00:04,  2.9it/s]\r")
        feed.write("/x/series.py:158: ComplexWarning: Casting complex values\n  values = image[::step]\n")
    assert told == ["drift:  20%|##   | 3/15 [00:01<00:04,  2.9it/s]"]
    assert "ComplexWarning" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_notebook_that_runs_is_saved_now_and_then(monkeypatch):
    saved, now = [], [100.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: now[0])
    save = engine._now_and_then(lambda **given: saved.append(now[0]))
    for now[0] in (100.0, 101.0, 109.0, 111.0, 120.0, 122.0):
        save(nb=None)
    assert saved == [100.0, 111.0, 122.0]
