"""Reports that anyone can read: an executed notebook becomes one HTML file, and index pages lead to it.

A report needs nothing beside itself: no script, no network, no style sheet. The code of a notebook stays in the
notebook; its text, tables, figures and warnings are shown, as `voidlab.report.notebook_html` cleans them.
"""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import PIL.Image

from voidlab.export.contents import meanings, size_of
from voidlab.project.paths import POSITIONS, STAGES, ProjectError, RunPaths, stages_for
from voidlab.project.record import RecordError, is_old_movie, out_of_date, read_record, read_stages
from voidlab.report import render
from voidlab.tables.catalogue import TABLES

Link = tuple[str, str]
_USUAL = stages_for((), "auto")  # the stages that apply to every series

_THUMBNAIL_PX, _MOST_PIXELS = 360, 50_000_000
_MOST_LETTERS = 200  # of a key figure
# Key figures of a stage in the list of datasets.
_SHOWN_OF = {"segment": 3, "drift": 1, "track": 1, "reconstruct": 1, POSITIONS: 3}
_MOVIES = ("movie.mp4", "movie.gif")
_WORST_FIRST = ("failed", "unknown", "out of date", "partly run", "not run", "finished")


@dataclass(frozen=True)
class _Stage:
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
    meaning = f"{figure.get('meaning', '')}; superseded by the drift of the fit in 3D, which counts"
    return {**kept, "label": f"{figure.get('label', '')} (superseded)", "meaning": meaning}


def write_html(
    notebook: Path,
    html: Path,
    *,
    title: str,
    parameters: pd.DataFrame | Sequence[Mapping[str, object]] = (),
    links: Sequence[Link] = (),
    figures: Sequence[Mapping[str, str]] = (),
    failure: str | None = None,
) -> Path:
    """Write the executed ``notebook`` as one self-contained HTML file.

    Parameters
    ----------
    notebook : Path
        The executed notebook; the page links to it for the code.
    html : Path
        The file to write.
    title : str
        The page's only h1; the notebook's own first h1 is left out.
    parameters : table or sequence of mapping
        A row per parameter: ``name, value, unit, meaning, source``. Shown where the parameters cell stands.
    links : sequence of (label, address)
        Navigation, addresses relative to ``html``; the one that names ``html`` is marked.
    figures : sequence of mapping
        Key figures, ``label, value, meaning``; shown first.
    failure : str, optional
        Why the stage failed; shown as a banner on top.

    Returns
    -------
    Path
        ``html``.

    Notes
    -----
    The alternative text of an image is ``alt`` in the metadata of its output, as
    ``display(figure, metadata={"alt": "…"})`` sets it, else the nearest heading above.
    """
    from voidlab.report import notebook_html  # takes a second, and every kernel imports this module

    # A stage can fail before it has a notebook; its page must say so all the same.
    missing = bool(failure) and not notebook.exists()
    shown, error = ([], None) if missing else notebook_html.read_blocks(notebook, title)
    rows = parameters.to_dict("records") if isinstance(parameters, pd.DataFrame) else parameters
    return render.write_page(
        html,
        "stage.html.j2",
        {
            "title": title,
            "blocks": shown,
            "error": error,
            "failure": failure,
            "parameters": rows,
            "links": links,
            "figures": figures,
            "notebook": None if missing else Path(os.path.relpath(notebook, html.parent)).as_posix(),
            "made": "" if missing else render.when(notebook_html.start_time(notebook)),
        },
    )


def write_stage(
    paths: RunPaths,
    stage: str,
    *,
    stages: Sequence[str] = _USUAL,
    parameters: pd.DataFrame | Sequence[Mapping[str, object]] = (),
    failure: str = "",
) -> Path:
    """Write the page of ``stage`` from its executed notebook.

    ``stages`` are those that apply to the dataset; ``parameters`` what it ran with, see `write_html`; ``failure``
    says why this one failed, if it did.
    """
    return write_html(
        paths.notebook(stage),
        paths.html(stage),
        title=f"{paths.dataset}: {stage}",
        parameters=parameters,
        links=dataset_links(paths, stages),
        figures=() if failure or stage not in (entries := read_record(paths)) else entries[stage].key_figures,
        failure=failure or None,
    )


def dataset_links(paths: RunPaths, stages: Sequence[str] = _USUAL) -> list[Link]:
    """Navigation of the pages of a dataset to which ``stages`` apply."""
    pages = [(stage.capitalize(), paths.html(stage).name) for stage in stages]
    return [("All datasets", "../index.html"), ("Overview", paths.index.name), *pages]


def write_dataset_index(paths: RunPaths) -> Path:
    """Write the page that leads to everything of a dataset: key figures, stages, files, parameters."""
    links = dataset_links(paths, (*STAGES, POSITIONS))
    fields = {
        **_summary(paths),
        "title": paths.dataset,
        # Before its stage has run, a report is a dead link.
        "links": [*links[:2], *(link for link in links[2:] if (paths.folder / link[1]).exists())],
        "files": _files(paths),
        "record": paths.record.name if paths.record.exists() else None,
    }
    return render.write_page(paths.index, "dataset.html.j2", fields)


def write_root_index(root: Path) -> Path:
    """Write the page over all datasets of the project at ``root`` that have a record."""
    reports = root / "reports"
    names = [record.parent.name for record in sorted(reports.glob("*/run.json"))]
    rows = [row for row in (_row_or_reason(root, name) for name in names) if row]
    made = render.when(datetime.now(UTC).isoformat())
    fields = {"title": "Datasets", "rows": rows, "links": (), "made": made}
    return render.write_page(reports / "index.html", "root.html.j2", fields)


# --- a record ---------------------------------------------------------------------------------------------------


def _read_record(paths: RunPaths) -> tuple[list[_Stage], str | None]:
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
    names = [name for name in STAGES if name in records or (name in _USUAL and not done)]
    others = [name for name in records if name not in STAGES]
    # A dataset without images has a notebook of its own, and no stages.
    names = others if others and len(others) == len(records) else names + others
    outdated = out_of_date(paths)
    stages = [_stage(paths, name, records.get(name, {}), name in outdated) for name in names]
    in_depth = any(
        s.name == "track" and s.status == "finished" and _linked_in_depth(s.record) for s in stages
    )
    return [replace(s, superseded=in_depth and s.name == "drift") for s in stages], problem


def _linked_in_depth(record: Mapping[str, Any]) -> bool:
    """Whether the stage track of this ``record`` took its drift from the fit of a tilt series in 3D."""
    decided = record.get("decided")
    return isinstance(decided, Mapping) and decided.get("linker") == "tilt"


def _stage(paths: RunPaths, name: str, record: Mapping[str, Any], outdated: bool) -> _Stage:
    files = {"report": paths.html(name), "notebook": paths.notebook(name), "log": paths.log(name)}
    links = [(k, f.relative_to(paths.folder).as_posix()) for k, f in files.items() if f.exists()]
    status = str(record.get("status", "unknown")) if record else "not run"
    status = "out of date" if status == "finished" and outdated else status
    return _Stage(name, status, record, tuple(links))


def _overall(stages: Sequence[_Stage], problem: str | None) -> str:
    """The status that a reader of the list must know: the worst one."""
    found = {stage.status for stage in stages}
    if problem:
        return "unknown"
    if "not run" in found and len(found) > 1:  # begun: stages ahead are no news beside a failure
        found = found - {"not run", "finished"} or {"partly run"}
    return min(found, key=lambda status: _WORST_FIRST.index(status) if status in _WORST_FIRST else 1)


def _row_or_reason(root: Path, dataset: str) -> dict[str, object] | None:
    """The row of a dataset; of one whose files are damaged why there is none, as it must not stop the others."""
    try:
        return _dataset_row(root, dataset)
    except Exception as error:  # what a damaged record, notebook or picture raises may be anything
        problem = f"The files of this report cannot be read ({type(error).__name__}: {str(error)[:100]})."
        nothing: dict[str, object] = {
            "stages": [],
            "figures": [],
            "warnings": [],
            "thumbnail": None,
            "made": "",
        }
        return {**nothing, "name": dataset, "problem": problem, "state": "unknown", "href": f"{dataset}/"}


def _dataset_row(root: Path, dataset: str) -> dict[str, object] | None:
    try:
        paths = RunPaths(root, dataset)
    except ProjectError:
        return None  # a folder that no run has made
    summary = _summary(paths)
    figures = [
        figure for stage in summary["stages"] for figure in stage.figures[: _SHOWN_OF.get(stage.name, 0)]
    ]
    figures = [
        {key: str(figure.get(key, ""))[:_MOST_LETTERS] for key in ("label", "value")} for figure in figures
    ]
    return {**summary, "name": dataset, "figures": figures, "href": f"{dataset}/{paths.index.name}"}


def _summary(paths: RunPaths) -> dict[str, Any]:
    """What both index pages say of a dataset."""
    stages, problem = _read_record(paths)
    return {
        "stages": stages,
        "problem": problem,
        "state": _overall(stages, problem),
        "warnings": _warnings(stages),
        "thumbnail": _thumbnail(paths),
        "made": max((render.when(stage.record.get("started")) for stage in stages), default=""),
    }


def warnings_of(paths: RunPaths) -> list[tuple[str, str]]:
    """What speaks against trusting the results of a dataset as they are: stage and sentence, the worst first."""
    return _warnings(_read_record(paths)[0])


def _warnings(stages: Sequence[_Stage]) -> list[tuple[str, str]]:
    """Warnings about the results: stage and sentence, the worst first."""
    bad = [s for s in stages if s.status not in ("finished", "not run")]
    worst = [(s.name, f"The stage {s.name} is {s.status}.") for s in bad]
    return worst + [(s.name, str(f["warning"])) for s in stages for f in s.figures if f.get("warning")]


def _files(paths: RunPaths) -> list[dict[str, object]]:
    """The files that a reader may want to have: exports first, then tables and labels; a folder is one of them."""
    said = meanings(paths.exports)
    folders = [paths.exports / name for name in said if (paths.exports / name).is_dir()]
    files = [path for path in paths.exports.rglob("*") if path.is_file() and not path.name.startswith(".")]
    exports = [path for path in files if not any(folder in path.parents for folder in folders)]
    tables = [paths.table(name) for name in TABLES if paths.table(name).exists()]
    labels = [paths.labels] if paths.labels.exists() else []
    said = {path.name: _movie_in_words(paths, path) for path in exports if path.name in _MOVIES} | said
    meaning = {paths.exports / name: what for name, what in said.items()}
    meaning |= {paths.table(name): f"a row is {table.row}" for name, table in TABLES.items()}
    meaning[paths.labels] = "label image of each frame; opens in Fiji and napari"
    return [
        {
            "href": path.relative_to(paths.folder).as_posix(),
            "size": size_of(path),
            "meaning": meaning.get(path, "not written by the stage export"),
        }
        for path in [*sorted([*exports, *folders]), *tables, *labels]
    ]


def _movie_in_words(paths: RunPaths, movie: Path) -> str:
    what = "drift-corrected movie, each void in the colour of its track"
    again = f"; out of date, it shows older results: voidlab movie {paths.dataset}"
    return what + again if is_old_movie(paths, movie) else what


def _thumbnail(paths: RunPaths) -> str | None:
    """The first photo of the segment notebook, small, as an address; None when there is none."""
    from voidlab.report import notebook_html

    small = io.BytesIO()
    try:
        photo = notebook_html.first_photo(paths.notebook(STAGES[0]))
        picture = PIL.Image.open(io.BytesIO(photo or b""))  # an OSError where there is no photo
        if picture.width * picture.height > _MOST_PIXELS:
            return None
        picture.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
        picture.convert("RGB").save(small, "JPEG", quality=80)
    except Exception:  # nbformat raises anything on what is no notebook, and pillow on what is no picture
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"
