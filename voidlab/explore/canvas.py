"""A matplotlib figure as a widget."""

import warnings
from types import ModuleType
from typing import Any

import matplotlib
from matplotlib.figure import Figure


def canvas_of(figure: Figure) -> Any:
    """An ipympl canvas around ``figure``, without what else ipympl puts around it; the wheel is the figure's."""
    backend = _ipympl()
    with warnings.catch_warnings():
        # ipympl's toolbar still does what traitlets deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        canvas = backend.Canvas(figure)
        backend.FigureManager(canvas, 0)
    # What is drawn before a browser is there must not be kept: ipympl keeps it in a form that no browser can show.
    canvas.syncing_data_url = False
    canvas.header_visible = canvas.footer_visible = canvas.resizable = False
    canvas.toolbar_visible, canvas.capture_scroll = False, True
    # Matplotlib has keys of its own, such as l for a logarithmic axis.
    canvas.mpl_disconnect(canvas.manager.key_press_handler_id)
    return canvas


def fill(canvas: Any, width: int, height: int) -> None:
    """Give the ``canvas`` a size, px of the page."""
    canvas.handle_resize({"width": width, "height": height})


def hide_handle(canvas: Any) -> None:
    """Say once more that the ``canvas`` has no handle to resize it: a page of voila shows one at the start."""
    canvas.send_state("resizable")


def _ipympl() -> ModuleType:
    """ipympl's backend; when imported it makes itself the one of every figure, which only the explorer's is to be."""
    before = matplotlib.get_backend(auto_select=False)
    from ipympl import backend_nbagg

    if before is not None:
        matplotlib.use(before)
    return backend_nbagg
