"""A run ends when it was asked to, and touches only what it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.relay import Lane

Receive = Callable[[Any], list[bytes]]


def seconds_to_the_end(bench: Any, until: Any) -> float:
    """From the bell to the end of a sleeping run; the best of five, the machine is shared."""
    best = float("inf")
    for _ in range(5):
        with bench.running() as thread:
            turns = bench.counters.turns
            until(lambda turns=turns: bench.counters.turns > turns)
            began = time.monotonic()
            bench.ring()
            thread.join(60)
            best = min(best, time.monotonic() - began)
            assert not thread.is_alive()
            bench.wake.recv()
    return best


@pytest.mark.alone
def test_it_ends_at_once_when_the_bell_rings(bench: Any, until: Any) -> None:
    bench.one_way()
    assert seconds_to_the_end(bench, until) < 0.02


def test_the_bell_is_left_unread(bench: Any) -> None:
    bench.one_way()
    bench.ring()
    assert bench.relay.run() is True
    assert bench.relay.run() is True
    assert bench.wake.recv() == b""
    assert bench.relay.run(until_idle=True) is False


def test_the_bell_is_heard_under_load(bench: Any, until: Any) -> None:
    """Everything is refused and more comes at once, so the source never runs dry."""
    bench.one_way(Lane(max_bytes=1), frontend_rcvhwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, sndhwm=10_000)
    heard = threading.Event()

    def pump() -> None:
        while not heard.is_set():
            bench.half.send_burst(sender, [[b"too large"]] * 1000)

    pumping = threading.Thread(target=pump)
    pumping.start()
    try:
        with bench.running() as thread:
            until(lambda: bench.forward()["too_large"] > 0)
            bench.ring()
            thread.join(60)
            assert not thread.is_alive()
            bench.wake.recv()
    finally:
        heard.set()
        pumping.join()


@pytest.mark.alone
def test_the_bell_is_heard_while_a_target_is_stalled(bench: Any, until: Any) -> None:
    bench.one_way()
    sender = bench.peer(zmq.PUSH, bench.frontend)
    sender.send(b"nobody takes it")
    bench.relay.run(limit_ms=20)
    assert bench.relay.held == (True, False)
    assert seconds_to_the_end(bench, until) < 0.02


def test_until_idle_ends_when_everything_has_passed(bench: Any) -> None:
    bench.between(zmq.PAIR, zmq.PAIR, frontend_hwm=0, backend_hwm=0)
    left = bench.peer(zmq.PAIR, bench.frontend, hwm=0)
    right = bench.peer(zmq.PAIR, bench.backend, hwm=0)
    bench.half.send_burst(left, [[b"there"]] * 5000)
    bench.half.send_burst(right, [[b"back"]] * 3000)
    assert bench.relay.run(until_idle=True) is False
    assert len(bench.half.recv_burst(right, 9000)) == 5000
    assert len(bench.half.recv_burst(left, 9000)) == 3000


def test_until_idle_waits_for_what_is_held(bench: Any, receive: Receive) -> None:
    bench.one_way()
    sender = bench.peer(zmq.PUSH, bench.frontend)
    sender.send(b"held")
    assert bench.relay.run(until_idle=True, limit_ms=30) is False
    assert bench.relay.held == (True, False)
    receiver = bench.peer(zmq.PULL, bench.backend)
    assert bench.relay.run(until_idle=True) is False
    assert bench.relay.held == (False, False)
    assert receive(receiver) == [b"held"]


def test_a_limit_of_time_is_kept(bench: Any) -> None:
    bench.one_way()
    began = time.monotonic()
    assert bench.relay.run(limit_ms=250) is False
    assert 0.25 <= time.monotonic() - began < 20.0
    assert bench.relay.run(limit_ms=0) is False


def test_a_limit_of_time_is_kept_under_load(bench: Any) -> None:
    bench.one_way(Lane(max_bytes=1), frontend_rcvhwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, sndhwm=0)
    bench.half.send_burst(sender, [[b"too large"]] * 100_000)
    assert bench.relay.run(limit_ms=1) is False
    assert 0 < bench.forward()["too_large"] < 100_000


def test_a_suspended_direction_moves_nothing(bench: Any, receive: Receive) -> None:
    bench.between(zmq.PAIR, zmq.PAIR)
    left, right = bench.peer(zmq.PAIR, bench.frontend), bench.peer(zmq.PAIR, bench.backend)
    left.send(b"there")
    right.send(b"back")
    assert bench.relay.run(forward=False, until_idle=True) is False
    assert receive(left) == [b"back"]
    assert not right.poll(0)
    assert bench.relay.run(backward=False, until_idle=True) is False
    assert receive(right) == [b"there"]
    assert bench.forward()["messages"] == bench.backward()["messages"] == 1


def test_a_suspended_direction_keeps_what_it_holds(bench: Any, receive: Receive) -> None:
    bench.one_way()
    sender = bench.peer(zmq.PUSH, bench.frontend)
    sender.send(b"held")
    bench.relay.run(limit_ms=20)
    blocked = bench.forward()["blocked_ns"]
    receiver = bench.peer(zmq.PULL, bench.backend)
    assert bench.relay.run(forward=False, until_idle=True, limit_ms=150) is False
    assert bench.relay.held == (True, False)
    assert bench.forward()["blocked_ns"] == blocked
    assert bench.relay.run(until_idle=True) is False
    assert receive(receiver) == [b"held"]


def test_a_suspended_source_with_input_lets_the_processor_rest(bench: Any) -> None:
    bench.one_way()
    sender = bench.peer(zmq.PUSH, bench.frontend)
    for number in range(500):
        sender.send(b"%d" % number)
    used = time.process_time()
    assert bench.relay.run(forward=False, limit_ms=300) is False
    assert time.process_time() - used < 0.05 * 0.3


def test_a_disabled_lane_is_never_read(bench: Any) -> None:
    """A PUB cannot be received from; asking would be an error."""
    bench.between(zmq.SUB, zmq.PUB, backward=Lane(enabled=False))
    assert bench.relay.run(limit_ms=5) is False
    bench.relay.backward = Lane()
    with pytest.raises(zmq.ZMQError) as error:
        bench.relay.run(limit_ms=5)
    assert error.value.errno == zmq.ENOTSUP


def test_an_idle_relay_looks_after_new_peers(bench: Any, receive: Receive) -> None:
    """A ROUTER greets a peer when EVENTS is read, even when nothing is to be received."""
    bench.between(zmq.ROUTER, zmq.ROUTER, frontend_probe_router=1, backend_probe_router=1)
    with bench.running(forward=False, backward=False):
        for side in (bench.frontend, bench.backend):
            assert receive(bench.peer(zmq.DEALER, side)) == [b""]


def test_a_busy_relay_looks_after_new_peers(bench: Any, until: Any) -> None:
    """Nothing of the load reaches the backend or the capture, so only EVENTS touches them."""
    bench.between(
        zmq.PULL,
        zmq.DEALER,
        Lane(max_bytes=1),
        Lane(enabled=False),
        backend_probe_router=1,
        frontend_rcvhwm=0,
    )
    bench.relay.capture = bench.bound(zmq.DEALER, {"capture_probe_router": 1}, "capture_")
    bench.relay.tap = bench.bound(zmq.DEALER, {"tap_probe_router": 1}, "tap_")
    load = bench.peer(zmq.PUSH, bench.frontend, sndhwm=0)
    with bench.running():
        for side in (bench.backend, bench.relay.capture, bench.relay.tap):
            peer = bench.peer(zmq.DEALER, side)

            def greeted(peer: Any = peer) -> bool:
                bench.half.send_burst(load, [[b"too large"]] * 1000)
                return bool(peer.poll(0))

            until(greeted)


def test_it_turns_at_least_ten_times_a_second(bench: Any, until: Any) -> None:
    bench.one_way()

    def five_turns() -> float:
        first, began = bench.counters.turns, time.monotonic()
        until(lambda: bench.counters.turns >= first + 5)
        return time.monotonic() - began

    with bench.running():
        assert any(five_turns() < 3.0 for _ in range(5)), "the machine may be busy for a while"


def test_a_terminated_context_ends_it(bench: Any, until: Any) -> None:
    bench.between(zmq.PAIR, zmq.PAIR)
    failures: list[BaseException] = []

    def body() -> None:
        try:
            bench.relay.run()
        except zmq.ContextTerminated as failure:
            failures.append(failure)
        for socket in (bench.frontend, bench.backend, bench.wake, bench.bell):
            socket.close(0)

    thread = threading.Thread(target=body)
    thread.start()
    until(lambda: bench.counters.turns > 0)
    bench.context.term()
    thread.join(60)
    assert [type(failure) for failure in failures] == [zmq.ContextTerminated]


@pytest.mark.parametrize("which", ["frontend", "backend", "wake", "capture", "tap"])
def test_a_closed_socket_is_an_error(bench: Any, which: str) -> None:
    bench.between(zmq.PAIR, zmq.PAIR)
    bench.relay.capture = bench.bound(zmq.PUB, {}, "capture")
    bench.relay.tap = bench.bound(zmq.PUB, {}, "tap")
    getattr(bench.relay, which).close()
    with pytest.raises(zmq.ZMQError) as error:
        bench.relay.run(limit_ms=5)
    assert error.value.errno == zmq.ENOTSOCK


def test_a_held_message_survives_its_context(bench: Any) -> None:
    """Letting go of it afterwards frees memory and nothing else."""
    bench.one_way()
    sender = bench.peer(zmq.PUSH, bench.frontend)
    sender.send_multipart([b"x" * 100_000, b"held"])
    bench.relay.run(limit_ms=20)
    bench.context.destroy(linger=0)
    assert bench.relay.held == (True, False)
    bench.relay.close()


def test_two_runs_at_once_are_refused(bench: Any, until: Any) -> None:
    bench.one_way()
    with bench.running():
        until(lambda: bench.counters.turns > 0)
        with pytest.raises(RuntimeError, match="running"):
            bench.relay.run(limit_ms=0)
        with pytest.raises(RuntimeError, match="running"):
            bench.relay.close()
