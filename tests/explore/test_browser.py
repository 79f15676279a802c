"""A person in JupyterLab, from `voidlab lab` to the report: a real browser opens, tunes, corrects, keeps and runs."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from voidlab import tables
from voidlab.explore.figure import View
from voidlab.images.series import Calibration
from voidlab.project import corrections, parameters

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, (shutil.which(name) for name in ("chromium", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
]

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHAPE = (150, 210)
LAPTOP, SCREEN = {"width": 1366, "height": 768}, {"width": 1920, "height": 1080}
IMAGE = ".voidlab-image canvas:visible"
# What of the controls is wider than its place, so that one has to scroll sideways.
TOO_WIDE = """[...document.querySelectorAll(".voidlab-controls, .voidlab-controls *")]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(e).overflowX))
    .filter(e => e.clientWidth > 0 && !["INPUT", "SELECT", "TEXTAREA"].includes(e.tagName)).map(e => e.className)"""
SLOW_MS = 240_000  # a busy machine starts a kernel in a minute


@pytest.fixture
def lab(copied, tmp_path):
    """Address of a JupyterLab that `voidlab lab small` started; stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_lab_config.py").write_text(
        f"c.ServerApp.port = {port}\nc.ServerApp.open_browser = False\nc.ServerApp.allow_root = True\n"
        "c.IdentityProvider.token = 'here'\nc.LabApp.news_url = None\nc.LabApp.check_for_updates_class = "
        "'jupyterlab.NeverCheckForUpdate'\n"
    )
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(config), "HOME": str(tmp_path)}
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "voidlab", "lab", "small"], cwd=copied.root, env=environment,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status?token=here", server)
            yield f"http://127.0.0.1:{port}/lab/tree/notebooks/explore.ipynb?token=here"
        finally:
            os.killpg(server.pid, 15)
            server.wait(60)


def _wait_for(address, server, seconds=180):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("JupyterLab did not start")


@pytest.fixture
def page():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport=LAPTOP)
        page.set_default_timeout(SLOW_MS)
        yield page
        browser.close()


def said(page):
    return page.locator(".widget-html-content").filter(has_text=re.compile(r"^frame \d+")).first


def count(page, other_than=None):
    """The number of voids that the explorer says, once it says another than before and stays with it."""
    end, before = time.monotonic() + SLOW_MS / 1000, None
    while time.monotonic() < end:
        found = re.search(r"(\d+) voids", said(page).inner_text() if said(page).count() else "")
        now = int(found[1]) if found else None
        if now is not None and now == before != other_than:
            return now
        before = now
        time.sleep(3)
    raise AssertionError(f"the count stayed at {other_than}")


def on_canvas(canvas, x, y):
    """Where a point of the image lies on the explorer's canvas, px from its upper left corner."""
    size = canvas.bounding_box()
    figure = Figure(figsize=(size["width"] / 80, size["height"] / 80), dpi=80)
    FigureCanvasAgg(figure)
    view = View(figure, SHAPE, Calibration(0.5, "parameters"))
    figure.canvas.draw()
    right, up = view.image.transData.transform((x, y))
    return {"x": float(right), "y": float(figure.bbox.height - up)}


def all_is_seen(page):
    """Size of the image, once it fills its place; it, the frames and the settings have to be in view together."""
    place, canvas = page.locator(".voidlab-image"), page.locator(IMAGE).last
    end = time.monotonic() + SLOW_MS / 1000
    while True:
        room, drawn = place.bounding_box(), canvas.bounding_box()
        if abs(room["width"] - drawn["width"]) < 2 and abs(room["height"] - drawn["height"]) < 2:
            break
        assert time.monotonic() < end, f"the image is {drawn}, its place {room}"
        time.sleep(0.5)
    window = page.viewport_size
    slider = page.locator(".widget-slider", has_text="threshold").first
    for part in (canvas, slider, page.locator(".widget-slider", has_text="frame").first):
        box = part.bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= window["width"]
        assert box["y"] + box["height"] <= window["height"]
    return drawn["width"], drawn["height"]


def drag(page, canvas, *points):
    """Draw with the mouse through ``points`` of the canvas."""
    corner = canvas.bounding_box()
    places = [(corner["x"] + point["x"], corner["y"] + point["y"]) for point in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
        time.sleep(0.1)  # as a hand does: the canvas takes a position every 33 ms
    page.mouse.up()


def unfold(page):
    """Open all that is folded on a page."""
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")


def test_look_tune_correct_keep_run_report(lab, page, copied, tmp_path):
    shots = Path(os.environ.get("VOIDLAB_SCREENSHOTS", tmp_path))
    page.goto(lab)
    page.locator(".jp-Notebook").first.wait_for()
    page.get_by_text("| Idle").first.wait_for()  # what is run before the kernel is there is lost
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    first = count(page)
    canvas = page.locator(IMAGE).last
    canvas.wait_for()  # it has a size, so there is something to see
    small = all_is_seen(page)
    page.screenshot(path=shots / "1-open.png")
    page.set_viewport_size(SCREEN)
    time.sleep(1)
    large = all_is_seen(page)
    assert page.evaluate(TOO_WIDE) == []
    page.screenshot(path=shots / "1-open-large.png")
    assert min(large) > 1.4 * min(small)  # the image follows the window
    page.set_viewport_size(LAPTOP)
    time.sleep(1)
    assert all_is_seen(page) == small
    for tab in ("See", "Link", "Save", "Find"):
        page.get_by_role("tab", name=tab).click()
        time.sleep(0.3)
        assert page.evaluate(TOO_WIDE) == []

    # tune: the threshold to its end
    handle = page.locator(".widget-slider", has_text="threshold").locator(".noUi-handle").first
    handle.focus()
    for _ in range(45):
        handle.press("ArrowRight")
    tuned = count(page, other_than=first)
    assert tuned < first
    page.screenshot(path=shots / "2-tuned.png")

    # correct: select the largest void of the frame with a click, delete it with a key
    voids = tables.load(copied, "voids")
    inside = voids[(voids["frame"] == 1) & ~voids["touches_edge"]]
    void = inside.loc[inside["radius_px"].idxmax()]
    page.get_by_role("tab", name="Correct").click()
    canvas.click(position=on_canvas(canvas, void["x_px"], void["y_px"]))
    page.get_by_text(re.compile(r"^void at \(")).wait_for()
    page.keyboard.press("Delete")
    page.get_by_text("1 correction by hand").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text(re.compile(r"^frame 2")).wait_for()
    page.keyboard.press("ArrowLeft")
    page.get_by_text(re.compile(r"^frame 1")).wait_for()
    page.keyboard.press("u")
    page.get_by_text("0 corrections by hand").wait_for()
    page.keyboard.press("r")
    page.get_by_text("1 correction by hand").wait_for()
    assert page.locator(".jp-CodeCell").count() == 2  # no key went to the notebook: there it deletes cells

    # select many: a box on the image, a range in the histogram of sizes
    drag(page, canvas, on_canvas(canvas, 5, 5), on_canvas(canvas, 100, 60), on_canvas(canvas, 200, 140))
    page.get_by_text(re.compile(r"^\d+ voids selected")).wait_for()
    page.screenshot(path=shots / "3-selected.png")
    plots = page.locator(".voidlab-controls canvas").last
    plots.scroll_into_view_if_needed()
    drag(page, plots, {"x": 60, "y": 40}, {"x": 150, "y": 45}, {"x": 310, "y": 50})
    page.get_by_text(re.compile(r"^\d+ voids selected|^void at")).wait_for()
    canvas.hover(position={"x": 5, "y": 5})
    page.keyboard.press("Escape")

    # the scale bar's length is typed: keys that are typed are no commands
    page.get_by_role("tab", name="Image").click()
    page.get_by_role("button", name="scale bar").click()
    drag(page, canvas, on_canvas(canvas, 20, 20), on_canvas(canvas, 60, 20), on_canvas(canvas, 120, 20))
    length = page.get_by_role("spinbutton").and_(page.locator(":visible")).last
    length.fill("50")
    for key in ("Backspace", "Delete", "ArrowRight"):
        length.press(key)
    page.get_by_role("button", name="set the pixel size").click()
    page.get_by_text(re.compile(r"^pixel size: 0\.0")).wait_for()  # 5 nm for 100 px
    page.screenshot(path=shots / "3-scale-bar.png")
    assert len(corrections.read_log(copied.corrections).kept()) == 1
    page.get_by_role("button", name="as in the file").click()

    # try the linking, save the view
    page.get_by_role("tab", name="Link").click()
    page.locator("button:visible", has_text="preview").first.click()
    page.get_by_text(re.compile(r"4 frames, 1 to 4")).wait_for()
    page.screenshot(path=shots / "3-linked.png")
    page.locator("button:visible", has_text="end preview").click()
    page.get_by_role("tab", name="Save").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="save SVG").click()
    assert saved.value.suggested_filename == "small-frame-1.svg"
    assert "<svg" in Path(saved.value.path()).read_text(encoding="utf-8")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="copy numbers").click()
    page.get_by_text(re.compile(r"copied$")).wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("frame\tlabel\tx_px")
    page.screenshot(path=shots / "3-corrected.png")
    (made,) = corrections.read_log(copied.corrections).kept()
    assert (made.edit.at.x_px, made.edit.at.y_px) == pytest.approx((void["x_px"], void["y_px"]), abs=0.01)

    # see: filled, by size
    page.get_by_role("tab", name="See").click()
    page.get_by_role("button", name="filled").click()
    page.locator(".widget-dropdown", has_text="coloured by").locator("select").select_option("size")
    time.sleep(2)
    page.screenshot(path=shots / "4-filled.png")

    # compare with a stricter threshold
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="compare").click()
    page.get_by_text(re.compile(r"\d+ voids on the left, \d+ on the right")).wait_for()
    time.sleep(2)
    page.screenshot(path=shots / "5-compared.png")
    shown = page.locator(IMAGE)
    assert shown.count() == 2  # ipympl's two of the comparison, none of the image
    seen = Image.open(io.BytesIO(page.locator(".voidlab-image").screenshot())).convert("L")
    assert np.std(np.asarray(seen)) > 30  # neither white nor black: it is drawn
    page.get_by_role("button", name="back to the image").click()

    # keep
    page.get_by_role("tab", name="Find").click()
    all_is_seen(page)
    page.get_by_role("button", name="keep …").click()
    page.get_by_role("cell", name="segment.threshold").wait_for()
    page.screenshot(path=shots / "6-difference.png")
    page.locator("button:visible", has_text="write").click()
    page.get_by_text("segment.threshold: 0.5 (default) →").wait_for()
    assert parameters.load_parameters(copied.parameters).segment.threshold > 0.9

    # run, and find it all in the report
    done = subprocess.run(
        [sys.executable, "-m", "voidlab", "run", "parameters/small.yaml"],
        cwd=copied.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page.goto(copied.index.as_uri())
    unfold(page)
    page.get_by_text("Corrections by hand").first.wait_for()
    page.screenshot(path=shots / "7-report.png", full_page=True)
    page.goto(copied.html("segment").as_uri())
    unfold(page)
    page.get_by_text("1 correction by hand").first.wait_for()
    assert page.get_by_text("deleted the void at").count() == 1
    frames = tables.load(copied, "frames").set_index("frame")
    assert frames.loc[1, "void_count"] == tuned - 1
