"""The reliable queue with real sockets, in a device."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import until

from zmqdev.broker.dead_letters import MOST, Letterbox
from zmqdev.broker.engine import BrokerEngine
from zmqdev.broker.letter import DeadLetter
from zmqdev.device.device import Device
from zmqdev.errors import RunError
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import Written
from zmqdev.options.queue import QueueSpec, resolve_device
from zmqdev.options.reliable import Reliable
from zmqdev.options.side import Backend, Frontend
from zmqdev.wire import call

ANY = ("tcp://127.0.0.1:*",)
PATIENCE = 60_000
Socket = zmq.Socket[bytes]
Open = Callable[..., "Running"]


class Running:
    """A device with a reliable queue, and a context for its peers."""

    def __init__(self, spec: QueueSpec, drain: float) -> None:
        self.engine = BrokerEngine(spec)
        self.device = Device("queue", "queue", self.engine, drain=drain)
        self.device.start()
        self.context: zmq.Context[Socket] = zmq.Context()

    def address(self, side: str) -> str:
        [found] = [item for item in self.engine.sockets() if item.name == side]
        return found.addresses[0].actual

    def peer(self, side: str, type_: int = zmq.DEALER) -> Socket:
        socket = self.context.socket(type_)
        socket.connect(self.address(side))
        return socket

    def worker(self, service: bytes = b"default") -> Socket:
        socket = self.peer("backend")
        socket.send_multipart([b"", b"MDPW01", b"\x01", service])
        return socket

    def counts(self) -> dict[str, int]:
        return dict(self.engine.details()["reliable"]["counters"])

    def end(self) -> None:
        self.device.stop(at_once=True)
        self.device.join(60)
        self.context.destroy(linger=0)


@pytest.fixture
def running() -> Iterator[Open]:
    made: list[Running] = []

    def begin(limits: Any = None, drain: float = 1.0, **settings: Any) -> Running:
        spec = QueueSpec(
            reliable=Reliable(enabled=True, **settings),
            frontend=Frontend(bind=ANY),
            backend=Backend(bind=ANY),
        )
        if limits:
            spec = replace(spec, limits=replace(spec.limits, **limits))
        resolved = resolve_device(KINDS["queue"], spec, Written())
        assert isinstance(resolved, QueueSpec)
        made.append(Running(resolved, drain))
        return made[-1]

    yield begin
    for one in made:
        one.end()


def received(socket: Socket) -> list[bytes]:
    assert socket.poll(PATIENCE), "nothing came"
    return socket.recv_multipart()


def work(socket: Socket) -> list[bytes]:
    """The next request of a worker: its token, '', body."""
    while (frames := received(socket))[2] != b"\x02":
        pass
    return frames[3:]


def answer(socket: Socket, request: list[bytes], body: bytes) -> None:
    socket.send_multipart([b"", b"MDPW01", b"\x03", *request[:2], body])


def test_a_request_goes_through_and_is_counted(running: Open) -> None:
    queue = running()
    worker, client = queue.worker(), queue.peer("frontend", zmq.REQ)
    client.send(b"hello")
    answer(worker, work(worker), b"bye")
    assert client.poll(PATIENCE)
    assert client.recv() == b"bye"
    until(lambda: queue.counts()["replies"] == 1, "it is counted")
    forward, backward = queue.engine.flows()
    assert (forward.messages, backward.messages) == (1, 1)
    assert backward.bytes == len(b"\0abcd") + len(b"bye")


def test_heartbeats_are_no_messages(running: Open) -> None:
    queue = running(heartbeat=0.05)
    worker = queue.worker()
    for _ in range(5):
        assert received(worker) == [b"", b"MDPW01", b"\x04"]
        worker.send_multipart([b"", b"MDPW01", b"\x04"])
    assert queue.engine.flows()[0].messages == 0


def test_a_first_wake_up_is_heard_while_nothing_else_happens(running: Open) -> None:
    queue = running(workers="plain")
    began = time.monotonic()
    queue.device.call(lambda: None)
    assert time.monotonic() - began < 5


def test_a_paused_queue_gives_out_nothing_and_loses_nothing(running: Open) -> None:
    queue = running()
    worker, client = queue.worker(), queue.peer("frontend")
    until(lambda: queue.counts()["registered"] == 1, "the worker is here")
    queue.device.pause()
    client.send_multipart([b"", b"hello"])
    assert not worker.poll(200)
    queue.device.resume()
    assert work(worker)[2:] == [b"hello"]


def test_the_capture_and_the_tap_have_copies(running: Open) -> None:
    queue = running()
    watcher = queue.context.socket(zmq.SUB)
    watcher.subscribe(b"")
    watcher.bind("tcp://127.0.0.1:*")
    tap = queue.device.call(lambda: tapped(queue, watcher))
    worker, client = queue.worker(), queue.peer("frontend")
    seen: list[list[bytes]] = []
    while not seen:  # a publisher drops what nobody has subscribed to yet
        client.send_multipart([b"", b"hello"])
        answer(worker, work(worker), b"bye")
        received(client)
        if watcher.poll(50):
            seen.append(watcher.recv_multipart())
    assert seen[0][0] in (b">", b"<")
    assert seen[0][-1] in (b"hello", b"bye")
    queue.device.call(lambda: queue.engine.tap(None))
    queue.device.call(lambda: tap.close(0))


def tapped(queue: Running, watcher: Socket) -> Socket:
    socket = queue.device._context.socket(zmq.PUB)
    socket.connect(watcher.get(zmq.LAST_ENDPOINT).decode().rstrip("\0"))
    queue.engine.tap(socket)
    return socket


def test_a_reset_counts_from_zero(running: Open) -> None:
    queue = running()
    worker, client = queue.worker(), queue.peer("frontend")
    client.send_multipart([b"", b"hello"])
    answer(worker, work(worker), b"bye")
    received(client)
    until(lambda: queue.counts()["replies"] == 1, "it is counted")
    queue.engine.reset()
    assert queue.counts()["replies"] == 0
    assert queue.engine.flows()[0].messages == 0


def test_a_message_of_too_many_frames_is_refused(running: Open) -> None:
    queue = running(limits={"message_frames": 10})
    worker, client = queue.worker(), queue.peer("frontend")
    client.send_multipart([b"", *[b"x"] * 100])
    client.send_multipart([b"", b"small"])
    assert work(worker)[2:] == [b"small"]
    until(lambda: queue.counts()["malformed_clients"] == 1, "it is counted")


def test_a_client_that_does_not_read_gets_all_its_replies_later(running: Open) -> None:
    queue = running()
    worker = queue.worker()
    client = queue.context.socket(zmq.DEALER)
    client.set(zmq.RCVHWM, 1)
    client.set(zmq.RCVBUF, 4096)
    client.connect(queue.address("frontend"))
    large = b"x" * 100_000
    total = 300
    for number in range(total):
        client.send_multipart([b"", b"%d" % number])
        answer(worker, work(worker), b"%d " % number + large)
    until(lambda: queue.counts()["replies"] == total, "all are answered")
    got = [int(received(client)[1].split(b" ")[0]) for _ in range(total)]
    assert got == list(range(total))
    assert queue.counts()["unreachable"] == 0


def test_the_stop_reports_what_had_no_reply(running: Open) -> None:
    queue = running()
    worker, client = queue.worker(), queue.peer("frontend")
    client.send_multipart([b"", b"one"])
    work(worker)
    queue.device.stop()
    assert queue.device.join(60)
    assert "queue: 1 request had no reply yet" in queue.device.reports
    assert queue.device.state == "stopped"


def test_a_stop_without_workers_does_not_wait_for_the_queued(running: Open) -> None:
    queue = running(drain=60.0)
    client = queue.peer("frontend")
    client.send_multipart([b"", b"one"])
    until(lambda: queue.counts()["requests"] == 1, "it is here")
    queue.device.stop()
    assert queue.device.join(30)


def test_a_stop_is_quick_with_a_hundred_thousand_requests_of_clients_that_left(
    running: Open,
) -> None:
    """Each message that was refused copied those behind it: 20,000 took 20 s."""
    many = 100_000
    queue = running(client_requests=many, max_requests=2 * many)
    leaving, staying = queue.peer("frontend"), queue.peer("frontend")
    leaving.set(zmq.SNDHWM, 0)
    staying.send_multipart([call.CALL, b"mine", b"", b"body"])
    until(lambda: queue.engine.details()["reliable"]["queued"] == 1, "the first is here")
    for number in range(many - 1):
        leaving.send_multipart([call.CALL, b"%d" % number, b"", b"body"])
    until(lambda: queue.engine.details()["reliable"]["queued"] == many, "all are here", 60)
    leaving.close(0)
    watch = queue.device.watches["frontend"]
    until(lambda: [watch.drain(), watch.counts.connected][1] == 1, "it has left")
    queue.device.stop()
    assert queue.device.join(30)
    assert queue.device.reports == (f"queue: {many} requests had no reply yet",)
    assert received(staying)[:2] == [call.FAILED, b"mine"]


def test_an_address_in_use_is_said(running: Open) -> None:
    queue = running()
    taken = queue.address("backend")
    spec = replace(queue.engine.spec, backend=replace(queue.engine.spec.backend, bind=(taken,)))
    device = Device("second", "queue", BrokerEngine(spec), drain=1.0)
    with pytest.raises(RunError, match="address already in use"):
        device.start()


def letter(number: int) -> DeadLetter:
    return DeadLetter("echo", "attempts", 3, 1.5, "00ff", "its worker left", (b"%d" % number,))


def test_dead_letters_wait_for_a_reader_and_the_oldest_go_first(tmp_path: Path) -> None:
    context: zmq.Context[Socket] = zmq.Context()
    box = Letterbox(context, f"ipc://{tmp_path}/letters")
    try:
        box.post(letter(number) for number in range(MOST + 5))
        assert box.dropped == 5
        reader = context.socket(zmq.PULL)
        reader.connect(box.address)
        got: list[list[bytes]] = []

        def come() -> bool:
            box.post([])
            while reader.poll(0):
                got.append(reader.recv_multipart())
            return len(got) == MOST

        until(come, "all letters")
        assert [int(body) for _, body in got] == list(range(5, MOST + 5))
        assert json.loads(got[0][0]) == {
            "service": "echo",
            "reason": "attempts",
            "attempts": 3,
            "age": 1.5,
            "client": "00ff",
            "failure": "its worker left",
        }
    finally:
        box.close(0)
        context.destroy(linger=0)
