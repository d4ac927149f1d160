"""A peer that dies in the middle of a message leaves no piece of it behind.

PUSH and DEALER then refuse a later frame, and want the rest to be handed over for
nothing. The messages here are long, so that there is time to die in their middle.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EAGAIN
from typing import Any

import zmq

Receive = Callable[[Any], list[bytes]]
LONG = [b"x"] * 500_000
READS_ONE_AND_DIES = """
import os, sys, zmq
socket = zmq.Context().socket(zmq.PULL)
socket.connect(sys.argv[1])
socket.recv_multipart()
os._exit(0)
"""


@contextmanager
def worker_that_dies_of_its_first_message(endpoint: str) -> Iterator[None]:
    worker = subprocess.Popen([sys.executable, "-c", READS_ONE_AND_DIES, endpoint])
    try:
        yield
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait()


def test_a_burst_keeps_the_message_for_the_next_peer(
    half: Any, context: Any, until: Any, receive: Receive
) -> None:
    sender = context.socket(zmq.PUSH)
    sender.sndhwm = 0
    sender.bind("tcp://127.0.0.1:*")
    endpoint = sender.getsockopt_string(zmq.LAST_ENDPOINT)
    with worker_that_dies_of_its_first_message(endpoint):
        until(lambda: sender.poll(0, zmq.POLLOUT))
        accepted, reason = half.send_burst(sender, [[b"first"], *[LONG] * 40])
    assert (1 <= accepted <= 40, reason) == (True, EAGAIN)
    survivor = context.socket(zmq.PULL)
    survivor.connect(endpoint)
    until(lambda: half.send_burst(sender, [[b"next", b"whole"]]) == (1, 0))
    assert receive(survivor) == [b"next", b"whole"]


def test_a_relay_drops_the_message_and_goes_on(bench: Any, until: Any, receive: Receive) -> None:
    """The relay takes as long to read a message as to send it; one try in two hits the sending.
    Ten messages at most are under way: the last reader has to take what the others left."""
    bench.one_way(backend_sndhwm=0, frontend_rcvhwm=0)
    sender = bench.peer(zmq.PUSH, bench.frontend, sndhwm=0)
    long = LONG[: 100_000 if bench.half.__name__.endswith("native") else 20_000]
    with bench.running():
        delay, sent = 0.0, 0
        while bench.forward()["unreachable"] == 0:
            worker = bench.peer(zmq.PULL, bench.backend, rcvhwm=0)
            passed, began = bench.forward()["messages"], time.monotonic()
            more = passed + 10 - sent
            assert bench.half.send_burst(sender, [long] * more) == (more, 0)
            sent += more
            until(lambda passed=passed: bench.forward()["messages"] > passed)
            until(lambda began=began, delay=delay: time.monotonic() > began + delay)
            worker.close()
            delay += 0.002
        survivor = bench.peer(zmq.PULL, bench.backend, rcvhwm=0)
        assert bench.half.send_burst(sender, [[b"next", b"whole"]]) == (1, 0)
        while (message := receive(survivor)) != [b"next", b"whole"]:
            assert message == long
