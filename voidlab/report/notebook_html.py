"""An executed notebook as blocks to read: its text, tables, figures, warnings and error, cleaned of all else.

Nothing that comes from a file name, a YAML file or an output gets through as markup, except what a short list of
harmless tags allows.
"""

import base64
import html as markup
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bleach  # type: ignore[import-untyped]
import nbformat
from bs4 import BeautifulSoup, Tag
from markupsafe import Markup
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from voidlab.tables.reading import read_text

_TAGS = frozenset(
    re.findall(
        r"\w+",
        "a abbr b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd "
        "li ol p pre s small span strong sub summary sup table tbody td tfoot th thead tr u ul",
    )
)
# What these hold is not text to read, so it goes with the tag.
_NOT_TEXT = re.compile(r"(?si)<(script|style|iframe|object|noscript|template|title)\b.*?(</\1\s*>|\Z)")
_INSIDE = re.compile(r"[\w#.][^:\\]*")  # an address that stays in the folder of the report
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[\w+/=\s]+")
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")
_BOX = {"class": "scroll", "tabindex": "0", "role": "region"}
_MOST_ROWS = 30  # of a table that stands open
_WIDGET = "application/vnd.jupyter.widget-view+json"
_REPR = re.compile(r"\[?<.*>\]?", re.S)
_NUMBER = re.compile(r"(±\s?)?[-+−]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?\s?%?|nan|<NA>|–|", re.I)
_HEADING = re.compile(r"\s*(#{1,6})\s+(.+)")

# A bar of tqdm ends in "[00:01<00:02, …]"; a warning may follow it on the same line.
_BAR = re.compile(r"^.*\[(\d+:)?\d+:\d\d[<,][^\]]*\]|^.*\d+%\|.*$")
_WARNS = re.compile(r"(warning|error|critical)\b", re.I)
_PLACE = re.compile(r"^\S.*?:\d+: (?=\w*Warning)")


@dataclass(frozen=True)
class Block:
    """A piece of a report, in reading order."""

    kind: Literal["html", "image", "text", "warning", "error", "parameters"]
    body: str | Markup = ""
    alt: str = ""
    width: int | None = None
    prose: bool = False  # text of the notebook itself, not an output
    level: int = 0  # of the heading that it begins with, if it does, and its words
    title: str = ""
    tags: frozenset[str] = frozenset()  # of its cell
    links: tuple[tuple[str, str], ...] = ()  # of a picture: files beside the page, with what they are called


@dataclass(frozen=True)
class Error:
    """The error that ended a notebook, and the code of the cell that raised it."""

    number: int | None
    code: str
    message: str
    traceback: str


class _Prose(IPythonRenderer):
    """Markdown to HTML that keeps one h1 per page, loads nothing, and remembers the last heading."""

    def __init__(self, title: str) -> None:
        super().__init__(escape=False)
        self.last_heading = title
        self.titled = False
        self.tables = itertools.count(1)  # regions of a page need names of their own

    def heading(self, text: str, level: int) -> str:  # type: ignore[override]
        self.last_heading = markup.unescape(re.sub(r"<[^>]*>", "", text))
        if level == 1 and not self.titled:
            self.titled = True  # the page has its title already
            return ""
        return f"<h{max(level, 2)}>{text}</h{max(level, 2)}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if _INSIDE.fullmatch(url):
            return f'<a href="{markup.escape(url)}">{text}</a>'
        address = markup.escape(url)
        return text if address in text else f"{text} ({address})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        alt = markup.escape(text or self.last_heading)
        for mime, data in self.attachments.get(url.removeprefix("attachment:"), {}).items():
            return f'<img src="data:{mime};base64,{data}" alt="{alt}">'
        return f"[image: {alt}]"

    def render(self, source: str, attachments: dict[str, dict[str, str]] | None = None) -> Markup:
        """Clean HTML of a markdown text."""
        self.attachments = attachments or {}
        return _clean(MarkdownWithMath(renderer=self).render(source), self.last_heading, self.tables)


def read_blocks(notebook: Path, title: str) -> tuple[list[Block], Error | None]:
    """The blocks of a notebook up to its first error, and that error."""
    prose, blocks = _Prose(title), []
    for cell in _read(notebook).cells:
        tags = set(cell.metadata.get("tags", []))
        if tags & {"parameters", "injected-parameters"} and Block("parameters") not in blocks:
            blocks.append(Block("parameters"))
        if cell.cell_type == "markdown" and "papermill-error-cell-tag" not in tags:
            level, title = _heading(cell.source, prose)
            body = prose.render(cell.source, cell.get("attachments"))
            blocks.append(Block("html", body, prose=True, level=level, title=title, tags=frozenset(tags)))
        elif cell.cell_type == "code":
            blocks.extend(_outputs(cell, prose))
            error = _error(cell)
            if error:
                return [*blocks, Block("error", error.message)], error
    return blocks, None


def _heading(source: str, prose: _Prose) -> tuple[int, str]:
    """Level and words of the heading that a markdown text begins with; the title of the notebook is none."""
    found = _HEADING.match(source)
    if not found or (len(found[1]) == 1 and not prose.titled):
        return 0, ""
    return max(len(found[1]), 2), re.sub(r"[`*]", "", found[2]).strip()


def _read(notebook: Path) -> nbformat.NotebookNode:
    return nbformat.reads(read_text(notebook), as_version=4)


def start_time(notebook: Path) -> str | None:
    """When papermill began to execute a notebook, in its words."""
    made: str | None = _read(notebook).metadata.get("papermill", {}).get("start_time")
    return made


def first_photo(notebook: Path) -> bytes | None:
    """The first micrograph shown in a notebook: its first JPEG."""
    output = _first_photo(notebook)
    return None if output is None else base64.b64decode(output.data["image/jpeg"])


def link_of_first_photo(notebook: Path) -> str | None:
    """The file beside the page that shows the same at full resolution; None where there is none."""
    try:
        output = _first_photo(notebook)
        block = None if output is None else _image("image/jpeg", "", output.get("metadata", {}), "")
    except Exception:  # nbformat raises anything on what is no notebook
        return None
    return block.links[0][1] if block and block.links else None


def _first_photo(notebook: Path) -> nbformat.NotebookNode | None:
    for cell in _read(notebook).cells:
        for output in cell.get("outputs", []):
            if "image/jpeg" in output.get("data", {}):
                return output
    return None


def _outputs(cell: nbformat.NotebookNode, prose: _Prose) -> Iterator[Block]:
    warnings = _warnings("".join(o.text for o in cell.outputs if o.get("name") == "stderr"))
    if warnings:
        yield Block("warning", warnings)
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            text = "\n".join(_overwritten(output.text)).strip("\n")
            yield from [Block("text", text)] if text else []
        elif output.output_type in ("display_data", "execute_result"):
            yield from _display(output, prose)


def _display(output: nbformat.NotebookNode, prose: _Prose) -> Iterator[Block]:
    """The richest form of an output that a page without scripts can show, if any."""
    data = output.data
    for mime in _IMAGES:
        if mime in data:
            yield _image(mime, data[mime], output.get("metadata", {}), prose.last_heading)
            return
    if _WIDGET in data:
        return  # a widget lives in a running notebook; its text says nothing to a reader
    if "text/html" in data:
        body = _clean(data["text/html"], prose.last_heading, prose.tables)
        yield from [Block("html", body)] if body.strip() else []
    elif "text/markdown" in data:
        yield Block("html", prose.render(data["text/markdown"]))
    elif data.get("text/plain") and not _REPR.fullmatch(data["text/plain"]):
        yield Block("text", strip_ansi(data["text/plain"]))


def _image(mime: str, data: str, metadata: Mapping[str, Any], heading: str) -> Block:
    own = metadata.get(mime)
    told = {**metadata, **own} if isinstance(own, Mapping) else metadata
    if mime == "image/svg+xml":
        data = base64.b64encode(data.encode()).decode()
    width = told.get("width")
    source = f"data:{mime};base64,{''.join(data.split())}"
    alt = str(told.get("alt") or f"Figure: {heading}")
    named = told.get("links")
    links = [(str(n), str(file)) for n, file in named.items()] if isinstance(named, Mapping) else []
    # Papermill sorts what it writes as text, which puts frame 10 before frame 2.
    links.sort(key=lambda link: [int(part) if part.isdigit() else 0 for part in re.split(r"(\d+)", link[0])])
    safe = tuple(link for link in links if _INSIDE.fullmatch(link[1]))
    return Block("image", source, alt, width if isinstance(width, int) else None, links=safe)


def _error(cell: nbformat.NotebookNode) -> Error | None:
    for output in cell.outputs:
        if output.output_type == "error":
            message = strip_ansi(f"{output.ename}: {output.evalue}")
            return Error(cell.execution_count, cell.source, message, strip_ansi("\n".join(output.traceback)))
    return None


def _overwritten(text: str) -> list[str]:
    """Lines as a terminal would show them, where a carriage return starts the line anew."""
    return [line.rstrip("\r").rsplit("\r", 1)[-1] for line in strip_ansi(text).split("\n")]


def _warnings(stderr: str) -> str:
    """What stderr warns of, without progress bars, paths of modules and the code that warned."""
    lines = [_BAR.sub("", line).rstrip() for line in _overwritten(stderr)]
    if not any(_WARNS.search(line) for line in lines):
        return ""
    said = [_PLACE.sub("", line) for line in lines if line and not line.startswith(" ")]
    return "\n".join(dict.fromkeys(said))


def _clean(html: str, heading: str, numbers: Iterator[int]) -> Markup:
    """HTML with harmless tags only, tables in boxes of their own, an alternative text on each image."""
    # "http" lets relative addresses pass; `_allowed` has the last word.
    safe = bleach.clean(
        _NOT_TEXT.sub("", html), tags=_TAGS, attributes=_allowed, protocols={"data", "http"}, strip=True
    )
    if "<" not in safe:
        return Markup(safe)
    soup = BeautifulSoup(re.sub(r"<(/?)h1\b", r"<\1h2", safe), "html.parser", store_line_numbers=False)
    for image in soup.find_all("img"):
        if not image.get("src"):
            image.decompose()
        elif not image.get("alt"):
            image["alt"] = f"Figure: {heading}"
    for table in soup.find_all("table"):
        _mark_numbers(table)
        _scope(table)
        box = table.wrap(
            soup.new_tag("div", attrs={**_BOX, "aria-label": f"Table {next(numbers)}: {heading}"})
        )
        _fold(box, sum(len(part.find_all("tr")) for part in table.find_all("tbody")), soup)
    return Markup(str(soup))


def _fold(box: Tag, rows: int, soup: BeautifulSoup) -> None:
    """Fold the ``box`` of a table that would push everything else off the screen."""
    if rows <= _MOST_ROWS:
        return
    folded = box.wrap(soup.new_tag("details", attrs={"class": "folded"}))
    summary = soup.new_tag("summary")
    summary.string = f"Table of {rows} rows"
    folded.insert(0, summary)


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("a", "href"):
        return _INSIDE.fullmatch(markup.unescape(value)) is not None
    if (tag, name) == ("img", "src"):
        return _PICTURE.fullmatch(value) is not None
    if tag == "img":
        return name in ("alt", "width", "height")
    return tag in ("td", "th") and name in ("colspan", "rowspan", "scope")


def _scope(table: Tag) -> None:
    """Say of each heading whether it is that of a column or of a row; an empty one heads nothing."""
    for part, scope in (("thead", "col"), ("tbody", "row")):
        for cell in (cell for found in table.find_all(part) for cell in found.find_all("th")):
            if cell.get_text(strip=True):
                cell["scope"] = cell.get("scope") or scope
            else:
                cell.name = "td"


def _mark_numbers(table: Tag) -> None:
    """Mark the columns that hold numbers only: they are aligned right, everything else left."""
    rows = [row.find_all(["td", "th"]) for row in table.find_all("tr")]
    body = [cells for cells in rows if any(cell.name == "td" for cell in cells)]
    if not body or len({len(cells) for cells in body}) > 1:
        return
    for column in range(len(body[0])):
        if all(_NUMBER.fullmatch(cells[column].get_text(strip=True)) for cells in body):
            for cells in rows:
                if len(cells) == len(body[0]):
                    cells[column]["class"] = "number"
