"""Thousands of connections a second that come, ask and reset: others go on as before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import until

from zmqdev.system import libzmq

pytestmark = pytest.mark.skipif(
    libzmq.why_unguarded() is not None, reason="newcomers wait only where the poll is guarded"
)
# Topics that a good subscriber holds: when a subscriber goes, libzmq walks over all of them.
HELD = [b"held.%06d.%040x" % (number, number * 2**61 % (2**89 - 1)) for number in range(2000)]
TYPES = {
    ("forwarder", "back"): "SUB",
    ("forwarder", "front"): "PUB",
    ("streamer", "front"): "PUSH",
    ("queue", "front"): "REQ",
}
PLACES = [
    pytest.param(*place, marks=() if place[0] == "forwarder" else pytest.mark.soak)
    for place in TYPES
]


class Storm:
    """Two threads of it, from `with` to its end. `count`: connections so far."""

    def __init__(self, address: str, socket_type: str) -> None:
        self._address, self._type = address, socket_type
        self._over = threading.Event()
        self.count = 0

    def _blow(self, thread: int) -> None:
        number = 0
        while not self._over.is_set():
            topics = [b"storm.%d.%d.%d" % (thread, number, topic) for topic in range(8)]
            with suppress(OSError):
                peer = rawpeer.shake_hands(self._address, self._type)
                if self._type == "SUB":
                    peer.sendall(b"".join(map(rawpeer.subscription, topics)))
                rawpeer.reset(peer)
            number += 1
            self.count += 1

    @contextmanager
    def blowing(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._blow, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


def hold(context: zmq.Context[Any], here: Any) -> zmq.Socket[bytes]:
    """A good subscriber with many topics, which are known upstream."""
    socket = context.socket(zmq.SUB)
    socket.linger = socket.sndhwm = 0  # else it drops what is above a thousand
    for topic in HELD:
        socket.subscribe(topic)
    socket.connect(here.back)

    def served() -> bool:
        here.near.send(HELD[-1])
        return bool(socket.poll(20))

    until(served, "its topics are upstream")
    return socket


@pytest.mark.parametrize(("kind", "side"), PLACES)
def test_messages_flow_in_a_storm_of_connections(
    place: Callable[..., Any], context: zmq.Context[Any], kind: str, side: str
) -> None:
    here = place(kind)
    held = hold(context, here) if kind == "forwarder" else None
    storm = Storm(getattr(here, side), TYPES[kind, side])
    with storm.blowing():
        until(lambda: storm.count > 20, "it blows")
        for _ in range(10):
            here.round_trip()
    if held is not None:
        held.close(0)
    until(lambda: here.shown()[f"{side}end_peers"] == 1, "only the good one is there")
    here.end()


@pytest.mark.soak
def test_a_long_storm_leaves_the_rate_of_messages_as_it_was(
    place: Callable[..., Any], context: zmq.Context[Any], scale: int
) -> None:
    """A message each millisecond: at least nine of ten come while it blows, and all after it."""
    here = place("forwarder")
    held = hold(context, here)

    def rate(seconds: float) -> float:
        since, sent, came = time.monotonic(), 0, 0
        while (now := time.monotonic() - since) < seconds:
            while sent < now * 1000:
                here.near.send(b"good.%d" % sent)
                sent += 1
            while here.far.poll(1):
                here.far.recv()
                came += 1
        return came / seconds

    storm = Storm(here.back, "SUB")
    with storm.blowing():
        assert rate(3.0 * scale) > 900
    assert rate(1.0) > 900
    held.close(0)
    here.end()
