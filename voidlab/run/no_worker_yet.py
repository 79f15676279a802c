"""Says that a run waits for workers that do not come, for what, and how to stop: a queue may be long, or closed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE_S = 180.0
_LOOKS_EVERY_S = 20.0
_LISTS = {"slurm": "squeue --me", "pbs": "qstat -u $USER", "lsf": "bjobs", "sge": "qstat"}


@contextmanager
def tells_of_waiting(
    how_many: Callable[[], int], where: str, address: str, log: Callable[[str], None]
) -> Iterator[None]:
    """While in the ``with``, say when there has been no worker for some minutes, then after twice as long, and so on.

    Parameters
    ----------
    how_many
        Workers there are now.
    where, address
        As for `cluster.opened`; of the scheduler.
    log
        Called with a line for the user.
    """
    ended = threading.Event()

    def look() -> None:
        since, patience = time.monotonic(), _PATIENCE_S
        while not ended.wait(_LOOKS_EVERY_S):
            try:
                now = how_many()
            except Exception:  # a scheduler that is gone: the stage says so
                return
            if now:
                since, patience = time.monotonic(), _PATIENCE_S
            elif time.monotonic() - since > patience:
                log(_in_words(time.monotonic() - since, where, address))
                patience *= 2

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join(1)


def _in_words(seconds: float, where: str, address: str) -> str:
    if where in _LISTS:
        why = f"{where} has started none of the jobs ('{_LISTS[where]}' lists them and says why)"
    else:
        why = f"start some with 'dask worker {address}', in voidlab's environment and inside the project"
    return (
        f"no worker for {max(1, round(seconds / 60))} min: {why}. The images wait until one comes. "
        "Ctrl-C stops the run; what is finished is kept."
    )
