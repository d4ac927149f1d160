"""Lines of many parts in one stream."""

from __future__ import annotations

import pytest

from zmqdev.supervisor.output import COLOURS, LONGEST, Voice, prefixes
from zmqdev.supervisor.process import is_statistics


def test_lines_come_whole_whatever_the_chunks() -> None:
    voice = Voice(b"q | ")
    assert list(voice.lines(b"one\ntw")) == [b"one"]
    assert list(voice.lines(b"o\n\nthree")) == [b"two", b""]
    assert list(voice.rest()) == [b"three"]
    assert list(voice.rest()) == []
    assert voice.say([b"one", b"two"]) == b"q | one\nq | two\n"


def test_a_line_without_end_is_cut() -> None:
    voice = Voice(b"")
    assert [len(line) for line in voice.lines(b"x" * (2 * LONGEST + 5))] == [LONGEST, LONGEST]
    assert list(voice.rest()) == [b"xxxxx"]


def test_names_are_as_wide_as_the_longest() -> None:
    assert prefixes(["a", "long"], colour=False) == {"a": b"a    | ", "long": b"long | "}


def test_neighbours_have_different_colours() -> None:
    made = prefixes(["a", "b"], colour=True)
    assert made["a"] == b"\x1b[38;5;30ma | \x1b[0m"
    assert made["b"].startswith(b"\x1b[38;5;130m")


def test_statistics_are_told_from_messages() -> None:
    assert is_statistics(b'{"time": 1.0, "device": "q", "kind": "queue", "uptime": 1.0}')
    assert not is_statistics(b'{"time": 1.0, "level": "info", "message": "x"}')
    assert not is_statistics(b"plain")


def test_a_priority_for_the_journal_stays_in_front() -> None:
    assert Voice(b"mid | ").say([b"<4>warning: x", b"<9>y"]) == (
        b"<4>mid | warning: x\nmid | <9>y\n"
    )


def _luminance(code: int) -> float:
    """WCAG 2 relative luminance of a colour of xterm's cube of 6 by 6 by 6."""
    levels = (0, 95, 135, 175, 215, 255)
    at = code - 16
    shares = [levels[part] / 255 for part in (at // 36, at // 6 % 6, at % 6)]
    linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("code", COLOURS)
def test_a_name_can_be_read_on_white_and_on_black(code):
    own = _luminance(code) + 0.05
    assert own / 0.05 >= 4
    assert 1.05 / own >= 4
