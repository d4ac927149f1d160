"""A full target holds one message, costs nothing while it does, and goes on when it can."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.relay import Lane

Receive = Callable[[Any], list[bytes]]
HWM = 10
ROOM = 2 * HWM
"""What one inproc pipe takes: the high-water marks of both ends."""


def stall(bench: Any, count: int, **options: int) -> tuple[Any, Any]:
    """A sender and a receiver who does not read, around a relay from PULL to PUSH."""
    bench.one_way(backend_sndhwm=HWM, frontend_rcvhwm=HWM, **options)
    sender = bench.peer(zmq.PUSH, bench.frontend, sndhwm=0)
    receiver = bench.peer(zmq.PULL, bench.backend, rcvhwm=HWM)
    messages = [[b"%d" % number, b"body"] for number in range(count)]
    assert bench.half.send_burst(sender, messages) == (count, 0)
    return sender, receiver


def test_one_message_is_held_and_the_rest_stays_in_the_source(bench: Any) -> None:
    stall(bench, 50)
    assert bench.relay.run(limit_ms=0) is False
    assert bench.relay.held == (True, False)
    assert bench.forward()["messages"] == ROOM
    assert len(bench.half.recv_burst(bench.frontend, 100)) == 50 - ROOM - 1


def test_nothing_is_lost_when_the_target_comes_back(bench: Any, receive: Receive) -> None:
    _, receiver = stall(bench, 500)
    with bench.running():
        got = [receive(receiver) for _ in range(500)]
    assert got == [[b"%d" % number, b"body"] for number in range(500)]
    assert bench.relay.held == (False, False)
    assert bench.forward()["messages"] == 500


def test_a_target_without_peers_holds_until_one_comes(bench: Any, receive: Receive) -> None:
    bench.one_way(tcp=1)
    sender = bench.peer(zmq.PUSH, bench.frontend)
    sender.send(b"early")
    with bench.running():
        receiver = bench.peer(zmq.PULL, bench.backend)
        assert receive(receiver) == [b"early"]


def test_a_stalled_target_costs_no_processor_time(bench: Any, until: Any) -> None:
    stall(bench, 5000)
    with bench.running():
        until(lambda: bench.forward()["messages"] == ROOM)
        used, began = time.process_time(), time.monotonic()
        until(lambda: time.monotonic() - began > 0.5)
        used, wall = time.process_time() - used, time.monotonic() - began
    assert used < 0.2 * wall, "includes the waiting of the test itself"


def stalled_share(bench: Any, milliseconds: int) -> float:
    """Processor time over wall time of a run in this thread."""
    used, began = time.process_time(), time.monotonic()
    assert bench.relay.run(limit_ms=milliseconds) is False
    return (time.process_time() - used) / (time.monotonic() - began)


def test_a_stalled_target_lets_the_processor_rest(bench: Any) -> None:
    stall(bench, 5000)
    bench.relay.run(limit_ms=0)
    assert stalled_share(bench, 400) < 0.05


def test_an_xpub_that_always_claims_to_be_writable_lets_it_rest_too(
    bench: Any, receive: Receive
) -> None:
    """With XPUB_NODROP a full subscriber refuses, and EVENTS says POLLOUT all the same."""
    bench.between(zmq.XSUB, zmq.XPUB, backend_xpub_nodrop=1, backend_sndhwm=HWM, frontend_rcvhwm=0)
    subscriber = bench.peer(zmq.SUB, bench.backend, rcvhwm=HWM, subscribe=b"")
    publisher = bench.peer(zmq.XPUB, bench.frontend, sndhwm=0)
    assert bench.relay.run(limit_ms=50) is False
    assert receive(publisher) == [b"\x01"]
    bench.half.send_burst(publisher, [[b"%d" % number] for number in range(200)])
    bench.relay.run(limit_ms=20)
    assert bench.relay.held == (True, False)
    assert stalled_share(bench, 400) < 0.05
    with bench.running():
        assert [receive(subscriber) for _ in range(200)] == [[b"%d" % n] for n in range(200)]


def test_the_other_direction_goes_on_while_one_is_stalled(bench: Any, receive: Receive) -> None:
    bench.between(zmq.PAIR, zmq.PAIR, backend_sndhwm=HWM)
    left = bench.peer(zmq.PAIR, bench.frontend, sndhwm=0)
    right = bench.peer(zmq.PAIR, bench.backend, rcvhwm=HWM)
    bench.half.send_burst(left, [[b"%d" % number] for number in range(500)])
    with bench.running():
        for number in range(300):
            right.send(b"%d" % number)
            assert receive(left) == [b"%d" % number]
        assert bench.forward()["messages"] == ROOM
        assert [receive(right) for _ in range(500)] == [[b"%d" % n] for n in range(500)]


def test_both_directions_can_be_held_at_once(bench: Any, receive: Receive) -> None:
    bench.between(zmq.PAIR, zmq.PAIR, backend_sndhwm=HWM, frontend_sndhwm=HWM)
    left = bench.peer(zmq.PAIR, bench.frontend, sndhwm=0, rcvhwm=HWM)
    right = bench.peer(zmq.PAIR, bench.backend, sndhwm=0, rcvhwm=HWM)
    messages = [[b"%d" % number] for number in range(200)]
    bench.half.send_burst(left, messages)
    bench.half.send_burst(right, messages)
    bench.relay.run(limit_ms=0)
    bench.relay.run(limit_ms=0)
    assert bench.relay.held == (True, True)
    assert stalled_share(bench, 200) < 0.05
    with bench.running():
        assert [receive(right) for _ in range(200)] == messages
        assert [receive(left) for _ in range(200)] == messages


def test_blocked_time_grows_while_it_is_blocked(bench: Any, until: Any) -> None:
    _, receiver = stall(bench, 50)
    with bench.running():
        began = time.monotonic_ns()
        until(lambda: bench.forward()["blocked_ns"] > 0)
        until(lambda: bench.forward()["blocked_ns"] > 150_000_000)
        assert bench.forward()["blocked_ns"] <= time.monotonic_ns() - began + 100_000_000
        received: list[list[bytes]] = []

        def all_received() -> bool:
            received.extend(bench.half.recv_burst(receiver, 100))
            return len(received) == 50

        until(all_received)
        until(lambda: bench.forward()["messages"] == 50)
        settled = bench.forward()["blocked_ns"]
        turns = bench.counters.turns
        until(lambda: bench.counters.turns > turns + 1)
        assert bench.forward()["blocked_ns"] == settled
    assert bench.backward()["blocked_ns"] == 0


def test_time_between_two_runs_is_not_blocked_time(bench: Any, until: Any) -> None:
    stall(bench, 50)
    bench.relay.run(limit_ms=0)
    paused = bench.forward()["blocked_ns"]
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.4)
    bench.relay.run(limit_ms=0)
    assert bench.forward()["blocked_ns"] - paused < 200_000_000


def test_dropping_counts_what_the_target_has_no_room_for(bench: Any) -> None:
    bench.one_way(Lane(on_full="drop"), backend_sndhwm=HWM, frontend_rcvhwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, sndhwm=0)
    receiver = bench.peer(zmq.PULL, bench.backend, rcvhwm=HWM)
    bench.half.send_burst(sender, [[b"%d" % number, b"body"] for number in range(100)])
    assert bench.relay.run(until_idle=True) is False
    assert bench.relay.held == (False, False)
    assert bench.forward()["messages"] == ROOM
    assert bench.forward()["full"] == 100 - ROOM
    assert bench.half.recv_burst(receiver, 100) == [[b"%d" % n, b"body"] for n in range(ROOM)]


def test_a_held_message_is_dropped_when_the_rule_changes(bench: Any) -> None:
    stall(bench, ROOM + 1)
    bench.relay.run(limit_ms=0)
    assert bench.relay.held == (True, False)
    bench.relay.forward = Lane(on_full="drop")
    assert bench.relay.run(until_idle=True) is False
    assert bench.relay.held == (False, False)
    assert bench.forward()["full"] == 1


def test_close_lets_go_of_what_is_held(bench: Any) -> None:
    stall(bench, 50)
    bench.relay.run(limit_ms=0)
    assert bench.relay.held == (True, False)
    bench.relay.close()
    bench.relay.close()
    assert bench.relay.held == (False, False)


@pytest.mark.parametrize("frames", [1, 3, 3000])
def test_a_message_of_any_length_is_held_whole(bench: Any, receive: Receive, frames: int) -> None:
    bench.one_way(backend_sndhwm=1)
    sender = bench.peer(zmq.PUSH, bench.frontend)
    receiver = bench.peer(zmq.PULL, bench.backend, rcvhwm=1)
    messages = [[b"%d" % number] + [b"x" * 50] * (frames - 1) for number in range(6)]
    bench.half.send_burst(sender, messages)
    bench.relay.run(limit_ms=0)
    assert bench.relay.held == (True, False)
    with bench.running():
        assert [receive(receiver) for _ in range(6)] == messages


def test_a_run_ends_when_the_target_was_full_for_so_long(bench: Any) -> None:
    stall(bench, 50)
    bench.relay.stall_ms = 50
    began = time.monotonic()
    assert bench.relay.run() is False
    assert time.monotonic() - began >= 0.05
    assert bench.relay.held == (True, False)
    assert bench.relay.run() is False, "it is full still, and was so before this run"
    bench.relay.stall_ms = 600_000
    assert bench.relay.run(limit_ms=0) is False


def test_what_is_held_can_be_taken_out(bench: Any, receive: Receive) -> None:
    bench.one_way(backend_sndhwm=1)
    sender = bench.peer(zmq.PUSH, bench.frontend)
    assert bench.relay.take_held() is None
    messages = [[b"%d" % number, b"", b"x" * 1000] for number in range(3)]
    bench.half.send_burst(sender, messages)
    bench.relay.stall_ms = 1
    assert bench.relay.run() is False
    assert bench.relay.take_held() == messages[0]
    assert bench.relay.held == (False, False)
    receiver = bench.peer(zmq.PULL, bench.backend)
    bench.relay.stall_ms = 600_000
    with bench.running():
        assert [receive(receiver), receive(receiver)] == messages[1:]
