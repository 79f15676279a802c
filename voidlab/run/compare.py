"""Datasets of a project put side by side as specimens: `voidlab compare`."""

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path

from voidlab.project.paths import ProjectError, RunPaths, find_root
from voidlab.report.campaign import Campaign, compare
from voidlab.report.campaign_members import read_member
from voidlab.report.campaign_page import write_campaign
from voidlab.report.figures.base import names_as_they_are
from voidlab.report.root_index import write_root_index


def compare_datasets(
    names: Sequence[str] = (),
    *,
    leave_out: Collection[str] = (),
    against: Sequence[str] = (),
    common: bool = False,
) -> tuple[Path, Campaign]:
    """Write reports/campaign.html over the datasets called ``names``; without names over all that have run.

    Parameters
    ----------
    leave_out
        Verdicts whose datasets do not count: check, do not use.
    common
        Whether the spread between fields is taken from all specimens together.
    against
        Columns of the sample to plot against; empty: those that differ between specimens.

    Raises
    ------
    ProjectError
        If there is no such dataset, or no specimen says anything of a column in ``against``.
    """
    root = find_root()
    there = _with_record(root)
    for name in names:
        if name not in there:
            raise ProjectError(f"dataset '{name}' has not been run, or is none{_near(name, there)}.")
    chosen = list(dict.fromkeys(names)) or there
    if not chosen:
        raise ProjectError(
            "no dataset of this project has been run: there is nothing to compare. Run one first."
        )
    campaign = compare(
        [read_member(RunPaths(root, name)) for name in chosen], leave_out=leave_out, common=common
    )
    for column in against:
        if column not in campaign.columns:
            known = ", ".join(campaign.columns) or "none"
            raise ProjectError(f"no specimen has '{column}' in its 'sample:'; known are: {known}.")
    with names_as_they_are():
        page = write_campaign(root, campaign, against=against)
    write_root_index(root)  # its link to the campaign must not wait for the next run
    return page, campaign


def _with_record(root: Path) -> list[str]:
    """Names of the datasets that have a record of a run."""
    found = []
    for record in sorted((root / "reports").glob("*/run.json")):
        try:
            found.append(RunPaths(root, record.parent.name).dataset)
        except ProjectError:
            continue  # a folder that no run has made
    return found


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'?" if near else f"; those that have run: {', '.join(known) or 'none'}"
