"""How far a dataset's run got and what speaks against its results, from its record: what both index pages say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from voidlab.project.outdated import out_of_date
from voidlab.project.paths import STAGES, RunPaths, stages_for
from voidlab.project.record import RecordError, read_stages

Link = tuple[str, str]
USUAL = stages_for((), "auto")  # the stages that apply to every series
_WORST_FIRST = ("failed", "unknown", "out of date", "partly run", "not run", "finished")


@dataclass(frozen=True)
class StageState:
    """A stage of a dataset: what its record tells, and the files there are to read."""

    name: str
    status: str
    record: Mapping[str, Any]
    links: tuple[Link, ...]
    superseded: bool = False  # a later stage made anew what it says, and nothing uses it

    @property
    def figures(self) -> list[Mapping[str, Any]]:
        figures = self.record.get("key_figures")
        found = [f for f in figures if isinstance(f, Mapping)] if isinstance(figures, list) else []
        return [_as_superseded(f) for f in found] if self.superseded else found


def _as_superseded(figure: Mapping[str, Any]) -> Mapping[str, Any]:
    """A key figure that counts no more, and so warns of nothing."""
    kept = {key: value for key, value in figure.items() if key != "warning"}
    meaning = f"{figure.get('meaning', '')}; superseded by what a later stage measured, which counts"
    return {**kept, "label": f"{figure.get('label', '')} (superseded)", "meaning": meaning}


def read_states(paths: RunPaths) -> tuple[list[StageState], str | None]:
    """Every stage of a dataset, and what is wrong with its record, if anything."""
    records: Mapping[str, Any] = {}
    problem = None
    try:
        records = read_stages(paths)
    except FileNotFoundError:
        problem = f"There is no {paths.record.name}: no stage of this dataset has been run."
    except RecordError as error:
        problem = str(error)
    # A stage that does not apply to every series is shown once it has run; what the last has done without, does not.
    done = STAGES[-1] in records
    names = [name for name in STAGES if name in records or (name in USUAL and not done)]
    others = [name for name in records if name not in STAGES]
    # A dataset without images has a notebook of its own, and no stages.
    names = others if others and len(others) == len(records) else names + others
    outdated = out_of_date(paths)
    stages = [_stage(paths, name, records.get(name, {}), name in outdated) for name in names]
    anew = any(s.status == "finished" and _measured_drift(s) for s in stages)
    return [replace(s, superseded=anew and s.name == "drift") for s in stages], problem


def _measured_drift(stage: StageState) -> bool:
    """Whether this stage measured the drift anew: with the fit of a tilt series in 3D."""
    decided = stage.record.get("decided")
    return stage.name == "track" and isinstance(decided, Mapping) and decided.get("linker") == "tilt"


def _stage(paths: RunPaths, name: str, record: Mapping[str, Any], outdated: bool) -> StageState:
    files = {"report": paths.html(name), "notebook": paths.notebook(name), "log": paths.log(name)}
    links = [(k, f.relative_to(paths.folder).as_posix()) for k, f in files.items() if f.exists()]
    status = str(record.get("status", "unknown")) if record else "not run"
    status = "out of date" if status == "finished" and outdated else status
    return StageState(name, status, record, tuple(links))


def overall(stages: Sequence[StageState], problem: str | None) -> str:
    """The status that a reader of the list must know: the worst one."""
    found = {stage.status for stage in stages}
    if problem:
        return "unknown"
    if "not run" in found and len(found) > 1:  # begun: stages ahead are no news beside a failure
        found = found - {"not run", "finished"} or {"partly run"}
    return min(found, key=lambda status: _WORST_FIRST.index(status) if status in _WORST_FIRST else 1)


def warnings_of(paths: RunPaths) -> list[tuple[str, str]]:
    """What speaks against trusting the results of a dataset as they are: stage and sentence, the worst first."""
    return list_warnings(read_states(paths)[0])


def list_warnings(stages: Sequence[StageState]) -> list[tuple[str, str]]:
    """Warnings about the results: stage and sentence, the worst first; what two stages tell, of the first one."""
    bad = [s for s in stages if s.status not in ("finished", "not run")]
    worst = [(s.name, f"The stage {s.name} is {s.status}.") for s in bad]
    stage_of: dict[str, str] = {}
    for stage in stages:
        for each in stage.figures:
            if each.get("warning"):
                stage_of.setdefault(str(each["warning"]), stage.name)
    return worst + [(name, sentence) for sentence, name in stage_of.items()]
