"""The watch in JupyterLab: below the cell, once for each dataset, with a sentence where it cannot be."""

import urllib.request

from voidlab import live


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
