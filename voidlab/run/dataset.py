"""Run a dataset's notebooks through papermill: validated before a kernel starts, resumable, stamped, reported.

A stage that would do the same again is skipped; one that fails leaves its notebook and report with the error, and
every earlier result as it was.
"""

from __future__ import annotations

import errno
import importlib
import os
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import voidlab
from voidlab.errors import VoidlabError
from voidlab.project import lock, record
from voidlab.project.parameters import yaml_file
from voidlab.project.parameters.yaml_file import ParameterErrors, Problem
from voidlab.project.paths import STAGES, RunPaths
from voidlab.report import pages
from voidlab.run.engine import ENGINE, KERNEL_DIED
from voidlab.run.validate import Overrides, Plan
from voidlab.run.validate import check as check

Log = Callable[[str], None]


class StageFailed(Exception):
    """A stage that stopped with an error; the message is the reason."""


def run_dataset(
    plan: Plan,
    *,
    overrides: Overrides | None = None,
    start: str = STAGES[0],
    force: bool = False,
    log: Log,
    progress: Log,
) -> bool:
    """Run the stages of a dataset from ``start`` on; True when all of them are finished.

    Parameters
    ----------
    start
        First stage to look at; it and those after it run even if nothing changed, unless it is the first of all.
    force
        Run every stage even if nothing changed.
    tell, progress
        Called with a line for the user: what a stage came to; how far it is.
    """
    again = force or start != STAGES[0]
    name = start
    try:
        with lock.held(plan.paths), _indexed(plan.paths):
            for name in STAGES[STAGES.index(start) :]:
                if name not in plan.stages:
                    _forget(plan.paths, name)
                    continue
                _run_or_skip(plan, name, (overrides or {}).get(name, {}), again, log, progress)
    except lock.DatasetBusy as busy:
        log(f"not run: {busy}")
        return False
    except StageFailed as failure:
        log(f"{name:11} FAILED: {failure}")
        seen = (plan.paths.html(name), plan.paths.log(name))
        log(f"{'':11} see " + " and ".join(os.path.relpath(path) for path in seen))
        return False
    except OSError as error:
        log(f"{name:11} FAILED: {_cannot_write(plan.paths, error)}")
        return False
    except KeyboardInterrupt:
        log(f"{name:11} interrupted; finished stages are kept, the next run goes on from here")
        raise
    return True


@contextmanager
def _indexed(paths: RunPaths) -> Iterator[None]:
    """Bring the index pages up to date at the end, however it ends."""
    try:
        yield
    finally:
        pages.write_dataset_index(paths)
        pages.write_root_index(paths.root)


def _cannot_write(paths: RunPaths, error: OSError) -> str:
    """What to do when the report's folder cannot be written to."""
    folder = os.path.relpath(paths.folder)
    kept = "Finished stages are kept: the next run goes on from there."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space is left on the disk of {folder}. Free some and run it again. {kept}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{folder} cannot be written to ({error.strerror}). Make it writable and run it again. {kept}"
    return f"{error}. {kept}"


def _forget(paths: RunPaths, name: str) -> None:
    """Take away what stage ``name``, which does not apply, left when it did: it would pass for a present result."""
    record.remove_entry(paths, name)
    for file in (paths.html(name), paths.notebook(name), paths.log(name)):
        file.unlink(missing_ok=True)


def _run_or_skip(
    plan: Plan, name: str, given: Mapping[str, object], again: bool, log: Log, progress: Log
) -> None:
    paths = plan.paths
    inputs = record.inputs_of(paths, name, plan.images_digest)
    wanted = record.fingerprint(paths, plan.parameters, name, inputs)
    reported = paths.html(name).exists() and paths.notebook(name).exists()
    if not again and reported and record.is_current(paths, name, wanted):
        log(f"{name:11} unchanged, skipped")
        return
    started = datetime.now(UTC)
    run_notebook(paths, name, given, stages=plan.stages, progress=progress)
    figures = ", ".join(
        f"{f['label'].lower()} {f['value']}" for f in record.read_record(paths)[name].key_figures[:3]
    )
    log(f"{name:11} done in {(datetime.now(UTC) - started).total_seconds():.1f} s: {figures}")


def run_notebook(
    paths: RunPaths, name: str, given: Mapping[str, object], *, stages: Sequence[str], progress: Log
) -> None:
    """Execute the notebook of stage ``name`` into the run's folder and make its HTML, with links to all ``stages``.

    Raises
    ------
    StageFailed
        If a cell raised or the kernel died; notebook and HTML say so.
    """
    paths.log(name).parent.mkdir(parents=True, exist_ok=True)
    working = paths.folder / ".running" / f"{name}.ipynb"
    working.parent.mkdir(exist_ok=True)
    before = record.read_record(paths).get(name)
    with paths.log(name).open("w", encoding="utf-8", buffering=1) as log:
        reason = _execute(paths, name, given, working, log, progress)
    if not reason and record.read_record(paths).get(name) == before:
        reason = (
            f"{os.path.relpath(paths.source(name))} ended without saving: its last cell must call run.save"
        )
    os.replace(working, paths.notebook(name))
    if reason:
        _record_failure(paths, name, given, reason)
    pages.write_stage(paths, name, stages=stages, failure=reason)
    if reason:
        raise StageFailed(reason)


def _execute(
    paths: RunPaths, name: str, given: Mapping[str, object], working: Path, log: TextIO, progress: Log
) -> str:
    """Execute into ``working``; give the reason when it failed, else nothing."""
    import papermill
    from nbconvert.filters import strip_ansi
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # Without it the kernel warns that its local connection is not encrypted.
    config = Config({"KernelManager": {"transport_encryption": "auto"}})
    try:
        with warnings.catch_warnings():
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
                stderr_file=_Feed(log, progress),
                kernel_log=log,
                config=config,
            )
    except PapermillExecutionError as error:
        log.write(strip_ansi("\n".join(error.traceback)) + "\n")
        return _reason(error.ename, error.evalue)
    return ""


def _reason(kind: str, message: str) -> str:
    """Why a cell failed, as the user should read it."""
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
    """What a running notebook prints: all of it to the log, the latest line to the user."""

    def __init__(self, log: TextIO, progress: Log) -> None:
        self._log = log
        self._progress = progress

    def write(self, text: str) -> None:
        lines = [line.rstrip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
        if lines:
            self._log.write("\n".join(lines) + "\n")
            self._progress(lines[-1])

    def flush(self) -> None:
        self._log.flush()


def _no_braces(path: Path) -> str:
    """``path`` as papermill wants it: it takes braces for the names of parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _record_failure(paths: RunPaths, name: str, given: Mapping[str, object], reason: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record.write_failure(
        paths, name, record.Entry("failed", "", dict(given), list(given), {}, started=now, error=reason)
    )


def read_overrides(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Turn ``STAGE.KEY=VALUE`` settings into ``{stage: {key: value}}``; values are read as YAML.

    Raises
    ------
    ParameterErrors
        If a setting has another form.
    """
    given: dict[str, dict[str, Any]] = {}
    problems = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        name, dot, parameter = key.strip().partition(".")
        if not (equals and dot) or name not in STAGES:
            wanted = f"STAGE.KEY=VALUE with a stage of {', '.join(STAGES)}, such as segment.threshold=0.6"
            problems.append(Problem("--set", None, f"'{setting}' should be {wanted}"))
            continue
        given.setdefault(name, {})[parameter.strip()] = yaml_file.value_of(value)
    if problems:
        raise ParameterErrors(problems)
    return given
