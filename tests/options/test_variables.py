"""Variables in values: filled in, defaulted, required, escaped, and named with their place."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from zmqdev.errors import UsageError
from zmqdev.options.document import read
from zmqdev.options.variables import Expanded, escape, expand, names


def filled(text: str, values: Mapping[str, str]) -> object:
    return expand(read(f"key: {text}\n".encode(), "f.yaml"), values).value["key"].value


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("tcp://${HOST}:5555", {"HOST": "10.0.0.1"}, "tcp://10.0.0.1:5555"),
        ("${PORT:-5555}", {}, "5555"),
        ("${PORT:-5555}", {"PORT": ""}, "5555"),
        ("${PORT:-5555}", {"PORT": "1"}, "1"),
        ("${A}${B:-b}", {"A": "a"}, "ab"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": ""}, ""),
        ("${A:?say}", {"A": "x"}, "x"),
        ("$${HOME} $$ $x", {}, "${HOME} $$ $x"),
    ],
)
def test_a_variable_is_filled_in(text: str, values: dict[str, str], result: str) -> None:
    assert filled(text, values) == result


def test_what_a_variable_filled_in_is_text() -> None:
    assert isinstance(filled("${N}", {"N": "5"}), Expanded)
    assert not isinstance(filled("plain", {}), Expanded)


def test_values_inside_lists_and_maps_are_filled_in_and_keys_are_not() -> None:
    node = read(b"${K}: [a, {b: '${V}'}]\n", "f.yaml")
    assert expand(node, {"K": "k", "V": "v"}).plain() == {"${K}": ["a", {"b": "v"}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NOPE}", "f.yaml:1:6: the variable NOPE is not set; set it, or write ${NOPE:-default}"),
        ("${NOPE:?ask the team}", "f.yaml:1:6: the variable NOPE is not set; ask the team"),
        ("${9}", "'${9}' is not a variable; write ${NAME}"),
        ("'${OPEN'", "'${OPEN' is not a variable"),
        ("${A-b}", "'${A-b}' is not a variable"),
    ],
)
def test_a_wrong_variable_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        filled(text, {})
    assert message in str(caught.value)


def test_the_variables_of_a_tree_are_listed() -> None:
    node = read(b"a: ${A} $${B}\nb: [{c: '${C:-${D}}'}]\n", "f.yaml")
    assert list(names(node)) == ["A", "C"]


def test_what_is_escaped_is_read_as_it_was() -> None:
    plain = {"exec": "echo ${HOME} $${X} $1", "list": ["${", 5, None]}
    node = read(json.dumps(escape(plain)).encode(), "f.yaml")
    assert expand(node, {}).plain() == plain
