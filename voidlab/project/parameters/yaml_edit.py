"""Change values in the text of a YAML file and leave every other character of it as it is."""

from __future__ import annotations

from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node


def set_values(text: str, section: str, values: Mapping[str, object]) -> str:
    """``text`` with ``section: {key: value}`` for each of the ``values``; comments, order, layout and quotes stay.

    A key that is there gets its new value in place; a new one goes behind the last of its section, a new section to
    the end.
    """
    for key, value in values.items():
        text = _set(text, section, key, _scalar(value))
    return text


def _set(text: str, section: str, key: str, value: str) -> str:
    node = _value(YAML(typ="rt").compose(text), section)
    if node is None:
        return text.rstrip("\n") + f"\n{section}:\n  {key}: {value}\n"
    old = _value(node, key)
    if old is not None:
        return _put(text, old.start_mark.index, old.end_mark.index, value)
    assert isinstance(node, MappingNode)  # what `parameters.load` has let through
    if not node.value:
        return _put(text, node.end_mark.index - 1, node.end_mark.index - 1, f"{key}: {value}")
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        return _put(text, end, end, f", {key}: {value}")
    first, last = node.value[0][0], node.value[-1][1]
    line_end = text.find("\n", last.end_mark.index)
    line_end = len(text) if line_end < 0 else line_end
    return _put(text, line_end, line_end, f"\n{' ' * first.start_mark.column}{key}: {value}")


def _value(node: Node | None, key: str) -> Node | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _scalar(value: object) -> str:
    """``value`` as YAML writes it on one line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    plain = (
        text and YAML(typ="safe", pure=True).load(text) == text and not set(text) & set(",[]{}#&*!|>'\"%@`:")
    )
    return text if plain else "'" + text.replace("'", "''") + "'"
