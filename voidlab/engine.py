"""The papermill engine of voidlab: nbclient's, but a kernel that dies leaves a notebook that says so."""

from __future__ import annotations

from typing import Any

import nbformat
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

ENGINE = "voidlab"
_REASON = "the Python process stopped without an error, probably because the memory ran out"


class _Engine(NBClientEngine):
    @classmethod
    def execute_managed_notebook(  # type: ignore[no-untyped-def]
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options
    ) -> Any:
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **options)
        except DeadKernelError:
            _mark(nb_man)
            return nb_man.nb


def _mark(manager: NotebookExecutionManager) -> None:
    """Write the death of the kernel into the cell that was running; papermill itself leaves it as completed."""
    started = [cell for cell in manager.nb.cells if cell.metadata.papermill.get("start_time")]
    cell = next((c for c in reversed(started) if c.cell_type == "code"), manager.nb.cells[0])
    cell.metadata.papermill["exception"] = True
    cell.metadata.papermill["status"] = manager.FAILED
    manager.nb.metadata.papermill["exception"] = True
    cell.setdefault("outputs", []).append(
        nbformat.v4.new_output(
            "error", ename="KernelDied", evalue=_REASON, traceback=[f"KernelDied: {_REASON}"]
        )
    )


papermill_engines.register(ENGINE, _Engine)
