"""Days when things go wrong: killed, interrupted, a full or read-only disk, two at once. Nothing finished is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from projects import STAGES, make_project, run_project
from voidlab import run, tables
from voidlab.project import fingerprints, lock, record
from voidlab.run import dataset, jobs, notebook
from voidlab.tables.written import this_host

SAVE = dict.fromkeys(STAGES, "run.save(")


def results(paths):
    """Digests of all that the stages made."""
    files = [paths.labels, *(paths.table(name) for name in tables.TABLES), *sorted(paths.exports.glob("*"))]
    return {
        file.relative_to(paths.folder).as_posix(): fingerprints.digest(file)
        for file in files
        if file.exists()
    }


def take_back(paths, stage):
    """Make a finished run one that has come as far as ``stage``."""
    if stage == STAGES[0]:
        shutil.rmtree(paths.folder)
        return
    gone = STAGES[STAGES.index(stage) :]
    for name, table in tables.TABLES.items():
        if table.stage in gone:
            paths.table(name).unlink(missing_ok=True)
    shutil.rmtree(paths.exports)
    entries = json.loads(paths.record.read_text(encoding="utf-8"))
    entries["stages"] = {name: entry for name, entry in entries["stages"].items() if name not in gone}
    paths.record.write_text(json.dumps(entries), encoding="utf-8")


def inject(paths, stage, code):
    """Put ``code`` in front of what stage ``stage`` saves; give what undoes it."""
    file = paths.source(stage)
    original = file.read_text(encoding="utf-8")
    content = json.loads(original)
    assert "run.save(" in "".join(content["cells"][-1]["source"])
    content["cells"][-1]["source"].insert(0, f"{code}\n")
    file.write_text(json.dumps(content), encoding="utf-8")
    return lambda: file.write_text(original, encoding="utf-8")


def inject_before_detecting(paths, code):
    """Put ``code`` in front of the loop over the images; give what undoes it."""
    file = paths.source("segment")
    original = file.read_text(encoding="utf-8")
    content = json.loads(original)
    (cell,) = (cell for cell in content["cells"] if "segment.segment_series(" in "".join(cell["source"]))
    at = next(i for i, line in enumerate(cell["source"]) if line.startswith("with run.label_writer"))
    cell["source"].insert(at, code)
    file.write_text(json.dumps(content), encoding="utf-8")
    return lambda: file.write_text(original, encoding="utf-8")


@contextmanager
def started(paths):
    """``voidlab run`` in a process of its own that takes Ctrl-C as one in a terminal does; ended whatever happens."""
    with subprocess.Popen(
        [sys.executable, "-m", "voidlab", "run", str(paths.parameters)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=paths.root,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(true, process, seconds=300):
    """Wait for what a busy machine may take minutes for; the limit is for what never comes."""
    end = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.05)


def no_traceback(text):
    assert "Traceback" not in text, text


# Killed


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_kernel_killed_before_it_saves(copied, stage):
    paths, expected = copied, results(copied)
    take_back(paths, stage)
    undo = inject(paths, stage, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    done, lines = run_project(paths)
    assert not done
    assert f"{stage:11} FAILED: the Python process stopped" in lines[-2]
    no_traceback("\n".join(lines))
    before = results(paths)
    assert before.items() <= expected.items() | {("labels.tif", before.get("labels.tif"))}
    assert "This stage failed" in paths.html(stage).read_text(encoding="utf-8")
    undo()
    done, lines = run_project(paths)
    assert done
    assert ["skipped" in line for line in lines].count(True) == STAGES.index(stage)
    assert results(paths) == expected


BETWEEN_IMAGES = """
import os, signal, time
from voidlab.segment import series as of_series

original = of_series.segment_frame

def segment_until(series, segmenter, row):
    while row == 3:
        kept = len([name for name in os.listdir(run.paths.kept_frames / store.cache.folder.name) if name[0] == "0"])
        if kept == 3:
            {then}
        time.sleep(0.01)
    return original(series, segmenter, row)

of_series.segment_frame = segment_until
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kernel", "command"])
def test_segment_killed_between_two_images_goes_on_at_the_next(copied, what):
    paths, expected = copied, results(copied)
    shutil.rmtree(paths.kept_frames)
    paths.labels.unlink()
    record.remove_entry(paths, "segment")
    die, stay = "os.kill(os.getpid(), signal.SIGKILL)", "open('there', 'w').close(); time.sleep(600)"
    undo = inject_before_detecting(paths, BETWEEN_IMAGES.format(then=die if what == "kernel" else stay))
    if what == "kernel":
        done, lines = run_project(paths)
        assert not done
        assert "segment     FAILED: the Python process stopped" in lines[-2]
    else:
        with started(paths) as process:
            wait_until((paths.root / "there").exists, process)
            kernels = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.communicate()
            assert not psutil.wait_procs(kernels, timeout=60)[1]  # they go when nobody asks for them any more
    undo()
    done, lines = run_project(paths)
    assert done, lines
    assert ["skipped" in line for line in lines] == [False, True, True, True, True]
    assert results(paths) == expected
    html = paths.html("segment").read_text(encoding="utf-8")
    assert "3 of 4 frames were taken from what is kept of an earlier run" in html
    assert not list(paths.folder.rglob("*.part*"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_run_killed_in_a_stage_goes_on_from_there(copied, stage):
    paths, expected = copied, results(copied)
    take_back(paths, stage)
    undo = inject(paths, stage, "import time; open('there', 'w').close(); time.sleep(60)")
    with started(paths) as process:
        wait_until((paths.root / "there").exists, process)
        process.kill()
        process.communicate()
    undo()
    done, lines = run_project(paths)
    assert done
    assert ["skipped" in line for line in lines].count(True) == STAGES.index(stage)
    assert results(paths) == expected
    assert not list(paths.folder.rglob("*.part*"))


@pytest.mark.slow
def test_half_written_files_are_cleared_away_and_never_read(copied):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    part = copied.folder / f".labels.tif.{gone.pid}.part"
    own = copied.folder / f".other.{os.getpid()}.part"
    for file in (part, own):
        file.write_bytes(b"half")
    copied.table("drift").write_bytes(copied.table("drift").read_bytes()[:100])
    done, lines = run_project(copied)
    assert done
    assert ["skipped" in line for line in lines] == [True, False, True, True, True]
    assert not part.exists()
    assert own.exists()  # of a process that may still be writing


@pytest.mark.slow
def test_ctrl_c_says_where_it_stopped(tmp_path):
    paths, _ = make_project(tmp_path)
    inject(paths, "drift", "import time; open('there', 'w').close(); time.sleep(600)")
    with started(paths) as process:
        wait_until((tmp_path / "there").exists, process)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)  # long before the cell would have ended
    assert process.returncode == 130
    assert "drift       interrupted; finished stages are kept" in said
    no_traceback(said)
    assert record.read_record(paths)["segment"].status == "finished"
    assert "drift" not in record.read_record(paths)


# Two at once


def test_two_runs_of_one_dataset(copied):
    with lock.held(copied):
        done, lines = run_project(copied)
    assert not done
    assert f"small is being run by process {os.getpid()} on " in lines[0]
    assert "wait until that is done" in lines[0]
    done, _ = run_project(copied)
    assert done


def noted(paths, host, process=1, doing="run"):
    """A note as a run, or a watch, on computer ``host`` leaves it."""
    folder = paths.folder / ".running"
    folder.mkdir(exist_ok=True)
    (folder / "lock").write_text("")
    (folder / "lock.holder").write_text(f"{doing} by process {process} on {host} since 2020-01-01 12:00")
    return folder / "lock.holder"


def test_a_lock_whose_holder_is_gone_does_not_count(copied):
    note = noted(copied, this_host(), process=2**22 - 1)
    done, lines = run_project(copied)
    assert done, lines
    assert not note.exists()


def test_it_is_said_whether_a_run_or_a_watch_holds_a_dataset(copied):
    with (
        lock.held(copied, doing=lock.WATCHED),
        pytest.raises(lock.DatasetBusy) as watched,
        lock.held(copied),
    ):
        pass
    assert str(watched.value).startswith(f"small is being watched by process {os.getpid()} on ")
    assert str(watched.value).endswith("; stop that watch first.")
    noted(copied, "node-7", doing="watched")
    with pytest.raises(lock.DatasetBusy) as elsewhere, lock.held(copied):
        pass
    said = "small is being watched by process 1 on node-7 since 2020-01-01 12:00, another computer; stop that watch"
    assert str(elsewhere.value).startswith(said)


def test_a_dataset_that_another_computer_holds_is_only_taken_over_on_request(copied):
    note = noted(copied, "node-7")
    part = copied.folder / ".labels.tif.node-7.1.0a1b2c3d.part"
    part.touch()
    done, (said,) = run_project(copied)
    assert not done
    assert said.startswith(
        "not run: small is being run by process 1 on node-7 since 2020-01-01 12:00, another "
    )
    assert said.endswith("small.yaml --take-over")
    assert note.exists()
    assert part.exists()
    done, lines = run_project(copied, take_over=True)
    assert done, lines
    assert not note.exists()
    assert not part.exists()


def test_a_run_that_was_taken_over_stops_at_the_next_stage_and_leaves_the_lock(copied):
    with lock.held(copied) as hold:
        assert hold.taken_over_by is None
        note = noted(copied, "node-7")
        assert str(hold.taken_over_by) == "process 1 on node-7 since 2020-01-01 12:00"
        with pytest.raises(
            lock.DatasetBusy, match="was taken over by process 1 on node-7.*finished stages are kept"
        ):
            dataset._stop_if_taken_over(copied, hold.taken_over_by)
    assert note.exists()
    note.unlink()
    with lock.held(copied) as hold:
        note.unlink()  # whoever took it over has finished
        assert str(hold.taken_over_by) == "another process"


def test_of_two_computers_at_once_one_gets_the_dataset(copied, monkeypatch):
    """On a disk whose locks do not reach other computers."""
    monkeypatch.setattr(lock, "FileLock", unknown_to_the_disk)
    with lock.held(copied):
        with monkeypatch.context() as there:
            there.setattr("socket.gethostname", lambda: "node-7")
            with (
                pytest.raises(lock.DatasetBusy, match=f"process {os.getpid()} on .* another computer"),
                lock.held(copied),
            ):
                pass
        with pytest.raises(lock.DatasetBusy, match="wait until that is done, or stop it"), lock.held(copied):
            pass
    with lock.held(copied):
        pass


def unknown_to_the_disk(file, timeout):
    raise NotImplementedError("FileSystem does not appear to support flock")


# Disks


@contextmanager
def mounted(folder: Path, options: str):
    """A file system in memory at ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("this user may not mount a file system: " + made.stderr.decode().strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="file systems in memory are Linux's")
@pytest.mark.parametrize("free_kb", [0, 64, 600, 1400, 2000, 2400])
def test_full_disk(finished, tmp_path, free_kb):
    expected = results(finished[0])
    paths, _ = make_project(tmp_path)
    with mounted(paths.reports, "size=20m"):
        filler = paths.reports / "filler"
        filler.write_bytes(b"0" * (20 * 2**20 - free_kb * 1024 - 8192))
        done, lines = run_project(paths)
        said = "\n".join(lines)
        assert not done, said
        assert "no space is left" in said
        no_traceback(said)
        kept = [name for name, entry in record.read_record(paths).items() if entry.status == "finished"]
        filler.unlink()
        done, lines = run_project(paths)
        assert done, lines
        assert ["skipped" in line for line in lines].count(True) >= len(kept) - 1
        assert results(paths) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="file systems in memory are Linux's")
def test_reports_that_cannot_be_written_to(tmp_path):
    paths, _ = make_project(tmp_path)
    with mounted(paths.reports, "ro"):
        done, lines = run_project(paths)
    assert not done
    assert "cannot be written to (Read-only file system). Make it writable" in lines[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="file systems in memory are Linux's")
def test_images_on_a_read_only_disk(finished, tmp_path):
    paths, _ = make_project(tmp_path)
    images = paths.root / "data" / "small"
    content = {file.name: file.read_bytes() for file in images.iterdir()}
    with mounted(images, "size=4m"):
        for name, data in content.items():
            (images / name).write_bytes(data)
        subprocess.run(["mount", "-o", "remount,ro", str(images)], check=True)
        done, lines = run_project(paths)
        assert done, lines
        assert results(paths) == results(finished[0])


# Memory


@pytest.mark.slow
def test_a_kernel_that_runs_out_of_memory(copied):
    undo = inject(copied, "track", "import numpy; numpy.ones(2**50)")
    done, lines = run_project(copied)
    assert not done
    assert "track       FAILED: the memory ran out (Unable to allocate" in lines[2]
    undo()


# Told by their message alone


def test_what_a_user_did_wrong_is_told_by_its_message_alone(copied):
    undo = inject(copied, "track", "from voidlab.segment import ModelError; raise ModelError('no weights')")
    done, lines = run_project(copied)
    assert not done
    assert "track       FAILED: no weights" in lines
    undo()


@pytest.mark.parametrize(
    "kind", ["ModelError", "ImageReadError", "SwellingError", "ClockError", "KernelDied"]
)
def test_every_error_of_ours_is_known_by_its_name(kind):
    assert notebook._reason(kind, "what to do") == "what to do"
    assert notebook._reason("ValueError", "what to do") == "ValueError: what to do"


# Side by side


@pytest.mark.slow
def test_jobs_side_by_side_one_of_them_fails(tmp_path):
    good, _ = make_project(tmp_path, "good", views=3)
    bad, _ = make_project(tmp_path, "bad", views=3)
    bad.folder.mkdir(parents=True)
    (bad.folder / "tables").write_text("a file where a folder should be")
    plans = [run.check(paths.parameters) for paths in (bad, good)]
    lines = []
    codes = jobs.run_side_by_side(plans, [], 2, lines.append)
    assert codes == [1, 0]
    assert any(line.startswith("bad: segment     FAILED: ") for line in lines)
    assert any(line.startswith("good: export      done") for line in lines)
    no_traceback("\n".join(lines))
    index = (good.reports / "index.html").read_text(encoding="utf-8")
    assert "failed" in index
    assert "finished" in index


@pytest.mark.slow
def test_a_job_whose_process_is_killed_leaves_the_others(tmp_path):
    good, _ = make_project(tmp_path, "good", views=3)
    dying, _ = make_project(tmp_path, "dying", views=3)
    lines = []
    plans = [run.check(paths.parameters) for paths in (dying, good)]

    def kill(text):
        lines.append(text)
        if text.startswith("dying: segment"):
            next(p for p in jobs._RUNNING if "dying" in p.args[4]).kill()

    assert jobs.run_side_by_side(plans, [], 2, kill) == [-9, 0]
    assert "dying: stopped by signal 9, probably because the memory ran out" in lines


def test_jobs_whose_input_is_gone_say_so_each_with_its_name(tmp_path):
    both = [make_project(tmp_path, name, views=3)[0] for name in ("a", "b")]
    plans = [run.check(paths.parameters) for paths in both]
    for paths in both:
        paths.parameters.unlink()
    lines = []
    assert jobs.run_side_by_side(plans, [], 2, lines.append) == [2, 2]
    assert sorted(line.split(": ")[0] for line in lines if "no such file" in line) == ["a", "b"]


def test_free_memory_limits_the_jobs(finished):
    plan = run.check(finished[0].parameters)
    need = jobs.needed_bytes(plan)
    assert jobs.how_many(4, [plan] * 3, free_bytes=100 * need) == 3
    assert jobs.how_many(4, [plan] * 8, free_bytes=2.5 * need) == 2
    assert jobs.how_many(4, [plan] * 8, free_bytes=0) == 1
