"""Configuration files as a command finds them: read, and the part for it picked."""

from __future__ import annotations

import os
from pathlib import Path

from zmqdev.errors import UsageError
from zmqdev.spec.document import Node, read


def load(path: str) -> Node:
    """The tree of a file. UsageError names the file when it cannot be read."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(
            f"cannot read the configuration: {why[:1].lower()}{why[1:]}", path
        ) from None
    return read(content, path)


def part_for(node: Node, category: str, kind: str) -> Node:
    """The part of the file that is this command's: the only one, or the one of its kind.

    `category` is `device` or `endpoint`, the key that says what a part is.
    """
    if not node.is_map:
        raise UsageError(f"a {category} is written as keys and values", str(node.place))
    if "parts" in node.value:
        return _among(node.value["parts"], category, kind)
    _check_kind(node, category, kind)
    return node


def _check_kind(node: Node, category: str, kind: str) -> None:
    said = node.value.get(category)
    if said is None:
        hint = f"it begins with `{category}: {kind}`"
        raise UsageError(f"the file does not say what it is; {hint}", str(node.place))
    if said.value != kind:
        raise UsageError(
            f"the file is for {category} {said.value!r}; start it with `zmqdev {said.value}`",
            str(said.place),
        )


def _among(parts: Node, category: str, kind: str) -> Node:
    if not parts.is_map:
        raise UsageError("parts: expected names and parts", str(parts.place))
    found = [
        node
        for _, _, node in parts.items()
        if node.is_map and category in node.value and node.value[category].value == kind
    ]
    if len(found) != 1:
        count = "no" if not found else str(len(found))
        raise UsageError(
            f"parts: {count} {category} of kind {kind!r}; start the file with `zmqdev run`",
            str(parts.place),
        )
    return found[0]
