"""The source of the package as trees, for tests that read it: parsed once in each process."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

import zmqdev

PACKAGE = Path(zmqdev.__file__).parent


@cache
def modules() -> dict[Path, ast.Module]:
    gc.disable()  # a million nodes, and all of them stay
    try:
        return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
    finally:
        gc.enable()
