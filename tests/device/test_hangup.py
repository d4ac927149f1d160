"""Which of two ends hung up."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.processes import until

from zmqdev.device.hangup import Hangups

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The two ends of a connection: near and far."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as far,
    ):
        near, _ = server.accept()
        far.sendall(b"hello")
        with near:
            yield near, far


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_peer_that_is_still_there_was_hung_up_on(pair: Pair) -> None:
    near, far = pair
    before, hangups, number = descriptors(), Hangups(), near.fileno()
    hangups.opened(number, near.dup())
    near.close()
    assert hangups.ended(number).here
    assert not hangups.ended(number).here, "told once"
    with suppress(ConnectionResetError):
        assert far.recv(10) == b"", "now it sees the end"
    assert descriptors() == before - 1


def test_a_peer_that_left_was_not(pair: Pair) -> None:
    near, far = pair
    hangups = Hangups()
    hangups.opened(near.fileno(), near.dup())
    far.shutdown(socket.SHUT_WR)
    near.recv(10)
    until(lambda: near.recv(10) == b"", "it is heard of")
    assert not hangups.ended(near.fileno()).here


def test_nor_one_that_was_cut_off_on_purpose(pair: Pair) -> None:
    near, _ = pair
    hangups = Hangups()
    hangups.opened(near.fileno(), near.dup())
    near.shutdown(socket.SHUT_RDWR)
    assert not hangups.ended(near.fileno()).here


def test_what_is_let_go_is_closed(pair: Pair) -> None:
    near, _ = pair
    before, hangups = descriptors(), Hangups()
    hangups.opened(near.fileno(), near.dup())
    hangups.opened(near.fileno(), near.dup())
    assert descriptors() == before + 1
    hangups.let_go()
    assert descriptors() == before
    assert not hangups.ended(near.fileno()).here
