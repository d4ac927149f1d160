"""Variables in a file: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`; `$${` is a plain `${`.

They stand in values, not in keys. The result is text, like a flag: the option's
own type says whether `5000` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.document import Node, Place

_USE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)(?P<end>\})?")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?::(?P<how>[-?])(?P<rest>.*))?", re.ASCII | re.DOTALL)


class Expanded(str):
    """Text that a variable has contributed to."""

    __slots__ = ()


def expand(node: Node, values: Mapping[str, str]) -> Node:
    """Return the tree with its variables filled in; UsageError names the place of a wrong one."""
    if isinstance(node.value, dict):
        return replace(node, value={key: expand(item, values) for key, item in node.value.items()})
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(expand(item, values) for item in node.value))
    if isinstance(node.value, str) and "${" in node.value:
        return replace(node, value=_text(node.value, node.place, values))
    return node


def escape(value: Any) -> Any:
    """Return a plain tree that reads back as the same: each `${` is written `$${`."""
    if isinstance(value, dict):
        return {key: escape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escape(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def names(node: Node) -> Iterator[str]:
    """Yield the variables that a tree uses, repeated as often as they occur."""
    if isinstance(node.value, dict):
        for item in node.value.values():
            yield from names(item)
    elif isinstance(node.value, tuple):
        for item in node.value:
            yield from names(item)
    elif isinstance(node.value, str):
        for use in _USE.finditer(node.value):
            inside = _INSIDE.fullmatch(use["inside"] or "")
            if inside:
                yield inside["name"]


def _text(text: str, place: Place, values: Mapping[str, str]) -> Expanded:
    def fill(use: re.Match[str]) -> str:
        return "${" if use["inside"] is None else _value(use, place, values)

    return Expanded(_USE.sub(fill, text))


def _value(use: re.Match[str], place: Place, values: Mapping[str, str]) -> str:
    inside = _INSIDE.fullmatch(use["inside"])
    if use["end"] is None or inside is None:
        fix = "write ${NAME}, ${NAME:-default} or ${NAME:?message}; a plain ${ is written $${"
        raise UsageError(f"{use[0]!r} is not a variable; {fix}", str(place))
    name, how, rest = inside["name"], inside["how"], inside["rest"]
    value = values.get(name, "")
    if value or (how is None and name in values):
        return value
    if how == "-":
        return rest or ""
    why = rest if how == "?" and rest else f"set it, or write ${{{name}:-default}}"
    raise UsageError(f"the variable {name} is not set; {why}", str(place))
