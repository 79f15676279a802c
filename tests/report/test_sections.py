"""The page of a stage shows figures first and folds what explains how they were made."""

import itertools
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from projects import REPOSITORY
from voidlab.report import key_figures, pages
from voidlab.report.figures.table import in_words, readable_cells
from voidlab.report.placeholders import NO_POINTS, NO_VIEWS, NOT_PLACED, OF_SERIES_ONLY

ROWS = [{"name": "threshold", "value": 0.6, "unit": "", "meaning": "confidence", "source": "YAML"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def heading(text, *tags):
    return new_markdown_cell(text, metadata={"tags": list(tags)} if tags else {})


def output(**data):
    return new_code_cell(
        "…", outputs=[new_output("display_data", data={f"{k.replace('_', '/')}": v for k, v in data.items()})]
    )


def printed(text, name="stdout"):
    return new_code_cell("…", outputs=[new_output("stream", name=name, text=text)])


CELLS = [
    heading("# Title\n\nWhat it does."),
    heading("## Parameters\n\nNone means the default.", "folded"),
    new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
    heading("## Load", "folded"),
    printed("10 images"),
    printed("UserWarning: image 7 is blank", "stderr"),
    heading("## Detect\n\nHow."),
    printed("1405 voids"),
    heading("## Corrections by hand"),
    printed("no corrections by hand"),
    output(text_plain="none"),
    heading("## Look", "first"),
    heading("### The middle"),
    output(image_png=PIXEL),
    heading("### Left out"),
    output(text_plain="none"),
    heading("### First rows", "folded"),
    output(text_html="<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"),
    heading("## Save", "folded"),
    printed("wrote a table"),
]


def page_of(tmp_path, cells, **options):
    nbformat.write(new_notebook(cells=cells), tmp_path / "a.ipynb")
    path = pages.write_html(tmp_path / "a.ipynb", tmp_path / "a.html", title="a", parameters=ROWS, **options)
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def test_figures_come_first_and_the_rest_is_folded(tmp_path):
    page = page_of(tmp_path, CELLS)
    shown = [h.text for h in page.find_all(["h2", "h3"])]
    assert shown == ["Look", "The middle", "Detect", "How it was made"]
    folded = [box.summary.text for box in page.find_all("details")]
    assert folded == [
        "Parameters",
        "Load",
        "Corrections by hand: none",
        "Left out: none",
        "First rows",
        "Save",
    ]
    assert not any(box.has_attr("open") for box in page.find_all("details"))
    box = page.find("summary", string="Parameters").parent
    assert "threshold" in box.text
    assert "None means the default." in box.text
    assert "none" not in [pre.text for pre in page.find_all("pre")]


def test_the_page_of_a_single_image_has_no_headings_of_a_series(tmp_path):
    cells = [*CELLS[:-2], heading("## Sizes over the series", "first"), output(text_plain=OF_SERIES_ONLY)]
    page = page_of(tmp_path, [*cells, heading("## After"), printed("it")])
    assert "series" not in page.text
    assert "After" in [h.text for h in page.find_all("h2")]


def test_where_nothing_was_placed_in_depth_one_sentence_says_so(tmp_path):
    cells = [
        heading("## Look\n\n### Can it be used?", "first"), printed("verdict: do not use"),
        heading("### What no image can tell\n\nThree things."), printed(f"{NOT_PLACED}\n"),
        heading("### View by view"), output(text_plain=NO_VIEWS),
        heading("### Depth"), output(text_plain=NO_POINTS),
    ]  # fmt: skip
    page = page_of(tmp_path, cells)
    said = "Nothing was placed in depth, so there is nothing to show here of: What no image can tell, View by view, "
    assert said + "Depth." in [p.text for p in page.select(".prose p")]
    assert [pre.text for pre in page.find_all("pre")] == ["verdict: do not use"]
    assert not {"View by view", "Depth"} & {h.text for h in page.find_all("h3")}


@pytest.mark.parametrize(("rows", "folded"), [(30, []), (73, ["Table of 73 rows"])])
def test_long_tables_are_folded(tmp_path, rows, folded):
    table = pd.DataFrame({"frame": range(rows)}).to_html(index=False)
    page = page_of(tmp_path, [heading("## Look", "first"), output(text_html=table)])
    boxes = page.find_all("details")
    assert [box.summary.text for box in boxes if box.summary.text != "Parameters"] == folded
    assert len(page.select("td")) >= rows


def test_a_warning_of_a_key_figure_runs_over_the_width(tmp_path):
    figures = [
        key_figures.figure("Voids", "3", "how many", warning="Few."),
        key_figures.figure("A", "1", "b"),
    ]
    page = page_of(tmp_path, CELLS, figures=figures)
    assert [item.text for item in page.select("ul.warnings.wide li")] == ["⚠ Voids: Few."]
    assert page.select_one(".numbers").text.split() == ["Voids3", "A1"]


def test_a_warning_is_never_folded_away(tmp_path):
    (warning,) = page_of(tmp_path, CELLS).select(".warning")
    assert "image 7 is blank" in warning.text
    assert not warning.find_parents("details")
    assert warning.find_next("h2").text == "Look"


def test_where_a_notebook_stopped_its_order_is_kept(tmp_path):
    error = new_output("error", ename="ValueError", evalue="no voids", traceback=["ValueError: no voids"])
    cells = [*CELLS[:8], new_code_cell("boom()", outputs=[error]), *CELLS[8:]]
    page = page_of(tmp_path, cells, failure="no voids")
    assert [h.text for h in page.find_all("h2")] == ["Parameters", "Load", "Detect", "The error"]
    assert not page.select_one(".stopped").find_parents("details")


def test_tables_say_of_their_headings_what_they_head(tmp_path):
    head, body = "<thead><tr><th></th><th>n</th></tr></thead>", "<tr><th>voids</th><td>1</td></tr>"
    page = page_of(tmp_path, [output(text_html=f"<table>{head}<tbody>{body}</tbody></table>")])
    assert [th["scope"] for th in page.select(".prose th")] == ["col", "row"]
    assert [cell.name for cell in page.select(".prose thead tr > *")] == [
        "td",
        "th",
    ]  # what is empty heads nothing


@pytest.mark.parametrize("stage", ["segment", "drift", "track", "reconstruct", "export"])
def test_the_pages_of_a_run_are_short_to_begin_with(finished, stage):
    paths, _, _ = finished
    page = BeautifulSoup(paths.html(stage).read_text("utf-8"), "html.parser")
    folded = [box.summary.text for box in page.find_all("details")]
    assert {"Parameters", "Load", "Save"} <= set(folded)
    headings = [int(h.name[1]) for h in page.find_all(["h1", "h2", "h3", "h4"])]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))
    cells = [cell.text for cell in page.find_all("td")]
    assert not {"NaN", "nan", "<NA>", "None", "NaT"} & set(cells)
    first = page.find("img")
    assert not first.find_parents("details")
    # What is open at first holds no table as long as the data dictionary.
    assert all(len(t.find_all("tr")) < 40 for t in page.find_all("table") if not t.find_parents("details"))


def test_every_stage_says_what_comes_first():
    for stage in ("segment", "drift", "pair", "track", "reconstruct", "export", "positions"):
        notebook = nbformat.read(REPOSITORY / "notebooks" / f"{stage}.ipynb", 4)
        tags = [
            tag
            for cell in notebook.cells
            if cell.cell_type == "markdown"
            for tag in cell.metadata.get("tags", [])
        ]
        assert "first" in tags
        assert set(tags) <= {"first", "folded"}


@pytest.mark.parametrize(("pixel", "radius", "unit"), [(0.5, 4.0, "nm"), (None, 8.0, "px")])
def test_columns_are_called_in_words_with_lengths_in_the_unit_of_the_page(pixel, radius, unit):
    table = pd.DataFrame({"parent_a": [3], "radius_a_px": [8.0], "flag": ["few pairs"]})
    shown = in_words(table, SimpleNamespace(pixel_size_nm=pixel))
    assert shown.to_dict("list") == {"parent a": [3], f"radius a ({unit})": [radius], "flag": ["few pairs"]}


def test_cells_have_digits_that_a_person_reads():
    table = pd.DataFrame(
        {"x": [412.34567, np.nan, 3.2], "n": [1, 2, 3], "small": [0.00123456, 0.002, np.inf],
         "whole": [1.0, 2.0, np.nan], "ok": [True, False, True], "text": ["<b>", None, "c"],
         "count": pd.array([1, None, 3], "Int64")}
    )  # fmt: skip
    shown = readable_cells(table)
    assert shown["x"].tolist() == ["412.3", "–", "3.2"]
    assert shown["n"].tolist() == ["1", "2", "3"]
    assert shown["small"].tolist() == ["0.00123", "0.00200", "–"]
    assert shown["whole"].tolist() == ["1", "2", "–"]
    assert shown["ok"].tolist() == ["yes", "no", "yes"]
    assert shown["text"].tolist() == ["<b>", "–", "c"]
    assert shown["count"].tolist() == ["1", "–", "3"]
