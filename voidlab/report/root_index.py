"""The list of all datasets of a project: a row each, and a page for each order, as no script is there to sort it."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voidlab.project.paths import ProjectError, RunPaths
from voidlab.report import headline, pictures, render
from voidlab.report.states import overall, read_states
from voidlab.tables.verdict import VERDICTS

CAMPAIGN = "campaign.html"
_MOST_LETTERS = 200  # of a number, or of a word of the sample
_NUMBER = re.compile(r"\d[\d,]*\.?\d*")
_Row = dict[str, Any]


def write_root_index(root: Path) -> Path:
    """Write the pages over all datasets of the project at ``root`` that have a record; give the one by name."""
    reports = root / "reports"
    names = [record.parent.name for record in sorted(reports.glob("*/run.json"))]
    rows = [row for row in (_row_or_reason(root, name) for name in names) if row]
    fields = {
        "title": "Datasets",
        "rows": rows,
        "links": [("Datasets", "index.html"), ("Campaign", CAMPAIGN)]
        if (reports / CAMPAIGN).exists()
        else (),
        "made": render.when(datetime.now(UTC).isoformat()),
        "orders": {name: _page_of(name) for name in _ORDERS},
        "shows_sample": any(row["sample"] for row in rows),
        "verdicts": [
            (grade, sum(row["grade"] == grade for row in rows)) for grade in (*reversed(VERDICTS), "")
        ],
    }
    for name, order in _ORDERS.items():
        ordered = sorted(sorted(rows, key=_by_name), key=order)
        if name == _BY_NAME or len(rows) > 1:
            render.write_page(
                reports / _page_of(name), "root.html.j2", {**fields, "rows": ordered, "order": name}
            )
    return reports / _page_of(_BY_NAME)


def _page_of(order: str) -> str:
    return "index.html" if order == _BY_NAME else f"index by {order}.html"


def _row_or_reason(root: Path, dataset: str) -> _Row | None:
    """The row of a dataset; of one whose files are damaged why there is none, as it must not stop the others."""
    try:
        return _dataset_row(root, dataset)
    except Exception as error:  # what a damaged record, notebook or picture raises may be anything
        problem = f"The files of this report cannot be read ({type(error).__name__}: {str(error)[:100]})."
        nothing: _Row = {
            "kind": "",
            "failed_at": [],
            "grade": "",
            "reason": "",
            "thumbnail": None,
            "made": "",
        }
        none = dict.fromkeys(headline.COLUMNS, "")
        return {
            **nothing, "numbers": none, "sample": "", "warnings": 0, "name": dataset, "problem": problem,
            "state": "unknown", "href": f"{dataset}/",
        }  # fmt: skip


def _dataset_row(root: Path, dataset: str) -> _Row | None:
    try:
        paths = RunPaths(root, dataset)
    except ProjectError:
        return None  # a folder that no run has made
    stages, problem = read_states(paths)
    verdict = headline.judge(stages)
    state = overall(stages, problem)
    return {
        "name": dataset,
        "href": f"{dataset}/{paths.index.name}",
        "kind": headline.kind_of(stages),
        "problem": problem,
        "state": state,
        "failed_at": [stage.name for stage in stages if stage.status == "failed"],
        "grade": verdict.grade,
        "reason": verdict.in_a_line if verdict.grade != VERDICTS[0] else "",
        "warnings": len(verdict.reasons) if verdict.grade != VERDICTS[0] else 0,
        "numbers": {name: text[:_MOST_LETTERS] for name, text in headline.columns_of(stages).items()},
        "sample": "; ".join(headline.sample_of(stages))[:_MOST_LETTERS],
        "thumbnail": pictures.thumbnail(paths),
        "made": max((render.when(stage.record.get("started")) for stage in stages), default=""),
    }


def _by_name(row: _Row) -> tuple[Any, ...]:
    # Numbers in names in their order: 2 before 10.
    parts = re.split(r"(\d+)", str(row["name"]).casefold())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part)


def _by_verdict(row: _Row) -> int:
    worst_first = ("", *reversed(VERDICTS))
    return worst_first.index(row["grade"]) if row["grade"] in worst_first else 0


def _by_number(column: str) -> Callable[[_Row], float]:
    def order(row: _Row) -> float:
        found = _NUMBER.search(str(row["numbers"][column]))
        return -float(found[0].replace(",", "")) if found else float("inf")

    return order


def _by_time(row: _Row) -> tuple[int, ...]:
    return tuple(
        -ord(letter) for letter in str(row["made"])
    )  # the last first; those that never ran at the end


_BY_NAME = "name"
_ORDERS: Mapping[str, Callable[[_Row], Any]] = {
    _BY_NAME: _by_name,
    "verdict": _by_verdict,
    "sample": lambda row: (not row["sample"], row["sample"].casefold()),
    "voids": _by_number("voids"),
    "last run": _by_time,
}
