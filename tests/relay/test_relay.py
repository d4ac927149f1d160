"""The relay moves whole messages both ways until its wake socket is readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.relay import Lane

PATIENCE = 60.0
Receive = Callable[[Any], list[bytes]]


def test_it_passes_messages_from_frontend_to_backend(bench: Any, receive: Receive) -> None:
    bench.one_way(tcp=1)
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    with bench.running():
        for number in range(300):
            sender.send(b"%d" % number)
        assert [receive(receiver) for _ in range(300)] == [[b"%d" % n] for n in range(300)]
    assert bench.forward()["messages"] == 300
    assert bench.forward()["bytes"] == sum(len(str(n)) for n in range(300))
    assert set(bench.backward().values()) == {0}


def test_it_passes_requests_and_replies(bench: Any, receive: Receive) -> None:
    bench.between(zmq.ROUTER, zmq.DEALER, frontend_router_mandatory=1, tcp=1)
    client, worker = bench.peer(zmq.REQ, bench.frontend), bench.peer(zmq.REP, bench.backend)
    with bench.running():
        for number in range(20):
            client.send(b"request %d" % number)
            assert receive(worker) == [b"request %d" % number]
            worker.send_multipart([b"reply", b"", b"%d" % number])
            assert receive(client) == [b"reply", b"", b"%d" % number]
    assert bench.forward()["messages"] == bench.backward()["messages"] == 20


def test_it_passes_publications_and_subscriptions(bench: Any, receive: Receive) -> None:
    bench.between(zmq.XSUB, zmq.XPUB, backward=Lane(subscriptions_only=True), tcp=1)
    publisher = bench.peer(zmq.XPUB, bench.frontend)
    subscriber = bench.peer(zmq.SUB, bench.backend, subscribe=b"a")
    with bench.running():
        assert receive(publisher) == [b"\x01a"]
        publisher.send_multipart([b"b", b"not asked for"])
        publisher.send_multipart([b"a", b"asked for"])
        assert receive(subscriber) == [b"a", b"asked for"]
        subscriber.close()
        assert receive(publisher) == [b"\x00a"]


@pytest.mark.parametrize("tcp", [0, 1])
def test_it_keeps_empty_frames_and_large_bodies(bench: Any, receive: Receive, tcp: int) -> None:
    bench.between(zmq.PAIR, zmq.PAIR, tcp=tcp)
    left, right = bench.peer(zmq.PAIR, bench.frontend), bench.peer(zmq.PAIR, bench.backend)
    large = [b"x" * 3_000_000, b"", b"y"]
    messages = [[b""], [b"", b""], [b"a", b"", b"b"], large, [b"z"] * 3000, [b"end"]]
    with bench.running():
        for message in messages:
            left.send_multipart(message)
            assert receive(right) == message
            right.send_multipart(message)
            assert receive(left) == message


def test_it_counts_bytes_of_all_frames(bench: Any, receive: Receive) -> None:
    bench.one_way()
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    with bench.running():
        sender.send_multipart([b"12345", b"", b"678"])
        assert receive(receiver) == [b"12345", b"", b"678"]
    assert bench.forward()["messages"] == 1
    assert bench.forward()["bytes"] == 8


def test_neither_direction_starves_the_other(bench: Any, until: Any) -> None:
    """Both sources are full when it starts; the short one is done long before the long one."""
    bench.between(zmq.PAIR, zmq.PAIR, frontend_hwm=0, backend_hwm=0)
    left = bench.peer(zmq.PAIR, bench.frontend, hwm=0)
    right = bench.peer(zmq.PAIR, bench.backend, hwm=0)
    bench.half.send_burst(left, [[b"many"]] * 100_000)
    bench.half.send_burst(right, [[b"few"]] * 1000)
    seen: list[int] = []

    def few_are_over() -> bool:
        forward, backward = bench.forward()["messages"], bench.backward()["messages"]
        seen.append(forward if backward == 1000 else 0)
        return backward == 1000

    while not few_are_over():
        bench.relay.run(limit_ms=0)
    assert seen[-1] <= 2000
    with bench.running():
        until(lambda: bench.forward()["messages"] == 100_000)


def test_counters_grow_while_they_are_read(bench: Any, until: Any) -> None:
    bench.one_way(frontend_hwm=0, backend_hwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, hwm=0)
    receiver = bench.peer(zmq.PULL, bench.backend, hwm=0)
    bench.half.send_burst(sender, [[b"four"]] * 50_000)
    readings: list[tuple[int, int, int]] = []

    def all_passed() -> bool:
        numbers = bench.forward()
        readings.append((numbers["messages"], numbers["bytes"], bench.counters.turns))
        return bool(numbers["messages"] == 50_000)

    with bench.running():
        until(all_passed)
    assert readings == sorted(readings)
    assert bench.forward()["bytes"] == 200_000
    assert len(bench.half.recv_burst(receiver, 50_000)) == 50_000


def test_a_reset_while_running_hides_what_was(bench: Any, receive: Receive) -> None:
    bench.one_way()
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    with bench.running():
        sender.send(b"before")
        receive(receiver)
        # The message is out before it is counted; the next one comes after that.
        sender.send(b"between")
        receive(receiver)
        bench.counters.reset()
        assert bench.forward()["messages"] <= 1
        sender.send(b"after")
        receive(receiver)
    assert 1 <= bench.forward()["messages"] <= 2
    assert bench.counters.total()["forward"]["messages"] == 3


@pytest.mark.timeout(120)
def test_a_subscriber_that_keeps_up_loses_nothing(bench: Any) -> None:
    """An XPUB hears of what was read at each half of its mark, and while it sends only once a
    millisecond: without a look at its EVENTS it takes the pipe for full, and drops."""
    mark, in_flight, all_ = 1000, 300, 200_000
    # As in a forwarder: subscriptions do not pass through the relay.
    bench.between(
        zmq.XSUB, zmq.XPUB, backend_tcp=1, backend_sndhwm=mark, backward=Lane(enabled=False)
    )
    publisher = bench.peer(zmq.XPUB, bench.frontend, sndhwm=0)
    subscriber = bench.peer(zmq.SUB, bench.backend, subscribe=b"")
    assert bench.backend.recv() == b"\x01"
    bench.frontend.send(b"\x01")
    assert publisher.recv() == b"\x01"
    sent = received = 0
    with bench.running():
        while received < all_:
            room = min(in_flight - (sent - received), all_ - sent)
            burst = [[b"%d" % number] for number in range(sent, sent + room)]
            sent += bench.half.send_burst(publisher, burst)[0]
            assert subscriber.poll(PATIENCE * 1000), "lost"
            came = bench.half.recv_burst(subscriber, in_flight)
            assert came == [[b"%d" % number] for number in range(received, received + len(came))]
            received += len(came)
    assert bench.forward()["messages"] == all_
