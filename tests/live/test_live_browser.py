"""The page of a watch in a real browser: numbers change, pause works, a frame is marked, an alarm appears."""

import os
import re
import shutil
from pathlib import Path

import pytest

from voidlab.live.session import Session

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, (shutil.which(name) for name in ("chromium", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
]
WAIT_MS = 60_000
SIZES = {"laptop": (1366, 768), "projector": (1920, 1080), "phone": (390, 844)}


@pytest.fixture
def page():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(WAIT_MS)
        yield page
        browser.close()


def shows(page, frame):
    playwright.expect(page.locator("body")).to_have_attribute("data-frame", str(frame), timeout=WAIT_MS)
    page.get_by_text(f"frame {frame}: img_{frame:04d}.tif").wait_for()


def test_numbers_change_pause_works_a_frame_is_marked_and_an_alarm_appears(project, camera, page, tmp_path):
    shots = Path(os.environ.get("VOIDLAB_SCREENSHOTS", tmp_path))
    wrong, asked = [], []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    with Session("images", "x") as session:
        page.goto(session.address)
        page.get_by_text(f"no image yet of those in {project / 'images'}").wait_for()
        playwright.expect(page.locator("#about")).to_have_text("0 images, 0.5 nm per px", timeout=WAIT_MS)
        assert page.locator("#n-age").inner_text() == "–"
        for number in range(10):
            camera.file(number).write_bytes(camera.content(number))
        shows(page, 9)
        playwright.expect(page.locator("#n-tracks")).to_have_text(re.compile(r"\d+"), timeout=WAIT_MS)
        camera.file(10).write_bytes(camera.content(10))
        shows(page, 10)
        count = session.watch.register.of_frame(10).count
        playwright.expect(page.locator("#n-count")).to_have_text(str(count), timeout=WAIT_MS)
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("paused", exact=True).wait_for()
        camera.file(11).write_bytes(camera.content(11))
        playwright.expect(page.locator("#n-backlog")).to_have_text("1", timeout=WAIT_MS)
        page.get_by_role("button", name="Go on").click()
        shows(page, 11)
        page.get_by_role("button", name="Mark this frame bad").click()
        page.get_by_text("frame 11 is marked as bad").wait_for()
        page.get_by_role("button", name="This frame counts").click()
        page.get_by_text("frame 11 counts again").wait_for()
        page.get_by_role("button", name="Decide again").click()
        page.get_by_text("decided again: ").first.wait_for()
        camera.file(12).write_bytes(camera.content(0, shape=(40, 50)))
        page.get_by_text("img_0012.tif is 50 × 40 px, the others are 160 × 120 px").wait_for()
        for name, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            page.screenshot(path=shots / f"watch-{name}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            box = page.locator("#field").bounding_box()
            assert box["width"] > width / 3
        page.set_viewport_size({"width": 1366, "height": 768})
        for button in ("Pause", "Mark this frame bad", "for all images", "Decide again"):
            box = page.get_by_role("button", name=button).bounding_box()
            assert box["y"] + box["height"] <= 768, button  # seen without scrolling
        for number in range(13, 21):
            camera.file(number).write_bytes(camera.content(0, shape=(40, 50)))
        page.get_by_text(re.compile("and [4-9] more")).wait_for()  # and nothing arrives, after a while
        page.set_viewport_size({"width": 1920, "height": 1080})
        page.wait_for_timeout(500)
        page.screenshot(path=shots / "watch-alarms.png")
        assert page.evaluate("letters()") == 14.25  # px, where the text is 19
        for place in ("#c-count", "#c-drift", "#all", "#field"):
            box = page.locator(place).bounding_box()
            assert box["height"] > 35
            assert box["y"] + box["height"] <= 1080, place
        page.locator("#alarms summary").click()
        playwright.expect(page.get_by_text("img_0020.tif is 50 × 40 px")).to_be_visible()
        base = session.address.partition("?")[0]
        assert all(address.startswith((base, "data:")) for address in asked)
    page.get_by_text("not connected").wait_for()
    assert [text for text in wrong if "ERR_" not in text] == []  # but for the end of the watch
