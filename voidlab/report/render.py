"""A page of a report: a template filled in, its values as people read them; nothing in them becomes markup."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from voidlab import __version__
from voidlab.tables.written import replacing, set_aside

# Every page of ours begins with it, whatever version wrote it.
_OURS = b'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:'


def write_page(path: Path, template: str, fields: Mapping[str, object]) -> Path:
    """Fill in a template of the package and write it to ``path``; a page of somebody else there is kept."""
    page = _ENVIRONMENT.get_template(template).render(fields, here=path.name, version=__version__)
    if path.exists() and not _is_ours(path):
        set_aside(path)
    with replacing(path) as temporary:
        # A file name that is not UTF-8 must not cost the report.
        temporary.write_bytes(page.encode("utf-8", "replace"))
    return path


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return _OURS in stream.read(1000)


def when(moment: object) -> str:
    """Date and time of an ISO 8601 text, to the minute; empty when it is none."""
    try:
        time = datetime.fromisoformat(str(moment))
        # papermill writes UTC without saying so
        return f"{time.astimezone(UTC) if time.tzinfo else time:%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):  # also the first day of year 1, which begins earlier in UTC
        return ""


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def _value(value: object) -> str:
    """A parameter's value as its YAML file would show it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "–" if value != value else f"{value:.12g}"
    return ", ".join(map(_value, value)) if isinstance(value, list | tuple) else str(value)


def _sentence(text: object) -> str:
    """``text`` with a capital and a full stop."""
    said = str(text)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?", ":", "…")) or not said else ".")


def _breakable(name: object) -> Markup:
    """A long ``name`` that may break behind _ and -, and so nowhere else; a minus stays with its number."""
    return Markup(re.sub("(_|(?<=[^_])-)", r"\1<wbr>", str(escape(str(name)))))


_ENVIRONMENT = Environment(
    loader=PackageLoader("voidlab.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
# Quoting makes an address with a scheme a relative one, so no link leads out of the project.
_ENVIRONMENT.filters.update(
    address=lambda href: quote(href, safe="/"),
    when=when,
    duration=_duration,
    size=_size,
    value=_value,
    sentence=_sentence,
    breakable=_breakable,
)
