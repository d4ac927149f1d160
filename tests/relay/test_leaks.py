"""References and memory stay level, however many messages pass."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.relay import Counters, Lane

MEGABYTE = 1 << 20


def resident() -> int:
    """Bytes of this process in memory now."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(step: Callable[[], None], times: int) -> int:
    """Bytes by which memory grew over `times` steps, after as many to warm up."""
    for _ in range(times):
        step()
    before = resident()
    for _ in range(times):
        step()
    return resident() - before


def many(half: Any) -> int:
    """As many that one object of each, of the least size, would be twice what may be kept."""
    return 300_000 if half.__name__.endswith("native") else 80_000


def joined(context: Any) -> tuple[Any, Any]:
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    receiver.bind("inproc://leaks")
    sender.connect("inproc://leaks")
    return sender, receiver


def test_bursts_keep_no_memory(half: Any, context: Any) -> None:
    sender, receiver = joined(context)
    messages = [[b"one frame"], [b"x" * 100, b"y" * 50, b""]] * 250

    def exchange() -> None:
        assert half.send_burst(sender, messages) == (500, 0)
        assert len(half.recv_burst(receiver, 500)) == 500

    assert growth(exchange, many(half) // 1000) < 2 * MEGABYTE


def test_a_relay_keeps_no_memory(bench: Any) -> None:
    bench.one_way()
    bench.relay.capture = bench.bound(zmq.PUB, {}, "capture")
    bench.relay.tap = bench.bound(zmq.PUB, {}, "tap")
    sender = bench.peer(zmq.PUSH, bench.frontend)
    receiver = bench.peer(zmq.PULL, bench.backend)
    listener = bench.peer(zmq.SUB, bench.relay.tap, subscribe=b"")
    messages = [[b"one frame"], [b"x" * 100, b"y" * 50, b""]] * 250

    def pass_on() -> None:
        bench.half.send_burst(sender, messages)
        bench.relay.run(until_idle=True)
        assert len(bench.half.recv_burst(receiver, 500)) == 500
        bench.half.recv_burst(listener, 500)

    assert growth(pass_on, many(bench.half) // 1000) < 2 * MEGABYTE


@pytest.mark.parametrize("closed", [True, False])
def test_a_relay_that_goes_takes_what_it_holds_along(bench: Any, closed: bool) -> None:
    bench.one_way(frontend_hwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, hwm=0)
    body = bytes(MEGABYTE)

    def hold_and_go() -> None:
        sender.send_multipart([b"", body])
        relay = bench.half.Relay(bench.frontend, bench.backend, bench.wake, bench.counters)
        relay.run(backward=False, limit_ms=0)
        assert relay.held == (True, False)
        if closed:
            relay.close()

    assert growth(hold_and_go, 40) < 10 * MEGABYTE


def test_dropped_messages_keep_no_memory(bench: Any) -> None:
    bench.one_way(Lane(max_frames=2, max_bytes=1000))
    sender = bench.peer(zmq.PUSH, bench.frontend)

    def refuse() -> None:
        sender.send_multipart([bytes(100_000)] * 10)
        bench.relay.run(until_idle=True)

    assert growth(refuse, 100) < 5 * MEGABYTE
    assert bench.forward()["too_many_frames"] == 200


def test_bursts_keep_no_references(half: Any, context: Any) -> None:
    sender, receiver = joined(context)
    body = b"a body of its own"
    message = [body, b""]
    things = (sender, receiver, body, message)
    before = [sys.getrefcount(thing) for thing in things]
    for _ in range(100):
        half.send_burst(sender, [message, (body,)])
        half.recv_burst(receiver, 10)
        with pytest.raises(TypeError):
            half.send_burst(sender, [message, [body, None]])
        with pytest.raises(zmq.ZMQError):
            half.recv_burst(sender, 1)
    assert [sys.getrefcount(thing) for thing in things] == before


def test_a_relay_keeps_its_sockets_and_lets_go_of_them(bench: Any) -> None:
    bench.one_way()
    before = [sys.getrefcount(thing) for thing in (bench.frontend, bench.counters)]
    for _ in range(50):
        relay = bench.half.Relay(bench.frontend, bench.backend, bench.wake, bench.counters)
        relay.capture = bench.bell
        relay.run(limit_ms=0, backward=False)
        assert sys.getrefcount(bench.frontend) > before[0]
        del relay
    assert [sys.getrefcount(thing) for thing in (bench.frontend, bench.counters)] == before


def test_a_relay_in_a_cycle_is_collected(bench: Any) -> None:
    bench.one_way()
    counters = Counters()
    relay = bench.half.Relay(bench.frontend, bench.backend, bench.wake, counters)
    counters.owner = relay  # type: ignore[attr-defined]
    gone = weakref.ref(counters)
    del relay, counters
    gc.collect()
    assert gone() is None
