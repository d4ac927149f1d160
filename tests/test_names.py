"""A class name means one thing in the whole package; the relay's two halves have one name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import zmqdev

PACKAGE = Path(zmqdev.__file__).parent
BOTH_HALVES = {"Relay", "RoutedRelay"}


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice.keys() <= BOTH_HALVES, twice
