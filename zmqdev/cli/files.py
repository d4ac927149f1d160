"""Configuration files for a single command: read the file and select the part it means."""

from __future__ import annotations

import os

from zmqdev.errors import UsageError
from zmqdev.options.document import Node
from zmqdev.options.layer import Layer
from zmqdev.options.part import LIFE_KEYS, layer_of
from zmqdev.options.parts import Draft, draft
from zmqdev.topology.read import load, load_beside


def layer_for(path: str, category: str, kind: str) -> Layer:
    """Return the settings of the only part of this kind in a file.

    `category` is `device` or `endpoint`, the key that gives a part's kind. Settings of
    how a part lives beside others (restart, replicas) are left out, since the command
    runs it alone. Raises UsageError when there is no such part, or several.
    """
    top = load(path)
    if not top.is_map:
        raise UsageError(f"a {category} is written as keys and values", str(top.place))
    if not {"parts", "include"} & top.value.keys():
        _check_kind(top, category, kind)
    sheet = draft(top, path, load_beside, os.environ)
    if sheet.problems:
        raise sheet.problems[0]
    layer = layer_of(_among(sheet.drafts, top, category, kind))
    return {option: entry for option, entry in layer.items() if option[0] not in LIFE_KEYS}


def _check_kind(node: Node, category: str, kind: str) -> None:
    said = node.value.get(category)
    if said is None:
        hint = f"it begins with `{category}: {kind}`"
        raise UsageError(f"the file has no kind; {hint}", str(node.place))
    if said.value != kind:
        raise UsageError(
            f"the file is for {category} {said.value!r}; start it with `zmqdev {said.value}`",
            str(said.place),
        )


def _among(drafts: list[Draft], top: Node, category: str, kind: str) -> Draft:
    """Return the part of this kind; when all are replicas of one, the first."""
    found = [one for one in drafts if (one.category, one.kind) == (category, kind)]
    names = {one.base for one in found}
    if len(names) != 1:
        place = top.value["parts"].place if "parts" in top.value else top.place
        raise UsageError(
            f"parts: {len(names) or 'no'} {category} of kind {kind!r}; "
            "start the file with `zmqdev run`",
            str(place),
        )
    return found[0]
