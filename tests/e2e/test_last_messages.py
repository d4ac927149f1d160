"""What a receiver does with the messages that have come when it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support.losses import last, scene
from support.processes import Start, until


@pytest.mark.parametrize("words", [("pull", "--type", "PULL"), ("pull", "--type", "DEALER")])
def test_what_came_beyond_the_count_is_told(
    start: Start, context: Any, words: tuple[str, ...]
) -> None:
    push = context.socket(zmq.PUSH if "PULL" in words else zmq.DEALER)
    port = push.bind_to_random_port("tcp://127.0.0.1")
    pull = start(*words, "-c", f"tcp://127.0.0.1:{port}", "-n", "10")
    for number in range(100):
        push.send(b"%d" % number)
    assert pull.wait() == 0, pull.err
    assert "came beyond --count and lost: " in pull.err


@pytest.mark.parametrize("words", [(), ("--exec", "true")], ids=str)
@pytest.mark.parametrize("kind", ["pull", "sub"])
def test_each_receiver_tells_what_came_beyond_its_count(
    start: Start, context: Any, kind: str, words: tuple[str, ...]
) -> None:
    sender = context.socket(zmq.PUSH if kind == "pull" else zmq.XPUB)
    port = sender.bind_to_random_port("tcp://127.0.0.1")
    receiver = start(kind, *words, "-c", f"tcp://127.0.0.1:{port}", "-n", "10")
    assert sender.poll(30_000, zmq.POLLIN if kind == "sub" else zmq.POLLOUT)
    for number in range(100):
        sender.send(b"%d" % number)
    assert receiver.wait() == 0, receiver.err
    assert "came beyond --count and lost: " in receiver.err


ANSWERING = [("worker", "--type", type_) for type_ in ("DEALER", "REP", "ROUTER")]


@pytest.mark.parametrize("words", [*ANSWERING, ("rep", "-D", "Processed: {n}")], ids=" ".join)
def test_one_that_answers_tells_what_came_beyond_its_count(
    start: Start, context: Any, words: tuple[str, ...]
) -> None:
    client = context.socket(zmq.DEALER)
    port = client.bind_to_random_port("tcp://127.0.0.1")
    worker = start(*words, "-c", f"tcp://127.0.0.1:{port}", "-n", "10")
    assert client.poll(30_000, zmq.POLLOUT)
    for number in range(100):
        client.send_multipart([b"", b"%d" % number])
    assert worker.wait() == 0, worker.err
    assert "came beyond --count and lost: " in worker.err
    replies = [client.recv_multipart() for _ in range(10)]
    assert replies == [[b"", b"Processed: %d" % number] for number in range(10)]


def test_a_count_that_is_met_by_the_last_message_says_nothing(start: Start, context: Any) -> None:
    push = context.socket(zmq.PUSH)
    port = push.bind_to_random_port("tcp://127.0.0.1")
    pull = start("pull", "-c", f"tcp://127.0.0.1:{port}", "-n", "10")
    for number in range(10):
        push.send(b"%d" % number)
    assert pull.wait() == 0
    assert pull.err == ""


def test_a_receiver_that_is_stopped_loses_nothing_its_peer_has_written() -> None:
    """The next receiver gets what the device behind had not written.

    The device connects, and keeps its messages. One that binds drops what it hands to a
    connection in the millisecond in which libzmq learns of its end.
    """
    with scene("streamer", receiver="bind") as made:
        before = made.checker
        before.signal(signal.SIGTERM)
        assert before.wait() == 0, before.err
        made.checker = made.receive()
        until(lambda: last(made.checker) > 0, "messages flow again")
        assert made.sender.interrupt() == 0, made.sender.err
        sent = last(made.sender)
        first = json.loads(before.lines()[-1])
        until(lambda: first["received"] + last(made.checker) >= sent, "the rest", 10.0)
        made.checker.interrupt()
        second = json.loads(made.checker.lines()[-1])
    assert first["received"] + second["received"] == sent
    assert (first["lost"], second["lost"], first["doubled"], second["doubled"]) == (0, 0, 0, 0)


def test_the_end_of_a_device_says_what_it_passed(start: Start, context: Any) -> None:
    wild = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
    streamer = start("streamer", *wild, "--stats", "off", ready=True)
    sides = streamer.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    for _ in range(3):
        push.send(b"x")
    for _ in range(3):
        assert pull.recv() == b"x"
    assert streamer.interrupt() == 0
    assert "streamer: passed 3 messages; dropped 0; left inside 0" in streamer.err


@pytest.mark.parametrize(
    ("words", "peer", "successor"),
    [
        (("dealer",), zmq.DEALER, zmq.DEALER),
        (("router",), zmq.DEALER, zmq.ROUTER),
        (("pair",), zmq.PAIR, zmq.PAIR),
    ],
)
def test_one_that_only_listens_prints_all_that_its_peer_has_written(
    start: Start,
    context: Any,
    free_ports: Callable[[int], list[int]],
    words: tuple[str, ...],
    peer: int,
    successor: int,
) -> None:
    """More than its queue holds. What the peer has not written goes to the next one there."""
    many = 50_000
    address = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    program = start(*words, "-b", address, ready=True)
    program.ready()
    sender = context.socket(peer)
    sender.set(zmq.SNDHWM, 0)
    sender.connect(address)
    for number in range(many):
        sender.send(b"%d" % number)
    until(lambda: program.out, "the first message")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.err
    rest = context.socket(successor)
    rest.bind(address)
    rest.rcvtimeo = 60_000
    missing = many - len(program.lines())
    for _ in range(missing):
        rest.recv_multipart()
    assert not rest.poll(0)
