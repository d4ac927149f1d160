"""What a subscriber sends upstream ends no forwarder, fills no memory, and gets nobody's rights."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from hostile.conftest import FREE
from hostile.test_random_zmtp import halves
from hostile.test_starved import Publisher, half, publisher, subscriber  # noqa: F401
from support import rawpeer
from support.processes import PATIENCE, Start, until
from support.vitals import MEBIBYTE

from zmqdev.security.passwords import make_line
from zmqdev.tools.probe.zmtp import Frame, encode

Context = zmq.Context[Any]
Place = Callable[..., Any]
Publishers = Callable[[str], Publisher]
UPSTREAM = b"\7upstream"


def refused(here: Any) -> dict[str, int]:
    return dict(here.shown()["backend_refused"])


def test_a_message_whose_rest_is_a_subscription_ends_its_connection_and_nothing_else(
    place: Place,
    context: Context,
    publisher: Publishers,  # noqa: F811
) -> None:
    """The XPUB hands up its first frame, says that more follows, and has no more: the rest is a
    subscription that is held already."""
    here = place("forwarder")
    source = publisher(here.front)
    for number in range(10):
        with rawpeer.shake_hands(here.back, "SUB") as peer:
            peer.sendall(rawpeer.message(b"\1x") + rawpeer.message(b"u", b"\1x"))
            good = [subscriber(context, here.back, b"good.%d.%d" % (number, at)) for at in range(3)]
            wanted = {b"good.%d.%d" % (number, at) for at in range(3)}
            until(lambda wanted=wanted: source.topics >= wanted, "what came behind it is upstream")
            assert peer.recv(10_000) == b"", "it is hung up on"
        for socket in good:
            socket.close(0)
    until(lambda: refused(here).get("frame") == 10, "each is counted")
    until(lambda: not source.topics, "nothing of it is upstream")
    here.end()


# Each is sent by one connection.
MIXTURES = {
    "a subscription as last frame": rawpeer.message(UPSTREAM, b"\1topic"),
    "an unsubscription as last frame": rawpeer.message(UPSTREAM, b"\0topic"),
    "subscriptions between": rawpeer.message(b"u", b"\1a", b"v", b"\1b", b"", b"\0a"),
    "two subscriptions": rawpeer.message(b"\1a", b"\1b"),
    "a subscription and what is none": rawpeer.message(b"\1a", b"u"),
    "an empty frame": rawpeer.message(b""),
    "empty frames": rawpeer.message(b"", b"", b""),
    "no end": encode(Frame(b"\1a", more=True)),
    "an ordinary message": rawpeer.message(UPSTREAM),
    "the end of nothing": rawpeer.message(b"\0never"),
}


@pytest.mark.parametrize("rights", [False, True])
def test_no_message_of_a_subscriber_ends_the_forwarder(
    place: Place,
    context: Context,
    publisher: Publishers,  # noqa: F811
    tmp_path: Path,
    rights: bool,
) -> None:
    (tmp_path / "rights").write_text("* subscribe ''\n")
    here = place("forwarder", *(("--topic-acl", str(tmp_path / "rights")) if rights else ()))
    source = publisher(here.front)
    held = subscriber(context, here.back, b"a", b"topic")
    until(lambda: source.topics == {b"a", b"topic"}, "a good one has subscribed")
    for mixture in MIXTURES.values():
        for reset in (False, True):
            peer = rawpeer.shake_hands(here.back, "SUB")
            with contextlib.suppress(OSError):
                peer.sendall(mixture * 20)
            (rawpeer.reset if reset else lambda peer: peer.close())(peer)
    here.check()
    until(lambda: source.topics == {b"a", b"topic"}, "only what is held is upstream")
    source.socket.send(b"topic")
    assert held.recv() == b"topic"
    here.end()


@pytest.fixture
def shouting() -> Iterator[Callable[[str, bytes], threading.Event]]:
    """`shouting(address, bytes)`: a subscriber says it again and again, and comes again when it
    is cut off, until the event that is returned is set."""
    stop = threading.Event()
    threads = []

    def shout(address: str, words: bytes) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), rawpeer.connect(address, 3.0) as peer:
                rawpeer.greet(peer, "SUB")
                while not stop.is_set():
                    peer.sendall(words)

    def begin(address: str, words: bytes) -> threading.Event:
        threads.append(threading.Thread(target=shout, args=(address, words)))
        threads[-1].start()
        return stop

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


FLOODS = {
    "subscribing and unsubscribing": rawpeer.message(b"\1on.and.off")
    + rawpeer.message(b"\0on.and.off"),
    "one subscription": rawpeer.message(b"\1again"),
    "an unsubscription of nothing": rawpeer.message(b"\0never"),
    "ordinary messages": rawpeer.message(UPSTREAM),
}


@pytest.mark.parametrize(("flood", "half"), halves(FLOODS), indirect=["half"])
def test_changing_without_pause_fills_no_memory_and_holds_up_nobody(
    place: Place,
    context: Context,
    publisher: Publishers,  # noqa: F811
    shouting: Callable[[str, bytes], threading.Event],
    flood: str,
) -> None:
    here = place("forwarder")
    source = publisher(here.front)
    stop = shouting(here.back, FLOODS[flood] * 1000)
    most = 0
    for number in range(3):
        until(lambda n=number: refused(here).get("subscriptions", 0) > n, "it is cut again")
        topic = b"meanwhile.%d" % number
        socket = subscriber(context, here.back, topic)
        until(lambda topic=topic: topic in source.topics, "a good subscription goes up meanwhile")
        socket.close(0)
        most = max(most, here.grown())
    stop.set()
    assert most < 400 * MEBIBYTE
    until(lambda: not source.topics, "nothing is left upstream")
    here.end()


def test_subscriptions_as_last_frames_are_in_an_account(
    place: Place,
    context: Context,
    publisher: Publishers,  # noqa: F811
) -> None:
    here = place("forwarder")
    source = publisher(here.front)
    with rawpeer.shake_hands(here.back, "SUB") as peer:
        with contextlib.suppress(OSError):
            for start in range(0, 50_000, 1000):
                numbers = range(start, start + 1000)
                peer.sendall(b"".join(rawpeer.message(b"\7", b"\1%09d" % n) for n in numbers))
        until(lambda: refused(here).get("frame") == 1, "it is cut")
    until(lambda: not source.topics, "it holds nothing")
    assert here.grown() < 400 * MEBIBYTE
    here.end()


class Names:
    """A forwarder that asks for names and rights: alice alone may see `secret.`."""

    def __init__(self, start: Start, context: Context, place: Path) -> None:
        self.context = context
        users, rights = place / "users", place / "rights"
        users.write_text(
            "".join(f"{make_line(name, name.encode())}\n" for name in ("alice", "mallory"))
        )
        users.chmod(0o600)
        rights.write_text("alice subscribe secret.\n* subscribe public.\n")
        self.program = start(
            *("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE, "--drain", "1s"),
            *("--topic-acl", str(rights), "--backend-plain-users", str(users)),
            *("--stats", "json", "--interval", "100ms"),
            ready=True,
        )
        ready = self.program.ready()
        self.front, self.back = ready["frontend"][0], ready["backend"][0]

    def join(self, name: str, kind: int) -> zmq.Socket[bytes]:
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.reconnect_ivl = 10
        socket.plain_username = socket.plain_password = name.encode()
        socket.connect(self.back)
        return socket


WALKS = {
    "an ordinary message before": [[UPSTREAM], [b"\1public.1"], [b"\0public.1"]],
    "an ordinary message between": [[b"\1public.1"], [UPSTREAM], [b"\1public.2"]],
    "several": [[UPSTREAM], [UPSTREAM], [b"\1public.1"], [b"\1public.2"], [b"\1public.3"]],
    "in one message": [[UPSTREAM, b"\1public.1"], [b"\1public.2"]],
    "subscriptions only": [[b"\1public.1"], [b"\0public.1"]],
}


@pytest.mark.parametrize("walk", WALKS)
def test_rights_are_not_walked_around(
    start: Start, context: Context, tmp_path: Path, walk: str
) -> None:
    """libzmq would give grants of one to the next, or to the one before. Visitors send what
    makes it do so while alice comes and goes; they see none of it, and she is served."""
    here = Names(start, context, tmp_path)
    source = context.socket(zmq.PUB)
    source.linger = 0
    source.connect(here.front)
    for _ in range(15):
        visitors = [here.join("mallory", zmq.XSUB) for _ in range(3)]
        alice = here.join("alice", zmq.SUB)
        alice.subscribe(b"secret.")
        for _ in range(20):
            for visitor in visitors:
                for message in WALKS[walk]:
                    visitor.send_multipart(message)
        end = time.monotonic() + PATIENCE
        while not alice.poll(10):
            assert time.monotonic() < end, "alice is served"
            source.send(b"secret.account=4711")
            for visitor in visitors:
                visitor.send(b"\1public.4")
        assert alice.recv() == b"secret.account=4711"
        for visitor in visitors:
            while visitor.poll(0):
                assert not visitor.recv().startswith(b"secret."), "what alice alone may see"
            visitor.close()
        alice.close()
    source.close()
    assert here.program.interrupt() == 0


def test_ten_large_subscribers_keep_no_newcomer_out(
    place: Place,
    context: Context,
    publisher: Publishers,  # noqa: F811
) -> None:
    """Each is within its own limit; together they fill what there is."""
    here = place(
        *("forwarder", "--limits-subscriptions", "2000", "--limits-subscriptions-per-peer", "200")
    )
    source = publisher(here.front)
    large = [
        subscriber(context, here.back, *[b"large.%d.%d" % (at, n) for n in range(200)])
        for at in range(10)
    ]
    until(lambda: refused(here).get("subscriptions"), "they have filled it")
    topics = [b"newcomer.%d" % number for number in range(20)]
    newcomers = [subscriber(context, here.back, topic) for topic in topics]
    until(lambda: source.topics >= set(topics), "each newcomer is let in")
    for topic, newcomer in zip(topics, newcomers, strict=True):
        source.socket.send(topic)
        assert newcomer.recv() == topic
    assert len(source.topics) > 1500, "those that were here first are not driven out"
    for socket in (*large, *newcomers):
        socket.close()
    here.end()
