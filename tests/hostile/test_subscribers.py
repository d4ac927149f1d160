"""Subscribers that ask for too much, and vanish."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import zmq
from support import rawpeer
from support.processes import until
from support.vitals import MEBIBYTE


def counted(here: Any) -> dict[str, int]:
    return dict(here.shown()["backward_drops_by_reason"])


def test_subscribing_and_vanishing_leaves_nothing(place: Callable[..., Any], scale: int) -> None:
    here = place("forwarder")
    dice = random.Random(7)
    for number in range(100 * scale):
        peer = rawpeer.shake_hands(here.back, "SUB")
        topics = [dice.randbytes(dice.randrange(1, 4000)) for _ in range(5)]
        peer.sendall(b"".join(map(rawpeer.subscription, topics)))
        if number % 2:
            peer.sendall(b"".join(rawpeer.message(b"\x00" + topic) for topic in topics))
        peer.close()
        if not number % 20:
            here.check()
    here.check_recovered()
    here.end()


def test_three_hundred_thousand_topics_are_not_taken(place: Callable[..., Any]) -> None:
    """One subscriber alone asks for them; it is cut off at its limit, again and again."""
    here = place("forwarder")
    topics = iter(range(300_000))
    most = 0
    for _ in range(3):
        peer = rawpeer.shake_hands(here.back, "SUB")
        try:
            for _ in range(100):
                batch = (rawpeer.subscription(b"%020d" % next(topics)) for _ in range(1000))
                peer.sendall(b"".join(batch))
        except OSError:
            continue  # cut off while it was still talking, as it should be
        finally:
            peer.close()
            most = max(most, here.grown())
            here.check()
    until(lambda: here.shown()["backend_refused"].get("subscriptions", 0) >= 1, "it is counted")
    # The tries keep some of what a burst needed; what matters is that it has an end.
    assert most < 600 * MEBIBYTE
    here.end()


def test_a_flood_of_long_topics_is_cut_off_before_they_are_all_taken_in(
    place: Callable[..., Any],
) -> None:
    """An XPUB takes in all there is before it hands up the first: 60 MB of topics were 3 GB."""
    here = place("forwarder")
    flood = b"".join(rawpeer.subscription(b"%08d" % n + bytes(3990)) for n in range(15_000))
    most = 0
    with rawpeer.shake_hands(here.back, "SUB") as peer:
        peer.setblocking(False)
        view = memoryview(flood)
        while view and not here.shown()["backend_refused"].get("subscriptions"):
            try:
                view = view[peer.send(view) :]
            except BlockingIOError:
                most = max(most, here.grown())
            except OSError:
                break
    until(lambda: here.shown()["backend_refused"].get("subscriptions", 0) >= 1, "it is counted")
    assert most < 600 * MEBIBYTE
    here.end()


def test_a_topic_too_long_is_counted_and_told_of(
    place: Callable[..., Any], context: zmq.Context[Any]
) -> None:
    """libzmq hangs up by the header of the frame alone, and says no word of why."""
    here = place("forwarder")
    with rawpeer.shake_hands(here.back, "SUB") as peer:
        until(lambda: here.shown()["backend_peers"] == 2, "the device knows of it")
        peer.sendall(rawpeer.subscription(b"x" * 200_000)[:5000])
        where = "tcp://{}:{}".format(*peer.getsockname())
        until(lambda: here.shown()["backend_refused"].get("frame") == 1, "it is counted")
        assert peer.recv(10_000) is not None, "and hung up on"
    assert f"{where}: it sent a frame above maxmsgsize" in here.program.err
    until(lambda: here.shown()["backend_peers"] == 1, "only the good one is there")
    assert here.shown()["backend_refused"] == {"frame": 1}
    here.end()


def test_ordinary_messages_upstream_are_dropped_and_counted(
    place: Callable[..., Any], context: zmq.Context[Any]
) -> None:
    here = place("forwarder")
    upstream = context.socket(zmq.XPUB)
    upstream.connect(here.front)
    peer = rawpeer.shake_hands(here.back, "SUB")
    peer.sendall(rawpeer.message(b"no subscription") * 50)
    # libzmq makes two messages of this one: a subscription, and what is none.
    peer.sendall(rawpeer.message(b"\x01two", b"frames") * 50)
    until(lambda: counted(here).get("not_subscription") == 100, "all are counted")
    assert {upstream.recv(), upstream.recv()} == {b"\x01good.", b"\x01two"}
    assert not upstream.poll(100)
    peer.close()
    here.end()
