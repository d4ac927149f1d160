"""Peers that reset their connections at once: who gets their descriptors next must not notice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from support import rawpeer
from support.processes import PATIENCE, until

# Subscriptions that a peer may have. Newcomers ask for as many: with one more in their account
# they would be cut.
MOST = 5
BATCH = 30
Act = Callable[[str, int], None]


@pytest.fixture
def newcomers(scale: int) -> int:
    """How many in all."""
    return 1500 if scale > 1 else 150


def ask(address: str, topics: list[bytes]) -> socket.socket:
    peer = rawpeer.shake_hands(address, "SUB")
    peer.sendall(b"".join(map(rawpeer.subscription, topics)))
    return peer


def cross_the_limit(address: str, number: int) -> None:
    rawpeer.reset(ask(address, [b"crossed.%d.%d" % (number, n) for n in range(MOST + 3)]))


def stay_below_it(address: str, number: int) -> None:
    rawpeer.reset(ask(address, [b"below.%d.%d" % (number, n) for n in range(MOST - 1)]))


@contextmanager
def churn(act: Act, address: str) -> Iterator[list[int]]:
    """Two that do so again and again; how often they did."""
    over, done = threading.Event(), [0]

    def again(first: int) -> None:
        number = first
        while not over.is_set():
            with suppress(OSError, AssertionError):  # cut, as it may be
                act(address, number)
                done[0] += 1
            number += 2

    threads = [threading.Thread(target=again, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)


def is_served(peer: socket.socket, publish: Callable[[], object]) -> bool:
    """Whether a message comes before the end of its connection."""
    peer.settimeout(0.05)
    for _ in range(round(PATIENCE / 0.05)):
        try:
            return b"good." in peer.recv(4096)
        except TimeoutError:
            publish()
        except OSError:
            return False
    return False


@pytest.mark.parametrize("act", [cross_the_limit, stay_below_it])
def test_no_newcomer_is_taken_for_a_subscriber_that_has_gone(
    place: Callable[..., Any], newcomers: int, act: Act
) -> None:
    here = place("forwarder", "--limits-subscriptions-per-peer", str(MOST))
    cut = []
    with churn(act, here.back) as done:
        for first in range(0, newcomers, BATCH):
            topics = [
                [b"own.%d.%d" % (first + n, m) for m in range(MOST - 1)] for n in range(BATCH)
            ]
            peers = [ask(here.back, [*own, b"good."]) for own in topics]
            here.check()
            cut += [n for n, peer in enumerate(peers, first) if not is_served(peer, here.check)]
            for peer in peers:
                peer.close()
    refused = here.shown()["backend_refused"]
    assert cut == [], f"{len(cut)} of {newcomers} cut; {done[0]} resets; {refused}"
    if act is stay_below_it:
        assert refused == {}
    here.end()


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
