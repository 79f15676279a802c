"""Make the pictures of the README anew: ``python docs/make_pictures.py``, with Chromium and playwright installed.

Runs the demo in a folder of its own, opens its report and, in JupyterLab, its explorer, and writes report.jpg and
explorer.jpg beside this file.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from playwright.sync_api import Locator, Page, sync_playwright

from voidlab import tables
from voidlab.explore.figure import View
from voidlab.images.series import Calibration
from voidlab.project.paths import RunPaths

HERE = Path(__file__).resolve().parent
VOIDLAB = [sys.executable, "-m", "voidlab"]
SHAPE, FRAME = (640, 832), 6  # of the demo's images, (H, W); the one that is shown
CONFIG = """
c.ServerApp.open_browser, c.ServerApp.allow_root, c.IdentityProvider.token = False, True, "here"
c.LabApp.news_url, c.LabApp.check_for_updates_class = None, "jupyterlab.NeverCheckForUpdate"
c.ServerApp.port = {}
"""


def picture_of_report(page: Page, project: Path) -> None:
    """The first screen of the demo's report."""
    page.set_viewport_size({"width": 1350, "height": 690})
    page.goto(RunPaths(project, "demo").index.as_uri())
    page.screenshot(path=HERE / "report.jpg", type="jpeg", quality=85)


def picture_of_explorer(page: Page, address: str, project: Path) -> None:
    """The explorer with voids in the colours of their tracks, the largest followed one selected."""
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(address)
    page.locator(".jp-Notebook").first.wait_for()
    page.get_by_text("| Idle").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.get_by_text(re.compile(r"^frame 1,")).first.wait_for()
    image = page.locator(".voidlab-image canvas:visible").last
    time.sleep(5)
    image.hover(position={"x": 5, "y": 5})
    for number in range(2, FRAME + 1):
        page.keyboard.press("ArrowRight")
        page.get_by_text(re.compile(rf"^frame {number},")).first.wait_for()
    page.get_by_role("tab", name="See").click()
    page.locator(".widget-dropdown", has_text="coloured by").locator("select").select_option("track")
    page.get_by_role("tab", name="Find").click()
    image.click(position=place_of_largest(image, project))
    page.get_by_text(re.compile(r"^void at \(")).first.wait_for()
    page.keyboard.press("+")  # the voids at the border, which are not followed, go out of view
    if (asked := page.get_by_role("button", name="No", exact=True)).count():  # whether to have Jupyter's news
        asked.click()
    time.sleep(5)
    page.screenshot(path=HERE / "explorer.jpg", type="jpeg", quality=75)


def place_of_largest(image: Locator, project: Path) -> dict[str, float]:
    """Where the largest void that is followed lies on the canvas, px from its upper left corner."""
    paths = RunPaths(project, "demo")
    voids = tables.load(paths, "voids").merge(tables.load(paths, "links"), on=["frame", "label"])
    void = voids[voids["frame"] == FRAME].nlargest(1, "radius_px").iloc[0]
    size = image.bounding_box()
    assert size is not None
    figure = Figure(figsize=(size["width"] / 80, size["height"] / 80), dpi=80)
    FigureCanvasAgg(figure)
    view = View(figure, SHAPE, Calibration(0.47, "parameters"))
    figure.canvas.draw()
    right, up = view.image.transData.transform((void["x_px"], void["y_px"]))
    return {"x": float(right), "y": float(figure.bbox.height - up)}


@contextmanager
def lab(project: Path) -> Iterator[str]:
    """Address of the explorer in a JupyterLab that is stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = project / "config"
    config.mkdir()
    (config / "jupyter_lab_config.py").write_text(CONFIG.format(port))
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(config), "HOME": str(project)}
    server = subprocess.Popen(
        [*VOIDLAB, "lab", "demo"], cwd=project, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token=here", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/explore.ipynb?token=here"
    finally:
        os.killpg(server.pid, 15)
        server.wait(60)


def main() -> None:
    """Make both pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        project = Path(folder)
        (project / "parameters").mkdir()
        subprocess.run([*VOIDLAB, "demo"], cwd=project, check=True)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(240_000)
        picture_of_report(page, project)
        with lab(project) as address:
            picture_of_explorer(page, address, project)
        browser.close()


if __name__ == "__main__":
    main()
