"""Datasets side by side: each in a process of its own, so that one that fails or dies leaves the others alone.

Work is handed to a ``concurrent.futures.Executor``: threads that each wait for a process here; on a cluster, an
executor that sends ``run_apart`` to its nodes.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import psutil

from voidlab.run.validate import Plan

# Measured, 1 to 9 Mpx: the run and its kernel with the network in it, and what they hold per pixel of an image.
_PROCESSES_BYTES, _BYTES_PER_PIXEL = 900e6, 200
_BYTES_OF_TINY = 400  # where tiny voids are looked for at twice the size

_PARENT = "VOIDLAB_PARENT_PROCESS"  # tells a run which process it was started by
_LOOKS_EVERY_S = 1.0

Log = Callable[[str], None]


def how_many(wanted: int, plans: Sequence[Plan], free_bytes: float | None = None) -> int:
    """How many of ``wanted`` jobs the free memory allows to run at once; at least one."""
    if free_bytes is None:
        free_bytes = psutil.virtual_memory().available
    largest = max((needed_bytes(plan) for plan in plans), default=_PROCESSES_BYTES)
    return max(1, min(wanted, len(plans), int(free_bytes // largest)))


def needed_bytes(plan: Plan) -> float:
    """Memory that running a dataset takes at most, roughly."""
    return _PROCESSES_BYTES + (_BYTES_OF_TINY if plan.tiny else _BYTES_PER_PIXEL) * plan.pixels


def end_with_parent() -> None:
    """Of a run that another one started: end as at Ctrl-C when that is gone, however it ended."""
    parent = os.environ.pop(_PARENT, "")
    if parent.isdecimal() and os.getppid() == int(parent):
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY_S)
    os.kill(os.getpid(), signal.SIGINT)


def run_side_by_side(plans: Sequence[Plan], arguments: Sequence[str], jobs: int, log: Log) -> list[int]:
    """Run datasets side by side; give their exit codes in the order of ``plans``.

    Parameters
    ----------
    arguments
        Options of ``voidlab run`` that hold for all of them.
    jobs
        How many at once.
    log
        Called with each line that a dataset's run prints, its name in front.
    """
    with ThreadPoolExecutor(jobs) as executor:
        return submit_all(executor, plans, arguments, max(1, (os.cpu_count() or 1) // jobs), log)


def submit_all(
    executor: Executor, plans: Sequence[Plan], arguments: Sequence[str], threads: int, log: Log
) -> list[int]:
    """Hand every dataset to ``executor``, with ``threads`` threads of arithmetic each; give the exit codes."""
    futures = [executor.submit(run_apart, plan.paths.parameters, arguments, threads, log) for plan in plans]
    try:
        return [future.result() for future in futures]
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in list(_RUNNING):
            process.send_signal(signal.SIGINT)  # as Ctrl-C does
        raise


_RUNNING: set[subprocess.Popen[str]] = set()


def run_apart(yaml: Path, arguments: Sequence[str], threads: int, log: Log) -> int:
    """Run one dataset in a process of its own; give its exit code."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    with subprocess.Popen(
        [sys.executable, "-m", "voidlab", "run", str(yaml), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env={**os.environ, **limits, "PYTHONIOENCODING": "utf-8", _PARENT: str(os.getpid())},
    ) as process:
        _RUNNING.add(process)
        for line in process.stdout or ():
            if line.strip():
                log(f"{yaml.stem}: {line.strip()}")
    _RUNNING.discard(process)
    if process.returncode < 0:
        log(f"{yaml.stem}: stopped by signal {-process.returncode}, probably because the memory ran out")
    return process.returncode
