"""A receiver prints what comes: at once when slow, in one write when fast."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import zmq

from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.tasks.receiver import Receiver
from zmqdev.system.stdio import Sink

Pair = Callable[..., Any]
Until = Callable[..., None]


def test_a_message_that_comes_alone_is_written_at_once(pair: Pair, until: Until, pipe: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    receiver = Receiver(pull, Sink(pipe[1]), Layout(), None)
    for text in (b"one", b"two"):
        push.send(text)
        before = receiver.flow.messages
        until(receiver, lambda before=before: receiver.flow.messages > before)
        assert os.read(pipe[0], 100) == text + b"\n"


def test_the_count_ends_it_and_takes_no_more(pair: Pair, until: Until, pipe: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    for n in range(5):
        push.send(b"%d" % n)
    receiver = Receiver(pull, Sink(pipe[1]), Layout(), 3)
    until(receiver, lambda: receiver.ended)
    assert os.read(pipe[0], 100) == b"0\n1\n2\n"
    assert pull.recv() == b"3"
    assert receiver.unmet() == "3 of 3 messages came"


def test_a_slow_reader_stops_the_taking(pair: Pair, until: Until, pipe: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, rcvhwm=5, sndhwm=5)
    receiver = Receiver(pull, Sink(pipe[1]), Layout("raw"), None)
    push.send(b"x" * 1_000_000)
    until(receiver, lambda: receiver.flow.messages == 1)
    push.send(b"y")
    wait = receiver.step(0.0)
    assert wait.writers == (pipe[1],)
    assert receiver.flow.messages == 1
    assert wait.socket == 0


def test_a_reader_that_has_gone_ends_it(pair: Pair, pipe: Any) -> None:
    _, pull = pair(zmq.PUSH, zmq.PULL)
    receiver = Receiver(pull, Sink(pipe[1]), Layout(), None)
    assert receiver.step(0.0).outlets == (pipe[1],)
    pipe.shut(pipe[0])
    receiver.step(0.0)
    assert receiver.ended
    assert receiver.verdict() is None


def test_stopping_prints_what_is_here(pair: Pair, until: Until, pipe: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    receiver = Receiver(pull, Sink(pipe[1]), Layout(), None)
    for n in range(3):
        push.send(b"%d" % n)
    assert pull.poll(5000)
    until(receiver, lambda: receiver.flow.messages > 0)
    receiver.stop(0.0)
    until(receiver, lambda: receiver.ended)
    lines = os.read(pipe[0], 100).split()
    assert lines == [b"0", b"1", b"2"][: len(lines)]


def test_since_when_nothing_came(pair: Pair, until: Until, pipe: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    receiver = Receiver(pull, Sink(pipe[1]), Layout(), None)
    receiver.step(5.0)
    receiver.step(6.0)
    assert receiver.stalled_since == 5.0
    assert receiver.unmet() == "nothing came"
    push.send(b"x")
    until(receiver, lambda: receiver.flow.messages == 1, 7.0)
    assert receiver.stalled_since is None
    receiver.step(8.0)
    assert receiver.stalled_since == 8.0
    assert receiver.unmet() is None


def test_json_lines_have_the_time_of_the_clock(pair: Pair, until: Until, pipe: Any) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    receiver = Receiver(pull, Sink(pipe[1]), Layout("json"), 1, clock=lambda: 12.5)
    push.send_multipart([b"a", b"\xff"])
    until(receiver, lambda: receiver.ended)
    assert os.read(pipe[0], 200) == (
        b'{"time":12.500000,"topic":"a","frames":["a",{"base64":"/w=="}]}\n'
    )
