"""The same word writes messages out and reads them in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.form.format import FORMATS, Layout, read_all, read_in, write_out
from zmqdev.endpoints.form.split import Splitter

MESSAGES = [[b"ACME", b"189.20"], [b"one"], [b""]]


@pytest.mark.parametrize(
    ("layout", "output"),
    [
        (Layout("text"), b"ACME 189.20\none\n\n"),
        (Layout("text", separator=b"|"), b"ACME|189.20\none\n\n"),
        (Layout("text", delimiter=b"\0"), b"ACME 189.20\0one\0\0"),
        (Layout("raw"), b"ACME189.20one"),
        (Layout("raw", separator=b","), b"ACME,189.20one"),
        (Layout("quoted"), b'"ACME" "189.20"\n"one"\n""\n'),
        (Layout("hex"), b"41434d45 3138392e3230\n6f6e65\n\n"),
        (
            Layout("json"),
            b'{"time":2.000000,"topic":"ACME","frames":["ACME","189.20"]}\n'
            b'{"time":2.000000,"frames":["one"]}\n'
            b'{"time":2.000000,"frames":[""]}\n',
        ),
    ],
)
def test_a_burst_is_one_piece_of_output(layout: Layout, output: bytes) -> None:
    assert write_out(layout, MESSAGES, 2.0) == output


@pytest.mark.parametrize("name", FORMATS)
def test_no_messages_are_no_output(name: str) -> None:
    assert write_out(Layout(name), [], 0.0) == b""


def test_text_on_a_terminal_cannot_steer_it() -> None:
    shown = write_out(Layout("text", terminal=True), [[b"\x1b[2Jx", "é".encode()]], 0.0)
    assert shown == "\\x1b[2Jx é\n".encode()


def test_text_elsewhere_is_left_alone() -> None:
    assert write_out(Layout("text"), [[b"\x1b[2J\xff\0"]], 0.0) == b"\x1b[2J\xff\0\n"


def test_one_separator_splits_input_and_joins_output() -> None:
    layout = Layout("text", separator=b"|")
    assert read_in(layout, b"a|b||c") == [b"a", b"b", b"", b"c"]
    assert write_out(layout, [[b"a", b"b", b"", b"c"]], 0.0) == b"a|b||c\n"


@pytest.mark.parametrize("digits", [b"abc", b"xy", b"61  62x"])
def test_wrong_hexadecimal_is_refused(digits: bytes) -> None:
    with pytest.raises(ValueError, match="not hexadecimal"):
        read_in(Layout("hex"), digits)


def test_hexadecimal_of_a_file_with_carriage_returns_is_read() -> None:
    assert read_in(Layout("hex"), b"6162 FF\r") == [b"ab", b"\xff"]


messages = st.lists(st.lists(st.binary(max_size=8), min_size=1, max_size=4), max_size=5)


@given(messages, st.sampled_from(["quoted", "hex", "json"]), st.sampled_from([b"\n", b"\0"]))
def test_what_is_written_is_read_back(sent: list[list[bytes]], name: str, delimiter: bytes) -> None:
    layout = Layout(name, delimiter)
    splitter = Splitter(layout.record_end)
    records = splitter.receive(write_out(layout, sent, 0.0)) + splitter.finish()
    assert list(map(list, read_all(layout, records))) == sent


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line)))
def test_lines_of_any_bytes_are_read_back(lines: list[bytes]) -> None:
    layout = Layout("text")
    splitter = Splitter(layout.record_end)
    records = splitter.receive(write_out(layout, [[line] for line in lines], 0.0))
    assert read_all(layout, records + splitter.finish()) == [(line,) for line in lines]


@given(st.binary(max_size=30), st.sampled_from(FORMATS))
def test_reading_anything_gives_frames_or_a_complaint(record: bytes, name: str) -> None:
    try:
        frames = read_in(Layout(name), record)
    except ValueError:
        return
    assert frames
