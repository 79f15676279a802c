"""A parameter file as YAML: reading it, the mistakes in it, each with its line, and changing values in its text."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node

from voidlab.errors import VoidlabError
from voidlab.project.parameters.models import DatasetParameters
from voidlab.tables.reading import read_bytes

_MOST_BYTES = 10**7  # of a parameter file
_MOST_VALUES, _DEEPEST = 100_000, 100
_ALIASES = "anchors and aliases (&, *) are not read here"
# What no table, page or file name can hold: control characters, and halves of characters.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_VALUE_ERROR = (
    "a date that no calendar has, or a number of thousands of digits; what is text stands in quotes"
)


@dataclass(frozen=True)
class Problem:
    """A mistake in a parameter file: where, and what to do."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{where}: {self.text}"


class ParameterErrors(VoidlabError):
    """All the mistakes found in a parameter file; ``usable``: its parameters without them, where that makes sense."""

    def __init__(self, problems: Iterable[Problem], usable: DatasetParameters | None = None) -> None:
        self.problems = list(problems)
        self.usable = usable
        super().__init__("\n".join(map(str, self.problems)))


def read_yaml(path: Path) -> CommentedMap:
    """Content of the file ``path``, with the places of its keys.

    Raises
    ------
    ParameterErrors
        If it is no file of lines 'key: value', or uses what a parameter file has no need of.
    """
    try:
        text = read_bytes(path, _MOST_BYTES).decode("utf-8-sig")  # editors write it, not spreadsheets
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.yaml")], 1)
        raise _wrong(path, "no such file" + (f"; did you mean {near[0]}?" if near else "")) from None
    except IsADirectoryError:
        raise _wrong(path, "is a folder; expected a file such as parameters/NAME.yaml") from None
    except UnicodeDecodeError:
        raise _wrong(
            path,
            "cannot be read as text: it is not UTF-8. Save it as UTF-8 (in an editor: Save as, encoding)",
        ) from None
    except OSError as error:
        raise _wrong(path, f"cannot be read as text: {error}") from None
    name = Path(path.name)
    try:
        refused = _refused(text)
        document = None if refused else YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = str(error.problem or error.context or "it cannot be parsed").split("\n")[0]
        words = f"is not valid YAML: {what}"
        if "\\t" in what or "'\t'" in what:
            words = "a tab stands where YAML allows only spaces; indent with spaces"
        raise _wrong(name, words, mark.line + 1 if mark is not None else None) from None
    except RecursionError:
        raise _wrong(name, "is nested far deeper than parameters are") from None
    except YAMLError as error:
        raise _wrong(name, f"is not YAML: {' '.join(str(error).split())}") from None
    except ValueError:
        raise _wrong(name, _VALUE_ERROR, _line_of_value_error(text)) from None
    if refused:
        raise _wrong(name, *refused[0])
    if not isinstance(document, CommentedMap):
        raise _wrong(name, "must be lines 'key: value', such as 'images: ../data/x/*.tif'", 1)
    if (twice := _twice(document)) is not None:
        raise _wrong(name, *twice)
    return document


def _refused(text: str) -> list[tuple[str, int]]:
    """What a parameter file has no need of, and the lines: tags, and aliases, one of which can stand for billions."""
    depth = 0
    for bracket in re.findall(r"[\[{\]}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:  # the parser takes minutes for thousands
            raise RecursionError
    found = []
    for count, event in enumerate(YAML(typ="rt").parse(text)):
        if count > _MOST_VALUES:
            raise YAMLError(f"it holds more than {_MOST_VALUES:,} values")
        if isinstance(event, AliasEvent):
            found.append((_ALIASES, event.start_mark.line + 1))
        elif tag := getattr(event, "tag", None):
            short = str(tag).replace("tag:yaml.org,2002:", "!!")
            found.append((f"tags such as {short} are not read here; leave it out", event.start_mark.line + 1))
        elif isinstance(event, ScalarEvent) and _NO_TEXT.search(event.value):
            found.append(
                (f"{event.value[:40]!r} holds what is no text; type it anew", event.start_mark.line + 1)
            )
    return found


def _twice(node: Any) -> tuple[str, int] | None:
    """A key that stands twice in a mapping, as a number and as text, and its line."""
    if isinstance(node, CommentedMap):
        seen: dict[str, Any] = {}
        for key in node:
            if seen.setdefault(str(key), key) is not key:
                return f"the key {key} stands twice", node.lc.key(key)[0] + 1
    inside = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return next((found for each in inside if (found := _twice(each)) is not None), None)


def _line_of_value_error(text: str) -> int | None:
    """The line of what YAML takes for a date or number that there cannot be."""
    for event in YAML(typ="rt").parse(text):
        if isinstance(event, ScalarEvent) and event.implicit[0]:
            try:
                YAML(typ="rt").load(event.value)
            except YAMLError:
                continue
            except ValueError:
                return int(event.start_mark.line) + 1
    return None


def _wrong(file: Path, text: str, line: int | None = None) -> ParameterErrors:
    return ParameterErrors([Problem(str(file), line, text)])


def plain_values(node: Any) -> Any:
    """Builtin values in place of ruamel's, which pydantic's strict mode refuses; dates are text, as was meant."""
    if isinstance(node, Mapping):
        return {str(key): plain_values(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain_values(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node.isoformat() if isinstance(node, date) else node


def line_of(document: CommentedMap, keys: Iterable[str]) -> int | None:
    """Line (from 1) on which the key path ``keys`` stands, as far as it is there."""
    line, node = None, document
    for key in keys:
        if not isinstance(node, CommentedMap) or key not in node:
            break
        line, node = node.lc.key(key)[0] + 1, node[key]
    return line


def value_of(text: str) -> Any:
    """Value that ``text`` stands for in YAML: a number, true or false, a list or text.

    Raises
    ------
    ParameterErrors
        If it holds aliases, tags or control characters, or more brackets in one another than a parameter has.
    """
    try:
        if refused := _refused(text):
            raise _wrong(Path("--set"), refused[0][0])
        return plain_values(YAML(typ="rt").load(text))
    except RecursionError:
        raise _wrong(Path("--set"), "the value is nested far deeper than parameters are") from None
    except (YAMLError, ValueError) as error:
        if isinstance(error, ParameterErrors):
            raise
        return text  # such as a date that no calendar has, or a number of 5,000 digits


def values_in(text: str) -> Any:
    """What ``text``, that of a parameter file, says; None where it is no YAML."""
    try:
        return plain_values(YAML(typ="rt").load(text))
    except YAMLError:
        return None


def set_values(text: str, section: str, values: Mapping[str, object]) -> str:
    """``text`` with ``section: {key: value}`` for each of the ``values``; comments, order, layout and quotes stay.

    A key that is there gets its new value in place; a new one goes behind the last of its section, a new section to
    the end. Without a section the keys are those of the file itself.
    """
    for key, value in values.items():
        text = _set(text, section, key, _scalar(value))
    return text


def _set(text: str, section: str, key: str, value: str) -> str:
    root = YAML(typ="rt").compose(text)
    node = _value(root, section) if section else root
    if node is None:
        return text.rstrip("\n") + f"\n{section}:\n  {key}: {value}\n"
    name, old = _pair(node, key)
    if name is not None and old is not None:
        return _replace(text, name, old, value)
    assert isinstance(node, MappingNode)  # what `voidlab.project.parameters.load` has let through
    if not section:
        return text.rstrip("\n") + f"\n{key}: {value}\n"
    if not node.value:
        return _put(text, node.end_mark.index - 1, node.end_mark.index - 1, f"{key}: {value}")
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        return _put(text, end, end, f", {key}: {value}")
    first, last = node.value[0][0], node.value[-1][1]
    line_end = text.find("\n", last.end_mark.index)
    line_end = len(text) if line_end < 0 else line_end
    return _put(text, line_end, line_end, f"\n{' ' * first.start_mark.column}{key}: {value}")


def _replace(text: str, name: Node, old: Node, value: str) -> str:
    """``text`` with ``value`` in the place of the node ``old``, the value of the key ``name``."""
    start, end = old.start_mark.index, old.end_mark.index
    if start == end:  # nothing stands behind the key: for the parser that is where the next begins
        start = end = text.index(":", name.end_mark.index) + 1
        return _put(text, start, end, f" {value}")
    last = old
    while isinstance(last, CollectionNode) and not last.flow_style and last.value:
        # A list over several lines ends, for the parser, where the next key begins.
        last = last.value[-1][1] if isinstance(last, MappingNode) else last.value[-1]
        end = last.end_mark.index
    indent = "" if old.start_mark.column else "  "  # of a list that began below its key
    return _put(text, start, end, indent + value)


def _value(node: Node | None, key: str) -> Node | None:
    return _pair(node, key)[1]


def _pair(node: Node | None, key: str) -> tuple[Node | None, Node | None]:
    """The key called ``key`` of a mapping, and its value."""
    pairs = node.value if isinstance(node, MappingNode) else []
    return next(((name, value) for name, value in pairs if name.value == key), (None, None))


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _scalar(value: object) -> str:
    """``value`` as YAML writes it on one line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    text = str(value)
    if text and not set(text) & set(",[]{}#&*!|>'\"%@`:") and YAML(typ="safe", pure=True).load(text) == text:
        return text
    return "'" + text.replace("'", "''") + "'"
