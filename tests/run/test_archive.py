"""One ZIP of a dataset's results, when asked for: never of results that are not the present ones."""

import zipfile

import pytest
from bs4 import BeautifulSoup

from projects import run_project
from voidlab import cli
from voidlab.export.contents import meanings
from voidlab.project.paths import ProjectError
from voidlab.run.archive import make_archive


def test_no_run_makes_it_and_the_page_says_how_to_have_it(finished):
    paths, _, _ = finished
    assert not list(paths.exports.glob("*-results.zip"))
    assert "<code>voidlab zip small</code>" in paths.index.read_text("utf-8")


def test_the_command_puts_everything_into_it_and_the_next_exports_remove_it(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    assert cli.main(["zip", "small"]) == 0
    assert "wrote reports/small/exports/small-results.zip" in capsys.readouterr().out
    with zipfile.ZipFile(copied.exports / "small-results.zip") as archive:
        names = archive.namelist()
    assert {"small/README.txt", "small/labels.tif", "small/exports/voids.csv"} <= set(names)
    # The report itself, and all that its overview links to within the dataset's folder.
    linked = {a["href"] for a in BeautifulSoup(copied.index.read_text("utf-8"), "html.parser").find_all("a")}
    inside = {f"small/{href}" for href in linked if not href.startswith(("../", "#", "logs/"))}
    inside = {href for href in inside if not href.endswith((".ipynb", "-results.zip"))}
    assert {"small/index.html", "small/segment.html", "small/tables/voids.parquet"} <= inside | {
        "small/index.html"
    }
    assert {href for href in inside if (copied.folder / href.removeprefix("small/")).is_file()} <= set(names)
    assert any(name.startswith("small/overlays/frame-") for name in names)
    listed = [file for file in meanings(copied.exports) if (copied.exports / file).is_file()]
    assert {f"small/exports/{file}" for file in listed} <= set(names)
    page = copied.index.read_text("utf-8")
    assert 'href="exports/small-results.zip"' in page
    assert "voidlab zip" not in page
    assert "not written by the stage export" not in page
    done, lines = run_project(copied, start="export")
    assert done, lines
    assert not (copied.exports / "small-results.zip").exists()
    assert "<code>voidlab zip small</code>" in copied.index.read_text("utf-8")


def test_results_that_are_not_the_present_ones_are_not_sent_on(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    text = copied.parameters.read_text()
    copied.parameters.write_text(text + "drift: {source: images}\n")
    with pytest.raises(
        ProjectError, match=r"stage 'drift' is out of date.* voidlab run parameters/small.yaml"
    ):
        make_archive("small")
    copied.parameters.write_text(text)
    (copied.exports / "voids.csv").write_text("sorted by hand")
    with pytest.raises(ProjectError, match=r"exports/voids\.csv is not the one that stage 'export' recorded"):
        make_archive("small")
    assert not list(copied.exports.glob("*-results.zip"))


def test_what_has_not_run_says_so(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    copied.record.unlink()
    with pytest.raises(ProjectError, match="stage 'export' has not finished"):
        make_archive("small")
