"""A matplotlib figure as a widget."""

from __future__ import annotations

import warnings
from typing import Any

from ipympl.backend_nbagg import Canvas, FigureManager
from matplotlib.figure import Figure


def canvas_of(figure: Figure) -> Any:
    """An ipympl canvas around ``figure``, with its toolbar and without the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # ipympl's toolbar still does what traitlets deprecates
        canvas = Canvas(figure)
        FigureManager(canvas, 0)
    # What is drawn before a browser is there must not be kept: ipympl keeps it in a form that no browser can show.
    canvas.syncing_data_url = False
    canvas.header_visible = canvas.footer_visible = canvas.resizable = False
    canvas.toolbar_visible, canvas.toolbar_position, canvas.capture_scroll = True, "top", True
    return canvas
