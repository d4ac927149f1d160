"""Imports point one way: each folder may use itself and what stands below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import zmqdev

PACKAGE = Path(zmqdev.__file__).parent
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
    "errors",
]
OWNERS = {"click": {"cli", "tools"}, "rich": {"report", "tools"}}
PURE = {"wire", "options"}
NOT_PURE = {"zmq", "socket", "selectors", "threading", "subprocess", "time", "rich", "click"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = LAYERS.index(layer_of(path))
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "zmqdev" and len(parts) > 1 and parts[1] in LAYERS:
            assert LAYERS.index(parts[1]) >= here, f"{path.name} imports {name} from above"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_room(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    for library, owners in OWNERS.items():
        if library in tops:
            assert layer_of(path) in owners, f"{path} imports {library}"
    if layer_of(path) in PURE:
        assert not tops & NOT_PURE, f"{path} is not pure: {tops & NOT_PURE}"
