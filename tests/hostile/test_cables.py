"""A cable is pulled at a real device, for as long as it really takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support import cable, rawpeer
from support.processes import PATIENCE, Start, until

from zmqdev.relay import recv_burst
from zmqdev.security.connections import MOST_LEFT

FREE = "tcp://127.0.0.1:*"


def test_a_dead_plain_worker_takes_no_request_twice(
    start: Start, context: zmq.Context[Any]
) -> None:
    """Two plain workers behind a reliable queue, one without a cable: it is cut before the first
    of its requests is given out again, and none becomes a dead letter."""
    program = start(
        *("queue", "--reliable", "--workers", "plain", "--busy-timeout", "4s"),
        *("--frontend-bind", FREE, "--backend-bind", FREE, "--max-attempts", "2"),
        ready=True,
    )
    ready = program.ready()
    dead = rawpeer.shake_hands(ready["backend"][0], "REP")
    alive, client = context.socket(zmq.REP), context.socket(zmq.DEALER)
    alive.connect(ready["backend"][0])
    client.connect(ready["frontend"][0])
    cable.pull(dead)
    asked = {b"%d" % number for number in range(100)}
    for body in sorted(asked):
        client.send_multipart([b"", body])
    answered: set[bytes] = set()

    def serve() -> bool:
        for body in (one[-1] for one in recv_burst(alive, 1)):
            alive.send(body)
        answered.update(one[-1] for one in recv_burst(client, 100))
        return answered == asked

    until(serve, "each is answered", 60)
    assert "attempt failed" not in program.err
    assert program.interrupt() == 0


def test_who_leaves_before_all_is_read_does_not_come_again_without_end(
    start: Start, context: zmq.Context[Any]
) -> None:
    """A queue without workers keeps what a client asked: a full pipe, and a connection that the
    client has ended. A limited number of them, until they are read."""
    program = start("queue", "--frontend-bind", FREE, "--backend-bind", FREE, ready=True)
    ready = program.ready()
    asked = rawpeer.message(b"", b"x" * 10) * 2000

    def comes_and_goes() -> bool:
        with contextlib.suppress(OSError), rawpeer.connect(ready["frontend"][0], 1.0) as peer:
            if rawpeer.greet(peer, "DEALER"):
                peer.sendall(asked)
                return True
        return False

    refused = f"has ended {MOST_LEFT} connections that are not read to their end yet"
    until(lambda: not comes_and_goes() and refused in program.err, "it has to wait")
    worker = context.socket(zmq.DEALER)
    worker.connect(ready["backend"][0])
    until(lambda: not recv_burst(worker, 5000) and comes_and_goes(), "all was read, it is let in")
    assert program.interrupt() == 0


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_a_streamer_leaves_a_dead_puller_in_30_s_and_a_resting_one_never(
    place: Callable[..., Any], context: zmq.Context[Any]
) -> None:
    here = place("streamer")
    dead = rawpeer.shake_hands(here.back, "PULL")
    resting = rawpeer.shake_hands(here.back, "PULL")
    until(lambda: here.shown()["backend_peers"] == 3, "all three are there")
    cable.pull(dead)
    began = time.monotonic()
    while here.shown()["backend_peers"] == 3:
        assert time.monotonic() - began < 40
        here.near.send(b"work")
        time.sleep(0.05)
    assert 19 < time.monotonic() - began < 32
    assert "not acknowledged" in here.program.err
    while time.monotonic() - began < 70:
        here.near.send(b"work")
        time.sleep(0.05)
    assert here.shown()["backend_peers"] == 2
    resting.close()


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_a_pusher_connects_anew_and_says_what_was_lost(start: Start) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        program = start("push", "-c", address, "-D", "{n}", "--rate", "20")
        peer, _ = server.accept()
        assert rawpeer.greet(peer, "PULL")
        cable.pull(peer)
        began = time.monotonic()
        server.settimeout(60)
        again, _ = server.accept()
        assert 19 < time.monotonic() - began < 32
        assert rawpeer.greet(again, "PULL")
        assert again.recv(100)
        assert "not acknowledged" in program.err
        program.interrupt()
