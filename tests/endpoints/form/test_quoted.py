"""Quoted text shows every byte and gives every byte back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.form.quoted import quote, unquote, visible


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (b"", b'""'),
        (b"ACME 189.20", b'"ACME 189.20"'),
        (b'say "hi" \\', b'"say \\"hi\\" \\\\"'),
        (b"a\nb\r\t\0", b'"a\\nb\\r\\t\\x00"'),
        ("größe".encode(), '"größe"'.encode()),
        (b"\xff\x1b[2J", b'"\\xff\\x1b[2J"'),
        ("\u202eevil".encode(), b'"\\xe2\\x80\\xaeevil"'),
    ],
)
def test_a_frame_is_shown_in_quotes(frame: bytes, shown: bytes) -> None:
    assert quote(frame) == shown
    assert unquote(shown, b" ") == [frame]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "expected a text in double quotes at byte 1"),
        (b"abc", "expected a text in double quotes at byte 1"),
        (b'"abc', "expected a text in double quotes at byte 1"),
        (b'"a""b"', "between frames at byte 4"),
        (b'"a" b', "expected a text in double quotes at byte 5"),
        (b'"\\q"', r"unknown escape \\q"),
        (b'"\\x4"', r"unknown escape \\x"),
    ],
)
def test_what_is_not_quoted_text_is_refused(line: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        unquote(line, b" ")


def test_text_for_a_terminal_keeps_quotes_tabs_and_newlines() -> None:
    assert visible(b'"a"\t\\\n\x1b[31m\r') == b'"a"\t\\\n\\x1b[31m\\r'


@given(st.lists(st.binary(max_size=12), min_size=1), st.sampled_from([b" ", b"|", b"\t", b'"']))
def test_frames_come_back_as_they_were(frames: list[bytes], separator: bytes) -> None:
    line = separator.join(quote(frame) for frame in frames)
    assert b"\n" not in line
    assert unquote(line, separator) == frames


@given(st.binary(max_size=20))
def test_reading_any_line_gives_frames_or_a_complaint(line: bytes) -> None:
    try:
        frames = unquote(line, b" ")
    except ValueError:
        return
    assert unquote(b" ".join(quote(frame) for frame in frames), b" ") == frames
