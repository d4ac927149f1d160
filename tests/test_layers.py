"""Imports point one way: each folder may use itself and what stands below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from support.source import PACKAGE, modules

LAYERS = [
    "tools",
    "cli",
    "report",
    "supervisor",
    "topology",
    "endpoints",
    "broker",
    "control",
    "device",
    "stats",
    "relay",
    "security",
    "system",
    "wire",
    "options",
    "routing",
    "errors",
]
OWNERS = {"click": {"cli", "tools"}, "rich": {"report", "tools"}}
PURE = {"wire", "options", "routing"}
NOT_PURE = {"zmq", "socket", "selectors", "threading", "subprocess", "time", "rich", "click"}


def imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def imported() -> dict[Path, set[str]]:
    """By module. Read in a test: each process of a run loads this file."""
    return {path: imports(tree) for path, tree in modules().items() if path.parent != PACKAGE}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def test_imports_point_down() -> None:
    assert [line for path, names in imported().items() for line in upward(path, names)] == []


def test_libraries_stay_in_their_room() -> None:
    assert [line for path, names in imported().items() for line in strangers(path, names)] == []


def upward(path: Path, names: set[str]) -> Iterator[str]:
    """Imports from a layer above."""
    here = LAYERS.index(layer_of(path))
    for name in sorted(names):
        top, *rest = name.split(".")
        if top == "zmqdev" and rest and rest[0] in LAYERS and LAYERS.index(rest[0]) < here:
            yield f"{path.relative_to(PACKAGE)} imports {name}"


def strangers(path: Path, names: set[str]) -> Iterator[str]:
    """Libraries that are used elsewhere than they may be."""
    tops = {name.split(".")[0] for name in names}
    layer = layer_of(path)
    kept_out = {library for library, owners in OWNERS.items() if layer not in owners}
    if layer in PURE:
        kept_out |= NOT_PURE
    for library in sorted(tops & kept_out):
        yield f"{path.relative_to(PACKAGE)} imports {library}"
