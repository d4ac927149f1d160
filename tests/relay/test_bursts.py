"""Bursts move many messages per call and never wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from errno import EAGAIN, EHOSTUNREACH
from types import ModuleType
from typing import Any

import pytest
import zmq

from zmqdev.relay.bursts import BURST_BYTES

Until = Callable[[Callable[[], Any]], Any]


def pair(context: Any, sender: int, receiver: int, **options: Any) -> tuple[Any, Any]:
    """A sender bound to a port of its own and a receiver connected to it."""
    first, second = context.socket(sender), context.socket(receiver)
    for name, value in options.items():
        setattr(first, name, value)
        setattr(second, name, value)
    first.bind("tcp://127.0.0.1:*")
    second.connect(first.getsockopt_string(zmq.LAST_ENDPOINT))
    return first, second


def receive_all(half: ModuleType, socket: Any, count: int, until: Until) -> list[list[bytes]]:
    got: list[list[bytes]] = []

    def enough() -> bool:
        got.extend(half.recv_burst(socket, count - len(got)))
        return len(got) >= count

    until(enough)
    return got


def test_messages_arrive_whole_and_in_order(half: Any, context: Any, until: Until) -> None:
    sender, receiver = pair(context, zmq.PUSH, zmq.PULL, hwm=0)
    messages = [[b"%d" % n] * (1 + n % 4) for n in range(500)]
    messages += [[b""], [b"", b"", b""], [b"x" * 100_000, b"y"], [bytes(range(256))]]
    until(lambda: sender.poll(0, zmq.POLLOUT))
    assert half.send_burst(sender, messages) == (len(messages), 0)
    assert receive_all(half, receiver, len(messages), until) == messages


def test_nothing_there_is_an_empty_list(half: Any, context: Any) -> None:
    _, receiver = pair(context, zmq.PUSH, zmq.PULL)
    assert half.recv_burst(receiver, 10) == []
    assert half.recv_burst(receiver, 0) == []


def test_a_burst_keeps_to_its_limit(half: Any, context: Any, until: Until) -> None:
    sender, receiver = pair(context, zmq.PUSH, zmq.PULL)
    until(lambda: sender.poll(0, zmq.POLLOUT))
    assert half.send_burst(sender, [[b"%d" % n] for n in range(5)]) == (5, 0)
    first = receive_all(half, receiver, 2, until)
    assert first == [[b"0"], [b"1"]]
    assert receive_all(half, receiver, 3, until) == [[b"2"], [b"3"], [b"4"]]


def test_a_burst_of_large_messages_ends_early(half: Any, context: Any, until: Until) -> None:
    sender = context.socket(zmq.PUSH)
    receiver = context.socket(zmq.PULL)
    receiver.bind("inproc://large")
    sender.connect("inproc://large")
    body = bytes(BURST_BYTES // 2)
    assert half.send_burst(sender, [[body]] * 5) == (5, 0)
    assert [len(half.recv_burst(receiver, 100)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_full_target_is_a_short_count(half: Any, context: Any) -> None:
    sender = context.socket(zmq.PUSH)
    assert half.send_burst(sender, [[b"nobody there"]]) == (0, EAGAIN)
    receiver = context.socket(zmq.PULL)
    receiver.rcvhwm = sender.sndhwm = 5
    receiver.bind("inproc://full")
    sender.connect("inproc://full")
    accepted, reason = half.send_burst(sender, [[b"%d" % n, b"body"] for n in range(50)])
    assert (accepted, reason) == (10, EAGAIN)
    assert half.recv_burst(receiver, 50) == [[b"%d" % n, b"body"] for n in range(10)]


def test_a_peer_that_is_gone_stops_the_burst_at_its_message(
    half: Any, context: Any, until: Until
) -> None:
    router = context.socket(zmq.ROUTER)
    router.router_mandatory = 1
    router.bind("tcp://127.0.0.1:*")
    dealer = context.socket(zmq.DEALER)
    dealer.routing_id = b"here"
    dealer.connect(router.getsockopt_string(zmq.LAST_ENDPOINT))
    dealer.send(b"hello")
    assert receive_all(half, router, 1, until) == [[b"here", b"hello"]]
    messages = [[b"here", b"", b"1"], [b"gone", b"", b"2"], [b"here", b"", b"3"]]
    assert half.send_burst(router, messages) == (1, EHOSTUNREACH)
    assert half.send_burst(router, messages[2:]) == (1, 0)
    assert receive_all(half, dealer, 2, until) == [[b"", b"1"], [b"", b"3"]]


@pytest.mark.parametrize("wrong", ["text", 5, None, bytearray(b"x"), memoryview(b"x")])
def test_a_frame_that_is_not_bytes_sends_nothing(half: Any, context: Any, wrong: object) -> None:
    sender = context.socket(zmq.PUSH)
    receiver = context.socket(zmq.PULL)
    receiver.bind("inproc://typed")
    sender.connect("inproc://typed")
    with pytest.raises(TypeError, match="bytes"):
        half.send_burst(sender, [[b"good"], [b"start", wrong]])
    assert half.recv_burst(receiver, 10) == []
    assert half.send_burst(sender, [(b"a", b"tuple"), [b"good"]]) == (2, 0)
    assert half.recv_burst(receiver, 10) == [[b"a", b"tuple"], [b"good"]]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(b"bare", TypeError), ("text", TypeError), (7, TypeError), ([], ValueError)],
)
def test_a_message_is_a_list_of_frames(
    half: Any, context: Any, wrong: object, error: type[Exception]
) -> None:
    sender = context.socket(zmq.PUSH)
    with pytest.raises(error):
        half.send_burst(sender, [wrong])


def test_no_messages_are_all_accepted(half: Any, context: Any) -> None:
    assert half.send_burst(context.socket(zmq.PUSH), []) == (0, 0)


def test_a_closed_socket_is_an_error(half: Any, context: Any) -> None:
    socket = context.socket(zmq.PAIR)
    socket.close()
    with pytest.raises(zmq.ZMQError) as receiving:
        half.recv_burst(socket, 1)
    with pytest.raises(zmq.ZMQError) as sending:
        half.send_burst(socket, [[b""]])
    assert receiving.value.errno == sending.value.errno == zmq.ENOTSOCK


def test_a_socket_that_cannot_is_an_error(half: Any, context: Any) -> None:
    with pytest.raises(zmq.ZMQError) as receiving:
        half.recv_burst(context.socket(zmq.PUSH), 1)
    with pytest.raises(zmq.ZMQError) as sending:
        half.send_burst(context.socket(zmq.PULL), [[b""]])
    assert receiving.value.errno == sending.value.errno == zmq.ENOTSUP


def test_a_terminated_context_says_so(half: Any) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.PAIR)
    thread = threading.Thread(target=context.term)
    thread.start()

    def receives_until_the_end() -> None:
        while True:
            half.recv_burst(socket, 1)

    with pytest.raises(zmq.ContextTerminated):
        receives_until_the_end()
    with pytest.raises(zmq.ContextTerminated):
        half.send_burst(socket, [[b""]])
    socket.close()
    thread.join()


def test_subscribers_of_a_burst_get_every_message(half: Any, context: Any, until: Until) -> None:
    publisher = context.socket(zmq.XPUB)
    publisher.bind("tcp://127.0.0.1:*")
    subscriber = context.socket(zmq.SUB)
    subscriber.subscribe(b"")
    subscriber.connect(publisher.getsockopt_string(zmq.LAST_ENDPOINT))
    assert receive_all(half, publisher, 1, until) == [[b"\x01"]]
    messages = [[b"topic", b"%d" % n] for n in range(900)]
    assert half.send_burst(publisher, messages) == (900, 0)
    assert receive_all(half, subscriber, 900, until) == messages


def test_who_chose_its_routing_id_is_named_with_its_descriptor(
    half: Any, context: Any, until: Until
) -> None:
    router = context.socket(zmq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    named: list[tuple[int, int]] = []
    got: list[list[bytes]] = []
    for identity in (b"", b"alice", b"\0made"):
        dealer = context.socket(zmq.DEALER)
        if identity:
            dealer.routing_id = identity
        dealer.connect(router.getsockopt_string(zmq.LAST_ENDPOINT))
        dealer.send(identity)

        def came() -> bool:
            start = len(got)
            pairs: list[tuple[int, int]] = []
            got.extend(half.recv_burst(router, 10, None, pairs))
            named.extend((start + at, descriptor) for at, descriptor in pairs)
            return len(got) > start

        until(came)
    [(at, descriptor)] = named
    assert (at, got[at]) == (1, [b"alice", b"alice"])
    assert descriptor > 2
