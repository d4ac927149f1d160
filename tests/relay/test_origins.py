"""Which connections messages come from: noted while it is asked for, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq

from zmqdev.device.peers import PeerWatch
from zmqdev.relay import Lane
from zmqdev.relay.origins import ROOM, Origins

Until = Callable[[Callable[[], Any]], Any]


def test_a_byte_is_taken_once_and_belongs_to_one_direction() -> None:
    origins = Origins()
    origins.note(0, [7, -1, ROOM + 8])
    assert (origins.take(1, 7), origins.take(0, 7), origins.take(0, 7)) == (False, True, False)
    assert origins.take(0, 8), "descriptors above the room share a byte"
    origins.wanted = True
    assert origins.wanted
    assert not any(origins.cells[1:])


def descriptor_of(watch: PeerWatch, until: Until) -> int:
    """Of the one connection that a socket has."""

    def came() -> int:
        watch.drain()
        return next(iter(watch.connections()), 0)

    return int(until(came))


def test_nothing_is_noted_unless_it_is_asked_for(bench: Any, until: Until, receive: Any) -> None:
    bench.one_way(frontend_tcp=1)
    watch = PeerWatch(bench.frontend)
    push, pull = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    origins = bench.counters.origins
    with bench.running():
        push.send(b"unasked")
        receive(pull)
        descriptor = descriptor_of(watch, until)
        assert not any(origins.cells)
        origins.wanted = True

        def noted() -> bool:
            """Of the burst that goes on when it is asked for, it is not seen yet."""
            push.send_multipart([b"asked", b"for"])
            receive(pull)
            return origins.take(0, descriptor)

        until(noted)
        assert not any(origins.cells[1:]), "no other connection, and not the other direction"
    watch.disable()
    watch.close()


def test_both_directions_and_messages_that_are_dropped_count(
    bench: Any, until: Until, receive: Any
) -> None:
    small = Lane(max_frames=3, max_bytes=100)
    bench.between(zmq.DEALER, zmq.DEALER, small, small, frontend_tcp=1, backend_tcp=1)
    near, far = PeerWatch(bench.frontend), PeerWatch(bench.backend)
    left, right = bench.peer(zmq.DEALER, bench.frontend), bench.peer(zmq.DEALER, bench.backend)
    origins = bench.counters.origins
    origins.wanted = True
    with bench.running():
        ends = descriptor_of(near, until), descriptor_of(far, until)
        left.send_multipart([b"too", b"many", b"frames", b"here"])
        until(lambda: origins.take(0, ends[0]))
        right.send_multipart([b"too large" * 20, b"end"])
        until(lambda: origins.take(1, ends[1]))
        assert not any(origins.cells[1:])
    for watch in (near, far):
        watch.disable()
        watch.close()


def test_peers_without_a_descriptor_are_passed_over(bench: Any, receive: Any) -> None:
    bench.one_way()
    push, pull = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    bench.counters.origins.wanted = True
    with bench.running():
        push.send(b"by inproc")
        assert receive(pull) == [b"by inproc"]
    assert not any(bench.counters.origins.cells[1:])


def test_a_burst_by_inproc_names_none(half: Any, context: Any) -> None:
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.bind("inproc://seen")
    push.connect("inproc://seen")
    push.send(b"by inproc")
    seen: set[int] = set()
    assert half.recv_burst(pull, 10, seen) == [[b"by inproc"]]
    assert seen == set()


def test_a_burst_over_tcp_names_each_descriptor_once(half: Any, context: Any, until: Until) -> None:
    pull = context.socket(zmq.PULL)
    watch = PeerWatch(pull)
    pull.bind("tcp://127.0.0.1:*")
    pushes = [context.socket(zmq.PUSH) for _ in range(2)]
    for push in pushes:
        push.connect(pull.getsockopt_string(zmq.LAST_ENDPOINT))
        push.send_multipart([b"one", b"message"])
        push.send(b"another")
    seen: set[int] = set()
    got: list[list[bytes]] = []

    def all_came() -> bool:
        got.extend(half.recv_burst(pull, 10, seen))
        return len(got) == 4

    until(all_came)
    watch.drain()
    assert sorted(got) == [[b"another"]] * 2 + [[b"one", b"message"]] * 2
    assert seen == set(watch.connections())
    watch.disable()
    watch.close()
