"""A capture and a tap get a copy of each message that its target accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq

from zmqdev.relay import Lane

Receive = Callable[[Any], list[bytes]]
LARGE = b"x" * 200_000


def listen(bench: Any, receive: Receive, name: str) -> Any:
    """A subscriber on a new PUB that is the relay's `name`; it has joined for certain."""
    publisher = bench.bound(zmq.XPUB, {}, name)
    setattr(bench.relay, name, publisher)
    subscriber = bench.peer(zmq.SUB, publisher, subscribe=b"")
    assert receive(publisher) == [b"\x01"]
    return subscriber


def test_both_directions_are_captured_as_they_passed(bench: Any, receive: Receive) -> None:
    bench.between(zmq.PAIR, zmq.PAIR)
    left, right = bench.peer(zmq.PAIR, bench.frontend), bench.peer(zmq.PAIR, bench.backend)
    capture = listen(bench, receive, "capture")
    with bench.running():
        for message in ([b"one"], [b"two", b"", LARGE], [b"three"] * 20):
            left.send_multipart(message)
            assert receive(right) == message
            assert receive(capture) == message
        right.send_multipart([b"back", b"again"])
        assert receive(left) == receive(capture) == [b"back", b"again"]


def test_a_tap_says_which_way(bench: Any, receive: Receive) -> None:
    bench.between(zmq.PAIR, zmq.PAIR)
    left, right = bench.peer(zmq.PAIR, bench.frontend), bench.peer(zmq.PAIR, bench.backend)
    tap = listen(bench, receive, "tap")
    with bench.running():
        left.send_multipart([b"there", LARGE])
        assert receive(right) == [b"there", LARGE]
        assert receive(tap) == [b">", b"there", LARGE]
        right.send(b"back")
        assert receive(left) == [b"back"]
        assert receive(tap) == [b"<", b"back"]


def test_both_at_once_and_neither_later(bench: Any, receive: Receive) -> None:
    bench.one_way()
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    capture, tap = listen(bench, receive, "capture"), listen(bench, receive, "tap")
    with bench.running():
        sender.send_multipart([b"a", b"b"])
        assert receive(receiver) == receive(capture) == [b"a", b"b"]
        assert receive(tap) == [b">", b"a", b"b"]
    bench.relay.capture = bench.relay.tap = None
    with bench.running():
        sender.send(b"alone")
        assert receive(receiver) == [b"alone"]
    assert not capture.poll(0)
    assert not tap.poll(0)


def test_what_is_held_or_dropped_is_not_copied(bench: Any, receive: Receive) -> None:
    bench.one_way(Lane(max_bytes=10), backend_sndhwm=2)
    sender = bench.peer(zmq.PUSH, bench.frontend)
    receiver = bench.peer(zmq.PULL, bench.backend, rcvhwm=2)
    capture = listen(bench, receive, "capture")
    sender.send(b"too large for it")
    for number in range(6):
        sender.send_multipart([b"%d" % number, b"body"])
    bench.relay.run(limit_ms=20)
    assert bench.relay.held == (True, False)
    assert bench.half.recv_burst(capture, 10) == [[b"%d" % n, b"body"] for n in range(4)]
    with bench.running():
        assert [receive(receiver)[0] for _ in range(6)] == [b"%d" % n for n in range(6)]
        assert [receive(capture)[0] for _ in range(2)] == [b"4", b"5"]


def test_a_capture_that_nobody_reads_stops_nothing(bench: Any, receive: Receive) -> None:
    bench.one_way(frontend_hwm=0, backend_hwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, hwm=0)
    receiver = bench.peer(zmq.PULL, bench.backend, hwm=0)
    stalled = listen(bench, receive, "capture")
    bench.half.send_burst(sender, [[b"%d" % number, b"x"] for number in range(5000)])
    assert bench.relay.run(until_idle=True) is False
    assert len(bench.half.recv_burst(receiver, 5000)) == 5000
    assert len(bench.half.recv_burst(stalled, 5000)) < 5000
    assert bench.forward()["messages"] == 5000
