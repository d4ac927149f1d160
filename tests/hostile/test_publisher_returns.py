"""Publishers that come back are told of every subscription, however many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zmq
from hostile.conftest import FREE
from support.processes import Start, until

Context = zmq.Context[Any]
# A device tries again soon.
EAGER = ("--set", "frontend.reconnect_ivl=50", "--set", "frontend.reconnect_ivl_max=0")


class Publisher:
    """A bound or connected XPUB that counts the topics it is told of."""

    def __init__(self, context: Context, *, bind: str = "", connect: str = "") -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.set(zmq.RCVHWM, 0)
        self.socket.linger = 0
        until(lambda: self._settled(bind, connect), "the address is free again")
        self._topics: set[bytes] = set()

    def _settled(self, bind: str, connect: str) -> bool:
        if connect:
            self.socket.connect(connect)
            return True
        try:
            self.socket.bind(bind)
        except zmq.ZMQError:
            return False
        return True

    def has(self, topics: set[bytes]) -> bool:
        while self.socket.poll(0):
            self._topics.add(self.socket.recv()[1:])
        return self._topics >= topics


def subscribe(context: Context, address: str, topics: set[bytes]) -> zmq.Socket[bytes]:
    """It holds them for as long as it is referred to."""
    subscriber = context.socket(zmq.SUB)
    subscriber.linger = subscriber.sndhwm = 0
    for topic in topics:
        subscriber.subscribe(topic)
    subscriber.connect(address)
    return subscriber


@pytest.mark.parametrize(
    ("count", "words"),
    [(9_000, ()), (50, ("--set", "frontend.sndhwm=10")), (50, ("--set", "frontend.hwm=5"))],
)
@pytest.mark.parametrize("side", ["bind", "connect"])
def test_a_forwarder_tells_a_publisher_that_is_back_of_all_topics(
    start: Start, context: Context, tmp_path: Path, count: int, words: tuple[str, ...], side: str
) -> None:
    address = f"ipc://{tmp_path}/publisher" if side == "connect" else FREE
    device = start(
        *("forwarder", f"--frontend-{side}", address, "--backend-bind", FREE, *words, *EAGER),
        ready=True,
    )
    ready = device.ready()
    at = {"connect": ready["frontend"][0]} if side == "bind" else {"bind": address}
    publisher = Publisher(context, **at)
    topics = {b"topic.%d" % number for number in range(count)}
    subscriber = subscribe(context, ready["backend"][0], topics)
    until(lambda: publisher.has(topics), "the first one has all")
    for _ in range(2):
        publisher.socket.close(0)
        publisher = Publisher(context, **at)
        until(lambda: publisher.has(topics), "the next one has all")  # noqa: B023
    subscriber.close()
    assert device.interrupt() == 0


@pytest.mark.parametrize("words", [(), ("--set", "sndhwm=10")])
def test_sub_tells_a_publisher_that_is_back_of_all_topics(
    start: Start, context: Context, tmp_path: Path, words: tuple[str, ...]
) -> None:
    address = f"ipc://{tmp_path}/publisher"
    topics = [f"topic.{number}" for number in range(12_000)]
    asked = [word for topic in topics for word in ("-s", topic)]
    start("sub", "-c", address, *asked, *words, "--set", "reconnect_ivl=50", cold=True)
    for _ in range(2):
        publisher = Publisher(context, bind=address)
        wanted = {topic.encode() for topic in topics}
        until(lambda: publisher.has(wanted), "all are told")  # noqa: B023
        publisher.socket.close(0)


def test_a_sub_frontend_tells_a_publisher_that_is_back_of_all_topics(
    start: Start, context: Context, tmp_path: Path
) -> None:
    address = f"ipc://{tmp_path}/publisher"
    topics = [f"topic.{number}" for number in range(3_000)]
    asked = [word for topic in topics for word in ("--subscribe", topic)]
    device = start(
        *("forwarder", "--frontend-type", "SUB", "--frontend-connect", address, *asked),
        *("--backend-bind", FREE, "--set", "frontend.sndhwm=10", *EAGER),
        ready=True,
        cold=True,
    )
    device.ready()
    wanted = {topic.encode() for topic in topics}
    for _ in range(2):
        publisher = Publisher(context, bind=address)
        until(lambda: publisher.has(wanted), "all are told")  # noqa: B023
        publisher.socket.close(0)
    assert device.interrupt() == 0


def test_a_mark_set_while_it_runs_drops_no_subscription(
    start: Start, context: Context, tmp_path: Path
) -> None:
    control = f"ipc://{tmp_path}/control"
    device = start(
        *("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE, "--control", control),
        ready=True,
    )
    ready = device.ready()
    changed = start("ctl", control, "set", "frontend.sndhwm", "5")
    assert changed.wait() == 0, changed.err
    topics = {b"topic.%d" % number for number in range(500)}
    subscriber = subscribe(context, ready["backend"][0], topics)
    for _ in range(2):
        publisher = Publisher(context, connect=ready["frontend"][0])
        until(lambda: publisher.has(topics), "it has all")  # noqa: B023
        publisher.socket.close(0)
    subscriber.close()
    assert device.interrupt() == 0
