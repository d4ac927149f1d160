"""At their stop: requests that are here are answered, and what comes later is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.endpoints.feed import MadeFeed
from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.form.template import REPLY, compile_template
from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.task import Task
from zmqdev.endpoints.tasks.dialogue import Lockstep
from zmqdev.endpoints.tasks.duplex import Duplex
from zmqdev.endpoints.tasks.jobs import Workbench
from zmqdev.endpoints.tasks.work import Work
from zmqdev.endpoints.tasks.worker import WorkerTask
from zmqdev.system.stdio import Sink

Until = Callable[..., None]
Socket = Any
OPEN = Gate(None, lambda: 0, "peers")
HERE = 20


@pytest.fixture
def joined(context: zmq.Context[Any]) -> Callable[[int, int], tuple[Socket, Socket]]:
    """Two sockets; what one has sent, the other has at once."""

    def make(kind: int, peer: int) -> tuple[Socket, Socket]:
        ours, theirs = context.socket(kind), context.socket(peer)
        ours.bind("inproc://ends")
        theirs.connect("inproc://ends")
        theirs.rcvtimeo = 30_000
        return ours, theirs

    return make


def worker(socket: Socket, sink: Sink) -> Task:
    return WorkerTask(socket, Workbench(Work(reply=(compile_template("{body}", REPLY),))), None)


def slow_worker(socket: Socket, sink: Sink) -> Task:
    work = Work(reply=(compile_template("{body}", REPLY),), delay=0.001)
    return WorkerTask(socket, Workbench(work), None)


def rep(socket: Socket, sink: Sink) -> Task:
    return Lockstep(socket, None, None, OPEN, sink, Layout(), None)


def rep_of_texts(socket: Socket, sink: Sink) -> Task:
    texts = MadeFeed(lambda numbers: [[b"%d" % number] for number in numbers], None)
    return Lockstep(socket, texts, None, OPEN, sink, Layout(), None)


@pytest.mark.parametrize(
    "make", [worker, slow_worker, rep, rep_of_texts], ids=lambda made: made.__name__
)
def test_a_rep_answers_all_requests_that_are_here(
    joined: Any, until: Until, pipe: Any, make: Callable[..., Task]
) -> None:
    socket, client = joined(zmq.REP, zmq.DEALER)
    task = make(socket, Sink(pipe[1]))
    for number in range(HERE):
        client.send_multipart([b"", b"%d" % number])
    task.stop(0.0)
    until(task, lambda: task.ended)
    replies = [client.recv_multipart() for _ in range(HERE)]
    assert replies == [[b"", b"%d" % number] for number in range(HERE)]
    assert task.reports() == []


@pytest.mark.parametrize("make", [worker, rep, rep_of_texts], ids=lambda made: made.__name__)
def test_what_asks_after_the_stop_of_a_rep_is_told(
    joined: Any, until: Until, pipe: Any, make: Callable[..., Task]
) -> None:
    socket, client = joined(zmq.REP, zmq.DEALER)
    task = make(socket, Sink(pipe[1]))
    task.stop(0.0)
    until(task, lambda: task.ended)
    client.send_multipart([b"", b"late"])
    assert task.intake is not None
    task.intake(0)
    (line,) = task.reports()
    assert line == "came after the stop and not answered: 1 request, or more; ask again"


@pytest.mark.parametrize(
    ("kind", "peer"), [(zmq.DEALER, zmq.DEALER), (zmq.ROUTER, zmq.DEALER), (zmq.PAIR, zmq.PAIR)]
)
def test_one_that_has_sent_prints_what_is_here_and_tells_what_came_later(
    joined: Any, until: Until, pipe: Any, kind: int, peer: int
) -> None:
    socket, other = joined(kind, peer)
    task = Duplex(socket, None, None, OPEN, Sink(pipe[1]), Layout(), None, None)
    task.sent = 1  # so that its connections stay
    for number in range(HERE):
        other.send(b"%d" % number)
    task.stop(0.0)
    until(task, lambda: task.ended)
    assert task.flow.messages == HERE
    other.send(b"late")
    assert task.intake is not None
    task.intake(0)
    assert task.reports() == ["came after the stop and not printed: 1 message, or more"]
