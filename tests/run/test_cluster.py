"""Clusters on Dask: the same bytes wherever an image is segmented, whatever is killed; without Dask a sentence."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

import slurm_node
from projects import FEW, REPOSITORY
from voidlab import cli, segment
from voidlab.images.label_stack import LabelWriter
from voidlab.project import record
from voidlab.run import cluster, no_worker_yet, stage
from voidlab.run.cluster import ClusterError
from voidlab.run.frames_apart import FramesLost

# What Dask leaves behind when its processes are killed is not for these tests.
pytestmark = [pytest.mark.filterwarnings("default")]

SLOWLY = """
import os, time
from voidlab.run import frames_apart

original = getattr(frames_apart.segment_frame, "original", frames_apart.segment_frame)  # Dask may load this twice

def segment_slowly(series, segmenter, row):
    time.sleep(0.5)
    return original(series, segmenter, row)

segment_slowly.original = original
frames_apart.segment_frame = segment_slowly
"""
FATAL = SLOWLY.replace("time.sleep(0.5)", "os._exit(1) if row == 2 else None")


@pytest.fixture
def paths(few_copied, monkeypatch):
    monkeypatch.setattr("voidlab.run.frames_apart._A_TASK_PX", 1)  # a task an image
    return few_copied


def run(paths, executor=None):
    opened = stage.open_stage("segment", paths.dataset)
    method = segment.from_parameters(opened.parameters, paths.parameters.parent)
    method, store = opened.decide(method)
    with LabelWriter(paths.root / "out.tif") as writer:
        tables = segment.segment_series(
            opened.series, method, store=store, executor=executor, keep_labels=writer.append
        )
    return [table.to_json() for table in tables], (paths.root / "out.tif").read_bytes()


@pytest.fixture
def by_threads(paths):
    made = run(paths)
    shutil.rmtree(paths.kept_frames)
    return made


def kept(paths):
    return sorted(int(file.stem) for file in paths.kept_frames.glob("*/0*.bin"))


# --- without Dask, and what is typed wrong -----------------------------------------------------------------------


def test_without_the_extra_a_sentence_names_it(paths, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main(["run", str(paths.parameters), "--on", "local"]) == 2
    said = capsys.readouterr().err
    assert "to run on 'local' Dask is needed" in said
    assert "[cluster]" in said
    assert not paths.folder.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--on", "slrum"], "--on slrum: expected local, slurm, pbs, lsf, sge, or tcp://HOST:PORT"),
        (["--workers", "3"], "--workers 3 says how many, but not where: add --on local or slurm"),
        (
            ["--on", "tcp://a:1", "--workers", "3"],
            "how many workers tcp://a:1 has is not for this command to say",
        ),
    ],
)
def test_what_is_typed_wrong_is_told(paths, capsys, typed, said):
    assert cli.main(["run", str(paths.parameters), *typed]) == 2
    assert said in capsys.readouterr().err


def test_nothing_imports_dask_unless_it_is_asked_for():
    code = "import sys, voidlab.run.stage, voidlab.cli.commands; print({'dask', 'distributed'} & set(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert out.stdout.strip() == "set()"


def test_without_a_cluster_threads_are_used(monkeypatch):
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    assert cluster.joined() is None
    with cluster.opened(None):
        assert cluster.VARIABLE not in os.environ


# --- with it -----------------------------------------------------------------------------------------------------


@pytest.fixture
def dask(tmp_path, monkeypatch):
    """Dask, whose workers run the code that is written into ``preload``."""
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    import dask

    preload = tmp_path / "preload.py"
    preload.write_text(SLOWLY, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}")
    settings = {"distributed.worker.preload": [str(preload)], "distributed.deploy.lost-worker-timeout": "1s"}
    settings["distributed.scheduler.allowed-failures"] = 1  # to be sooner done than with 3
    with dask.config.set(settings):
        yield preload


def worker_processes(address):
    from distributed import Client

    with Client(address) as client:
        return list(client.run(os.getpid).values())


@pytest.mark.slow
def test_workers_here_make_the_same_bytes_also_when_one_is_killed(dask, paths, by_threads):
    with cluster.opened("local", 2):
        executor = cluster.joined()
        assert executor.at_once == 2
        if sys.platform == "linux":  # copies of one process that has imported what they need
            parents = {
                psutil.Process(worker).ppid() for worker in worker_processes(os.environ[cluster.VARIABLE])
            }
            assert len(parents - {os.getpid()}) == 1
        assert run(paths, executor) == by_threads
        shutil.rmtree(paths.kept_frames)
        victim = worker_processes(os.environ[cluster.VARIABLE])[0]
        submit, sent = executor.submit, []

        def killing(*task):
            sent.append(task)
            if len(sent) == 4:
                os.kill(victim, signal.SIGKILL)
            return submit(*task)

        executor.submit = killing
        assert run(paths, executor) == by_threads
        wait_until(lambda: str(executor) == "2 workers, 1 lost", 30)
        assert executor.in_record == {"workers": 2, "computers": ["127.0.0.1"], "lost": 1}
    assert cluster.VARIABLE not in os.environ
    assert not psutil.pid_exists(victim)


@pytest.mark.slow
def test_a_command_that_is_killed_takes_its_workers_with_it_and_the_next_run_goes_on(dask, paths, by_threads):
    preload = {"DASK_DISTRIBUTED__WORKER__PRELOAD": str([str(dask)]), "PYTHONUNBUFFERED": "1"}
    command = [
        sys.executable,
        "-m",
        "voidlab",
        "run",
        str(paths.parameters),
        "--on",
        "local",
        "--workers",
        "1",
    ]
    with subprocess.Popen(
        command, env={**os.environ, **preload}, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        wait_until(lambda: len(kept(paths)) >= 2)
        others = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(others) >= 2  # a kernel and a worker
    assert not psutil.wait_procs(others, timeout=60)[1]
    assert 2 <= len(kept(paths)) < FEW
    assert run(paths) == by_threads


@pytest.mark.slow
def test_an_image_that_kills_its_worker_each_time_is_named(dask, paths, by_threads):
    dask.write_text(FATAL, encoding="utf-8")
    with cluster.opened("local", 2):
        with pytest.raises(FramesLost, match=r"each time that it segmented frame 3 \(tilt03\.tif\)"):
            run(paths, cluster.joined())
        assert kept(paths) == [1, 2, 4, 5, 6]
    assert run(paths) == by_threads


@pytest.fixture
def scheduler(dask, tmp_path):
    """A scheduler and a worker, as they are started by hand on workstations: processes and the address."""
    file = tmp_path / "scheduler.json"
    here = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    there = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--preload", str(dask)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--no-dashboard", "--scheduler-file", str(file)]
    with subprocess.Popen([*here, *options], **quiet) as first:
        wait_until(file.exists)
        with subprocess.Popen(
            [*there, *options, "--death-timeout", "60"], cwd=tmp_path / "p", **quiet
        ) as second:
            yield first, json.loads(file.read_text())["address"]
            second.kill()
        first.kill()


def wait_until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_scheduler_that_is_killed_ends_the_run_in_words_and_all_that_is_finished_is_kept(
    paths, by_threads, scheduler
):
    process, address = scheduler
    with cluster.opened(address):
        executor = cluster.joined()
        submit = executor.submit

        def killing(*task):
            if len(kept(paths)) >= 1:
                process.kill()
            return submit(*task)

        executor.submit = killing
        with pytest.raises(
            ClusterError, match="the scheduler does not answer any more. All frames that were finished"
        ):
            run(paths, executor)
    assert kept(paths)
    assert run(paths) == by_threads


@pytest.mark.slow
def test_no_scheduler_at_the_address(dask, paths, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "_ANSWERS_S", 1)
    assert cli.main(["run", str(paths.parameters), "--on", "tcp://127.0.0.1:9"]) == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


SBATCH = """#!/bin/sh
# A batch system of one computer: starts the job at once, says its number.
for script; do :; done
cp "$script" "{jobs}.$$.sh"  # as Slurm does: who submits it deletes it at once
setsid sh "{jobs}.$$.sh" >>"{log}" 2>&1 &
echo $! >>"{jobs}"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job; do kill -KILL -- "-$job" 2>/dev/null; done
exit 0
"""


@pytest.fixture
def slurm(dask, tmp_path, monkeypatch):
    """Where the numbers of the jobs are that a stand-in for Slurm has started."""
    pytest.importorskip("dask_jobqueue", reason="the extra 'cluster' is not installed")
    import dask as settings

    bin_, jobs = tmp_path / "bin", tmp_path / "jobs"
    bin_.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (bin_ / name).write_text(text.format(log=tmp_path / "log", jobs=jobs), encoding="utf-8")
        (bin_ / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    job = {"cores": 1, "memory": "2GB", "interface": "lo", "worker-extra-args": ["--preload", str(dask)]}
    job |= {"local-directory": str(tmp_path), "log-directory": None}
    with settings.config.set({f"jobqueue.slurm.{name}": value for name, value in job.items()}):
        yield jobs
    for job_id in jobs.read_text().split() if jobs.exists() else ():
        subprocess.run([bin_ / "scancel", job_id], check=True)


def once_a_frame_is_kept(paths, executor, do):
    """Do something once, when the first frame of a run has been kept."""
    submit, done = executor.submit, []

    def submitting(*task):
        if not done and kept(paths):
            done.append(True)
            do()
        return submit(*task)

    executor.submit = submitting


@pytest.mark.slow
def test_a_job_that_is_killed_is_replaced_and_none_is_left_over(slurm, paths, by_threads):
    with cluster.opened("slurm", 1):
        executor = cluster.joined()
        killed = []

        def kill():
            killed.append(int(slurm.read_text().split()[0]))
            os.killpg(killed[0], signal.SIGKILL)

        once_a_frame_is_kept(paths, executor, kill)
        assert run(paths, executor) == by_threads
    numbers = [int(number) for number in slurm.read_text().split()]
    assert len(numbers) >= 2
    assert killed == numbers[:1]
    wait_until(lambda: not any(psutil.pid_exists(number) for number in numbers), 30)


@pytest.fixture
def real_slurm(dask, tmp_path, monkeypatch):
    """A Slurm that runs on this computer, as the value of SLURM_CONF."""
    pytest.importorskip("dask_jobqueue", reason="the extra 'cluster' is not installed")
    if slurm_node.MISSING:
        pytest.skip(
            f"no {', '.join(slurm_node.MISSING)}: apt-get install slurmctld slurmd slurm-client munge"
        )
    import dask as settings

    job = {"cores": 1, "memory": "1GB", "interface": "lo", "worker-extra-args": ["--preload", str(dask)]}
    job |= {"local-directory": str(tmp_path), "log-directory": str(tmp_path)}
    folder = tmp_path / "slurm"
    folder.mkdir()
    with slurm_node.slurm_node(folder) as conf:
        monkeypatch.setenv("SLURM_CONF", conf)
        with settings.config.set({f"jobqueue.slurm.{name}": value for name, value in job.items()}):
            yield conf


@pytest.mark.slow
def test_a_slurm_makes_the_same_bytes_also_when_a_job_is_cancelled(real_slurm, paths, by_threads):
    with cluster.opened("slurm", 1):
        executor = cluster.joined()
        killed = []

        def kill():
            killed.extend(slurm_node.jobs(real_slurm))
            subprocess.run(["scancel", "--signal=KILL", "--full", str(killed[0])], check=True)

        once_a_frame_is_kept(paths, executor, kill)
        assert run(paths, executor) == by_threads  # by another job
        assert killed[0] not in slurm_node.jobs(real_slurm)
    wait_until(lambda: not slurm_node.jobs(real_slurm), 30)


@pytest.mark.slow
def test_a_cluster_that_dask_knows_nothing_of(dask, paths, capsys, monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="the extra 'cluster' is not installed")
    assert cli.main(["run", str(paths.parameters), "--on", "pbs"]) == 2
    said = capsys.readouterr().err
    assert "--on pbs: " in said
    assert "jobqueue.yaml under 'jobqueue: pbs:'" in said


# --- workers that do not come ------------------------------------------------------------------------------------


def test_after_some_minutes_without_a_worker_it_is_said_what_is_waited_for(monkeypatch):
    monkeypatch.setattr(no_worker_yet, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(no_worker_yet, "_LOOKS_EVERY_S", 0.02)
    told, there = [], [0]
    with no_worker_yet.tells_of_waiting(lambda: there[0], "slurm", "tcp://a:1", told.append):
        wait_until(lambda: len(told) == 2)  # once, then after twice as long
        there[0] = 1
        time.sleep(0.5)
    assert len(told) == 2
    assert told[0].startswith(
        "no worker for 1 min: slurm has started none of the jobs ('squeue --me' lists them and says why)."
    )
    assert "Ctrl-C stops the run; what is finished is kept." in told[0]


def test_workers_of_an_address_are_to_be_started_by_hand(monkeypatch):
    monkeypatch.setattr(no_worker_yet, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(no_worker_yet, "_LOOKS_EVERY_S", 0.01)
    told = []
    with no_worker_yet.tells_of_waiting(lambda: 0, "tcp://a:1", "tcp://a:1", told.append):
        wait_until(lambda: told)
    assert "start some with 'dask worker tcp://a:1'" in told[0]


def test_of_a_scheduler_that_is_gone_nothing_is_told_here(monkeypatch):
    monkeypatch.setattr(no_worker_yet, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(no_worker_yet, "_LOOKS_EVERY_S", 0.01)
    told, asked = [], []

    def ask():
        asked.append(1)
        raise ClusterError("gone")

    with no_worker_yet.tells_of_waiting(ask, "tcp://a:1", "tcp://a:1", told.append):
        wait_until(lambda: asked)
        time.sleep(0.1)
    assert told == []
    assert len(asked) == 1


@pytest.mark.slow
def test_a_job_that_never_starts_is_told(slurm, tmp_path, monkeypatch):
    (tmp_path / "bin" / "sbatch").write_text(
        "#!/bin/sh\necho Submitted batch job 999999999\n", encoding="utf-8"
    )
    monkeypatch.setattr(no_worker_yet, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(no_worker_yet, "_LOOKS_EVERY_S", 0.05)
    told = []
    with cluster.opened("slurm", 1, log=told.append):
        wait_until(lambda: told)
    assert "slurm has started none of the jobs" in told[0]


@pytest.mark.slow
def test_datasets_side_by_side_share_the_workers(dask, few_copied, capfd):
    dask.write_text("", encoding="utf-8")
    paths = few_copied
    other = paths.parameters.with_name("other.yaml")
    other.write_text(
        paths.parameters.read_text(encoding="utf-8").replace(f"dataset: {paths.dataset}", "dataset: other"),
        encoding="utf-8",
    )
    wanted = [str(paths.parameters), str(other), "--on", "local", "--workers", "2", "--jobs", "2"]
    assert cli.main(["run", *wanted]) == 0
    said = capfd.readouterr().out
    assert "2 of 2 datasets finished" in said
    for name in (paths.dataset, "other"):
        by = record.read_record(replace(paths, dataset=name))["segment"].computed_on
        assert by == {"workers": 2, "computers": ["127.0.0.1"], "lost": 0}
