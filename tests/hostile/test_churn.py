"""Peers that reset their connections at once: who gets their descriptors next must not notice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from support import rawpeer
from support.processes import until


@pytest.mark.parametrize("side", ["SUB", "PULL", "REQ"])
def test_a_conforming_peer_that_resets_is_not_counted_as_refused(
    place: Callable[..., Any], scale: int, side: str
) -> None:
    kind = {"SUB": "forwarder", "PULL": "streamer", "REQ": "queue"}[side]
    here = place(kind)
    address, name = (here.front, "frontend") if side == "REQ" else (here.back, "backend")
    for number in range(3000 if scale > 1 else 300):
        peer = rawpeer.shake_hands(address, side)
        with suppress(OSError):
            if side == "SUB":
                peer.sendall(rawpeer.subscription(b"topic.%d" % number))
            elif side == "REQ" and number % 2:
                peer.sendall(rawpeer.message(b"half", b"a request")[:-4])
        rawpeer.reset(peer)
    until(lambda: here.shown()[f"{name}_peers"] == 1, "all but the good one have gone")
    assert here.shown()[f"{name}_refused"] == {}
    here.end()


# Another holder of connections than the newcomers: an address of its own.
ELSEWHERE = "127.0.0.2"
FEW = 5


def too_many(address: str) -> None:
    """Holds more topics than it may, and is gone."""
    with suppress(OSError):
        peer = rawpeer.shake_hands(address, "SUB")
        with suppress(OSError):
            peer.sendall(b"".join(rawpeer.subscription(b"%d" % n) for n in range(3 * FEW)))
        rawpeer.reset(peer)


def too_long(address: str) -> None:
    with suppress(OSError):
        peer = rawpeer.shake_hands(address, "SUB")
        with suppress(OSError):
            peer.sendall(rawpeer.subscription(b"x" * 200_000)[:5000])
        rawpeer.reset(peer)


def too_many_connections(address: str) -> None:
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    peers = []
    with suppress(OSError):
        for _ in range(3 * FEW):
            peers.append(socket.create_connection((host, int(port)), 10, (ELSEWHERE, 0)))
    for peer in peers:
        rawpeer.reset(peer)


CROSSING = {
    "subscriptions": (too_many, "--limits-subscriptions-per-peer"),
    "connections": (too_many_connections, "--limits-connections-per-address"),
    "frame": (too_long, ""),
}


@contextmanager
def again_and_again(action: Callable[[str], None], address: str) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            action(address)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_served(here: Any, topic: bytes) -> bool:
    """Whether a newcomer with one topic gets its message and is not cut."""
    with rawpeer.shake_hands(here.back, "SUB") as peer:
        try:
            peer.sendall(rawpeer.subscription(topic))
            peer.settimeout(0.05)
            while True:
                here.near.send(topic)
                with suppress(TimeoutError):
                    return bool(peer.recv(1000))
        except OSError:
            return False


def refused(here: Any, reason: str) -> int:
    return int(here.shown()["backend_refused"].get(reason, 0))


@pytest.mark.parametrize("reason", CROSSING)
def test_those_who_cross_a_limit_and_reset_have_no_newcomer_cut(
    place: Callable[..., Any], scale: int, reason: str
) -> None:
    """The next connection gets the descriptor of one that has gone, and not what it earned."""
    action, limit = CROSSING[reason]
    here = place("forwarder", *([limit, str(FEW)] if limit else []))
    cut = 0
    with again_and_again(action, here.back):
        until(lambda: refused(here, reason), "the limit is crossed")
        for number in range(1500 if scale > 1 else 50):
            cut += not is_served(here, b"new.%d" % number)
    assert cut == 0
    here.end()
