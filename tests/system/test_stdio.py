from __future__ import annotations

import io
import os
import pty

import pytest

from zmqdev.system.stdio import TextSink


def drained(descriptor: int, sink: TextSink) -> bytes:
    got = b""
    while not sink.flush():
        got += os.read(descriptor, 65536)
    os.set_blocking(descriptor, False)
    try:
        while piece := os.read(descriptor, 65536):
            got += piece
    except BlockingIOError:
        return got
    return got


def test_a_stalled_pipe_is_not_waited_for() -> None:
    read, write = os.pipe()
    sink = TextSink(os.fdopen(write, "w"))
    for _ in range(200):
        sink.write("x" * 1000 + "\n")
    assert not sink.flush()
    assert drained(read, sink).count(b"\n") == 200
    os.close(read)


@pytest.mark.parametrize("text", ["x" * 1500, "y" * 78 + "\n", "\n"])
def test_a_stalled_terminal_is_not_waited_for(text: str) -> None:
    master, slave = pty.openpty()
    sink = TextSink(os.fdopen(slave, "w"), limit=10_000_000)
    count = 300_000 // len(text)
    for _ in range(count):
        sink.write(text)
    assert not sink.flush()
    # A terminal makes two signs of each newline.
    assert drained(master, sink) == text.replace("\n", "\r\n").encode() * count
    sink.close(1.0)
    os.close(master)


def test_the_terminal_of_others_goes_on_waiting_for_room() -> None:
    master, slave = pty.openpty()
    sink = TextSink(os.fdopen(slave, "w"))
    sink.write("hello")
    assert os.get_blocking(slave)
    sink.close(1.0)
    os.close(master)


def test_what_is_too_much_is_left_out_whole_and_counted() -> None:
    read, write = os.pipe()
    sink = TextSink(os.fdopen(write, "w"), limit=2000)
    line = "y" * 99 + "\n"
    taken = sum(sink.write(line) for _ in range(2000))
    assert sink.left_out == 2000 - taken > 0
    assert drained(read, sink) == line.encode() * taken
    os.close(read)


def test_one_write_may_be_larger_than_the_limit() -> None:
    read, write = os.pipe()
    sink = TextSink(os.fdopen(write, "w"), limit=10)
    assert sink.write("z" * 100_000)
    assert len(drained(read, sink)) == 100_000
    os.close(read)


def test_a_reader_that_left_breaks_it_quietly() -> None:
    read, write = os.pipe()
    sink = TextSink(os.fdopen(write, "w"))
    os.close(read)
    sink.write("gone\n")
    assert sink.closed
    assert not sink.write("again\n")
    assert sink.flush(1.0)


def test_flushing_has_its_limit() -> None:
    read, write = os.pipe()
    sink = TextSink(os.fdopen(write, "w"))
    sink.write("x" * 200_000)
    assert not sink.flush(0.01)
    os.close(read)


def test_what_the_encoding_lacks_is_escaped() -> None:
    read, write = os.pipe()
    sink = TextSink(os.fdopen(write, "w", encoding="ascii"))
    sink.write("é\n")
    assert os.read(read, 100) == b"\\xe9\n"
    os.close(read)


def test_a_stream_with_no_descriptor_is_written_to(paper: io.StringIO) -> None:
    sink = TextSink(paper)
    assert sink.write("hello\n")
    assert sink.flush()
    assert sink.flush(0.0)
    assert paper.getvalue() == "hello\n"


def test_a_stream_that_was_closed_takes_nothing() -> None:
    sink = TextSink(None)
    assert sink.closed
    assert not sink.write("hello\n")
    assert sink.flush(0.0)
    sink.close(0.0)
