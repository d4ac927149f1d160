"""What others name, before a terminal sees it."""

from __future__ import annotations

import json

import pytest

from zmqdev.system.printable import escaped, escaped_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 東京 🦀", "Zürich 東京 🦀"),
        ("a\tb", "a\tb"),
        ("a\nb", "a\\x0ab"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\x7f", "\\x7f"),
        ("\u202edlrow", "\\u202edlrow"),
        ("\U000e0041", "\\U000e0041"),
        (b"\xff".decode(errors="surrogateescape"), "\\xff"),
    ],
)
def test_nothing_unseen_is_left(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize("indent", [None, 2])
def test_json_stays_the_same_value(indent: int | None) -> None:
    value = {"name\x9b": ["\x1b[2J", "\u202e", "東京", "\x7f\n\t", "\U000e0041"]}
    text = escaped_json(json.dumps(value, ensure_ascii=False, indent=indent))
    assert json.loads(text) == value
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "東京" in text
