"""A client keeps its window, prints replies as they come and never hangs on a lost one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.endpoints.feed import text_feed
from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.form.template import compile_template
from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.tasks.client import ClientTask
from zmqdev.endpoints.tasks.requests import Requests
from zmqdev.system.stdio import Sink

Pair = Callable[..., Any]
Until = Callable[..., None]


@pytest.fixture
def client_of(pipe: Any) -> Callable[..., ClientTask]:
    def make(socket: Any, count: int, gate: Gate | None = None, **how: Any) -> ClientTask:
        feed = text_feed([[compile_template("Req-{n}")]], count)
        gate = gate or Gate(None, lambda: 0, "peers")
        return ClientTask(socket, feed, None, gate, Requests(**how), Sink(pipe[1]), Layout())

    return make


def test_an_unmodified_rep_worker_answers(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask], pipe: Any
) -> None:
    worker, socket = pair(zmq.REP, zmq.DEALER)
    client = client_of(socket, 3)
    for n in range(3):
        until(client, lambda: worker.poll(0))
        assert worker.recv() == b"Req-%d" % n
        worker.send(b"done %d" % n)
    until(client, lambda: client.ended)
    assert os.read(pipe[0], 100) == b"done 0\ndone 1\ndone 2\n"
    summary = client.summary()
    assert summary is not None
    assert summary.startswith("3 requests, 3 answered, ")
    assert "p50" in summary
    assert "max" in summary
    assert client.verdict() is None


def test_the_window_is_kept(pair: Pair, until: Until, client_of: Callable[..., ClientTask]) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    client = client_of(socket, 10, window=4)
    until(client, lambda: client.requests.counts.sent == 4)
    for _ in range(5):
        client.step(0.0)
    assert client.requests.open == 4
    peer, name, empty, _ = worker.recv_multipart()
    worker.send_multipart([peer, name, empty, b"ok"])
    until(client, lambda: client.requests.counts.sent == 5)
    assert client.extra()["open"] == 4


def test_a_lost_reply_is_asked_for_again_and_then_given_up(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask]
) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    client = client_of(socket, 1, timeout=1.0, retries=1)
    until(client, lambda: client.requests.counts.sent == 1, 0.0)
    until(client, lambda: client.requests.counts.sent == 2, 1.0)
    assert worker.recv_multipart() == worker.recv_multipart()
    until(client, lambda: client.ended, 2.0)
    assert str(client.verdict()) == "1 of 1 requests had no reply"
    assert client.requests.counts.retried == 1


def test_a_late_reply_is_not_printed(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask], pipe: Any
) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    client = client_of(socket, 2, timeout=1.0)
    until(client, lambda: client.requests.counts.sent == 1, 0.0)
    late = worker.recv_multipart()
    until(client, lambda: client.requests.counts.sent == 2, 1.0)
    worker.send_multipart([*late[:-1], b"late"])
    worker.send_multipart([*worker.recv_multipart()[:-1], b"in time"])
    until(client, lambda: client.ended, 1.5)
    assert os.read(pipe[0], 100) == b"in time\n"
    assert client.extra()["late"] == 1


def test_replies_that_waited_for_us_are_not_late(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask]
) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    client = client_of(socket, 1, timeout=1.0)
    until(client, lambda: client.requests.counts.sent == 1, 0.0)
    worker.send_multipart([*worker.recv_multipart()[:-1], b"here"])
    assert socket.poll(5000)
    client.step(100.0)  # we were stopped for a long time
    assert client.requests.counts.replied == 1
    assert client.ended


def test_it_waits_for_its_peers(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask]
) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    present = [0]
    client = client_of(socket, 1, Gate(1, lambda: present[0], "peers"))
    client.step(3.0)
    assert (client.state, client.stalled_since) == ("waiting", 3.0)
    present[0] = 1
    until(client, lambda: client.requests.counts.sent == 1)
    assert client.stalled_since is None
    assert worker.recv_multipart()[-1] == b"Req-0"


def test_stopping_waits_for_open_replies_only(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask]
) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    client = client_of(socket, 10)
    until(client, lambda: client.requests.counts.sent == 1)
    client.stop(0.0)
    assert not client.ended
    assert client.reports() == ["still without a reply: 1 request"]
    worker.send_multipart([*worker.recv_multipart()[:-1], b"x"])
    until(client, lambda: client.ended)
    assert client.requests.started == 1


def test_replies_that_are_not_printed_are_counted_aloud(
    pair: Pair, until: Until, client_of: Callable[..., ClientTask]
) -> None:
    worker, socket = pair(zmq.ROUTER, zmq.DEALER)
    client = client_of(socket, 1)
    until(client, lambda: worker.poll(0))
    request = worker.recv_multipart()
    for _ in range(3):
        worker.send_multipart(request)
    until(client, lambda: client.ended)
    until(client, lambda: client.requests.counts.late or socket.poll(0))
    client.close()
    assert client.requests.counts.late >= 1
    [line] = client.reports()
    assert line.startswith("replies not printed, late or more than wanted: ")
