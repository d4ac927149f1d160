"""A routing id that a peer chose belongs to its connection: who comes with it next gets nothing
that was meant for the first, whether it speaks or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from support.processes import until

from zmqdev.broker.engine import BrokerEngine
from zmqdev.device.device import Device
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import Written
from zmqdev.options.queue import QueueSpec, resolve_device
from zmqdev.options.reliable import Reliable
from zmqdev.options.side import Backend, Frontend

ANY = ("tcp://127.0.0.1:*",)
PATIENCE, QUIET = 10_000, 300
Socket = zmq.Socket[bytes]
ALICE, BOB = b"alice", b"bob"


class Queue:
    """A reliable queue; `shared`: one address for clients and workers."""

    def __init__(self, shared: bool, acl: Path | None) -> None:
        backend = Backend() if shared else Backend(bind=ANY)
        spec = QueueSpec(
            reliable=Reliable(enabled=True), frontend=Frontend(bind=ANY), backend=backend
        )
        if acl is not None:
            spec = replace(spec, topic_acl=str(acl))
        resolved = resolve_device(KINDS["queue"], spec, Written())
        assert isinstance(resolved, QueueSpec)
        self.engine = BrokerEngine(resolved)
        self.device = Device("queue", "queue", self.engine, drain=1.0)
        self.device.start()
        self.context: zmq.Context[Socket] = zmq.Context()

    def peer(self, side: str, identity: bytes = b"") -> Socket:
        found = {item.name: item for item in self.engine.sockets()}
        socket = self.context.socket(zmq.DEALER)
        if identity:
            socket.routing_id = identity
        socket.linger = 0
        socket.connect(found.get(side, self.engine.sockets()[0]).addresses[0].actual)
        return socket

    def worker(self, identity: bytes = b"") -> Socket:
        socket = self.peer("backend", identity)
        before = self.count("registered")
        socket.send_multipart([b"", b"MDPW01", b"\x01", b"default"])
        until(lambda: self.count("registered") > before, "it is registered")
        return socket

    def connected(self, side: str) -> int:
        watch = self.device.watches.get(side, self.device.watches["frontend"])
        watch.drain()
        return watch.counts.connected

    def count(self, name: str) -> int:
        return int(self.engine.details()["reliable"]["counters"][name])

    def leave(self, socket: Socket, side: str) -> None:
        before = self.connected(side)
        socket.close(0)
        until(lambda: self.connected(side) < before, "it has left")

    def thief(self, side: str, identity: bytes) -> Socket:
        """Connected under that id, and silent."""
        before = self.connected(side)
        socket = self.peer(side, identity)
        until(lambda: self.connected(side) > before, "the thief is here")
        return socket

    def end(self) -> None:
        self.device.stop(at_once=True)
        self.device.join(60)
        self.context.destroy(linger=0)


@pytest.fixture(params=["two addresses", "one address", "rights"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    acl = None
    if request.param == "rights":
        acl = tmp_path / "rights"
        acl.write_text("* serve default\n")
        acl.chmod(0o600)
    made = Queue(request.param == "one address", acl)
    yield made
    made.end()


def work(socket: Socket) -> list[bytes]:
    """The next request of a worker: its token, '', body."""
    while True:
        assert socket.poll(PATIENCE), "nothing came"
        frames = socket.recv_multipart()
        if frames[2] == b"\x02":
            return frames[3:]


def answer(socket: Socket, request: list[bytes], body: bytes) -> None:
    socket.send_multipart([b"", b"MDPW01", b"\x03", *request[:2], body])


def loot(socket: Socket) -> list[list[bytes]]:
    """All that comes, heartbeats left out."""
    got = []
    while socket.poll(QUIET):
        got.append(socket.recv_multipart())
    return [frames for frames in got if frames[1:3] != [b"MDPW01", b"\x04"]]


def test_a_silent_thief_does_not_get_the_reply_of_a_client_that_left(queue: Queue) -> None:
    worker, client = queue.worker(), queue.peer("frontend", ALICE)
    client.send_multipart([b"", b"question"])
    request = work(worker)
    queue.leave(client, "frontend")
    thief = queue.thief("frontend", ALICE)
    answer(worker, request, b"secret")
    until(lambda: queue.count("unreachable") == 1, "the reply has no address")
    assert loot(thief) == []


def test_a_thief_that_asks_as_well_gets_its_own_reply_and_no_other(queue: Queue) -> None:
    worker, client = queue.worker(), queue.peer("frontend", ALICE)
    for number in range(3):
        client.send_multipart([b"", b"%d" % number])
    request = work(worker)
    until(lambda: queue.count("requests") == 3, "the others are queued")
    queue.leave(client, "frontend")
    thief = queue.thief("frontend", ALICE)
    thief.send_multipart([b"", b"mine"])
    until(lambda: queue.count("requests") == 4, "its own is here")
    answer(worker, request, b"secret")
    request = work(worker)
    assert request[2:] == [b"mine"], "what nobody can have an answer to is not asked"
    answer(worker, request, b"yours")
    assert loot(thief) == [[b"", b"yours"]]
    assert (queue.count("abandoned"), queue.count("unreachable")) == (2, 1)


def test_a_silent_thief_does_not_get_the_requests_of_a_worker_that_left(queue: Queue) -> None:
    worker = queue.worker(BOB)
    queue.device.pause()  # the end of the worker is not looked for meanwhile
    queue.leave(worker, "backend")
    thief = queue.thief("backend", BOB)
    queue.device.resume()
    client = queue.peer("frontend")
    client.send_multipart([b"", b"question"])
    until(lambda: queue.count("requests") == 1, "it is asked")
    assert loot(thief) == []
    honest = queue.worker()
    answer(honest, work(honest), b"answer")
    assert client.poll(PATIENCE)
    assert client.recv_multipart() == [b"", b"answer"]


def test_a_worker_that_comes_again_with_its_id_is_served_and_its_request_goes_on(
    queue: Queue,
) -> None:
    first, client = queue.worker(BOB), queue.peer("frontend")
    client.send_multipart([b"", b"question"])
    work(first)
    queue.leave(first, "backend")
    second = queue.worker(BOB)
    answer(second, work(second), b"answer")
    assert client.poll(PATIENCE)
    assert client.recv_multipart() == [b"", b"answer"]
    assert queue.count("unexpected") == 0
