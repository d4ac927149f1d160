"""What a relay drops is dropped whole and counted under its reason; the rest passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.relay import DROPS, Lane

Receive = Callable[[Any], list[bytes]]


def drops(numbers: dict[str, int]) -> dict[str, int]:
    """The reasons that occurred."""
    return {name: numbers[name] for name in DROPS if numbers[name]}


def test_a_reply_to_a_client_that_left_is_unreachable(bench: Any, receive: Receive) -> None:
    bench.between(zmq.ROUTER, zmq.DEALER, frontend_router_mandatory=1)
    here = bench.peer(zmq.DEALER, bench.frontend, routing_id=b"here")
    worker = bench.peer(zmq.DEALER, bench.backend)
    with bench.running():
        here.send(b"request")
        assert receive(worker) == [b"here", b"request"]
        worker.send_multipart([b"gone", b"", b"lost", b"lost"])
        worker.send_multipart([b"here", b"", b"reply"])
        assert receive(here) == [b"", b"reply"]
    assert drops(bench.backward()) == {"unreachable": 1}
    assert bench.backward()["messages"] == 1


def test_a_reply_with_no_address_is_unreachable(bench: Any, receive: Receive) -> None:
    """libzmq takes a single frame for a ROUTER and drops it: an address and no message."""
    bench.between(zmq.ROUTER, zmq.DEALER, frontend_router_mandatory=1)
    here = bench.peer(zmq.DEALER, bench.frontend, routing_id=b"here")
    worker = bench.peer(zmq.DEALER, bench.backend)
    with bench.running():
        here.send(b"request")
        receive(worker)
        worker.send(b"here")
        worker.send_multipart([b"here", b"reply"])
        assert receive(here) == [b"reply"]
    assert drops(bench.backward()) == {"unreachable": 1}


def test_a_client_that_does_not_read_costs_only_its_own_replies(
    bench: Any, receive: Receive
) -> None:
    bench.between(zmq.ROUTER, zmq.DEALER, frontend_router_mandatory=1, frontend_sndhwm=5)
    slow = bench.peer(zmq.DEALER, bench.frontend, routing_id=b"slow", rcvhwm=5)
    quick = bench.peer(zmq.DEALER, bench.frontend, routing_id=b"quick")
    worker = bench.peer(zmq.DEALER, bench.backend, hwm=0)
    with bench.running():
        slow.send(b"")
        quick.send(b"")
        receive(worker), receive(worker)
        for number in range(40):
            worker.send_multipart([b"slow", b"%d" % number, b"body"])
        worker.send_multipart([b"quick", b"reply"])
        assert receive(quick) == [b"reply"]
    assert drops(bench.backward()) == {"full": 30}
    assert bench.half.recv_burst(slow, 100) == [[b"%d" % n, b"body"] for n in range(10)]
    assert bench.relay.held == (False, False)


def test_limits_stop_long_and_large_messages(bench: Any, receive: Receive) -> None:
    bench.one_way(Lane(max_frames=3, max_bytes=10))
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    messages = [
        ([b"a", b"b", b"c"], None),
        ([b"a", b"b", b"c", b"d"], "too_many_frames"),
        ([b"12345", b"67890"], None),
        ([b"12345", b"678901"], "too_large"),
        ([b"12345678901"], "too_large"),
        ([b"12345678901", b"", b"", b"", b""], "too_many_frames"),
        ([b""] * 2000, "too_many_frames"),
        ([b"12345678901", b"", b""], "too_large"),
        ([b"end"], None),
    ]
    with bench.running():
        for message, _ in messages:
            sender.send_multipart(message)
        for message, reason in messages:
            if reason is None:
                assert receive(receiver) == message
    assert drops(bench.forward()) == {"too_many_frames": 3, "too_large": 3}
    assert bench.forward()["messages"] == 3
    assert bench.forward()["bytes"] == 3 + 10 + 3


def upstream(bench: Any, rules: Lane) -> tuple[Any, Any]:
    """A publisher who sees what goes up, and a raw subscriber who may send anything."""
    bench.between(zmq.XSUB, zmq.XPUB, backward=rules)
    publisher = bench.peer(zmq.XPUB, bench.frontend)
    return publisher, bench.peer(zmq.XSUB, bench.backend)


def test_only_subscriptions_go_upstream(bench: Any, receive: Receive) -> None:
    publisher, subscriber = upstream(bench, Lane(subscriptions_only=True))
    with bench.running():
        subscriber.send(b"\x01first")
        subscriber.send(b"hello")
        subscriber.send(b"")
        subscriber.send(b"\x02not one")
        subscriber.send_multipart([b"two", b"frames"])
        subscriber.send(b"\x00first")
        assert receive(publisher) == [b"\x01first"]
        assert receive(publisher) == [b"\x00first"]
    assert drops(bench.backward()) == {"not_subscription": 4}


def test_a_topic_that_would_overflow_the_stack_goes_nowhere(bench: Any, receive: Receive) -> None:
    """libzmq 4671: one subscription of 200 kB and out crashes whoever has an XSUB.

    So the subscriber is a PAIR here, which inproc lets pass.
    """
    bench.between(zmq.XSUB, zmq.XPUB, backward=Lane(subscriptions_only=True, topic_limit=4096))
    publisher = bench.peer(zmq.XPUB, bench.frontend)
    subscriber = bench.peer(zmq.PAIR, bench.backend)
    with bench.running():
        subscriber.send(b"\x01" + b"x" * 200_000)
        subscriber.send(b"\x00" + b"x" * 200_000)
        subscriber.send(b"\x01" + b"y" * 4096)
        subscriber.send(b"\x01" + b"z" * 4097)
        subscriber.send(b"\x01end")
        assert receive(publisher) == [b"\x01" + b"y" * 4096]
        assert receive(publisher) == [b"\x01end"]
    assert drops(bench.backward()) == {"topic_too_long": 3}


def test_the_topic_limit_holds_without_the_other_rule(bench: Any, receive: Receive) -> None:
    publisher, subscriber = upstream(bench, Lane(topic_limit=3))
    with bench.running():
        subscriber.send(b"\x01long topic")
        subscriber.send(b"hello there")
        subscriber.send(b"\x01abc")
        assert receive(publisher) == [b"hello there"]
        assert receive(publisher) == [b"\x01abc"]
    assert drops(bench.backward()) == {"topic_too_long": 1}


def test_no_limits_stop_nothing(bench: Any, receive: Receive) -> None:
    bench.one_way()
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    with bench.running():
        for message in ([b"x"] * 500, [b"\x01" + b"x" * 100_000]):
            sender.send_multipart(message)
            assert receive(receiver) == message
    assert drops(bench.forward()) == {}


@pytest.mark.parametrize("limit", ["topic_limit", "max_frames", "max_bytes"])
def test_a_limit_is_not_negative(limit: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        Lane(**{limit: -1})


def test_a_target_that_dies_gets_no_part_of_a_message(bench: Any, until: Any) -> None:
    """Workers come and go under load; whatever arrives anywhere is whole."""
    bench.one_way(tcp=1)
    sender = bench.peer(zmq.PUSH, bench.frontend, immediate=1, sndhwm=0)
    until(lambda: sender.poll(0, zmq.POLLOUT))
    messages = [[b"A", b"%d" % number, b"C"] for number in range(2000)]
    arrived: list[list[bytes]] = []

    def reached(worker: Any) -> bool:
        """The worker before may take whole bursts along; so again and again."""
        bench.half.send_burst(sender, messages[:100])
        return bool(worker.poll(0))

    with bench.running():
        for _ in range(15):
            bench.half.send_burst(sender, messages)
            worker = bench.peer(zmq.PULL, bench.backend)
            until(lambda worker=worker: reached(worker))
            arrived += bench.half.recv_burst(worker, 100)
            worker.close()
    assert len(arrived) >= 15
    assert {(len(message), message[0], message[-1]) for message in arrived} == {(3, b"A", b"C")}
