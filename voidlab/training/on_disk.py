"""Arrays to train on, each in a file: more than memory holds, made side by side, gone on with when stopped."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from voidlab.tables.written import replacing

Log = Callable[[str], None]


class OnDisk(Sequence[np.ndarray]):
    """Arrays, each read from its file when it is asked for: there are more than may be open at a time."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: Any) -> Any:
        return np.load(self.files[number], mmap_mode="r")


def on_disk(files: Sequence[Path], make: Callable[[Path], np.ndarray], log: Log, *, what: str) -> OnDisk:
    """The arrays of ``files``, all in one folder; ``make`` makes those that are not there, from their names.

    They are all made before the first is trained on: whoever makes them takes the cores that train. ``make`` runs in
    processes of its own; ``what`` says in the log what is made.
    """
    missing = [(make, file) for file in files if not file.exists()]
    if missing:
        files[0].parent.mkdir(parents=True, exist_ok=True)
        # Not forked: the process that asks may hold a GPU and threads.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), context, initializer=_end_with_the_training) as executor:
            try:
                made = executor.map(_write, missing, chunksize=4)
                for number, _ in enumerate(made, len(files) - len(missing) + 1):
                    if number % 250 == 0:
                        log(f"{number} of {len(files)} {what}")
            finally:
                executor.shutdown(cancel_futures=True)
    return OnDisk(files)


def _write(of: tuple[Callable[[Path], np.ndarray], Path]) -> None:
    make, file = of
    with replacing(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, make(file))


def _end_with_the_training() -> None:
    """End when the process that asked ends, killed or not."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
