"""Names, sizes and docstrings in the package: one meaning a class name, short functions."""

from __future__ import annotations

import ast
from collections import defaultdict
from itertools import pairwise

from support.source import PACKAGE, modules

BOTH_HALVES = {"Relay", "RoutedRelay"}
"""The two halves of the relay have one name."""
LONGEST_FUNCTION = 45
SETTINGS = {"spec", "side", "settings"}
"""Names of what holds the settings of a device, an endpoint or a side."""


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice.keys() <= BOTH_HALVES, twice


def test_functions_are_short() -> None:
    long = {
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION
    }
    assert not long


def test_a_docstring_stands_where_it_is_read() -> None:
    """At the head of a module, class or function, or below the constant that it describes."""
    stray = {
        f"{path.relative_to(PACKAGE)}:{after.lineno}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        for before, after in pairwise(node.body)
        if isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
        and not isinstance(before, (ast.Assign, ast.AnnAssign))
    }
    assert not stray


def test_settings_have_types() -> None:
    """No parameter or field for settings is an Any, and only one function reads them by name."""
    found = set()
    for path, tree in modules().items():
        where = str(path.relative_to(PACKAGE))
        for node in ast.walk(tree):
            name = getattr(node, "arg", None)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
            note = getattr(node, "annotation", None)
            if name in SETTINGS and isinstance(note, ast.Name) and note.id == "Any":
                found.add(f"{where}:{node.lineno} {name}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and (
                    node.func.id == "getattr"
                    and ast.unparse(node.args[0]).split(".")[-1] in SETTINGS
                )
            ):
                found.add(f"{where}:{node.lineno} getattr")
    assert not found


def test_public_names_have_docstrings() -> None:
    """Each module, and each class and function of a module that others may use."""
    bare = {
        f"{path.relative_to(PACKAGE)}:{getattr(node, 'name', '')}"
        for path, tree in modules().items()
        for node in (tree, *tree.body)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and not getattr(node, "name", "").startswith("_")
        and ast.get_docstring(node) is None
    }
    assert not bare
