"""The reliable worker against a ROUTER that plays the queue."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from zmqdev.broker.session import Session
from zmqdev.endpoints.tasks.faults import Faults
from zmqdev.endpoints.tasks.jobs import Work, Workbench
from zmqdev.endpoints.tasks.reliable_worker import QueueLine, ReliableWorker
from zmqdev.wire.dialect import MDP_01, DialectVerb

Socket = zmq.Socket[bytes]
PATIENCE = 60.0


class Stage:
    """A worker's task, and the queue's side of its conversations."""

    def __init__(
        self, jobs: int = 1, heartbeat: float = 60.0, count: int | None = None, **work: Any
    ) -> None:
        self.context: zmq.Context[Socket] = zmq.Context()
        self.queue = self.context.socket(zmq.ROUTER)
        self.queue.bind("tcp://127.0.0.1:*")
        address = self.queue.get(zmq.LAST_ENDPOINT).decode().rstrip("\0")
        lines = [self.line(address, heartbeat) for _ in range(jobs)]
        self.sockets = [line.socket for line in lines]
        bench = Workbench(Work(reply=(), echo=True, jobs=jobs, **work))
        self.faults = Faults()
        self.worker = ReliableWorker(lines, bench, count, self.faults)

    def line(self, address: str, heartbeat: float) -> QueueLine:
        socket = self.context.socket(zmq.DEALER)
        socket.connect(address)
        return QueueLine(socket, address, Session(MDP_01, b"echo", heartbeat, time.monotonic()))

    def heard(self) -> tuple[bytes, DialectVerb, list[bytes]]:
        """The next message that the queue gets: (worker, command, what it carries)."""
        end = time.monotonic() + PATIENCE
        while not self.queue.poll(1):
            assert time.monotonic() < end, "the worker says nothing"
            self.worker.step(time.monotonic())
        frames = self.queue.recv_multipart()
        return frames[0], MDP_01.verb_of(frames, 1, DialectVerb.FINAL), frames[4:]

    def say(self, worker: bytes, verb: DialectVerb, *carried: bytes) -> None:
        self.queue.send_multipart([worker, *MDP_01.frames(verb, *carried)])

    def ask(self, worker: bytes, token: bytes, body: bytes = b"hello") -> None:
        self.say(worker, DialectVerb.REQUEST, token, b"", body)


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for stage in made:
        stage.context.destroy(linger=0)


def staged(stages: list[Stage], *arguments: Any, **more: Any) -> Stage:
    stages.append(Stage(*arguments, **more))
    return stages[-1]


def test_it_says_what_it_serves_and_answers(stages: list[Stage]) -> None:
    stage = staged(stages)
    worker, verb, carried = stage.heard()
    assert (verb, carried) == (DialectVerb.READY, [b"echo"])
    stage.ask(worker, b"token")
    assert stage.heard() == (worker, DialectVerb.FINAL, [b"token", b"", b"hello"])
    assert stage.worker.flow.messages == 1


def test_each_job_is_a_worker_of_its_own(stages: list[Stage]) -> None:
    stage = staged(stages, jobs=3, delay=0.05)
    workers = {stage.heard()[0] for _ in range(3)}
    assert len(workers) == 3
    for worker in workers:
        stage.ask(worker, b"token of " + worker)
    answered: set[bytes] = set()
    for _ in range(3):
        worker, verb, carried = stage.heard()
        assert (verb, carried[0]) == (DialectVerb.FINAL, b"token of " + worker)
        answered.add(worker)
    assert answered == workers


def test_heartbeats_go_on_while_it_works(stages: list[Stage]) -> None:
    stage = staged(stages, heartbeat=0.05, delay=0.3)
    worker, *_ = stage.heard()
    stage.ask(worker, b"token")
    said = []
    while not said or said[-1] is not DialectVerb.FINAL:
        said.append(stage.heard()[1])
        stage.say(worker, DialectVerb.HEARTBEAT)
    assert said.count(DialectVerb.HEARTBEAT) >= 3


def test_told_to_disconnect_it_comes_back_on_a_new_connection(stages: list[Stage]) -> None:
    stage = staged(stages)
    first, *_ = stage.heard()
    stage.say(first, DialectVerb.DISCONNECT)
    second, verb, _ = stage.heard()
    assert verb is DialectVerb.READY
    assert second != first
    stage.ask(second, b"token")
    assert stage.heard()[1] is DialectVerb.FINAL


def test_a_stop_finishes_the_job_and_says_goodbye(stages: list[Stage]) -> None:
    stage = staged(stages, delay=0.1)
    worker, *_ = stage.heard()
    stage.ask(worker, b"token")
    while not stage.worker.extra()["jobs"]:
        stage.worker.step(time.monotonic())
    stage.worker.stop(time.monotonic())
    assert not stage.worker.ended
    assert [stage.heard()[1] for _ in range(2)] == [DialectVerb.FINAL, DialectVerb.DISCONNECT]
    assert stage.worker.ended
    assert stage.worker.reports() == []


def test_it_leaves_after_its_count(stages: list[Stage]) -> None:
    stage = staged(stages, count=2)
    worker, *_ = stage.heard()
    for token in (b"1", b"2"):
        stage.ask(worker, token)
        assert stage.heard()[1] is DialectVerb.FINAL
    assert stage.heard()[1] is DialectVerb.DISCONNECT
    assert stage.worker.ended
    assert stage.worker.unmet() == "2 of 2 requests came"


def test_a_hanging_worker_says_nothing_more(stages: list[Stage]) -> None:
    stage = staged(stages, heartbeat=0.01)
    stage.faults.hang_after = 0
    worker, *_ = stage.heard()
    stage.ask(worker, b"token")
    while not stage.faults.hangs:
        stage.worker.step(time.monotonic())
    while stage.queue.poll(50):  # what it had said before
        stage.queue.recv_multipart()
    stage.worker.step(time.monotonic() + 1)
    assert not stage.queue.poll(100)
