"""A sender sends what the feed gives, at its pace, and keeps what nobody takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.endpoints.feed import StreamFeed, text_feed
from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.form.template import compile_template
from zmqdev.endpoints.gate import Gate, SeenSubscriptions
from zmqdev.endpoints.pace import Pace
from zmqdev.endpoints.tasks.sender import Sender

OPEN = (None, lambda: 0, "peers")
Pair = Callable[..., Any]
Until = Callable[..., None]


def numbers(count: int | None) -> Any:
    return text_feed([[compile_template("{n}")]], count)


def receive(socket: Any, count: int) -> list[bytes]:
    return [socket.recv() for _ in range(count)]


def test_all_of_a_feed_arrives_in_order(pair: Pair, until: Until) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    sender = Sender(push, numbers(5000), None, Gate(*OPEN), None)
    until(sender, lambda: sender.flow.messages >= 100)
    got = receive(pull, 100)
    until(sender, lambda: sender.ended or not pull.poll(0))
    while len(got) < 5000:
        got += receive(pull, min(50, 5000 - len(got)))
        if not sender.ended:
            sender.step(0.0)
    assert got == [b"%d" % n for n in range(5000)]
    assert sender.flow.messages == 5000
    assert sender.flow.bytes == sum(map(len, got))


def test_nobody_there_keeps_the_messages_and_says_since_when(pair: Pair) -> None:
    push, _ = pair(zmq.PUSH, zmq.PUSH)  # a peer that takes nothing
    sender = Sender(push, numbers(3), None, Gate(*OPEN), None)
    wait = sender.step(7.0)
    assert wait.socket == zmq.POLLOUT
    sender.step(9.0)
    assert sender.stalled_since == 7.0
    assert not sender.ended
    assert sender.extra() == {"waiting": 3}
    sender.stop(9.0)
    assert sender.reports() == ["read and not sent: 3 messages"]


def test_a_closed_gate_lets_nothing_pass(pair: Pair, until: Until) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    present = [0]
    sender = Sender(push, numbers(1), None, Gate(1, lambda: present[0], "peers"), None)
    sender.step(1.0)
    assert sender.state == "waiting"
    assert sender.stalled_since == 1.0
    assert sender.unmet() == "0 of 1 peers came"
    present[0] = 1
    until(sender, lambda: sender.ended)
    assert pull.recv() == b"0"
    assert sender.state == "running"


def test_a_pace_sends_what_is_due_and_waits_for_the_next(pair: Pair) -> None:
    pub, _ = pair(zmq.XPUB, zmq.SUB)
    sender = Sender(pub, numbers(None), Pace(10), Gate(*OPEN), SeenSubscriptions())
    sender.step(0.0)
    wait = sender.step(0.0)
    assert sender.flow.messages == 1
    assert wait.until == pytest.approx(0.1)
    sender.step(0.1)
    assert sender.flow.messages == 2


def test_a_publisher_starts_exactly_when_the_subscribers_are_there(
    pair: Pair, until: Until
) -> None:
    pub, sub = pair(zmq.XPUB, zmq.SUB, sndhwm=0, rcvhwm=0)
    heard = SeenSubscriptions()
    sender = Sender(pub, numbers(100), None, Gate(1, lambda: heard.held, "subscribers"), heard)
    sender.step(0.0)
    assert sender.flow.messages == 0
    sub.subscribe(b"")
    until(sender, lambda: sender.ended)
    assert receive(sub, 100) == [b"%d" % n for n in range(100)]
    assert sender.reports() == []


def test_what_is_published_to_nobody_is_said(pair: Pair, until: Until) -> None:
    pub, _ = pair(zmq.XPUB, zmq.SUB)
    sender = Sender(pub, numbers(3), None, Gate(*OPEN), SeenSubscriptions())
    until(sender, lambda: sender.ended)
    assert sender.reports() == [
        "published without a subscriber: 3 messages; see --wait-subscribers"
    ]
    assert sender.extra()["unheard"] == 3


def test_a_full_subscriber_is_waited_for_without_spinning(pair: Pair, until: Until) -> None:
    pub, sub = pair(zmq.XPUB, zmq.SUB, sndhwm=10, rcvhwm=10, sndbuf=4096, rcvbuf=4096)
    pub.set(zmq.XPUB_NODROP, 1)
    sub.subscribe(b"")
    heard = SeenSubscriptions()
    text = text_feed([[compile_template("x" * 10_000)]], 500)
    sender = Sender(pub, text, None, Gate(1, lambda: heard.held, "subscribers"), heard)
    until(sender, lambda: sender.stalled_since is not None and sender.flow.messages)
    wait = sender.step(50.0)
    assert wait.socket == zmq.POLLIN  # POLLOUT is always true for a publisher
    assert 50.0 < wait.until < 50.1
    got = 0
    while got < 500:
        got += len(receive(sub, 1))
        if not sender.ended:
            sender.step(51.0)
    assert sender.ended


def test_stopping_sends_what_was_read_and_takes_no_more(
    pair: Pair, until: Until, pipe: Any
) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    feed = StreamFeed(pipe[0], Layout(), "stdin")
    sender = Sender(push, feed, None, Gate(*OPEN), None)
    os.write(pipe[1], b"".join(b"%d\n" % n for n in range(6000)))
    until(sender, lambda: sender.flow.messages > 0)
    sender.stop(0.0)
    os.write(pipe[1], b"later\n")
    got: list[bytes] = []
    while len(got) < 6000:
        got += receive(pull, 1)
        if not sender.ended:
            sender.step(0.0)
    assert got == [b"%d" % n for n in range(6000)]
    assert sender.ended
    assert not pull.poll(100)


def test_stopping_a_paced_sender_ends_at_once(pair: Pair, pipe: Any) -> None:
    push, _ = pair(zmq.PUSH, zmq.PULL)
    sender = Sender(push, StreamFeed(pipe[0], Layout(), "in"), Pace(1), Gate(*OPEN), None)
    os.write(pipe[1], b"1\n2\n3\n")
    sender.step(0.0)
    while sender.held:
        sender.step(0.0)
    sender.stop(0.1)
    assert sender.ended
    assert sender.reports() == ["read and not sent: 2 messages"]
