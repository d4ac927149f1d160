"""Patterns: stars, single bytes, escapes; the same as a shell pattern where both can say it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.routing.pattern import match, parse


@pytest.mark.parametrize(
    ("pattern", "data", "taken"),
    [
        ("eu.*", b"eu.1", b"1"),
        ("eu.*", b"eu.", b""),
        ("eu.*", b"us.1", None),
        ("*.trace", b"a.b.trace", b"a.b"),
        ("line*/temp", b"line3/temp", b"3"),
        ("*", b"", b""),
        ("a", b"a", b""),
        ("a", b"ab", None),
        ("?b", b"ab", b""),
        ("?b", b"b", None),
        (r"\*", b"*", b""),
        (r"\*", b"x", None),
        (r"a\\b", b"a\\b", b""),
        ("*a*b", b"xaayb", b"x"),
        ("*ab*ab", b"ab", None),
        ("a*a", b"a", None),
        ("**", b"xy", b""),
        ("\u00e4*", "äx".encode(), b"x"),
    ],
)
def test_what_fits_and_what_the_first_star_takes(
    pattern: str, data: bytes, taken: bytes | None
) -> None:
    assert match(parse(pattern), data) == taken


@pytest.mark.parametrize("pattern", ["\\", "a\\", r"\x"])
def test_a_lone_backslash_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\\"):
        parse(pattern)


@given(st.text("ab*?", max_size=8), st.binary(max_size=10) | st.text("ab", max_size=10))
def test_a_pattern_is_a_shell_pattern_without_sets(pattern: str, data: bytes | str) -> None:
    data = data if isinstance(data, bytes) else data.encode()
    expression = "".join({"*": "(.*?)", "?": "."}.get(one, re.escape(one)) for one in pattern)
    found = re.fullmatch(expression.encode(), data, re.DOTALL)
    taken = match(parse(pattern), data)
    assert (taken is None) == (found is None)
    if found is not None and "*" in pattern:
        assert taken == found[1]


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_the_prefix_and_the_literal_say_what_can_match(pattern: str, text: str) -> None:
    parsed, data = parse(pattern), text.encode()
    if match(parsed, data) is not None:
        assert data.startswith(parsed.prefix)
        assert parsed.literal in (None, data)
