"""Reports stand alone, show what matters, and let nothing from a name or an output act as markup."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from imageio.v3 import imwrite
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from voidlab.project.parameters.models import SegmentParameters, describe
from voidlab.project.paths import RunPaths
from voidlab.report import pages

HOSTILE = "<script>alert(1)</script>.tif"
TRACEBACK = [
    "\x1b[0;31mValueError\x1b[0m  Traceback",
    "----> 1 estimate_drift(masks)",
    "ValueError: no <b>overlap</b>",
]
PARAMETERS = [
    {"name": "threshold", "value": 0.6, "unit": "", "meaning": "void probability", "source": "YAML"},
    {"name": "min_radius_px", "value": 2.5, "unit": "px", "meaning": "smallest radius", "source": "default"},
]


def image_data(shape: tuple[int, int] = (6, 9), extension: str = ".png") -> str:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    return base64.b64encode(imwrite("<bytes>", pixels, extension=extension)).decode()


def shown(data: dict[str, object], metadata: dict[str, object] | None = None) -> nbformat.NotebookNode:
    return new_output("display_data", data=data, metadata=metadata or {})


def cell(*outputs: nbformat.NotebookNode, source: str = "hidden_code()") -> nbformat.NotebookNode:
    return new_code_cell(source, outputs=list(outputs), execution_count=1)


def render(tmp_path: Path, *cells: nbformat.NotebookNode, **options: object) -> BeautifulSoup:
    return BeautifulSoup(render_text(tmp_path, *cells, **options), "html.parser")


def render_text(tmp_path: Path, *cells: nbformat.NotebookNode, **options: object) -> str:
    notebook = tmp_path / "segment.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), notebook)
    written = pages.write_html(
        notebook, tmp_path / "segment.html", **{"title": "demo: segment", "parameters": PARAMETERS, **options}
    )
    return written.read_text(encoding="utf-8")


def full_notebook() -> list[nbformat.NotebookNode]:
    table = pd.DataFrame({"path": [HOSTILE, "b.tif"], "void_count": [148, 0]})
    return [
        new_markdown_cell("# Segment\n\nFinds voids, see [the paper](https://doi.org/10.1000/x)."),
        new_code_cell("dataset = 'demo'", metadata={"tags": ["parameters"]}),
        new_code_cell("dataset = 'injected'", metadata={"tags": ["injected-parameters"]}),
        new_markdown_cell("# A second title\n\n## Size distribution"),
        cell(
            shown({"image/png": image_data()}),
            shown({"image/jpeg": image_data(extension=".jpg")}, {"alt": "told"}),
        ),
        cell(new_output("execute_result", data={"text/html": table._repr_html_(), "text/plain": "plain"})),
    ]


def assert_stands_alone(page: BeautifulSoup) -> None:
    assert page.html["lang"] == "en"
    assert len(page.find_all("h1")) == 1
    assert not page.find_all(["script", "iframe", "object", "embed", "form", "base"])
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on") or name == "style"], tag.name
        for name in ("src", "href"):
            assert not re.match(
                r"[a-z]+:|//", tag.get(name, "").removeprefix("data:image/").removeprefix("data:,")
            )
    assert not re.search(r"@import|url\(", "".join(style.text for style in page.find_all("style")))
    assert all(image.get("alt") and image["src"].startswith("data:image/") for image in page.find_all("img"))


def test_report_stands_alone(tmp_path: Path) -> None:
    page = render(tmp_path, *full_notebook())
    assert_stands_alone(page)
    assert page.h1.text == page.title.text == "demo: segment"
    assert [heading.text for heading in page.find_all("h2")] == ["A second title", "Size distribution"]
    assert "the paper (https://doi.org/10.1000/x)" in page.text


def test_code_is_hidden_and_linked(tmp_path: Path) -> None:
    page = render(tmp_path, *full_notebook())
    assert "injected" not in page.text
    assert "hidden_code" not in page.text
    assert page.find("a", string="The notebook with its code")["href"] == "segment.ipynb"


@pytest.mark.parametrize("as_table", [False, True])
def test_parameters_stand_where_their_cell_stood(tmp_path: Path, as_table: bool) -> None:
    page = render(tmp_path, *full_notebook(), parameters=pd.DataFrame(PARAMETERS) if as_table else PARAMETERS)
    (box,) = page.select("details.parameters")
    rows = [[item.text for item in row.find_all(["th", "td"])] for row in box.find_all("tr")]
    assert rows[0] == ["name", "value", "unit", "meaning", "from"]
    assert rows[1:] == [
        ["threshold", "0.6", "", "void probability", "YAML"],
        ["min_radius_px", "2.5", "px", "smallest radius", "default"],
    ]
    assert box.find_next("h2").text == "A second title"


def test_parameters_are_shown_without_a_parameters_cell(tmp_path: Path) -> None:
    assert len(render(tmp_path, new_markdown_cell("text")).select("details.parameters")) == 1


@pytest.mark.parametrize("metadata", [{"alt": "told"}, {"image/png": {"alt": "told", "width": 40}}])
def test_alt_comes_from_the_output(tmp_path: Path, metadata: dict[str, object]) -> None:
    page = render(tmp_path, cell(shown({"image/png": image_data()}, metadata)))
    assert page.img["alt"] == "told"


def test_files_of_a_picture_stand_in_the_order_of_their_frames(tmp_path: Path) -> None:
    files = {f"frame {n}": f"overlays/{n}.jpg" for n in ("1", "10", "12", "3")}
    page = render(tmp_path, cell(shown({"image/png": image_data()}, {"links": files})))
    named = [link.text for link in page.find_all("a") if "overlays" in link["href"]]
    assert named == ["frame 1", "frame 3", "frame 10", "frame 12"]


def test_alt_falls_back_to_the_heading_above(tmp_path: Path) -> None:
    cells = [new_markdown_cell("## Radii *and* areas"), cell(shown({"image/png": image_data()}))]
    assert render(tmp_path, *cells).img["alt"] == "Figure: Radii and areas"


def test_navigation_marks_the_page(tmp_path: Path) -> None:
    links = pages.dataset_links(RunPaths(tmp_path, "demo"))
    page = render(tmp_path, new_markdown_cell("text"), links=links)
    assert [a["href"] for a in page.nav.find_all("a")] == [
        "../index.html",
        "index.html",
        "segment.html",
        "drift.html",
        "track.html",
        "export.html",
    ]
    assert page.nav.find("a", attrs={"aria-current": "page"}).text == "Segment"


def test_numbers_stand_right_and_wide_tables_in_a_box(tmp_path: Path) -> None:
    page = render(tmp_path, *full_notebook())
    table = page.select_one("div.prose .scroll > table")
    assert [head.text for head in table.select("thead .number")] == ["", "void_count"]
    assert [data.text for data in table.select("tbody td.number")] == ["148", "0"]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    rows = [{"name": HOSTILE, "value": [HOSTILE], "unit": HOSTILE, "meaning": HOSTILE, "source": HOSTILE}]
    cells = [
        *full_notebook(),
        cell(new_output("stream", name="stdout", text=HOSTILE)),
        cell(new_output("stream", name="stderr", text=f"UserWarning: {HOSTILE}")),
        cell(shown({"image/png": image_data()}, {"alt": f'"><img src=x onerror=alert(1)>{HOSTILE}'})),
        cell(new_output("error", ename="E", evalue=HOSTILE, traceback=[HOSTILE])),
    ]
    links = [(HOSTILE, "javascript:alert(1)"), ("out", "https://example.org")]
    page = render(tmp_path, *cells, title=HOSTILE, parameters=rows, links=links, failure=HOSTILE)
    assert_stands_alone(page)
    assert page.h1.text == HOSTILE
    assert page.text.count(HOSTILE) > 10


@pytest.mark.parametrize(
    "html",
    [
        "<img src='https://example.org/a.png' onerror='x()'>",
        "<a href='java\nscript:alert(1)'>a</a><a href='\\\\example.org'>b</a><a href='//example.org'>c</a>",
        "<iframe src='https://example.org'></iframe><style>@import url(https://example.org)</style>",
        "<script>alert(1)",
        "<a href='http&colon;//example.org'>a</a><a href='#&#58;'>b</a><img src='http&colon;//example.org'>",
        "<svg><style><img src=x onerror=alert(1)></style></svg><math><mi//xlink:href='data:x,<script>1</script>'>",
        "<table style='background: url(https://example.org)'><tr><td onclick='x()'>1</table>",
        "<h1>another title</h1><base href='https://example.org'>",
        "<img src='data:image/png;base64,AAAA'>",
    ],
)
@pytest.mark.parametrize("mime", ["text/html", "text/markdown"])
def test_markup_of_outputs_is_cleaned(tmp_path: Path, html: str, mime: str) -> None:
    assert_stands_alone(render(tmp_path, cell(shown({mime: html})), new_markdown_cell(html)))


def test_harmless_markup_is_kept(tmp_path: Path) -> None:
    page = render(
        tmp_path, new_markdown_cell("## Swelling\n\nCO<sub>2</sub> in **bold**, then [drift](drift.html#a)")
    )
    assert page.select_one(".prose sub").text == "2"
    assert page.select_one(".prose strong").text == "bold"
    assert page.select_one(".prose a")["href"] == "drift.html#a"


def test_pictures_in_text_are_embedded_or_named(tmp_path: Path) -> None:
    text = new_markdown_cell("![sketch](attachment:a.png) ![gone](folder/b.png)")
    text["attachments"] = {"a.png": {"image/png": image_data()}}
    page = render(tmp_path, text)
    assert page.img["alt"] == "sketch"
    assert "[image: gone]" in page.text


def test_progress_is_hidden_and_warnings_are_shown(tmp_path: Path) -> None:
    bars = "\rimages:   0%|   | 0/9 [00:00<?, ?it/s]\rimages:  50%|██ | 4/9 [00:01<00:01, 3.1it/s]"
    warning = "/home/me/module.py:3: UserWarning: image 7 is blank\n  warnings.warn(message)\n"
    quiet = render(tmp_path, cell(new_output("stream", name="stderr", text=bars + "\nan ordinary remark\n")))
    assert "it/s" not in quiet.text
    assert "remark" not in quiet.text
    loud = render(tmp_path, cell(new_output("stream", name="stderr", text=bars + warning)))
    assert loud.select_one(".warning pre").text == "UserWarning: image 7 is blank"


def test_widgets_leave_nothing_but_their_picture(tmp_path: Path) -> None:
    widget = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "abc"},
        "text/plain": "Canvas(toolbar)",
    }
    notebook = new_notebook(
        cells=[cell(shown(widget), shown({**widget, "image/png": image_data()}))],
        metadata={
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"abc": "WIDGET STATE"}}}
        },
    )
    nbformat.write(notebook, tmp_path / "a.ipynb")
    text = pages.write_html(tmp_path / "a.ipynb", tmp_path / "a.html", title="a").read_text(encoding="utf-8")
    assert not re.search("WIDGET STATE|Canvas|widget", text)
    assert text.count("<img") == 1


def test_a_failure_is_unmistakable(tmp_path: Path) -> None:
    failed = cell(
        new_output("error", ename="ValueError", evalue="no <b>overlap</b>", traceback=TRACEBACK),
        source="estimate_drift(masks)",
    )
    marker = new_markdown_cell("papermill's own mark", metadata={"tags": ["papermill-error-cell-tag"]})
    cells = [*full_notebook(), marker, failed, new_markdown_cell("## Never reached")]
    page = render(tmp_path, *cells, failure="no <b>overlap</b> between frames")
    assert_stands_alone(page)
    assert page.title.text == "FAILED: demo: segment"
    assert "This stage failed" in page.h1.find_next("section", class_="banner").text
    assert "no <b>overlap</b> between frames" in page.select_one(".banner .message").text
    assert page.select_one("#error pre.code").text == "estimate_drift(masks)"
    assert page.select_one("#error details pre").text.endswith("ValueError: no <b>overlap</b>")
    assert "Stopped here. ValueError" in page.select_one(".stopped").text
    assert not re.search("Never reached|papermill's|\x1b", page.text)


def test_a_stage_that_failed_without_a_notebook_has_a_page(tmp_path: Path) -> None:
    html = pages.write_html(tmp_path / "no.ipynb", tmp_path / "no.html", title="a", failure="no kernel")
    assert "no kernel" in html.read_text(encoding="utf-8")


def test_the_page_of_a_stage_tells_what_its_notebook_ran_with(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path, "demo")
    paths.parameters.parent.mkdir()
    paths.parameters.write_text("dataset: demo\nimages: ../data/*.tif\nsegment: {min_radius_px: 9.5}\n")
    paths.folder.mkdir(parents=True)
    nbformat.write(new_notebook(), paths.notebook("segment"))
    ran = describe(SegmentParameters(min_radius_px=3.5, threshold=0.7), ["threshold"])
    page = read_page(pages.write_stage(paths, "segment", parameters=ran))
    rows = {row.th.text: [data.text for data in row.find_all("td")] for row in page.select("tbody tr")}
    assert rows["threshold"][0::3] == ["0.7", "this run"]
    assert rows["min_radius_px"][0:2] == ["3.5", "px"]
    assert rows["min_radius_px"][3] == "YAML"
    assert page.h1.text == "demo: segment"


def test_the_page_of_a_stage_does_without_its_parameters(tmp_path: Path) -> None:
    page = read_page(pages.write_stage(RunPaths(tmp_path, "demo"), "drift", failure="no kernel"))
    assert not page.select("table")
    assert "no kernel" in page.select_one(".banner").text


def test_a_missing_notebook_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pages.write_html(tmp_path / "no.ipynb", tmp_path / "no.html", title="a")
    assert not (tmp_path / "no.html").exists()


def test_empty_notebook(tmp_path: Path) -> None:
    assert_stands_alone(render(tmp_path))


def test_twelve_figures_stay_small(tmp_path: Path) -> None:
    figure = image_data((200, 200))
    page = render_text(tmp_path, *(cell(shown({"image/png": figure})) for _ in range(12)))
    assert len(page) < 12 * len(figure) + 25_000


# --- index pages ------------------------------------------------------------------------------------------------


def stage_record(status: str = "finished", **more: object) -> dict[str, object]:
    figures = [{"label": "Voids per image", "value": "148", "meaning": f"median, {HOSTILE}"}]
    return {
        "status": status,
        "fingerprint": "0a1b",
        "parameters": {"threshold": 0.6, "exclude": None, "names": [HOSTILE]},
        "given": [],
        "inputs": {},
        "key_figures": figures,
        "voidlab": "0.1.0",
        "python": "3.11.7",
        "started": "2026-11-23T12:00:00+00:00",
        "seconds": 125,
        **more,
    }


def write_record(root: Path, dataset: str = "demo", **stages: dict[str, object]) -> RunPaths:
    paths = RunPaths(root, dataset)
    paths.folder.mkdir(parents=True)
    paths.record.write_text(json.dumps({"dataset": dataset, "stages": stages}), encoding="utf-8")
    return paths


def read_page(path: Path) -> BeautifulSoup:
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    assert_stands_alone(page)
    return page


def badges(page: BeautifulSoup) -> list[str]:
    return [badge.text.split(" ", 1)[1] for badge in page.select("td .badge")]


@pytest.mark.parametrize(("linker", "status", "warns"), [
    ("tilt", "finished", False), ("trackpy", "finished", True), ("tilt", "failed", True),
])  # fmt: skip
def test_a_drift_that_nothing_uses_is_superseded_and_warns_of_nothing(
    tmp_path: Path, linker: str, status: str, warns: bool
) -> None:
    poor = [
        {"label": "Largest drift", "value": "9 px", "meaning": "far", "warning": "The drift is doubtful."}
    ]
    paths = write_record(
        tmp_path,
        segment=stage_record(),
        drift=stage_record(key_figures=poor),
        track=stage_record(status, decided={"linker": linker}),
    )
    text = read_page(pages.write_dataset_index(paths)).text
    assert ("The drift is doubtful." in text) == warns
    assert ("Largest drift (superseded)" in text) != warns


def test_the_drift_of_a_focus_pair_is_that_of_its_matched_voids_and_counts(tmp_path: Path) -> None:
    poor = {
        "label": "Drift verdict",
        "value": "do not use",
        "meaning": "",
        "warning": "The drift is doubtful.",
    }
    shift = {"label": "Shift", "value": "1.1, 34.2 px", "meaning": "that of the stage drift"}
    paths = write_record(
        tmp_path,
        segment=stage_record(),
        drift=stage_record(key_figures=[poor]),
        pair=stage_record(key_figures=[shift]),
    )
    text = read_page(pages.write_dataset_index(paths)).text
    assert "The drift is doubtful." in text
    assert "superseded" not in text


def test_dataset_index_tells_the_state_of_each_stage(tmp_path: Path) -> None:
    paths = write_record(
        tmp_path,
        segment=stage_record(),
        drift=stage_record(inputs={"segment": "digest of an older result"}),
        track=stage_record("failed", error=f"too many voids {HOSTILE}"),
    )
    photo = shown({"image/jpeg": image_data((600, 900), ".jpg")})
    nbformat.write(new_notebook(cells=[cell(photo)]), paths.notebook("segment"))
    paths.html("segment").write_text("report")
    page = read_page(pages.write_dataset_index(paths))
    assert badges(page) == ["finished", "out of date", "failed", "not run"]
    assert page.title.text == "FAILED: demo"
    assert f"too many voids {HOSTILE}" in page.select_one(".banner").text
    assert [figure.text for figure in page.select(".cards dd.figure")] == ["148"] * 3
    assert [figure.text for figure in page.select(".numbers dd.figure")] == ["148"]
    assert "2 min 5 s" in page.text
    assert "2026-11-23 12:00 UTC" in page.text
    assert page.img["alt"] == "A micrograph of demo with a scale bar, its voids outlined by circles"
    assert [a.text for a in page.nav.find_all("a")] == ["All datasets", "Overview", "Segment"]


def test_dataset_index_lists_files_with_sizes(tmp_path: Path) -> None:
    paths = write_record(tmp_path, segment=stage_record())
    for path, size in (
        (paths.table("voids"), 5400),
        (paths.exports / "a #1 <b>.csv", 12),
        (paths.labels, 2_300_000),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
    page = read_page(pages.write_dataset_index(paths))
    files = page.find("summary", string="Files").find_next("table")
    assert [[data.text for data in row.find_all("td")] for row in files.select("tbody tr")] == [
        ["exports/a #1 <b>.csv", "not written by the stage export", "12 bytes"],
        ["tables/voids.parquet", "a row is a void in a frame", "5.4 kB"],
        ["labels.tif", "label image of each frame; opens in Fiji and napari", "2.3 MB"],
    ]
    assert files.a["href"] == "exports/a%20%231%20%3Cb%3E.csv"


@pytest.mark.parametrize(
    "text",
    ["", "{not json", "[]", "{}", '{"stages": 3}', '{"stages": {"drift": 1}}', '{"stages": {"drift": null}}'],
)
def test_corrupt_record_is_told(tmp_path: Path, text: str) -> None:
    paths = write_record(tmp_path)
    paths.record.write_text(text)
    page = read_page(pages.write_dataset_index(paths))
    assert "run.json cannot be read" in page.select_one(".warning").text
    assert badges(page) == ["not run"] * 4
    assert "run.json cannot be read" in read_page(pages.write_root_index(tmp_path)).text


def test_odd_values_in_a_record_do_not_stop_the_page(tmp_path: Path) -> None:
    odd = {
        "status": 3,
        "key_figures": 7,
        "parameters": "none",
        "started": None,
        "seconds": "long",
        "error": 1,
    }
    paths = write_record(
        tmp_path, segment=odd, drift={"status": "running", "key_figures": [1]}, later=stage_record()
    )
    page = read_page(pages.write_dataset_index(paths))
    assert badges(page)[:2] == ["3", "running"]
    assert "later" in page.text
    read_page(pages.write_root_index(tmp_path))


def test_missing_record_is_told(tmp_path: Path) -> None:
    page = read_page(pages.write_dataset_index(RunPaths(tmp_path, "new")))
    assert "no stage of this dataset has been run" in page.text


def test_root_index_without_datasets(tmp_path: Path) -> None:
    (tmp_path / "reports" / "folder without a record").mkdir(parents=True)
    page = read_page(pages.write_root_index(tmp_path))
    assert "No dataset has been run yet" in page.text


def test_root_index_of_one_and_two_datasets(tmp_path: Path) -> None:
    every = dict.fromkeys(("segment", "drift", "track", "export"), stage_record())
    write_record(tmp_path, "gold foil", **every)
    assert "1 dataset with a report: 1 finished." in read_page(pages.write_root_index(tmp_path)).text
    write_record(tmp_path, "demo", segment=stage_record())
    page = read_page(pages.write_root_index(tmp_path))
    assert badges(page) == ["partly run"]  # what is finished says its verdict, if it has one
    assert [a["href"] for a in page.select("tbody a")] == ["demo/index.html", "gold%20foil/index.html"]
    assert page.find("td", string="148")


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_a_browser_runs_nothing_of_it(tmp_path: Path) -> None:
    act = "document.title='acted'"
    page = f'<img src=x onerror="{act}"><script>{act}</script><svg onload="{act}"></svg>'
    render(tmp_path, cell(shown({"text/html": page})), new_markdown_cell(page))
    switches = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync --disable-component-update"
    )
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    address = (tmp_path / "segment.html").as_uri()
    seen = subprocess.run(
        [str(BROWSER), *switches.split(), "--disable-background-networking", profile, "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "<title>demo: segment</title>" in seen
    assert "acted" not in seen


def test_doubts_are_told_and_all_key_figures_are_folded(tmp_path: Path) -> None:
    doubtful = {
        "label": "Doubtful frames",
        "value": "3 of 8",
        "meaning": "thin",
        "warning": f"3 of 8 {HOSTILE}",
    }
    record = stage_record() | {"key_figures": [doubtful]}
    page = read_page(pages.write_dataset_index(write_record(tmp_path, "demo", drift=record)))
    assert [h.text for h in page.find_all("h2")] == ["Can I trust it?", "More"]
    assert page.select_one(".verdict").text.split() == f"⚠ check 3 of 8 {HOSTILE}.".split()
    folded = [box.summary.text for box in page.find_all("details") if not box.has_attr("open")]
    assert folded[0] == "All key figures"
    assert [li.text.split(" See")[0].strip() for li in page.select(".warnings li")] == [f"⚠ 3 of 8 {HOSTILE}"]
    calm = read_page(pages.write_dataset_index(write_record(tmp_path, "calm", drift=stage_record())))
    assert calm.select(".warnings li") == []
    assert "uncertain voids, doubtful drift, short tracks, or corrections" in calm.text
    alone = write_record(tmp_path, "alone", segment=stage_record(), export=stage_record())
    page = read_page(pages.write_dataset_index(alone))
    assert "about images left out, uncertain voids, or corrections that no longer fit" in page.text


def test_what_two_stages_warn_of_is_told_once(tmp_path: Path) -> None:
    cut = {
        "label": "Complete from",
        "value": "7 px",
        "meaning": "…",
        "warning": "Half of the voids are missed.",
    }
    record = stage_record() | {"key_figures": [cut]}
    page = read_page(pages.write_dataset_index(write_record(tmp_path, "demo", segment=record, export=record)))
    assert [li.text.strip() for li in page.select(".warnings li")] == ["⚠ Half of the voids are missed."]
