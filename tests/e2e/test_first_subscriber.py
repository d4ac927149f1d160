"""A publisher with an input that ends waits for its first subscriber, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support.processes import Start, until

ANY = "tcp://127.0.0.1:*"


@pytest.mark.parametrize(
    ("flags", "data", "came"),
    [
        (("-D", "a", "-D", "b"), None, [b"a", b"b"]),
        (("-F", "-"), b"1\n2\n", [b"1", b"2"]),
        ((), b"piped\n", [b"piped"]),
    ],
)
def test_nothing_is_lost_before_it_comes(
    start: Start,
    context: zmq.Context[Any],
    flags: tuple[str, ...],
    data: bytes | None,
    came: list[bytes],
) -> None:
    pub = start("pub", "-b", ANY, *flags, ready=True)
    if data is not None:
        pub.feed(data)
    until(lambda: "waiting for the first subscriber" in pub.err, "the note")
    sub = context.socket(zmq.SUB)
    sub.rcvtimeo = 60_000
    sub.subscribe(b"")
    sub.connect(pub.ready()["socket"][0])
    assert [sub.recv() for _ in came] == came
    assert pub.wait() == 0, pub.err


@pytest.mark.parametrize("flags", [("--no-wait",), ("-i", "10ms", "-n", "2")])
def test_one_that_is_not_to_wait_does_not(start: Start, flags: tuple[str, ...]) -> None:
    pub = start("pub", "-b", ANY, "-D", "hello", *flags)
    assert pub.wait() == 0, pub.err
    assert "waiting" not in pub.err


def test_patience_ends_with_status_3(start: Start) -> None:
    pub = start("pub", "-b", ANY, "-D", "hello", "-t", "200ms")
    assert pub.wait() == 3
    assert "0 of 1 subscribers came" in pub.err


def test_the_two_words_contradict_each_other(start: Start) -> None:
    pub = start("pub", "-D", "hello", "--no-wait", "--wait-subscribers", "2")
    assert pub.wait() == 2
    assert "no-wait and wait-subscribers contradict each other" in pub.err


def test_a_forwarder_that_has_waited_long_is_soon_there(
    start: Start, context: zmq.Context[Any], free_ports: Callable[[int], list[int]]
) -> None:
    """Each attempt doubles the pause before the next one; the longest is a second, not ten."""
    [port] = free_ports(1)
    forwarder = start(
        *("forwarder", "--frontend-connect", f"tcp://127.0.0.1:{port}", "--stats", "off"),
        *("--backend-bind", ANY),
        ready=True,
    )
    sub = context.socket(zmq.SUB)
    sub.rcvtimeo = 4000
    sub.subscribe(b"")
    sub.connect(forwarder.ready()["backend"][0])
    assert not sub.poll(4000)  # by then a pause without a limit is longer than what is left
    start("pub", "-b", f"tcp://127.0.0.1:{port}", "-D", "{n}", "--rate", "50")
    assert sub.recv()
