"""Readers that are slow, stalled or gone: bounded memory, the others served, memory given back."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import zmq
from support.processes import Start, until
from support.vitals import MEBIBYTE, memory

FREE = "tcp://127.0.0.1:*"
BODY = b"x" * 10_000
HWM = 500
# A message waits in at most three places for one stalled reader: the queue to it, and the
# kernel's buffers on both ends (4 MiB each at the most here).
BOUND = HWM * len(BODY) * 3 + 16 * MEBIBYTE


def test_a_stalled_subscriber_costs_its_high_water_mark_and_stops_nobody(
    start: Start, context: zmq.Context[Any], place: Callable[..., Any]
) -> None:
    here = place("forwarder", "--set", f"backend.sndhwm={HWM}")
    stalled = start("sub", "-c", here.back, "-s", "bulk", "--set", f"rcvhwm={HWM}")
    until(lambda: here.shown()["backend_peers"] == 2, "the subscriber is there")
    flow(here, 200, stalled_until=lambda: stalled.out.count(b"\n") > 0)
    stalled.signal(signal.SIGSTOP)
    for _ in range(20):
        flow(here, 500)
        here.check()
    assert here.grown() < BOUND + 64 * MEBIBYTE
    stalled.end()
    here.check()
    until(lambda: memory(here.pid) - here.memory < 64 * MEBIBYTE, "memory is given back")
    here.end()


def flow(here: Any, count: int, stalled_until: Callable[[], bool] | None = None) -> None:
    """Send bulk; with a condition, until it holds."""
    end = time.monotonic() + 20
    while True:
        for _ in range(count):
            here.near.send(b"bulk" + BODY)
        if stalled_until is None or stalled_until():
            return
        assert time.monotonic() < end, "nothing came through"


def test_a_stalled_puller_does_not_stop_the_other(
    start: Start, context: zmq.Context[Any], place: Callable[..., Any]
) -> None:
    here = place("streamer", "--set", f"backend.sndhwm={HWM}")
    stalled = start("pull", "-c", here.back, "--set", f"rcvhwm={HWM}")
    until(lambda: here.shown()["backend_peers"] == 2, "the puller is there")
    stalled.signal(signal.SIGSTOP)
    got = 0
    for _ in range(40):
        for _ in range(100):
            here.near.send(BODY)
        while here.far.poll(50):
            here.far.recv()
            got += 1
    assert got > 1000, "the other puller was served all the while"
    assert here.grown() < BOUND + 64 * MEBIBYTE
    stalled.end()
    while here.far.poll(200):
        here.far.recv()
    assert here.program.process.poll() is None
    assert here.program.interrupt() == 0


def test_a_client_that_does_not_read_its_replies_stops_nobody(
    context: zmq.Context[Any], place: Callable[..., Any]
) -> None:
    here = place("queue", "--set", f"frontend.sndhwm={HWM}")
    deaf = context.socket(zmq.DEALER)
    deaf.rcvhwm, deaf.linger = 10, 0
    deaf.connect(here.front)
    for number in range(3000):
        deaf.send_multipart([b"", b"%d" % number])
        assert here.far.recv() == b"%d" % number
        here.far.send(BODY)
        if not number % 500:
            here.check()
    until(
        lambda: here.shown()["backward_drops_by_reason"].get("full", 0) > 0,
        "what the deaf client did not take is dropped and counted",
    )
    assert here.grown() < BOUND + 64 * MEBIBYTE
    deaf.close()
    here.end()
