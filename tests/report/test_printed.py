"""Pages on paper, where nothing can be unfolded: what a reader needs is printed, how a page was made is not."""

import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no browser here")]
SEEN = "found => found.map(one => one.checkVisibility({visibilityProperty: true}))"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.mark.parametrize(("page", "wanted", "left_out"), [
    ("index", [".numbers", ".methods", "dl.cards", ".cards.parameters table"], ['[aria-label="Files"]']),
    ("segment", [".numbers", "details .facts", "figure img"], ["nav", ".made h2", ".made .scroll"]),
    ("export", [".numbers", "details .facts"], [".made h2"]),
])  # fmt: skip
def test_what_a_reader_needs_is_printed(browser, finished, page, wanted, left_out):
    paths, _, _ = finished
    with browser.new_page() as shown:
        shown.goto((paths.folder / f"{page}.html").as_uri())
        shown.emulate_media(media="print")
        for selectors, printed in ((wanted, True), (left_out, False)):
            for selector in selectors:
                seen = shown.eval_on_selector_all(selector, SEEN)
                assert seen, selector
                assert set(seen) == {printed}, selector
