"""Writing never waits, loses nothing, and notices a reader that has gone."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from zmqdev.errors import RunError
from zmqdev.system.stdio import Sink


def test_a_file_takes_all_at_once(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        sink = Sink(out.fileno())
        sink.write(b"x" * 1_000_000)
        assert sink.empty
    assert (tmp_path / "out").stat().st_size == 1_000_000


def test_a_full_pipe_keeps_the_rest_and_does_not_wait(pipe: Any) -> None:
    reader, writer = pipe
    sink = Sink(writer)
    data = os.urandom(300_000)
    start = time.monotonic()
    sink.write(data)
    sink.write(b"more")
    assert not sink.empty
    assert time.monotonic() - start < 5
    read = b""
    while len(read) < len(data) + 4:
        read += os.read(reader, 10_000)
        sink.flush()
    assert read == data + b"more"
    assert sink.empty


def test_a_reader_that_has_gone_closes_the_sink(pipe: Any) -> None:
    reader, writer = pipe
    sink = Sink(writer)
    sink.look()
    assert not sink.closed
    pipe.shut(reader)
    sink.look()
    assert sink.closed
    sink.write(b"to nobody")
    assert sink.empty


def test_a_reader_that_goes_while_we_write_closes_the_sink(pipe: Any) -> None:
    reader, writer = pipe
    sink = Sink(writer)
    pipe.shut(reader)
    sink.write(b"x")
    assert sink.closed


def test_a_full_disk_is_an_error_in_words() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(RunError, match="cannot write stdout: no space left on device"):
            Sink(full).write(b"x")
    finally:
        os.close(full)


def test_a_closed_descriptor_is_an_error_in_words(pipe: Any) -> None:
    pipe.shut(pipe[1])
    with pytest.raises(RunError, match="cannot write stdout: bad file descriptor"):
        Sink(pipe[1])


def test_a_pipe_of_one_page_is_filled_page_by_page(pipe: Any) -> None:
    reader, writer = pipe
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    sink = Sink(writer)
    sink.write(b"a" * 10_000)
    read = os.read(reader, 100_000)
    while not sink.flush():
        read += os.read(reader, 100_000)
    assert len(read) + len(os.read(reader, 100_000)) == 10_000


def test_what_goes_to_a_terminal_is_written_aside() -> None:
    entered = []

    @contextmanager
    def aside() -> Iterator[None]:
        entered.append(True)
        yield

    main, terminal = os.openpty()
    try:
        sink = Sink(terminal, aside=aside)
        assert sink.terminal
        sink.write(b"x\n")
        assert os.read(main, 100) == b"x\r\n"
        assert entered
    finally:
        os.close(main)
        os.close(terminal)
