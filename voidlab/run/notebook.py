"""Run one notebook through papermill into the run's folder, with its log and its HTML page, however it ends."""

import errno
import importlib
import os
import pkgutil
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pandas as pd
from pydantic import BaseModel

import voidlab
from voidlab.errors import VoidlabError, too_many_files
from voidlab.project import lock, record
from voidlab.project.parameters.models import DatasetParameters, describe, sections_of
from voidlab.project.paths import POSITIONS, RunPaths
from voidlab.report import pages
from voidlab.run import warm_kernels
from voidlab.run.importing import importing
from voidlab.run.notebook_copies import why_it_failed
from voidlab.tables.written import replacing_own

Log = Callable[[str], None]
_BAR = re.compile(r"\d+/\d+ \[")  # how far it is, as tqdm writes it
_FILES_OF_A_KERNEL = 64  # sockets, pipes and libraries that it has open, about


class StageFailed(Exception):
    """A stage that stopped with an error; the message is the reason."""


@contextmanager
def hold_dataset(paths: RunPaths, *, take_over: bool = False) -> Iterator[lock.Hold]:
    """Keep other runs of the dataset out, and bring the index pages up to date at the end, however it ends.

    ``take_over``: also if another computer holds it, of which it is known that nothing runs there any more.

    Raises
    ------
    DatasetBusy
        If another process runs the dataset.
    """
    with lock.held(paths, take_over=take_over) as hold:
        try:
            yield hold
        finally:
            pages.write_dataset_index(paths)
            pages.write_root_index(paths.root)


def log_failure(paths: RunPaths, name: str, error: Exception, log: Log) -> None:
    """Say why notebook ``name`` was not run, or not to its end, and what to do."""
    if isinstance(error, lock.DatasetBusy):
        log(f"not run: {error}")
    elif isinstance(error, OSError):
        log(f"{name:11} FAILED: {_cannot_write(paths, error)}")
    else:
        log(f"{name:11} FAILED: {error}")
        seen = (paths.html(name), paths.log(name))
        log(f"{'':11} see " + " and ".join(os.path.relpath(path) for path in seen))


def _cannot_write(paths: RunPaths, error: OSError) -> str:
    """What to do when the report's folder cannot be written to."""
    folder = os.path.relpath(paths.folder)
    kept = "Finished stages are kept: the next run goes on from there."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space is left on the disk of {folder}. Free some and run it again. {kept}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{folder} cannot be written to ({error.strerror}). Make it writable and run it again. {kept}"
    return f"{too_many_files(error) or f'{error}.'} {kept}"


def check_room_for_files() -> None:
    """Raise OSError where too few files may be open for a kernel, whose threads would end in tracebacks."""
    opened: list[int] = []
    try:
        for _ in range(_FILES_OF_A_KERNEL):
            opened.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401, what was opened is closed
    finally:
        for descriptor in opened:
            os.close(descriptor)


def run_notebook(
    paths: RunPaths,
    name: str,
    given: Mapping[str, object],
    *,
    stages: Sequence[str],
    progress: Log,
    parameters: pd.DataFrame | DatasetParameters,
    environment: Mapping[str, str] | None = None,
    begun: Log | None = None,
) -> None:
    """Execute the notebook of stage ``name`` into the run's folder and make its HTML, with links to all ``stages``.

    ``parameters`` are shown on the page: a table, or those that the stage was to run with, in place of which those
    that it recorded count. ``environment`` is that of the kernel, without it the present one. ``begun`` is
    told of each cell, where none of them tells ``progress`` how far it is.

    Raises
    ------
    StageFailed
        If a cell raised or the kernel died; notebook and HTML say so.
    OSError
        If nothing can be written, or too few files may be open.
    """
    check_room_for_files()
    paths.log(name).parent.mkdir(parents=True, exist_ok=True)
    working = paths.folder / ".running" / f"{name}.ipynb"
    working.parent.mkdir(exist_ok=True)
    before = record.read_record(paths).get(name)
    with paths.log(name).open("w", encoding="utf-8", errors="replace", buffering=1) as log:
        reason = _execute(paths, name, given, working, log, progress, environment, begun)
    if not reason and record.read_record(paths).get(name) == before:
        call = "save_positions" if name == POSITIONS else "run.save"
        reason = f"{os.path.relpath(paths.source(name))} ended without saving: its last cell must call {call}"
    if working.exists():  # it may not, where no kernel started
        with replacing_own(paths.notebook(name)) as executed:
            os.replace(working, executed)
    if reason:
        record.write_failure(paths, name, given, reason)
    shown = (
        parameters
        if isinstance(parameters, pd.DataFrame)
        else _as_run(paths, name, parameters, given, reason)
    )
    pages.write_stage(paths, name, stages=stages, parameters=shown, failure=reason)
    if reason:
        raise StageFailed(reason)


def _as_run(
    paths: RunPaths, stage: str, asked: DatasetParameters, given: Collection[str], failure: str
) -> pd.DataFrame:
    """Table of the parameters that ``stage`` ran with; of one that failed, those it was ``asked`` for."""
    parts: list[BaseModel] = [asked.stage(section) for section in sections_of(stage)]
    if not failure:
        entry = record.read_record(paths)[stage]
        given, parts = entry.given, [_with_values(part, entry.parameters) for part in parts]
    return pd.concat([describe(part, given) for part in parts], ignore_index=True)


def _with_values(asked: BaseModel, ran: Mapping[str, object]) -> BaseModel:
    """``asked`` with what a stage ``ran`` with in its place."""
    known = type(asked).model_validate({key: ran[key] for key in type(asked).model_fields})
    others = {key: value for key, value in known if value != getattr(asked, key)}
    return asked.model_copy(update=others)


def _execute(
    paths: RunPaths,
    name: str,
    given: Mapping[str, object],
    working: Path,
    log: TextIO,
    progress: Log,
    environment: Mapping[str, str] | None,
    begun: Log | None,
) -> str:
    """Execute into ``working``; give the reason when it failed, else nothing."""
    environment = os.environ if environment is None else environment
    warm_kernels.prepare(environment)  # while papermill is imported
    with importing():
        import papermill
        from nbconvert.filters import strip_ansi
        from papermill.exceptions import PapermillExecutionError
        from traitlets.config import Config

        from voidlab.run.engine import ENGINE

    # Without it the kernel warns that its local connection is not encrypted.
    config = Config({"KernelManager": {"transport_encryption": "auto"}})
    try:
        # A home of its own: the user's may be full, or hold what would change the results.
        with tempfile.TemporaryDirectory(prefix="voidlab-") as home, warnings.catch_warnings():
            # papermill still calls what nbformat and asyncio deprecate.
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                _no_braces(paths.source(name)),
                _no_braces(working),
                parameters={"dataset": paths.dataset, **given},
                engine_name=ENGINE,
                kernel_name="python3",
                cwd=paths.root,
                progress_bar=False,
                stdout_file=_Feed(log, lambda line: None),
                stderr_file=_Feed(log, progress, only=_BAR),
                kernel_log=log,
                kernel_environment={**environment, "IPYTHONDIR": home},
                begun=begun,
                config=config,
            )
    except PapermillExecutionError as error:
        log.write(strip_ansi("\n".join(error.traceback)) + "\n")
        return why_it_failed(paths, name, error.ename, _reason(error.ename, error.evalue))
    except OSError:
        raise  # a disk that is full, said elsewhere
    except Exception as error:  # a kernel that does not start may raise anything
        log.write("".join(traceback.format_exception(error)))
        return _why_no_kernel(error)
    return ""


def _why_no_kernel(error: Exception) -> str:
    what = str(error).strip().split("\n")[0][:200] or type(error).__name__
    return (
        f"the Python process of the notebook did not start, or stopped as it did ({what}). Is the memory full, or "
        "the home folder, may too few files be open at once (ulimit -n), or may programs not connect to this "
        "computer itself (127.0.0.1)? The log says more."
    )


def _reason(kind: str, message: str) -> str:
    """Why a cell failed, as the user should read it."""
    from voidlab.run.engine import KERNEL_DIED

    if kind == KERNEL_DIED or kind in _names_of_our_errors():
        return message
    if kind in ("MemoryError", "_ArrayMemoryError"):
        return f"the memory ran out ({message or 'no details'}). Close other programs, or run fewer jobs at once."
    if kind == "OSError" and "[Errno 28]" in message:
        return (
            f"no space is left on the disk ({message}). Free some and run it again; finished stages are kept."
        )
    return f"{kind}: {message}"


def _names_of_our_errors() -> set[str]:
    """Names of the errors whose message alone is for the user; the name is all that a kernel tells of an error."""
    for module in pkgutil.walk_packages(voidlab.__path__, "voidlab."):
        if module.name != "voidlab.__main__":
            importlib.import_module(module.name)
    names, kinds = set(), [VoidlabError]
    while kinds:
        kind = kinds.pop()
        names.add(kind.__name__)
        kinds += kind.__subclasses__()
    return names


class _Feed:
    """What a running notebook prints: all of it to the log, the latest line to the user.

    ``only`` lines that match are for the user: warnings, which name lines of code, are on the page.
    """

    def __init__(self, log: TextIO, progress: Log, only: re.Pattern[str] | None = None) -> None:
        self._log = log
        self._progress = progress
        self._only = only

    def write(self, text: str) -> None:
        lines = [line.rstrip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
        if lines:
            self._log.write("\n".join(lines) + "\n")
            told = lines if self._only is None else [line for line in lines if self._only.search(line)]
            if told:
                self._progress(told[-1])

    def flush(self) -> None:
        self._log.flush()


def _no_braces(path: Path) -> str:
    """``path`` as papermill wants it: it takes braces for the names of parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")
