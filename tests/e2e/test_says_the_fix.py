"""What is refused says who is in the way, why, or what to do."""

from __future__ import annotations

from typing import Any

import zmq
from support.processes import Start, until

ANY = "tcp://127.0.0.1:*"
QUEUE = ("queue", "--frontend-bind", ANY, "--backend-bind", ANY, "--stats", "off")


def test_an_address_in_use_names_the_device_that_has_it(start: Start) -> None:
    first = start(*QUEUE, "--name", "orders", ready=True)
    [at] = (
        first.ready()["queue frontend"]
        if "queue frontend" in first.ready()
        else first.ready()["frontend"]
    )
    for words in (("pub", "-b", at), ("streamer", "--frontend-bind", at, "--backend-bind", ANY)):
        second = start(*words)
        assert second.wait() == 1
        said = f"cannot bind {at}: address already in use by device orders, process "
        assert f"{said}{first.process.pid}\n" in second.err


def test_on_full_of_a_reliable_queue_is_refused_with_the_reason(start: Start) -> None:
    start(*QUEUE, "--reliable", "--name", "orders", ready=True).ready()
    ctl = start("ctl", "orders", "set", "on-full", "drop")
    assert ctl.wait() == 1
    assert "on-full cannot be changed in orders: a reliable queue keeps what no worker" in ctl.err


def test_messages_without_stamps_say_what_the_sender_needs(
    start: Start, context: zmq.Context[Any]
) -> None:
    pull = start("pull", "-b", ANY, "--check", "-n", "2", ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(pull.ready()["socket"][0])
    for text in (b"a", b"b"):
        push.send(text)
    assert pull.wait() == 0, pull.err
    assert "no message has a stamp; give the sender (pub, push or client) --stamp" in pull.err


def test_top_without_devices_says_so_in_a_pipe(start: Start) -> None:
    top = start("top", "-n", "1", "-i", "50ms")
    assert top.wait() == 1
    assert "zmqdev: this user has no running device; start one, like: zmqdev queue" in top.err
    assert not top.out


def test_top_that_hears_a_device_later_ends_well(start: Start) -> None:
    top = start("top", "--json", "-i", "50ms", "--duration", "20s")
    until(lambda: "this user has no running device" in top.err, "the note")
    start(*QUEUE, ready=True).ready()
    until(lambda: b'"kind": "queue"' in top.out, "a line of the queue")
    assert top.interrupt() == 0, top.err
