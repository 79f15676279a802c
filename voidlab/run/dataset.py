"""Run a dataset's notebooks, stage after stage: validated before a kernel starts, resumable, stamped, reported.

A stage that would do the same again is skipped; one that fails leaves its notebook and report with the error, and
every earlier result as it was.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voidlab.project import fingerprints, outdated, record
from voidlab.project.lock import DatasetBusy, Holder
from voidlab.project.parameters import yaml_file
from voidlab.project.parameters.models import SECTIONS, sections_of
from voidlab.project.parameters.yaml_file import ParameterErrors, Problem
from voidlab.project.paths import STAGES, RunPaths
from voidlab.report import states
from voidlab.run.inputs import inputs_of
from voidlab.run.notebook import Log, StageFailed, hold_dataset, log_failure, run_notebook
from voidlab.run.snapshot import ChangedMeanwhile, changed_since, environment, take_snapshot
from voidlab.run.validate import Overrides, Plan
from voidlab.run.watched import forget_watched
from voidlab.tables.written import remove_own


def run_dataset(
    plan: Plan,
    *,
    overrides: Overrides | None = None,
    start: str = STAGES[0],
    force: bool = False,
    take_over: bool = False,
    decide_again: bool = False,
    log: Log,
    progress: Log,
) -> bool:
    """Run the stages of a dataset from ``start`` on; True when all of them are finished.

    Parameters
    ----------
    start
        First stage to look at; it and those after it run even if nothing changed, unless it is the first of all.
        Nothing is run when the stages before it did not run with the present images and parameters.
    force
        Run every stage even if nothing changed.
    take_over
        Take the dataset from another computer that has it, where it is known that nothing runs any more.
    decide_again
        Forget what was decided while the images were taken; all of them decide.
    log, progress
        Called with a line for the user: what a stage came to; how far it is.
    """
    again, given = force or start != STAGES[0], overrides or {}
    name = start
    try:
        with hold_dataset(plan.paths, take_over=take_over) as hold:
            reason = _why_not_from(plan, start, given)
            if reason:
                log(f"not run: {reason}")
                return False
            if decide_again:
                forget_watched(plan.paths)
            snapshot = take_snapshot(plan.paths, plan.parameters, given)
            _say_other_versions(plan, start, log)
            for name in STAGES[STAGES.index(start) :]:
                if name not in plan.stages:
                    _forget(plan.paths, name)
                    continue
                _stop_if_taken_over(plan.paths, hold.taken_over_by)
                own = {key: value for part in sections_of(name) for key, value in given.get(part, {}).items()}
                _run_or_skip(plan, name, own, again, snapshot, log, progress)
            # At the end: what a later stage makes anew is no longer to be checked, as the drift of a tilt series.
            for stage, warning in states.warnings_of(plan.paths):
                log(f"{'':11} check {stage}: {warning}")
            if changed_since(plan.paths, snapshot):
                what = "was changed while it ran; all results are of the values before. Run it again to use the new"
                log(f"{'':11} check: {plan.paths.parameters.name} {what}.")
    except ChangedMeanwhile as error:
        log(f"not run: {error}")
        return False
    except (DatasetBusy, StageFailed, OSError) as error:
        log_failure(plan.paths, name, error, log)
        return False
    except KeyboardInterrupt:
        log(f"{name:11} interrupted; finished stages are kept, the next run goes on from here")
        raise
    return True


def _stop_if_taken_over(paths: RunPaths, by: Holder | None) -> None:
    if by is not None:
        raise DatasetBusy(
            f"{paths.dataset} was taken over by {by}; this run of it stops, finished stages are kept."
        )


def _why_not_from(plan: Plan, start: str, given: Overrides) -> str:
    """Why a run cannot begin with stage ``start``: what the stages before it made is out of date; else empty."""
    entries = record.read_record(plan.paths)
    for name in STAGES[: STAGES.index(start)]:
        if name not in plan.stages:
            continue
        reason = (
            f"stage '{name}' has not finished" if name not in entries or not entries[name].fingerprint else ""
        )
        reason = reason or outdated.why_outdated(plan.paths, name, plan.parameters, plan.images_digest)
        if not reason and given.get(name):
            reason = f"--set {name}.{next(iter(given[name]))} is for a stage that would not run"
        if reason:
            return f"{reason}. Run from there: --from {name}, or without --from."
    return ""


def _say_other_versions(plan: Plan, start: str, log: Log) -> None:
    """Say which of the results before stage ``start`` were made by other code, another notebook or network."""
    for name in STAGES[: STAGES.index(start)]:
        if name in plan.stages and outdated.is_of_another_version(plan.paths, name, plan.parameters):
            log(
                f"{name:11} check: its results are of another version of voidlab, its notebook or its network"
            )


def _forget(paths: RunPaths, name: str) -> None:
    """Take away what stage ``name``, which does not apply, left when it did: it would pass for a present result."""
    record.remove_entry(paths, name)
    remove_own(paths.notebook(name))
    for file in (paths.html(name), paths.log(name)):
        file.unlink(missing_ok=True)


def _run_or_skip(
    plan: Plan,
    name: str,
    given: Mapping[str, object],
    again: bool,
    snapshot: Path,
    log: Log,
    progress: Log,
) -> None:
    paths = plan.paths
    if not again and _is_there(plan, name):
        log(f"{name:11} unchanged, skipped")
        return
    started = datetime.now(UTC)
    run_notebook(
        paths,
        name,
        given,
        stages=plan.stages,
        progress=progress,
        parameters=plan.parameters,
        environment=environment(snapshot),
    )
    figures = record.read_record(paths)[name].key_figures[:3]
    said = ", ".join(f"{figure['label'].lower()} {figure['value']}" for figure in figures)
    log(f"{name:11} done in {(datetime.now(UTC) - started).total_seconds():.1f} s: {said}")


def _is_there(plan: Plan, name: str) -> bool:
    """Whether stage ``name`` and its pages are there, made of what there is now."""
    paths = plan.paths
    if not (
        paths.html(name).exists() and paths.notebook(name).exists() and name in record.read_record(paths)
    ):
        return False  # what it would rest on takes a second to tell
    inputs = inputs_of(paths, name, plan.parameters, plan.images_digest)
    return outdated.is_current(paths, name, fingerprints.fingerprint(paths, plan.parameters, name, inputs))


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
        if not (equals and dot) or name not in SECTIONS:
            wanted = f"STAGE.KEY=VALUE with one of {', '.join(SECTIONS)}, such as segment.threshold=0.6"
            problems.append(Problem("--set", None, f"'{setting}' should be {wanted}"))
            continue
        given.setdefault(name, {})[parameter.strip()] = yaml_file.value_of(value)
    if problems:
        raise ParameterErrors(problems)
    return given
