"""Pages of a report for everyone: headings in order, pictures and tables said in words, no violation found by axe."""

import html
import importlib.util
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from voidlab.report.campaign import compare
from voidlab.report.campaign_members import read_member
from voidlab.report.campaign_page import write_campaign

# Its script alone is used: what the package does with Playwright is not.
AXE = importlib.util.find_spec("axe_playwright_python")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STAGES = ("segment", "drift", "track", "reconstruct", "export")


@pytest.fixture(scope="module")
def pages(finished, tmp_path_factory):
    """Every page of a project, by name."""
    paths, _, _ = finished
    elsewhere = tmp_path_factory.mktemp("campaign")
    campaign = write_campaign(elsewhere, compare([read_member(paths)]))
    return {
        "list": paths.reports / "index.html", "overview": paths.index, "campaign": campaign,
        **{stage: paths.html(stage) for stage in STAGES},
    }  # fmt: skip


@pytest.mark.parametrize("name", ["list", "overview", "campaign", *STAGES])
def test_pages_are_said_in_words(pages, name):
    page = BeautifulSoup(pages[name].read_text("utf-8"), "html.parser")
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile(r"h[1-6]"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(len(image["alt"]) > 15 for image in page.find_all("img"))
    assert all(cell.get("scope") in ("col", "row") for cell in page.find_all("th"))
    regions = [region["aria-label"] for region in page.find_all(attrs={"role": "region"})]
    assert len(regions) == len(set(regions))


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no browser here")
@pytest.mark.skipif(AXE is None, reason="axe-playwright-python is not installed")
@pytest.mark.parametrize("name", ["list", "overview", "campaign", *STAGES])
def test_axe_finds_no_violation(pages, name, tmp_path):
    text = pages[name].read_text("utf-8")
    # A page of ours runs no script: a copy that may.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    axe = (
        Path(str(AXE and AXE.origin))
        .with_name("axe.min.js")
        .read_text("utf-8")
        .replace("</script", "<\\/script")
    )
    run = (
        'axe.run({resultTypes: ["violations"]}).then(found => {'
        'document.body.innerHTML = ""; const shown = document.createElement("pre"); shown.id = "axe";'
        "shown.textContent = JSON.stringify(found.violations.map(v => [v.id, v.nodes.map(n => n.html)]));"
        "document.body.append(shown)})"
    )
    copy = tmp_path / "page.html"
    copy.write_text(text.replace("</body>", f"<script>{axe}</script><script>{run}</script></body>"), "utf-8")
    switches = "--headless --no-sandbox --disable-gpu --no-first-run --virtual-time-budget=30000 --dump-dom"
    seen = subprocess.run(
        [str(BROWSER), *switches.split(), f"--user-data-dir={tmp_path / 'profile'}", copy.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    found = re.search(r'<pre id="axe">(.*?)</pre>', seen, re.S)
    assert found, seen[-500:]
    assert json.loads(html.unescape(found[1])) == []
