"""A connection is kept until its peer has read everything, and no longer than told."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from zmqdev.device.close import Farewell

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def tcp() -> Iterator[Pair]:
    """(ours, the peer's)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    with ours, peer:
        yield ours, peer


def address(connection: socket.socket) -> str:
    host, port = connection.getpeername()
    return f"tcp://{host}:{port}"


def soon() -> float:
    return time.monotonic() + 10


def test_nobody_is_not_waited_for() -> None:
    assert Farewell({}, 0).wait(soon())


def test_the_connection_outlives_its_first_descriptor(tcp: Pair) -> None:
    ours, peer = tcp
    farewell = Farewell({ours.fileno(): address(ours)}, 1)
    ours.sendall(b"x" * 100_000)
    ours.close()
    peer.sendall(b"a heartbeat that would have been answered with a reset")
    assert not farewell.wait(time.monotonic() + 0.05)  # it has not read all
    got = b""
    while piece := peer.recv(65_536):
        got += piece
    assert len(got) == 100_000
    peer.close()
    assert farewell.wait(soon())
    farewell.close()


def test_a_peer_that_resets_is_not_waited_for(tcp: Pair) -> None:
    ours, peer = tcp
    farewell = Farewell({ours.fileno(): address(ours)}, 1)
    ours.sendall(b"unread")
    ours.close()
    peer.close()
    assert farewell.wait(soon())


def test_a_stranger_is_not_waited_for(tcp: Pair) -> None:
    ours, _ = tcp
    farewell = Farewell({ours.fileno(): address(ours)}, 0)
    assert farewell.wait(soon())
    farewell.close()


def test_a_descriptor_that_is_somebody_elses_is_left_alone(tcp: Pair) -> None:
    ours, peer = tcp
    assert len(Farewell({ours.fileno(): "tcp://127.0.0.1:1"}, 1)) == 0
    read, write = os.pipe()
    assert len(Farewell({read: "tcp://127.0.0.1:1", 99_999: "tcp://127.0.0.1:1"}, 1)) == 0
    os.close(read)
    os.close(write)
    ours.sendall(b"still open")
    assert peer.recv(100) == b"still open"


def test_something_to_do_ends_the_wait(tcp: Pair) -> None:
    ours, _ = tcp
    farewell = Farewell({ours.fileno(): address(ours)}, 1)
    left, right = socket.socketpair()
    with left, right:
        right.send(b"!")
        assert not farewell.wait(soon(), (left.fileno(),))
    farewell.close()
