"""A peer sends PINGs behind more messages than a pipe holds, and resets its connection.

libzmq 4.3.5 aborts then (`!_io_error`, stream_engine_base.cpp:310): at each socket type, bound or
connected, whenever the connection ends while libzmq does not poll it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from hostile.conftest import FREE
from support import rawpeer
from support.processes import PATIENCE, Program, Start, until

from zmqdev.tools.probe.zmtp import ZmtpCommand, encode_command

PING = encode_command(ZmtpCommand("PING", b"\0\0"))
ROUNDS = 4

# What a peer says that a pipe is filled with, by the peer's socket type.
SAID = {
    "SUB": rawpeer.message(b"\2x"),  # to a forwarder's publisher side: an ordinary message
    "PUB": rawpeer.message(b"x"),
    "PUSH": rawpeer.message(b"x"),
    "DEALER": rawpeer.message(b"", b"x"),
    "ROUTER": rawpeer.message(b"", b"x"),
    "REP": rawpeer.message(b"\0abcd", b"", b"x"),
}

# arguments, the side that is attacked, the socket type of the peer
BOUND: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a forwarder's frontend": (
        ("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE),
        "frontend",
        "PUB",
    ),
    "a forwarder's backend": (("forwarder", "--backend-bind", FREE), "backend", "SUB"),
    "a streamer": (
        ("streamer", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("frontend", "PUSH"),
    ),
    "a queue's clients": (
        ("queue", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("frontend", "DEALER"),
    ),
    "a queue's workers": (
        ("queue", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("backend", "REP"),
    ),
    "a reliable queue's clients": (
        ("queue", "--reliable", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("frontend", "DEALER"),
    ),
    "a reliable queue's workers": (
        ("queue", "--reliable", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("backend", "DEALER"),
    ),
    "control": (
        ("queue", "--control", FREE, "--frontend-bind", FREE, "--backend-bind", FREE),
        *("control", "DEALER"),
    ),
    "sub": (("sub", "-b", FREE), "socket", "PUB"),
    "pull": (("pull", "-b", FREE), "socket", "PUSH"),
    "worker": (("worker", "-b", FREE), "socket", "DEALER"),
    "pub": (("pub", "-b", FREE, "--ticks"), "socket", "SUB"),
}


def flood(peer: socket.socket, kind: str) -> None:
    """All that it takes, answers being read, then a reset."""
    said = (SAID[kind] * 20 + PING) * 400
    peer.setblocking(False)
    idle_at = time.monotonic() + 0.2
    while said and time.monotonic() < idle_at:
        readable, writable, _ = select.select([peer], [peer], [], 0.02)
        try:
            if readable and not peer.recv(65536):
                break
            if writable:
                said = said[peer.send(said) :]
                idle_at = time.monotonic() + 0.2
        except OSError:
            break
    rawpeer.reset(peer)


@pytest.mark.parametrize("case", BOUND)
def test_a_ping_before_a_reset_ends_nothing(
    start: Start, context: zmq.Context[Any], case: str
) -> None:
    words, side, kind = BOUND[case]
    program = start(*words, ready=True)
    ready = program.ready()
    for _ in range(ROUNDS):
        flood(rawpeer.shake_hands(ready[side][0], kind), kind)
    if kind in ("PUSH", "DEALER") and words[0] in ("streamer", "queue"):
        read_out(context, ready["backend"][0], zmq.PULL if words[0] == "streamer" else zmq.REP)
    elif case == "a queue's workers":
        read_out(context, ready["frontend"][0], zmq.DEALER)
    assert alive(program, ready[side][0], kind)
    assert program.interrupt() == 0, program.err


def read_out(context: zmq.Context[Any], address: str, kind: int) -> None:
    """The other side comes back: pipes that were full are read."""
    far = context.socket(kind)
    far.connect(address)
    for _ in range(3000):
        if not far.poll(300):
            break
        far.recv()
        if kind == zmq.REP:
            far.send(b"")
    far.close(0)


def alive(program: Program, address: str, kind: str) -> bool:
    """It shakes hands still, and twice: it did not end in between."""
    for _ in range(2):
        rawpeer.shake_hands(address, kind).close()
    return program.process.poll() is None


# arguments, the flag that says where to connect, the socket type of the hostile server
CONNECTING: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a forwarder's frontend": (("forwarder", "--backend-bind", FREE), "--frontend-connect", "PUB"),
    "a forwarder's backend": (("forwarder",), "--backend-connect", "SUB"),
    "a streamer's frontend": (("streamer", "--backend-bind", FREE), "--frontend-connect", "PUSH"),
    "a queue's frontend": (("queue", "--backend-bind", FREE), "--frontend-connect", "DEALER"),
    "a queue's backend": (("queue", "--frontend-bind", FREE), "--backend-connect", "REP"),
    "a reliable queue's backend": (
        ("queue", "--reliable", "--frontend-bind", FREE),
        *("--backend-connect", "DEALER"),
    ),
    "sub": (("sub",), "-c", "PUB"),
    "pull": (("pull",), "-c", "PUSH"),
    "client": (("client", "-D", "ask", "--rate", "5", "--timeout", "1h"), "-c", "ROUTER"),
    "worker": (("worker",), "-c", "DEALER"),
    "pub": (("pub", "--ticks"), "-c", "SUB"),
}


@pytest.mark.parametrize("case", CONNECTING)
def test_a_server_that_pings_and_resets_ends_nothing(
    start: Start, context: zmq.Context[Any], case: str
) -> None:
    words, flag, kind = CONNECTING[case]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        device = words[0] in ("streamer", "queue")
        program = start(*words, flag, address, ready=device)
        with reading(context, program if device and "backend" not in flag else None):
            for _ in range(ROUNDS):
                flood(accept(server, program, kind), kind)
            last = accept(server, program, kind)
            assert program.process.poll() is None, program.err
            last.close()
    program.interrupt()
    until(lambda: program.process.poll() is not None, "it ends")
    assert program.process.poll() in (0, 3), program.err


@contextlib.contextmanager
def reading(context: zmq.Context[Any], program: Program | None) -> Iterator[None]:
    """A peer at the backend that takes all: a device whose pipe stays full hears of no end."""
    if program is None:
        yield
        return
    ended = threading.Event()

    def take() -> None:
        far = context.socket(zmq.REP if "queue" in program.name else zmq.PULL)
        far.connect(program.ready()["backend"][0])
        while not ended.is_set():
            if far.poll(50):
                far.recv()
                if far.type == zmq.REP:
                    far.send(b"")
        far.close(0)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def accept(server: socket.socket, program: Program, kind: str) -> socket.socket:
    """The next connection of the program, its handshake done."""
    try:
        while True:
            peer, _ = server.accept()
            peer.settimeout(PATIENCE)
            with contextlib.suppress(OSError):
                if rawpeer.greet(peer, kind):
                    return peer
            peer.close()
    except TimeoutError:
        raise AssertionError(f"it came no more: {program.process.poll()} {program.err}") from None


def test_what_was_sent_before_a_reset_is_still_delivered(start: Start, tmp_path: Any) -> None:
    """The pipe was full when the connection ended; what libzmq had taken in is printed."""
    program = start("pull", "-b", FREE, ready=True)
    peer = rawpeer.shake_hands(program.ready()["socket"][0], "PUSH")
    peer.sendall((rawpeer.message(b"x") * 20 + PING) * 400)
    until(lambda: program.out.count(b"x") == 8000, "all were printed")
    rawpeer.reset(peer)
    assert alive(program, program.ready()["socket"][0], "PUSH")
    assert program.interrupt() == 0


Place = Callable[..., Any]


def test_ends_of_connections_that_are_polled_are_seen_at_once(place: Place) -> None:
    """Guarded or not: a reset, an orderly end and a refused connection."""
    here = place("streamer")
    before = here.shown()["frontend_peers"]
    peers = [rawpeer.shake_hands(here.front, "PUSH") for _ in range(4)]
    until(lambda: here.shown()["frontend_peers"] == before + 4, "they are there")
    for peer in peers[:2]:
        rawpeer.reset(peer)
    for peer in peers[2:]:
        peer.close()
    until(lambda: here.shown()["frontend_peers"] == before, "they are gone", 5)
    here.end()
