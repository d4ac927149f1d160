"""A few that would fill a reliable queue's ledger do not shut out everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest
import zmq
from e2e.conftest import context, free_ports, start  # noqa: F401
from support.processes import PATIENCE, Start, until
from support.reliable import Queue, own_worker
from support.vitals import MEBIBYTE, memory

from zmqdev.relay import send_burst

GOOD = 50
# Requests of ten thousand frames that are on their way at a time.
STEP = 40
Socket = zmq.Socket[bytes]


def strangers(queue: Queue, context: zmq.Context[Any], number: int) -> list[Socket]:  # noqa: F811
    sockets = [context.socket(zmq.DEALER) for _ in range(number)]
    for socket in sockets:
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.LINGER, 0)
        socket.connect(queue.frontend)
    return sockets


def served(queue: Queue, context: zmq.Context[Any]) -> Iterator[bool]:  # noqa: F811
    """Whether each request of an honest client beside an idle worker is answered."""
    with context.socket(zmq.REQ) as client:
        client.set(zmq.LINGER, 0)
        client.connect(queue.frontend)
        for number in range(GOOD):
            client.send_multipart([b"MDPC01", b"default", b"%d" % number])
            if not client.poll(round(PATIENCE * 1000)):
                yield False
                return
            yield client.recv_multipart()[2] == b"%d by zmqdev" % number


def taken(queue: Queue) -> int:
    return queue.count("requests") + queue.count("refused")


@pytest.mark.parametrize("names", [1, 1000], ids=["one service", "a thousand services"])
def test_five_clients_that_ask_for_what_nobody_serves_leave_room_for_the_others(
    start: Start,  # noqa: F811
    context: zmq.Context[Any],  # noqa: F811
    names: int,
) -> None:
    """1.3 MiB of them filled the ledger for 30 s: 0 of 50 good requests beside an idle worker."""
    queue = Queue(start, "--max-requests", "50000")
    own_worker(start, queue)
    queue.settle(1)
    bad = strangers(queue, context, 5)
    many = 50_000
    for number, socket in enumerate(islice(cycle(bad), many)):
        socket.send_multipart([b"", b"MDPC01", b"nobody-%d" % (number % names), b"x"])
    until(lambda: taken(queue) >= many, "all are taken or refused", 60)
    assert sum(served(queue, context)) == GOOD


def test_requests_of_empty_frames_are_counted_by_what_they_cost(
    start: Start,  # noqa: F811
    context: zmq.Context[Any],  # noqa: F811
) -> None:
    """12,000 of 9,990 empty frames were 0 bytes to the limits, and had 1,673 MiB."""
    queue = Queue(start, "--max-bytes", "64MiB", "--client-bytes", "64MiB")
    own_worker(start, queue)
    queue.settle(1)
    before = memory(queue.program.process.pid)
    many = 1200
    for number, socket in enumerate(islice(cycle(strangers(queue, context, 4)), many)):
        request = [b"", b"MDPC01", b"nobody", *[b""] * 9_980, b"%d" % number]
        assert send_burst(socket, [request])[0] == 1
        if number % STEP == STEP - 1:  # what waits in libzmq's pipes is not the ledger's
            until(lambda sent=number + 1: taken(queue) >= sent, "all are taken or refused", 60)  # type: ignore[misc]
    assert queue.state()["bytes"] <= 64 * MEBIBYTE
    assert memory(queue.program.process.pid) - before < 128 * MEBIBYTE
    assert sum(served(queue, context)) == GOOD


def test_what_is_refused_and_what_is_malformed_has_one_line_each(
    start: Start,  # noqa: F811
    context: zmq.Context[Any],  # noqa: F811
) -> None:
    """Thousands of refusals, a worker expelled for each request: the log was empty at -v."""
    queue = Queue(start, "--client-requests", "10", "--max-attempts", "1")
    [client] = strangers(queue, context, 1)
    for number in range(2000):
        client.send_multipart([b"", b"%d" % number])
    until(lambda: queue.count("refused") == 1990, "those over the limit are refused")
    worker = context.socket(zmq.DEALER)
    worker.set(zmq.LINGER, 0)
    worker.set(zmq.ROUTING_ID, b"careless")
    worker.connect(queue.backend)
    worker.send_multipart([b"", b"MDPW01", b"\x01", b"default"])
    assert worker.poll(round(PATIENCE * 1000))
    worker.send_multipart([b"", b"MDPW01", b"\x03", b"no token", b"no empty frame"])
    until(lambda: "dead letter" in queue.program.err, "the request is a dead letter")
    lines = queue.program.err.splitlines()
    assert sum("request refused: this client has too many" in line for line in lines) == 1
    assert sum("worker careless: malformed mdp-0.1 message" in line for line in lines) == 1
    [dead] = [line for line in lines if "dead letter" in line]
    assert dead.endswith("the last: its worker sent a malformed mdp-0.1 message")
