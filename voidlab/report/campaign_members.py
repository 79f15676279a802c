"""A dataset as a field of view of a specimen: whether it counts, and what it says, as its last run recorded it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from voidlab import tables
from voidlab.errors import VoidlabError
from voidlab.project import outdated, record
from voidlab.project.parameters.models import ExportParameters, SampleParameters
from voidlab.project.paths import POSITIONS, RunPaths
from voidlab.report import headline
from voidlab.report.campaign_record import plain_sample, why_odd
from voidlab.report.states import read_states
from voidlab.swelling.pooled import Field
from voidlab.tables.size_basis import is_size
from voidlab.tables.verdict import GOOD

# Of the sample: columns, beside the user's own.
LABELS = ("material", "dose_dpa", "temperature_c", "foil_thickness_nm")
_READ = ("swelling", "counted", "frames")


@dataclass(frozen=True)
class Member:
    """A dataset of a campaign: what it is a field of, its verdict, and its numbers or why there are none."""

    dataset: str
    specimen: str
    sample: Mapping[str, Any]
    verdict: str
    reason: str
    frame: int | None = None
    field: Field | None = None
    why_not: str = ""  # why it does not count


def read_member(paths: RunPaths) -> Member:
    """A dataset as its last run left it."""
    stages, problem = read_states(paths)
    judged = headline.judge(stages)
    entries = record.read_record(paths)
    entry = entries.get("export")
    sample = _sample_of(entry)
    reason = "" if judged.grade == GOOD else judged.in_a_line
    member = Member(paths.dataset, str(sample.get("name") or paths.dataset), sample, judged.grade, reason)
    if POSITIONS in entries:
        return replace(member, why_not="it is of positions without images, which are not compared")
    if entry is None or entry.status != "finished":
        return replace(member, why_not=problem or "the stage export has not finished: run the dataset first")
    for name in _READ:
        changed = outdated.why_not_usable(paths, tables.TABLES[name].stage, paths.table(name))
        if changed:
            return replace(member, why_not=f"{changed}; run the dataset again")
    frame, pixel = entry.decided.get("frame"), entry.decided.get("pixel_size_nm")
    if not isinstance(frame, int):
        return replace(member, why_not="no image of it was looked at for voids")
    try:
        read = {name: tables.load(paths, name) for name in _READ}
    except (VoidlabError, ValueError) as error:
        return replace(member, why_not=f"{str(error).rstrip('.')}; run the dataset again")
    here = read["swelling"][read["swelling"]["frame"] == frame]
    if odd := why_odd(here, read["counted"], pixel):
        return replace(member, why_not=f"{odd}; run the dataset again")
    dose = here["dose_dpa"].dropna()
    if len(dose):  # of the image that the numbers are of, not of the first
        member = replace(member, sample={**sample, "dose_dpa": float(dose.iloc[0])})
    field = _field(paths.dataset, here, read["counted"], read["frames"], frame, pixel)
    return replace(member, frame=frame, field=field)


def _field(
    name: str,
    here: pd.DataFrame,
    counted: pd.DataFrame,
    frames: pd.DataFrame,
    frame: int,
    pixel_nm: float | None,
) -> Field:
    pixel = pixel_nm or 1.0
    valid = float(frames.loc[frames["frame"] == frame, "valid_px"].iloc[0])
    return Field(
        name,
        here.set_index("quantity").drop(columns=["frame", "time_s", "dose_dpa"]),
        valid * pixel**2,
        2 * counted["radius_px"].to_numpy(float) * pixel,
        counted["area_px2"].to_numpy(float) * pixel**2,
        "px" if pixel_nm is None else "nm",
        is_size(counted),
    )


def _sample_of(entry: record.Entry | None) -> dict[str, Any]:
    """What the last run was told of the specimen, without what else the stage export was told."""
    if entry is None:
        return {}
    ours = {*ExportParameters.model_fields, *SampleParameters.model_fields} - {"name", *LABELS}
    return plain_sample({name: value for name, value in entry.parameters.items() if name not in ours})
