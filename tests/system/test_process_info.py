"""What the system tells of connections and of memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import until

from zmqdev.system import process_info

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


@linux
def test_bytes_that_came_and_those_that_wait() -> None:
    wire = process_info.WireBytes()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as far,
    ):
        near, _ = server.accept()
        with near:
            assert (wire.received(near.fileno()), wire.unread(near.fileno())) == (0, 0)
            far.sendall(b"x" * 1000)
            until(lambda: wire.received(near.fileno()) == 1000, "they came")
            near.recv(300)
            assert (wire.received(near.fileno()), wire.unread(near.fileno())) == (1000, 700)
            until(lambda: process_info.silence(near.fileno()) > 0.1, "and nothing more came")

            def broken() -> bool:
                far.sendall(b"x")  # each time: this process may not run for longer than that
                return process_info.silence(near.fileno()) < 0.1

            until(broken, "until now")


def test_what_is_no_tcp_connection_has_no_answer() -> None:
    wire = process_info.WireBytes()
    first, second = socket.socketpair()
    reader, writer = os.pipe()
    with first, second:
        assert wire.received(first.fileno()) is None
    assert wire.received(reader) is None
    os.close(reader)
    os.close(writer)
    assert wire.received(reader) is None
    assert wire.unread(reader) == 0


def test_memory_grows_with_what_is_kept() -> None:
    before = process_info.memory()
    assert 0 < before < process_info.peak() + (8 << 20), "counted by each processor, and late"
    kept = b"x" * (64 << 20)
    assert process_info.memory() - before > 32 << 20
    del kept
    process_info.give_back()
    assert process_info.memory() < process_info.available()


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("0::/a/b", "a/memory.max"),
        ("0::/a/b", "a/b/memory.max"),
        ("7:memory:/a/b", "memory/a/b/memory.limit_in_bytes"),
        ("3:cpu,memory:/a/b", "memory/a/memory.limit_in_bytes"),
        ("7:memory:/of/the/outside", "memory/memory.limit_in_bytes"),
    ],
)
def test_control_groups_of_both_versions_are_read(tmp_path: Path, line: str, file: str) -> None:
    mine, root = tmp_path / "mine", tmp_path / "root"
    mine.write_text(f"12:cpuset:/x\n{line}\n")
    place = root / file
    place.parent.mkdir(parents=True)
    place.write_text("209715200\n")
    assert process_info.group_limits(mine, root) == [209715200]
    place.write_text("max\n")
    assert process_info.group_limits(mine, root) == []


def test_a_limit_of_addresses_is_one_of_memory() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
        "from zmqdev.system.process_info import available; print(available())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert 1 << 29 <= int(said) <= 1 << 30
