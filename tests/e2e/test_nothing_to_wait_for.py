"""An endpoint that is stopped waits for peers only while there are any, and says for what."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support.processes import Start, until

# Far below the drain time, far above what a busy machine adds.
AT_ONCE, DRAIN = 20.0, "60s"

ALONE = {
    "client": ("client", "-c", "{}", "-D", "hi"),
    "client that binds": ("client", "-b", "{}", "-D", "hi"),
    "reliable client": ("client", "--reliable", "-c", "{}", "-D", "hi"),
    "push": ("push", "-c", "{}", "-D", "hi"),
    "push that binds": ("push", "-b", "{}", "-D", "hi"),
    "push of two": ("push", "-c", "{}", "-c", "{}", "-D", "hi", "--rate", "100"),
    "push that queues": ("push", "-c", "{}", "-D", "hi", "--set", "immediate=0"),
    "publisher": ("pub", "-c", "{}", "--ticks"),
    "publisher that waits": ("pub", "-b", "{}", "--ticks", "--wait-subscribers", "1"),
    "worker": ("worker", "-c", "{}"),
    "reliable worker": ("worker", "--reliable", "-c", "{}"),
}


@pytest.mark.parametrize("words", ALONE.values(), ids=ALONE)
def test_without_a_peer_it_ends_at_once(
    start: Start, free_ports: Callable[[int], list[int]], words: tuple[str, ...]
) -> None:
    [port] = free_ports(1)
    filled = (word.format(f"tcp://127.0.0.1:{port}") for word in words)
    program = start(*filled, "--drain", DRAIN, ready=True)
    program.ready()
    before = time.monotonic()
    program.signal(signal.SIGINT)
    assert program.wait() == 0
    assert time.monotonic() - before < AT_ONCE
    assert "waiting for" not in program.err


def test_a_request_whose_server_is_there_is_waited_for_and_the_wait_explained(
    start: Start, context: Any
) -> None:
    server = context.socket(zmq.ROUTER)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    where = f"tcp://127.0.0.1:{port}"
    client = start("client", "-c", where, "-D", "hi", "--timeout", "60s", "--drain", DRAIN)
    request = server.recv_multipart()
    client.signal(signal.SIGINT)
    until(
        lambda: (
            "waiting for the reply to a request, at most 1m; a second signal leaves" in client.err
        ),
        "a word about the wait",
    )
    server.send_multipart(request)
    assert client.wait() == 0
    assert client.out == b"hi\n"


def test_a_server_that_goes_meanwhile_is_not_waited_for(start: Start, context: Any) -> None:
    server = context.socket(zmq.ROUTER)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    where = f"tcp://127.0.0.1:{port}"
    client = start("client", "-c", where, "-D", "hi", "--timeout", "60s", "--drain", DRAIN)
    server.recv_multipart()
    client.signal(signal.SIGINT)
    until(lambda: "waiting for the reply" in client.err, "a word about the wait")
    before = time.monotonic()
    server.close(0)
    assert client.wait() == 0
    assert time.monotonic() - before < AT_ONCE
    assert "still without a reply: 1 request" in client.err


def test_a_second_signal_leaves_a_wait_for_readers(start: Start, context: Any) -> None:
    reader = context.socket(zmq.PULL)
    reader.set(zmq.RCVHWM, 1)
    port = reader.bind_to_random_port("tcp://127.0.0.1")
    words = ("-D", "x" * 1000, "-n", "100000", "--set", "sndhwm=100000", "--drain", DRAIN)
    push = start("push", "-c", f"tcp://127.0.0.1:{port}", *words)
    until(
        lambda: (
            "waiting for the peers to read what was sent, at most 1m; a signal leaves" in push.err
        ),
        "a word about the wait",
    )
    push.signal(signal.SIGINT)
    assert push.wait() == 1


def test_a_forwarder_does_not_wait_for_a_publisher_that_has_gone(
    start: Start, context: Any
) -> None:
    """The subscriptions that it keeps for the publisher's return are nothing to wait for."""
    publisher = context.socket(zmq.XPUB)
    port = publisher.bind_to_random_port("tcp://127.0.0.1")
    device = start(
        *("forwarder", "--frontend-connect", f"tcp://127.0.0.1:{port}", "--drain", DRAIN, "-v"),
        *("--backend-bind", "tcp://127.0.0.1:*"),
        ready=True,
    )
    subscriber = context.socket(zmq.SUB)
    subscriber.subscribe(b"")
    subscriber.connect(device.ready()["backend"][0])
    assert publisher.poll(30_000)
    publisher.close(0)
    until(lambda: "disconnected" in device.err, "the publisher has gone")
    before = time.monotonic()
    assert device.interrupt(AT_ONCE + 60) == 0
    assert time.monotonic() - before < AT_ONCE
    assert "unsent" not in device.err
