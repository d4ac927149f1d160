"""JSON lines carry any frames, and what is written is read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.form.jsonline import decode, encode


def test_a_message_has_its_time_its_topic_and_its_frames() -> None:
    line = encode([b"ACME", b"\x00\xff"], 1763902510.1234561)
    assert json.loads(line) == {
        "time": 1763902510.123456,
        "topic": "ACME",
        "frames": ["ACME", {"base64": "AP8="}],
    }


def test_one_frame_has_no_topic() -> None:
    assert json.loads(encode([b"hello"], 1.0)) == {"time": 1.0, "frames": ["hello"]}


def test_a_topic_that_is_no_text_is_left_out() -> None:
    assert "topic" not in json.loads(encode([b"\xff", b"x"], 1.0))


def test_for_a_terminal_every_byte_is_ascii() -> None:
    assert encode(["\x9bé".encode()], 0.0, ascii_only=True).isascii()


@pytest.mark.parametrize(
    ("line", "frames"),
    [
        (b'{"frames": ["a", ""]}', [b"a", b""]),
        (b'{"body": "b"}', [b"b"]),
        (b'{"topic": "t", "body": {"base64": "AA=="}}', [b"t", b"\0"]),
        (b'{"topic": "t", "frames": ["a"], "offset": 5}', [b"a"]),
    ],
)
def test_a_line_by_hand_is_read(line: bytes, frames: list[bytes]) -> None:
    assert decode(line) == frames


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "expected an object"),
        (b"{}", "no 'frames' and no 'body'"),
        (b'{"topic": "t"}', "no 'frames' and no 'body'"),
        (b'{"frames": []}', "at least one frame"),
        (b'{"frames": "a"}', "at least one frame"),
        (b'{"frames": [1]}', "a frame is a string"),
        (b'{"frames": [{"base64": 1}]}', "a frame is a string"),
        (b'{"frames": [{"base64": "A"}]}', "bad base64"),
        ('{"frames": [{"base64": "é"}]}'.encode(), "bad base64"),
        (b'{"frames": ["\\ud800"]}', "lone surrogate"),
    ],
)
def test_a_wrong_line_is_refused_in_words(line: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        decode(line)


@given(st.lists(st.binary(max_size=12), min_size=1), st.booleans())
def test_what_is_written_is_read_back(frames: list[bytes], ascii_only: bool) -> None:
    line = encode(frames, 1.5, ascii_only=ascii_only)
    assert b"\n" not in line
    assert decode(line) == frames


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        frames = decode(text.encode(errors="surrogatepass"))
    except ValueError:
        return
    assert all(isinstance(frame, bytes) for frame in frames)
