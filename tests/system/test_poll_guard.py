"""A peer that takes no more: what was being written to it is written to its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from zmqdev.relay import send_burst
from zmqdev.system import libzmq
from zmqdev.tools.probe import greeting, zmtp
from zmqdev.tools.probe.zmtp import Frame, encode

pytestmark = pytest.mark.skipif(libzmq.why_unguarded() is not None, reason="needs the C half")

MANY = 50_000  # more than the buffers of two systems hold
BODY = b"%06d of a length that divides no batch"
GREETING = 64
Sender = zmq.Socket[bytes]


@pytest.fixture(params=["tcp", "ipc"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    if request.param == "tcp":
        made = socket.create_server(("127.0.0.1", 0))
    else:
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(tmp_path / "peer"))
        made.listen()
    with made:
        yield made


@pytest.fixture
def sender(listener: socket.socket) -> Iterator[Sender]:
    with zmq.Context() as context, context.socket(zmq.PUSH) as made:
        made.set(zmq.LINGER, 0)
        made.set(zmq.SNDHWM, 0)
        made.connect(address(listener))
        yield made


def address(listener: socket.socket) -> str:
    name = listener.getsockname()
    return f"ipc://{name}" if isinstance(name, str) else "tcp://{}:{}".format(*name)


def taker(listener: socket.socket) -> socket.socket:
    """One that connects, its handshake done."""
    peer, _ = listener.accept()
    peer.settimeout(20)
    peer.sendall(greeting.build() + zmtp.ready("PULL"))
    exactly(peer, GREETING)
    assert b"READY" in exactly(peer, exactly(peer, 2)[1])
    return peer


def exactly(peer: socket.socket, length: int) -> bytes:
    came = bytearray()
    while len(came) < length and (piece := peer.recv(length - len(came))):
        came += piece
    return bytes(came)


def send(sender: Sender, many: int) -> None:
    for first in range(0, many, 1000):
        send_burst(sender, [[BODY % number] for number in range(first, first + 1000)])


def wire(first: int, many: int) -> bytes:
    return b"".join(encode(Frame(BODY % number)) for number in range(first, first + many))


def all_of(peer: socket.socket) -> bytes:
    """What comes until the end."""
    pieces = []
    while piece := peer.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def test_messages_end_whole_where_a_peer_takes_no_more(
    listener: socket.socket, sender: Sender
) -> None:
    """Without that the sender ends the connection in the middle of the one that is under way."""
    with taker(listener) as peer:
        send(sender, MANY)
        peer.recv(1, socket.MSG_PEEK)
        peer.shutdown(socket.SHUT_WR)
        came = all_of(peer)
    size = len(wire(0, 1))
    assert len(came) % size == 0
    send(sender, 1000)
    with taker(listener) as next_one:
        first = len(came) // size
        rest = wire(first, MANY - first) + wire(0, 1000)
        assert exactly(next_one, len(rest)) == rest


def test_a_sender_that_never_pauses_does_not_hold_up_the_end(
    listener: socket.socket, sender: Sender
) -> None:
    over = threading.Event()

    def flood() -> None:
        while not over.is_set():
            send(sender, 1000)

    sender.set(zmq.SNDHWM, 1000)
    flooding = threading.Thread(target=flood)
    with taker(listener) as peer:
        flooding.start()
        try:
            peer.recv(1)
            peer.shutdown(socket.SHUT_WR)
            all_of(peer)
        finally:
            over.set()
            flooding.join()


@pytest.mark.parametrize("unread", [True, False])
def test_a_peer_that_is_gone_is_looked_for_again(
    listener: socket.socket, sender: Sender, unread: bool
) -> None:
    with taker(listener) as peer:
        send(sender, MANY)
        if unread:
            peer.recv(1, socket.MSG_PEEK)
        else:
            exactly(peer, len(wire(0, MANY)))
    send(sender, 1000)
    with taker(listener) as next_one:
        assert next_one.recv(1)
