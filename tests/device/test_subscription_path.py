"""A forwarder's way upstream, one turn at a time: what is refused is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import until

from zmqdev.device.socket import OpenSocket
from zmqdev.device.subscription_path import Subscribing
from zmqdev.options.limits import Limits
from zmqdev.options.security import Security
from zmqdev.relay import Counters
from zmqdev.security.guard import Guard

Context = zmq.Context[zmq.Socket[bytes]]


@pytest.fixture
def backend(context: Context) -> Iterator[OpenSocket]:
    socket = context.socket(zmq.XPUB)
    socket.bind("tcp://127.0.0.1:*")
    opened = OpenSocket("backend", "XPUB", socket, guard=Guard(context, Security(), "backend"))
    yield opened
    assert opened.guard is not None
    opened.guard.close()


def refusals(opened: OpenSocket) -> dict[str, int]:
    assert opened.guard is not None
    return opened.guard.refusals()


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "has left"])
def test_a_subscriber_of_too_much_is_counted_once(
    context: Context, backend: OpenSocket, stays: bool
) -> None:
    """One that has left before its turn came as well: nothing of it passes unseen."""
    frontend = OpenSocket("frontend", "XSUB", context.socket(zmq.XSUB))
    upstream = context.socket(zmq.XPUB)
    upstream.connect(f"tcp://127.0.0.1:{frontend.socket.bind_to_random_port('tcp://127.0.0.1')}")
    path = Subscribing(frontend, backend, Counters(), Limits(subscriptions_per_peer=3), None)
    monitor = backend.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer = rawpeer.shake_hands(backend.socket.last_endpoint.decode(), "SUB")
    peer.sendall(b"".join(rawpeer.subscription(b"%d" % number) for number in range(10)))
    if not stays:
        peer.close()
        assert monitor.poll(60_000)
    told: list[bytes] = []

    def turned() -> Any:
        path.turn()
        while upstream.poll(0):
            told.append(upstream.recv())
        return refusals(backend) and len(told) == 6

    until(turned, "the refusal, and the end of what had passed")
    assert refusals(backend) == {"subscriptions": 1}
    assert sorted(told)[-3:] == [b"\x010", b"\x011", b"\x012"]
    peer.close()
