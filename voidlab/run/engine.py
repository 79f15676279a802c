"""The papermill engine of voidlab: a kernel that stops at once, and that leaves a notebook saying so when it dies."""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from traitlets.config import Config

from voidlab.run import warm_kernels

_SAVED_EVERY_S = 10.0
ENGINE, KERNEL_DIED = "voidlab", "KernelDied"
_REASON = "the Python process stopped without an error, probably because the memory ran out"


class _Prepared(LocalProvisioner):
    """Starts a kernel as a copy of the Python that was prepared, else as a process of its own."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Start a kernel; give how to connect to it."""
        manager: Any = self.parent
        folder, log = str(options.get("cwd") or os.getcwd()), options["stderr"].fileno()
        kernel = warm_kernels.start_kernel(manager.connection_file, options["env"], folder, log)
        if kernel is None:
            return await super().launch_kernel(cmd, **options)
        self.process, self.pid, self.pgid, self.cwd = kernel, kernel.pid, kernel.pid, folder
        return self.connection_info


class _OwnPython(AsyncKernelManager):
    """Kernels of the Python that runs voidlab, whatever others are installed under the name python3."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.provisioner = _Prepared(kernel_id="", kernel_spec=self.kernel_spec, parent=self)

    @property
    def kernel_spec(self) -> KernelSpec:
        """What starts a kernel."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


class _Engine(Engine):
    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        stdout_file: object,
        stderr_file: object,
        kernel_log: TextIO,
        kernel_environment: Mapping[str, str] | None,
        config: Config,
        begun: Callable[[str], None] | None = None,
        **unused: object,  # what papermill passes to every engine
    ) -> Any:
        """Execute ``nb_man.nb``; what the kernel itself says, outside all cells, goes to ``kernel_log``.

        Its environment is ``kernel_environment``, without it that of this process. ``begun`` is told of each cell
        below which heading it stands, and how many there are.
        """
        if begun is not None:
            nb_man.cell_start = _telling(nb_man, begun)
        nb_man.save = _now_and_then(nb_man.save)
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=_OwnPython,
            log=logging.getLogger("papermill"),
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            coalesce_streams=True,
            # All that a stage makes is on the disk when its last cell ends: nothing to wait for.
            shutdown_kernel="immediate",
            config=config,
        )
        try:
            env = dict(os.environ if kernel_environment is None else kernel_environment)
            return client.execute(stderr=kernel_log, env=env)
        except DeadKernelError:
            _mark(nb_man)
            return nb_man.nb


def _telling(nb_man: NotebookExecutionManager, begun: Callable[[str], None]) -> Callable[..., None]:
    """What starts a cell of ``nb_man``, and says first which it is."""
    start, cells = nb_man.cell_start, nb_man.nb.cells
    count = sum(cell.cell_type == "code" for cell in cells)

    def tell_and_start(cell: Any, cell_index: int = 0, **given: Any) -> None:
        if cell.cell_type == "code":
            number = sum(each.cell_type == "code" for each in cells[: cell_index + 1])
            begun(f"{_heading_above(cells[:cell_index])} ({number} of {count} cells)")
        start(cell, cell_index, **given)

    return tell_and_start


def _heading_above(cells: Sequence[Any]) -> str:
    """The heading below which a cell after ``cells`` stands."""
    texts = (cell.source for cell in reversed(cells) if cell.cell_type == "markdown")
    heads = (text.split("\n")[0].lstrip("# ") for text in texts if text.startswith("#"))
    return next(heads, "")


def _now_and_then(save: Callable[..., None]) -> Callable[..., None]:
    """``save``, but not again within some seconds: papermill saves twice a cell, and once more at the end."""
    latest = -_SAVED_EVERY_S

    def save_if_due(**given: object) -> None:
        nonlocal latest
        if time.monotonic() - latest > _SAVED_EVERY_S:
            save(**given)
            latest = time.monotonic()

    return save_if_due


def _mark(manager: NotebookExecutionManager) -> None:
    """Write the death of the kernel into the cell that was running; papermill itself leaves it as completed."""
    started = [cell for cell in manager.nb.cells if cell.metadata.papermill.get("start_time")]
    cell = next((c for c in reversed(started) if c.cell_type == "code"), manager.nb.cells[0])
    cell.metadata.papermill["exception"] = True
    cell.metadata.papermill["status"] = manager.FAILED
    manager.nb.metadata.papermill["exception"] = True
    cell.setdefault("outputs", []).append(
        nbformat.v4.new_output(
            "error", ename=KERNEL_DIED, evalue=_REASON, traceback=[f"{KERNEL_DIED}: {_REASON}"]
        )
    )


papermill_engines.register(ENGINE, _Engine)
