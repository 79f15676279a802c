"""The Python of a notebook: voidlab's own whatever is installed, and a sentence where it does not start."""

import json
import sys

import papermill

from projects import run_project
from voidlab.project import record
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
