"""A field of a JSON text: the value that `json` finds, for any text that is JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.routing.json_field import DEEPEST, field

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ('{"a": 1}', "a", "1"),
        ('{"a": {"b": "x"}}', "a.b", "x"),
        (' { "b" : [1, {"a": 2}] , "a" : -1.50e3 } ', "a", "-1.50e3"),
        ('{"a": 1, "a": 2}', "a", "1"),
        ('{"a": "\\u00e4\\n\\"\\ud83d\\ude00"}', "a", 'ä\n"😀'),
        ('{"\\u0061": true}', "a", "true"),
        ('{"a": null}', "a", "null"),
        ('{"a": []}', "a", None),
        ('{"a": {}}', "a", None),
        ('{"a": 1}', "b", None),
        ('{"a": 1}', "a.b", None),
        ("[1]", "a", None),
        ('{"a": "x', "a", None),
        ('{"a" 1}', "a", None),
        ('{"a": 1, nonsense', "a", "1"),
        ("", "a", None),
        ('{"a": "\\x"}', "a", None),
        ('{"a": "\\u12"}', "a", None),
    ],
)
def test_fields(text: str, path: str, value: str | None) -> None:
    found = field(text.encode(), tuple(name.encode() for name in path.split(".")))
    assert found == (None if value is None else value.encode())


@given(st.dictionaries(st.text(max_size=3), TREES, min_size=1), st.data())
def test_every_field_of_any_json_is_found(tree: dict[str, Any], data: st.DataObject) -> None:
    path, here = [], tree
    while isinstance(here, dict) and here:
        name = data.draw(st.sampled_from(sorted(here)))
        path.append(name.encode())
        here = here[name]
    for ascii in (True, False):
        found = field(json.dumps(tree, ensure_ascii=ascii).encode(), tuple(path))
        if isinstance(here, list | dict):
            assert found is None
        else:
            shown = here if isinstance(here, str) else json.dumps(here)
            assert found == shown.encode()


@given(st.binary(max_size=30), st.lists(st.binary(max_size=2), max_size=3))
def test_any_bytes_are_survived(text: bytes, path: list[bytes]) -> None:
    field(text, tuple(path))
    field(b'{"a":' + text, (b"a",))


def test_what_is_nested_too_deeply_has_no_fields() -> None:
    deep = b'{"x":' + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1) + b',"a":1}'
    assert field(deep, (b"a",)) is None
