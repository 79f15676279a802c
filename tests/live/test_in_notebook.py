"""The watch in JupyterLab: below the cell, once for each dataset, with a sentence where it cannot be."""

import json
import re
import urllib.error
import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient

from projects import REPOSITORY
from voidlab import live
from voidlab.project.lock import DatasetBusy, held
from voidlab.project.paths import RunPaths


def test_a_page_below_the_cell_that_runs_again_and_ends(project, camera):
    camera.file(1).write_bytes(camera.content(1))
    first = live.watch_folder(project / "images", "x")
    again = live.watch_folder("images", "x")  # the cell is run again
    try:
        assert f'<iframe src="{again.session.address}"' in again._repr_html_()
        assert again.session.address == first.session.address
        with urllib.request.urlopen(repr(again), timeout=10) as page:
            assert page.status == 200
    finally:
        again.close()
    assert again._repr_html_() == "<p>the watch has ended; what was segmented is kept.</p>"


def test_a_mistake_is_a_sentence_below_the_cell(project):
    assert "there is no folder" in live.watch_folder("nowhere/at/all", "y")._repr_html_()


@pytest.mark.slow
def test_the_notebook_shows_the_page_below_its_cell_and_the_watch_ends_with_the_kernel(
    project, camera, capfd
):
    for number in range(3):
        camera.file(number).write_bytes(camera.content(number))
    notebook = nbformat.read(REPOSITORY / "notebooks" / "live.ipynb", as_version=4)
    (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source += '\nfolder, dataset = "images", "x"'
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(project)}})
    with client.setup_kernel():
        for at, cell in enumerate(notebook.cells):
            client.execute_cell(cell, at)
        (output,) = notebook.cells[-1].outputs
        address = re.search(r'<iframe src="(http://127\.0\.0\.1:[^"]+)"', output["data"]["text/html"])[1]
        assert output["data"]["text/plain"] == address
        with urllib.request.urlopen(address.replace("/?", "/events?"), timeout=30) as stream:
            shown = -1
            while shown != 2:
                line = stream.readline()
                if line.startswith(b"data: "):
                    shown = json.loads(line[6:]).get("shown", {}).get("frame", shown)
        with pytest.raises(DatasetBusy), held(RunPaths(project, "x")):
            pass
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(address, timeout=10)
    with held(RunPaths(project, "x")):  # the kernel that held it is gone
        pass
    said = capfd.readouterr().err
    assert "terminate" not in said  # as C++ says of a thread that is cut off
    assert "Traceback" not in said
