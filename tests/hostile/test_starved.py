"""What one subscriber does to its subscriptions takes nothing from the others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import until

from zmqdev.relay import NATIVE

HALVES = ("native", "python") if NATIVE else ("python",)
Context = zmq.Context[Any]
Place = Callable[..., Any]
POPULAR = [b"popular.%d" % number for number in range(20)]
LIMITS = {
    "number of one": ("--limits-subscriptions-per-peer", "300"),
    "bytes of one": ("--limits-subscription-bytes-per-peer", "3KiB"),
    "number of all": ("--limits-subscriptions", "300"),
    "bytes of all": ("--limits-subscription-bytes", "3KiB"),
    "changes": ("--limits-subscription-changes-per-peer", "300"),
}


@pytest.fixture(params=HALVES, autouse=True)
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test with the C half of the data path and with its twin."""
    monkeypatch.setenv("ZMQDEV_RELAY", request.param)


class Publisher:
    """Knows what has been subscribed to."""

    def __init__(self, context: Context, address: str) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.set(zmq.RCVHWM, 0)
        self.socket.set(zmq.XPUB_NODROP, 1)
        self.socket.linger = 0
        self.socket.connect(address)
        self._topics: set[bytes] = set()

    @property
    def topics(self) -> set[bytes]:
        while self.socket.poll(0):
            frame = self.socket.recv()
            (self._topics.add if frame[0] else self._topics.discard)(frame[1:])
        return self._topics - {b"good."}


@pytest.fixture
def publisher(context: Context) -> Iterator[Callable[[str], Publisher]]:
    made: list[Publisher] = []

    def begin(address: str) -> Publisher:
        made.append(Publisher(context, address))
        return made[-1]

    yield begin
    for item in made:
        item.socket.close(0)


def subscriber(context: Context, address: str, *topics: bytes) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    for topic in topics:
        socket.subscribe(topic)
    socket.connect(address)
    return socket


def vanishing(address: str, topics: list[bytes]) -> None:
    """Asks for all of it in one breath, and is gone."""
    peer = rawpeer.shake_hands(address, "SUB")
    try:
        peer.sendall(b"".join(map(rawpeer.subscription, topics)))
    except OSError:
        pass  # cut off while it was talking
    finally:
        peer.close()


def check_served(
    publisher: Publisher, subscribers: list[zmq.Socket[bytes]], topics: list[bytes]
) -> None:
    """Each gets a message of its topic."""
    until(lambda: publisher.topics >= set(topics), "all topics are upstream")
    for topic in topics:
        publisher.socket.send(topic)
    for socket, topic in zip(subscribers, topics, strict=True):
        assert socket.poll(30_000), f"{topic!r} does not come"
        assert socket.recv() == topic


@pytest.mark.parametrize("limit", LIMITS)
def test_who_crosses_a_limit_starves_nobody(
    place: Place, context: Context, publisher: Callable[[str], Publisher], limit: str
) -> None:
    """It asks for a popular topic as well, which is cut off with it; then others ask for it."""
    here = place("forwarder", *LIMITS[limit])
    source = publisher(here.front)
    own = [b"own.%06d" % number for number in range(1500)]
    honest = []
    for topic in POPULAR:
        vanishing(here.back, own + POPULAR)
        honest.append(subscriber(context, here.back, topic))
    vanishing(here.back, own + POPULAR)
    check_served(source, honest, POPULAR)
    until(lambda: source.topics == set(POPULAR), "what nobody holds is not upstream")
    for socket in honest:
        socket.close(0)
    until(lambda: not source.topics, "nothing is upstream when all have left")
    here.end()


def test_who_is_cut_for_another_reason_starves_nobody(
    place: Place, context: Context, publisher: Callable[[str], Publisher]
) -> None:
    here = place("forwarder")
    source = publisher(here.front)
    honest, peers = [], []
    for topic in POPULAR:
        peer = rawpeer.shake_hands(here.back, "SUB")
        peers.append(peer)  # closed now, it might reset, and what it said would be lost
        asked = b"".join(map(rawpeer.subscription, POPULAR))
        peer.sendall(asked + rawpeer.message(b"no", b"subscription") + asked)
        honest.append(subscriber(context, here.back, topic))
    until(lambda: here.shown()["backend_refused"].get("frame") == len(POPULAR), "all are cut")
    check_served(source, honest, POPULAR)
    for peer in peers:
        peer.close()
    here.end()


def test_sub_with_pub_starves_nobody(place: Place, context: Context) -> None:
    types = ("--frontend-type", "SUB", "--backend-type", "PUB")
    here = place("forwarder", *types, "--limits-subscriptions-per-peer", "100")
    honest = []
    for topic in POPULAR:
        vanishing(here.back, [b"own.%d" % number for number in range(500)] + POPULAR)
        honest.append(subscriber(context, here.back, topic))
    waiting = dict(zip(honest, POPULAR, strict=True))

    def served() -> bool:
        for topic in POPULAR:
            here.near.send(topic)
        for socket in [socket for socket in waiting if socket.poll(20)]:
            assert socket.recv() == waiting.pop(socket)
        return not waiting

    until(served, "each gets a message of its topic")
    here.end()


REPEATING = {
    "plain": (),
    "verbose": ("--set", "backend.xpub_verbose=1"),
    "verboser": ("--set", "backend.xpub_verboser=1"),
}


@pytest.mark.parametrize("how", [*REPEATING, "rights"])
def test_after_all_have_left_upstream_has_no_topic(
    place: Place,
    context: Context,
    publisher: Callable[[str], Publisher],
    tmp_path: Any,
    how: str,
) -> None:
    """Each subscription is counted once a peer, however often it was asked for."""
    (tmp_path / "rights").write_text("* subscribe ''\n")
    words = REPEATING.get(how, ("--topic-acl", str(tmp_path / "rights")))
    here = place("forwarder", *words)
    source = publisher(here.front)
    dice = random.Random(3)
    for _ in range(8):
        topics = [dice.randbytes(8).hex().encode() for _ in range(300)]
        both = [subscriber(context, here.back, *topics, *topics) for _ in range(2)]
        until(lambda topics=topics: source.topics >= set(topics), "they are upstream")
        for topic in topics[:100]:
            for socket in (*both, both[0]):
                socket.unsubscribe(topic)
        both[1].close(0)
        for topic in topics[100:200]:
            both[0].unsubscribe(topic)
            both[0].unsubscribe(topic)
        until(lambda topics=topics: source.topics == set(topics[200:]), "the rest is upstream")
        both[0].close(0)
    until(lambda: not source.topics, "nothing is upstream when all have left")
    here.end()


@pytest.mark.parametrize("how", ["verbose", "verboser"])
def test_repeated_subscriptions_go_upstream_where_asked_for(
    place: Place, context: Context, how: str
) -> None:
    here = place("forwarder", *REPEATING[how])
    upstream = context.socket(zmq.XPUB)
    upstream.set(zmq.XPUB_VERBOSER, 1)
    upstream.connect(here.front)
    assert upstream.recv() == b"\x01good."
    first = subscriber(context, here.back, b"twice")
    assert upstream.recv() == b"\x01twice"
    second = subscriber(context, here.back, b"twice")
    assert upstream.recv() == b"\x01twice"
    first.close(0)
    until(lambda: here.shown()["backend_peers"] == 2, "the first has gone")
    assert not upstream.poll(100), "one holds it still"
    second.close(0)
    assert upstream.recv() == b"\x00twice"
    here.end()
