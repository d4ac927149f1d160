"""Lines of many parts in one stream."""

from __future__ import annotations

from zmqdev.supervisor.output import LONGEST, Voice, prefixes
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
    assert made["a"] == b"\x1b[36ma | \x1b[0m"
    assert made["b"].startswith(b"\x1b[33m")


def test_statistics_are_told_from_messages() -> None:
    assert is_statistics(b'{"time": 1.0, "device": "q", "kind": "queue", "uptime": 1.0}')
    assert not is_statistics(b'{"time": 1.0, "level": "info", "message": "x"}')
    assert not is_statistics(b"plain")


def test_a_priority_for_the_journal_stays_in_front() -> None:
    assert Voice(b"mid | ").say([b"<4>warning: x", b"<9>y"]) == (
        b"<4>mid | warning: x\nmid | <9>y\n"
    )
