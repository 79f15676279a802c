"""Reports that anyone can read: an executed notebook becomes one HTML file, and index pages lead to it.

A report needs nothing beside itself: no script, no network, no style sheet. The code of a notebook stays in the
notebook; its text, tables, figures and warnings are shown, as `voidlab.report.notebook_html` cleans them.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from voidlab.export.contents import archive_name, meanings
from voidlab.project.paths import POSITIONS, STAGES, RunPaths
from voidlab.project.record import read_record
from voidlab.report import headline, methods, pictures, render
from voidlab.report.file_list import list_files
from voidlab.report.root_index import write_root_index as write_root_index
from voidlab.report.states import USUAL, Link, list_warnings, overall, read_states


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
    """Write the executed ``notebook`` as one self-contained file ``html``, and give that.

    Parameters
    ----------
    notebook : Path
        The page links to it for the code.
    title : str
        The page's only h1; the notebook's own first h1 is left out.
    parameters : table or sequence of mapping
        A row per parameter: ``name, value, unit, meaning, source``. Folded, where the parameters cell stands.
    links : sequence of (label, address)
        Navigation, addresses relative to ``html``; the one that names ``html`` is marked.
    figures : sequence of mapping
        Key figures, ``label, value, meaning``; shown first.
    failure : str, optional
        Why the stage failed; shown as a banner on top.

    Notes
    -----
    The alternative text of an image is ``alt`` in the metadata of its output, as
    ``display(figure, metadata={"alt": "…"})`` sets it, else the nearest heading above.
    """
    from voidlab.report import notebook_html, sections  # take a second, and every kernel imports this module

    # A stage can fail before it has a notebook; its page must say so all the same.
    missing = bool(failure) and not notebook.exists()
    shown, error = ([], None) if missing else notebook_html.read_blocks(notebook, title)
    open_, folded = sections.arrange(shown, as_it_ran=bool(failure or error))
    rows = parameters.to_dict("records") if isinstance(parameters, pd.DataFrame) else parameters
    return render.write_page(
        html,
        "stage.html.j2",
        {
            "title": title,
            "sections": open_,
            "folded": folded,
            "has_parameters": any(block.kind == "parameters" for block in shown),
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
    stages: Sequence[str] = USUAL,
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


def dataset_links(paths: RunPaths, stages: Sequence[str] = USUAL) -> list[Link]:
    """Navigation of the pages of a dataset to which ``stages`` apply."""
    pages = [(stage.capitalize(), paths.html(stage).name) for stage in stages]
    return [("All datasets", "../index.html"), ("Overview", paths.index.name), *pages]


def write_dataset_index(paths: RunPaths, *, to_send: bool = False) -> Path:
    """Write the page that leads to everything of a dataset: its first screen, then warnings, stages, files.

    One ``to_send`` does not say how to make a ZIP of it all.
    """
    links = dataset_links(paths, (*STAGES, POSITIONS))
    summary = _summary(paths)
    drawn, what = headline.FIGURES_OF[headline.kind_of(summary["stages"])], meanings(paths.exports)
    positions = headline.kind_of(summary["stages"]) == POSITIONS
    seen = "Voids of {} as circles, in its first and its last frame"
    seen = seen if positions else "A micrograph of {} with a scale bar, its voids outlined by circles"
    archive = paths.exports / archive_name(paths.dataset)
    fields = {
        **summary,
        "facts": headline.facts_of(summary["stages"]),
        "every_figure": headline.told_once(summary["stages"]),
        "methods": methods.methods_of(summary["stages"]),
        "photo_alt": seen.format(paths.dataset),
        "photo": pictures.photo_with_outlines(paths),
        "overlay": pictures.overlay_of_photo(paths),
        "drawn": [
            (what.get(f"figures/{name}.svg", name).removeprefix("figure: "), source)
            for name in drawn
            if (source := pictures.exported_figure(paths, name))
        ],
        "title": paths.dataset,
        # Before its stage has run, a report is a dead link.
        "links": [*links[:2], *(link for link in links[2:] if (paths.folder / link[1]).exists())],
        "files": list_files(paths),
        "zip_command": None if to_send or archive.exists() else f"voidlab zip {paths.dataset}",
        "record": paths.record.name if paths.record.exists() else None,
    }
    return render.write_page(paths.index, "dataset.html.j2", fields)


def _summary(paths: RunPaths) -> dict[str, Any]:
    """What both index pages say of a dataset."""
    stages, problem = read_states(paths)
    return {
        "stages": stages,
        "problem": problem,
        "state": overall(stages, problem),
        "verdict": headline.judge(stages),
        "numbers": headline.numbers_of(stages),
        "warnings": list_warnings(stages),
        "made": max((render.when(stage.record.get("started")) for stage in stages), default=""),
    }
