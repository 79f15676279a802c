"""Workers elsewhere, as an executor: processes here, jobs of a batch system, workstations. Only here is Dask.

`opened` starts the workers for the time of a run, and tells its kernels by an environment variable where they are;
`joined` is how a kernel finds them. Where an image is segmented changes nothing of what comes of it.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil

from voidlab.errors import VoidlabError, install_extra
from voidlab.run.frames_apart import WorkersKilled
from voidlab.run.no_worker_yet import tells_of_waiting
from voidlab.tables.listing import number_of

if TYPE_CHECKING:
    from distributed import Client

VARIABLE = "VOIDLAB_CLUSTER"  # address of the scheduler
BATCH_SYSTEMS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
_ANSWERS_S = 30
_ASKS_EVERY_S = 2.0
_A_WORKER_BYTES = 1.5e9  # of a worker with the network in it
# Dask would give memory back to the system so eagerly that the network takes half as long again.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**32), "MALLOC_MMAP_THRESHOLD_": str(2**30)}
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_OF_LOCAL = {
    "distributed.nanny.pre-spawn-environ": {**_MEMORY, **_THREADS},
    # Each is a copy of one process that has imported all that they need; other systems do not copy processes safely.
    "distributed.worker.multiprocessing-method": "forkserver" if sys.platform == "linux" else "spawn",
    # A worker that dies is started anew by its nanny; Dask is not to give up that place before.
    "distributed.deploy.lost-worker-timeout": "1 hour",
    "distributed.worker.profile.enabled": False,
    # How often each process looks how it does: an image takes longer than that, and fifty times a second costs.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.scheduler.active-memory-manager.start": False,
}
_IMPORTED_ONCE = ["distributed", "torch", "voidlab.segment.network", "voidlab.run.worker_start"]
_JOBS = 4  # where it is not said how many


class ClusterError(VoidlabError):
    """Workers that cannot be had, or are gone."""


_JOINED: dict[str, ClusterExecutor] = {}  # by the address of the scheduler


@contextmanager
def opened(
    where: str | None, workers: int | None = None, *, log: Callable[[str], None] = lambda line: None
) -> Iterator[None]:
    """Have workers while in the ``with``; `joined` gives them, here and in all processes that are started from here.

    Parameters
    ----------
    where
        "local": processes of this computer; "slurm", "pbs", "lsf" or "sge": jobs, each as Dask's ``jobqueue.yaml``
        says; ``tcp://HOST:PORT``: those of a scheduler that runs. None: no workers.
    workers
        How many; left out: as many as this computer has cores and memory for, or 4 jobs.
    log
        Called with a line for the user where workers do not come.

    Raises
    ------
    ClusterError
        If they cannot be had.
    """
    if where is None:
        yield
        return
    check_where(where, workers)
    with _started(where, workers, log) as address:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = address
        try:
            yield
        finally:
            if executor := _JOINED.pop(address, None):
                executor.shutdown()
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def joined() -> ClusterExecutor | None:
    """The workers of the cluster that the environment names; None where it names none.

    Raises
    ------
    ClusterError
        If they do not answer.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        return None
    if address not in _JOINED:
        _check_dask(address)
        _JOINED[address] = ClusterExecutor(_client(address))
    return _JOINED[address]


class ClusterExecutor(Executor):
    """The workers of a Dask cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = 0.0
        self._threads: dict[str, int] = {}
        self._seen: set[str] = set()

    @property
    def at_once(self) -> int:
        """How many tasks are worked on at once; it changes as workers come and go."""
        if time.monotonic() - self._asked > _ASKS_EVERY_S:
            with _in_words():
                self._threads = dict(self._client.nthreads())
            self._seen |= set(self._threads)
            self._asked = time.monotonic()
        return sum(self._threads.values())

    def __str__(self) -> str:
        now, lost = self.at_once, len(self._seen - set(self._threads))
        workers = number_of(now, "worker")
        return f"{workers}, {lost} lost" if lost else workers

    @property
    def in_record(self) -> dict[str, Any]:
        """For the record of a run: how many workers there were, on which computers, how many were lost."""
        hosts = {address.split("://")[-1].rpartition(":")[0] for address in self._seen}
        lost = len(self._seen - set(self._threads))
        return {"workers": sum(self._threads.values()), "computers": sorted(hosts), "lost": lost}

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Send a task; what is given back has ``result`` and ``cancel`` as a future has."""
        with _in_words():
            return _Task(self._client.submit(function, *args, **kwargs, pure=False))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; its workers go on for others."""
        self._client.close()


class _Task:
    """A task that was sent, as a future."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def result(self, timeout: float | None = None) -> Any:
        with _in_words():
            return self._future.result(timeout)

    def cancel(self) -> bool:
        self._future.cancel()
        return True


@contextmanager
def _in_words() -> Iterator[None]:
    """Say what Dask says of a task whose workers die, or of a scheduler that is gone."""
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise WorkersKilled(str(error)) from None
    except (CancelledError, CommClosedError, TimeoutError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "Client" not in str(error):
            raise
        raise ClusterError(
            "the workers are gone: the scheduler does not answer any more. All frames that were finished are kept; "
            "run it again to go on from there."
        ) from None


def _client(address: str) -> Client:
    from distributed import Client

    try:
        return Client(address, timeout=_ANSWERS_S, set_as_default=False)
    except (OSError, ValueError) as error:
        what = str(error).strip().split("\n")[0][:200]
        raise ClusterError(
            f"no scheduler answers at {address} ({what}). Start one with 'dask scheduler', workers with 'dask worker "
            f"{address}', in the environment that voidlab is in, and inside the project."
        ) from None


def _workers_of(address: str) -> int:
    with _client(address) as client:
        return len(client.nthreads())


@contextmanager
def _started(where: str, workers: int | None, log: Callable[[str], None]) -> Iterator[str]:
    """Start a cluster for the time of the ``with``; give its address."""
    if "://" in where:
        _workers_of(where)
        with tells_of_waiting(lambda: _workers_of(where), where, where, log):
            yield where
        return
    import dask

    with dask.config.set(_OF_LOCAL if where == "local" else {}):
        cluster = _local(workers) if where == "local" else _batch(where, workers or _JOBS)
        try:
            address = cluster.scheduler_address
            with tells_of_waiting(lambda: len(cluster.scheduler_info["workers"]), where, address, log):
                yield address
        finally:
            cluster.close(timeout=_ANSWERS_S)


def _local(workers: int | None) -> Any:
    from distributed import LocalCluster
    from distributed.utils import get_mp_context

    if sys.platform == "linux":
        get_mp_context().set_forkserver_preload(_IMPORTED_ONCE)
    affordable = int(psutil.virtual_memory().available // _A_WORKER_BYTES)
    return LocalCluster(
        n_workers=workers or max(1, min(os.cpu_count() or 1, affordable)),
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,  # an image may take more than its share while others take less
        silence_logs=logging.CRITICAL,
    )


def _batch(where: str, workers: int) -> Any:
    import dask_jobqueue

    exported = {**_MEMORY, **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}}
    prologue = [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    prologue.append(f"cd {shlex.quote(os.getcwd())}")
    try:
        cluster = getattr(dask_jobqueue, BATCH_SYSTEMS[where])(job_script_prologue=prologue)
    except (ValueError, OSError) as error:
        raise ClusterError(
            f"--on {where}: {error}. What a job is like on your cluster (cores, memory, queue) stands in "
            f"~/.config/dask/jobqueue.yaml under 'jobqueue: {where}:', see https://jobqueue.dask.org."
        ) from None
    # scale() would not replace jobs that die.
    cluster.adapt(minimum=workers, maximum=workers)
    return cluster


def check_where(where: str | None, workers: int | None = None) -> None:
    """Look whether `opened` can make sense of these.

    Raises
    ------
    ClusterError
        If it cannot.
    """
    known = ("local", *BATCH_SYSTEMS)
    if where is None:
        if workers is not None:
            raise ClusterError(
                f"--workers {workers} says how many, but not where: add --on {' or '.join(known)}."
            )
        return
    if where not in known and not where.startswith(("tcp://", "tls://")):
        raise ClusterError(f"--on {where}: expected {', '.join(known)}, or tcp://HOST:PORT of a scheduler.")
    if "://" in where and workers is not None:
        raise ClusterError(
            f"--workers {workers}: how many workers {where} has is not for this command to say."
        )
    _check_dask(where)


def _check_dask(where: str) -> None:
    try:
        import distributed  # noqa: F401

        if where in BATCH_SYSTEMS:
            import dask_jobqueue  # noqa: F401
    except ImportError:
        raise ClusterError(
            f"to run on '{where}' Dask is needed. In voidlab's folder: {install_extra('cluster')}"
        ) from None
