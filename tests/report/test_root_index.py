"""The list of datasets: what each is worth, how much is in it, in every order, also of sixty."""

import base64
import io
import json

import nbformat
import numpy as np
import PIL.Image
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output

from voidlab.project.paths import ProjectError, RunPaths
from voidlab.report import notebook_html, root_index

LIGHTS = ("good", "check", "do not use")


def put(root, name, *, light="good", voids=100, sample=None, started="2026-01-01T00:00:00+00:00", photo=None):
    paths = RunPaths(root, name)
    paths.folder.mkdir(parents=True)
    warning = {} if light == "good" else {"warning": f"The verdict on the detections is '{light}': doubtful."}
    figures = [
        {"label": "Detections verdict", "value": light, "meaning": "as expected", **warning},
        {"label": "Voids", "value": f"{voids:,}", "meaning": "in the one image"},
        {"label": "Mean diameter as seen", "value": "6.4 nm", "meaning": "frame 1"},
    ]
    if not voids:
        figures[1]["warning"] = "No void was detected in any image."
    entry = {"status": "finished", "fingerprint": "", "given": [], "inputs": {}, "started": started}
    stages = {
        "segment": {**entry, "parameters": {}, "key_figures": figures},
        "export": {**entry, "parameters": sample or {}, "key_figures": []},
    }
    paths.record.write_text(json.dumps({"dataset": name, "stages": stages}))
    if photo:
        shown = new_output("display_data", data={"image/jpeg": base64.b64encode(photo).decode()})
        nbformat.write(new_notebook(cells=[new_code_cell("", outputs=[shown])]), paths.notebook("segment"))
    return paths


@pytest.fixture(scope="module")
def sixty(tmp_path_factory):
    root = tmp_path_factory.mktemp("sixty")
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (600, 800), np.uint8)
    PIL.Image.fromarray(noise).save(stream, "JPEG")
    for n in range(60):
        put(root, f"field {n}", light=LIGHTS[n % 3], voids=0 if n == 3 else 7 * n + 1, photo=stream.getvalue(),
            sample={"material": f"alloy {n // 20}", "dose_dpa": float(n // 20)},
            started=f"2026-01-{1 + n % 28:02}T00:00:00+00:00")  # fmt: skip
    root_index.write_root_index(root)
    return root


def rows_of(root, page="index.html"):
    soup = BeautifulSoup((root / "reports" / page).read_text("utf-8"), "html.parser")
    return soup, soup.select("tbody tr")


def names(rows):
    return [row.th.a.text for row in rows]


def test_sixty_datasets_stand_in_the_order_of_their_numbers(sixty):
    page, rows = rows_of(sixty)
    assert names(rows) == [f"field {n}" for n in range(60)]
    assert "60 datasets with a report: 60 finished. Verdicts: 20 do not use, 21 check, 19 good." in page.text
    assert all(row.img["alt"].startswith("A micrograph of field") for row in rows)
    assert (sixty / "reports" / "index.html").stat().st_size < 3_000_000
    assert not page.find_all("script")


@pytest.mark.parametrize(("order", "first", "last"), [
    ("verdict", "field 2", "field 57"), ("voids", "field 59", "field 3"), ("sample", "field 0", "field 59"),
    ("last run", "field 27", "field 56"),
])  # fmt: skip
def test_each_order_is_a_page(sixty, order, first, last):
    page, rows = rows_of(sixty, f"index by {order}.html")
    assert len(rows) == 60
    assert names(rows)[0] == first
    if order != "voids":
        assert names(rows)[-1] == last
    (sorted_by,) = page.select("th[aria-sort]")
    assert sorted_by.text.split()[0] == order.split()[0]
    # From each order one comes to all others, and back.
    assert len(page.select("thead a")) == 4


def test_no_voids_and_do_not_use_are_no_blue_tick(sixty):
    _, rows = rows_of(sixty)
    assert [badge["class"] for badge in rows[2].select(".badge")] == [["badge", "do-not-use"]]
    assert "✕ do not use" in rows[2].text
    empty = rows[3]
    assert [badge["class"] for badge in empty.select(".badge")] == [["badge", "check"]]
    assert "No void was detected in any image." in empty.text
    assert "✓" not in empty.text


def test_the_sample_is_told(sixty):
    _, rows = rows_of(sixty)
    assert "alloy 2; 2 dpa" in rows[59].text


def test_pictures_are_made_small_once(sixty, monkeypatch):
    monkeypatch.setattr(notebook_html, "first_photo", lambda notebook: pytest.fail("read again"))
    root_index.write_root_index(sixty)
    _, rows = rows_of(sixty)
    assert all(row.img for row in rows)


def test_names_break_behind_their_parts_and_numbers_nowhere(tmp_path):
    put(tmp_path, "16_BF_2-defocus_-1um")
    page = root_index.write_root_index(tmp_path).read_text("utf-8")
    assert "16_<wbr>BF_<wbr>2-<wbr>defocus_<wbr>-1um</a>" in page
    assert '<td class="measured">6.4 nm</td>' in page


def test_tracks_of_positions_are_not_called_voids(tmp_path):
    paths = put(tmp_path, "tracked")
    record = json.loads(paths.record.read_text())
    figures = [{"label": "Particles", "value": "1,234", "meaning": ""}]
    record["stages"] = {"positions": {**record["stages"]["segment"], "key_figures": figures}}
    paths.record.write_text(json.dumps(record))
    root_index.write_root_index(tmp_path)
    _, (row,) = rows_of(tmp_path)
    assert row.select_one("td.number").text == "1,234 tracks"


def test_one_dataset_has_no_orders(tmp_path):
    put(tmp_path, "only")
    root_index.write_root_index(tmp_path)
    page, _ = rows_of(tmp_path)
    assert not page.select("thead a")
    assert not list((tmp_path / "reports").glob("index by*"))


@pytest.mark.parametrize(
    "name", ["index by verdict.html", "Index.html", "campaign.html", "campaign of W.html"]
)
def test_no_dataset_takes_the_place_of_a_page(tmp_path, name):
    with pytest.raises(ProjectError, match="cannot name a dataset"):
        RunPaths(tmp_path, name)
