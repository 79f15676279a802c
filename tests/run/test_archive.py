"""One ZIP of a dataset's results, when asked for: never of results that are not the present ones."""

import posixpath
import zipfile
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup

from projects import run_project
from voidlab import cli
from voidlab.export.bundle import without_dead_links
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
    _check_links(copied)
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


def _check_links(paths) -> None:
    """Every page of the ZIP leads to files that are in it, or to the web, and has as many words as the report's."""
    with zipfile.ZipFile(paths.exports / "small-results.zip") as archive:
        names = set(archive.namelist())
        pages = {name: archive.read(name).decode("utf-8") for name in names if name.endswith(".html")}
    assert {"small/index.html", "small/segment.html", "small/export.html"} <= set(pages)
    for name, text in pages.items():
        page = BeautifulSoup(text, "html.parser")
        assert "voidlab zip" not in page.text
        if name == "small/index.html":
            continue  # beside the ZIP it leads to it
        own = (paths.folder / name.removeprefix("small/")).read_text("utf-8")
        assert page.text == BeautifulSoup(own, "html.parser").text
        addresses = {a.get("href") for a in page.find_all(["a", "link"])} | {
            i.get("src") for i in page.find_all("img")
        }
        files = {
            a.split("#")[0] for a in addresses if a and not a.startswith(("#", "data:", "http", "mailto:"))
        }
        dead = {file for file in files if posixpath.normpath(f"small/{unquote(file)}") not in names}
        assert not dead, name
        anchors = {a[1:] for a in addresses if a and a.startswith("#")}
        assert anchors <= {tag["id"] for tag in page.find_all(id=True)}, name


def test_links_that_lead_out_of_the_archive_become_words():
    page = (
        '<a href="../index.html">All</a> <a class="x" href="a%20b.html#top">Own</a> <a href="#here">Below</a> '
        '<a href="https://x.org/a">Web</a> <a href="logs/x.log"><b>Log</b></a>'
    )
    assert without_dead_links(page, "index.html", {"index.html", "a b.html"}) == (
        'All <a class="x" href="a%20b.html#top">Own</a> <a href="#here">Below</a> <a href="https://x.org/a">Web</a> '
        "<b>Log</b>"
    )


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
