"""A worker answers who asked, works on so many at a time, and survives its commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import zmq

from zmqdev.endpoints.form.template import REPLY, compile_template
from zmqdev.endpoints.tasks.jobs import Workbench
from zmqdev.endpoints.tasks.work import Work
from zmqdev.endpoints.tasks.worker import WorkerTask

Pair = Callable[..., Any]
Until = Callable[..., None]
DEFAULT = (compile_template("Processed: {body}", REPLY),)


def worker_on(socket: Any, count: int | None = None, **work: Any) -> WorkerTask:
    return WorkerTask(socket, Workbench(Work(reply=DEFAULT, **work)), count)


def test_the_envelope_is_kept_whole(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket)
    for path in ([b"client", b""], [b"client", b"id42", b""], [b"router", b"client", b"id42", b""]):
        queue.send_multipart([*path, b"hello"])
        until(worker, lambda: queue.poll(0))
        assert queue.recv_multipart() == [*path, b"Processed: hello"]


def test_without_a_delimiter_the_first_frame_is_the_envelope(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket)
    queue.send_multipart([b"client", b"hello"])
    until(worker, lambda: queue.poll(0))
    assert queue.recv_multipart() == [b"client", b"Processed: hello"]


def test_a_rep_worker_answers_in_turns(pair: Pair, until: Until) -> None:
    client, socket = pair(zmq.REQ, zmq.REP)
    worker = worker_on(socket, count=2)
    for n in range(2):
        client.send(b"%d" % n)
        until(worker, lambda: client.poll(0))
        assert client.recv() == b"Processed: %d" % n
    assert worker.ended


def test_a_router_worker_answers_each_of_several_clients(
    context: zmq.Context[Any], until: Until
) -> None:
    socket = context.socket(zmq.ROUTER)
    socket.set(zmq.ROUTER_MANDATORY, 1)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    clients = [context.socket(zmq.REQ) for _ in range(3)]
    for n, client in enumerate(clients):
        client.connect(f"tcp://127.0.0.1:{port}")
        client.send(b"%d" % n)
    worker = worker_on(socket)
    for n, client in enumerate(clients):
        until(worker, lambda client=client: client.poll(0))
        assert client.recv() == b"Processed: %d" % n


def test_a_client_that_has_gone_costs_only_its_own_reply(pair: Pair, until: Until) -> None:
    socket, client = pair(zmq.ROUTER, zmq.REQ, routing_id=b"client")
    socket.set(zmq.ROUTER_MANDATORY, 1)

    def has_gone() -> bool:
        """A ROUTER knows a peer for some time after its connection has ended."""
        try:
            socket.send_multipart([b"client", b"no reply"], zmq.DONTWAIT)
        except zmq.ZMQError as error:
            return error.errno == zmq.EHOSTUNREACH
        return False

    client.send(b"x")
    worker = worker_on(socket, delay=1.0)
    until(worker, lambda: worker.extra()["jobs"] == 1, 0.0)
    client.close(0)
    until(worker, has_gone, 0.0)
    until(worker, lambda: worker.unanswered == 1)
    assert worker.flow.messages == 0
    assert worker.reports() == ["replies dropped, client gone: 1"]


def test_echo_gives_the_frames_back(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, echo=True)
    queue.send_multipart([b"id", b"", b"a", b"", b"\xff"])
    until(worker, lambda: queue.poll(0))
    assert queue.recv_multipart() == [b"id", b"", b"a", b"", b"\xff"]


def test_a_delay_holds_one_request_at_a_time(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, delay=1.0)
    for n in range(2):
        queue.send_multipart([b"id", b"", b"%d" % n])
    until(worker, lambda: worker.extra()["jobs"] == 1, 10.0)
    wait = worker.step(10.5)
    assert wait.until == 11.0
    assert wait.socket == 0  # the second stays with the others until there is room
    until(worker, lambda: queue.poll(0), 11.0)
    assert queue.recv_multipart()[-1] == b"Processed: 0"
    until(worker, lambda: worker.extra()["jobs"] == 1, 11.0)  # the second, begun at 11
    until(worker, lambda: queue.poll(0), 12.0)
    assert queue.recv_multipart()[-1] == b"Processed: 1"


def test_jobs_are_worked_on_together(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, delay=1.0, jobs=3)
    for _ in range(5):
        queue.send_multipart([b"id", b"", b"x"])
    until(worker, lambda: worker.extra()["jobs"] == 3, 0.0)
    until(worker, lambda: worker.flow.messages == 3 and worker.extra()["jobs"] == 2, 1.0)
    until(worker, lambda: worker.flow.messages == 5, 2.0)


def test_a_command_sees_number_topic_and_body(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    command = 'printf "%s %s %s " $ZMQDEV_NUMBER $ZMQDEV_TOPIC $ZMQDEV_FRAMES; cat'
    worker = worker_on(socket, command=command)
    queue.send_multipart([b"id", b"", b"ACME", b"body\n"])
    until(worker, lambda: queue.poll(0))
    assert queue.recv_multipart() == [b"id", b"", b"0 ACME 2 ACME body\n"]


def test_a_failing_command_is_answered_and_kills_nothing(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, command="read word; [ $word = good ] && echo fine", jobs=2)
    queue.send_multipart([b"id", b"", b"bad\n"])
    until(worker, lambda: queue.poll(0))
    assert queue.recv_multipart()[-1] == b"Error: the command ended with exit status 1"
    queue.send_multipart([b"id", b"", b"good\n"])
    until(worker, lambda: queue.poll(0))
    assert queue.recv_multipart()[-1] == b"fine\n"
    assert worker.extra()["failed"] == 1


def test_a_command_that_cannot_be_started_is_answered(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, command="cat")
    queue.send_multipart([b"id", b"", b"topic" * 100_000, b"x"])  # more than execve takes
    until(worker, lambda: queue.poll(0))
    reply = queue.recv_multipart()[-1]
    assert reply.startswith(b"Error: the command could not be started: ")


def test_stopping_answers_what_has_come(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, delay=1.0)
    for n in range(3):
        queue.send_multipart([b"id", b"", b"%d" % n])
    until(worker, lambda: worker.extra()["jobs"] == 1, 0.0)
    end = time.monotonic() + 60
    while not socket.poll(0):
        assert time.monotonic() < end
    worker.stop(0.5)
    now = 0.5
    while not worker.ended:
        now += 0.5
        worker.step(now)
        assert now < 100
    answered = worker.flow.messages
    assert answered >= 2
    assert not worker.reports()


def test_stopping_in_time_says_what_is_left(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket, command="sleep 1000")
    queue.send_multipart([b"id", b"", b"x"])
    until(worker, lambda: worker.extra()["jobs"] == 1)
    worker.stop(0.0)
    assert worker.reports() == ["received and not answered: 1 request"]
    worker.close()


def test_requests_without_a_body_are_counted(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket)
    queue.send_multipart([b"id", b""])
    until(worker, lambda: worker.malformed == 1)
    assert worker.flow.messages == 0


def test_many_requests_come_and_go_in_bursts(pair: Pair, until: Until) -> None:
    queue, socket = pair(zmq.DEALER, zmq.DEALER)
    worker = worker_on(socket)
    for turn in range(1, 21):
        for n in range(200):
            queue.send_multipart([b"id", b"", b"%d" % n])
        until(worker, lambda turn=turn: worker.flow.messages == 200 * turn)
        for n in range(200):
            assert queue.recv_multipart()[-1] == b"Processed: %d" % n
