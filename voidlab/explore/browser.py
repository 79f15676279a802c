"""The explorer's link to the browser: the room it has, keys, downloads and the clipboard.

What a browser does is in explorer.js, how it looks in explorer.css. Where a page runs no script the explorer works
all the same: at a fixed size, by buttons alone, and with a link to click for each file it gives.
"""

import base64
import html
import json
from collections.abc import Callable, Collection
from importlib.resources import files

import ipywidgets as w


class Browser:
    """``widget`` is what has to be among the explorer's widgets, ``given`` where files and copies are offered."""

    def __init__(
        self,
        keys: Collection[str],
        pressed: Callable[[str], None],
        resized: Callable[[int, int], None],
        copied: Callable[[bool], None],
    ) -> None:
        self._pressed, self._resized, self._copied = pressed, resized, copied
        self._last = 0
        code = _text("explorer.js").replace("/*KEYS*/", json.dumps(sorted(keys)))
        shown = {"application/javascript": code, "text/plain": ""}
        script = w.Output(outputs=({"output_type": "display_data", "data": shown, "metadata": {}},))
        self.heard = w.Text(continuous_update=True)
        self.heard.add_class("voidlab-from-browser")
        self.heard.observe(lambda change: self._hear(change["new"]), names="value")
        style = w.HTML(f"<style>{_text('explorer.css')}</style>")
        self.widget = w.VBox([style, script, self.heard])
        self.widget.add_class("voidlab-hidden")
        self.given = w.HTML()
        self.given.add_class("voidlab-to-browser")

    def _hear(self, said: str) -> None:
        try:
            messages = json.loads(said)
        except ValueError:
            return
        for message in messages:
            if message["n"] <= self._last:
                continue
            self._last = message["n"]
            if "key" in message:
                self._pressed(message["key"])
            elif "size" in message:
                self._resized(*message["size"])
            elif "copied" in message:
                self._copied(message["copied"])

    def download(self, name: str, kind: str, content: bytes) -> None:
        """Give ``content`` of the MIME type ``kind`` as a file called ``name``."""
        link = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        word = html.escape(name)
        self.given.value = f'<a data-do="download" download="{word}" href="{link}">{word}</a>'

    def copy(self, text: str) -> None:
        """Put ``text`` on the clipboard; `copied` is told whether that went well."""
        self.given.value = f'<pre data-do="copy" hidden>{html.escape(text)}</pre>'

    def copy_picture(self, png: bytes) -> None:
        """Put a PNG on the clipboard; `copied` is told whether that went well."""
        link = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        self.given.value = f'<img data-do="copy-picture" alt="the view" hidden src="{link}">'


def _text(name: str) -> str:
    return (files("voidlab.explore") / name).read_text(encoding="utf-8")
