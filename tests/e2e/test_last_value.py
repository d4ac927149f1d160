"""forwarder --last-value: who comes later gets at once what was said last."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"
SIDES = ("--frontend-bind", ANY, "--backend-bind", ANY, "--stats", "off")
Context = zmq.Context[Any]


@pytest.fixture(params=["native", "python"])
def forwarder(request: pytest.FixtureRequest, start: Start) -> Program:
    env = {"ZMQDEV_RELAY": request.param}
    return start("forwarder", *SIDES, "--last-value", ready=True, env=env)


def publisher(context: Context, forwarder: Program) -> zmq.Socket[bytes]:
    """One that knows that all is wanted, before there is a subscriber."""
    pub = context.socket(zmq.XPUB)
    pub.rcvtimeo = 60_000
    pub.connect(forwarder.ready()["frontend"][0])
    assert pub.recv() == b"\x01"
    return pub


def subscriber(context: Context, forwarder: Program, *topics: bytes) -> zmq.Socket[bytes]:
    sub = context.socket(zmq.SUB)
    sub.rcvtimeo = 60_000
    for topic in topics:
        sub.subscribe(topic)
    sub.connect(forwarder.ready()["backend"][0])
    return sub


def counted(start: Start, what: str) -> int:
    asked = start("ctl", "forwarder", "status", "--json")
    assert asked.wait() == 0, asked.err
    return int(json.loads(asked.out)["details"]["last_value"][what])


def test_a_newcomer_gets_the_last_value_and_nobody_else_does(
    start: Start, context: Context, forwarder: Program
) -> None:
    pub = publisher(context, forwarder)
    for text in (b"1", b"2"):
        pub.send_multipart([b"A", text])
    until(lambda: counted(start, "last_values") == 1, "the value")
    first = subscriber(context, forwarder, b"A")
    assert first.recv_multipart() == [b"A", b"2"]
    second = subscriber(context, forwarder, b"A")
    assert second.recv_multipart() == [b"A", b"2"]
    pub.send_multipart([b"A", b"3"])
    assert first.recv_multipart() == [b"A", b"3"]  # the second one's value did not come before
    assert second.recv_multipart() == [b"A", b"3"]
    assert (counted(start, "greeted"), counted(start, "repeated")) == (2, 0)


def test_a_prefix_brings_all_its_values_and_counts_those_that_others_get_again(
    start: Start, context: Context, forwarder: Program
) -> None:
    pub = publisher(context, forwarder)
    for topic in (b"a2", b"a1", b"b"):
        pub.send_multipart([topic, b"x"])
    until(lambda: counted(start, "last_values") == 3, "the values")
    sub = subscriber(context, forwarder, b"a")
    assert [sub.recv_multipart()[0] for _ in range(2)] == [b"a1", b"a2"]
    assert (counted(start, "greeted"), counted(start, "repeated")) == (1, 1)


def test_the_clients_of_the_guides_last_value_cache_are_served(
    start: Start, context: Context, forwarder: Program
) -> None:
    """pathopub sends a thousand topics once; each pathosub wants one of them, and waits."""
    pub = publisher(context, forwarder)
    for number in range(1000):
        pub.send_multipart([b"%03d" % number, b"Save Roger"])
    until(lambda: counted(start, "last_values") == 1000, "the values")
    wanted = random.Random(7).sample(range(1000), 20)
    for number in wanted:
        sub = subscriber(context, forwarder, b"%03d" % number)
        assert sub.recv_multipart() == [b"%03d" % number, b"Save Roger"]
        sub.close(0)


def test_no_value_comes_after_a_newer_one(context: Context, forwarder: Program) -> None:
    pub = publisher(context, forwarder)
    sent = 0
    for _ in range(20):
        sub = subscriber(context, forwarder, b"A")
        came: list[int] = []
        while len(came) < 20:
            pub.send_multipart([b"A", b"%d" % sent])
            sent += 1
            while len(came) < 20 and sub.poll(1):
                came.append(int(sub.recv_multipart()[1]))
        assert came == list(range(came[0], came[0] + 20))
        sub.close(0)


def test_rights_hold_for_last_values_too(start: Start, context: Context, tmp_path: Path) -> None:
    (tmp_path / "rights").write_text("* subscribe A\n")
    words = ("--last-value", "--topic-acl", str(tmp_path / "rights"))
    forwarder = start("forwarder", *SIDES, *words, ready=True)
    pub = publisher(context, forwarder)
    for topic in (b"A", b"B"):
        pub.send_multipart([topic, b"x"])
    until(lambda: counted(start, "last_values") == 2, "the values")
    sub = subscriber(context, forwarder, b"B", b"A")
    assert sub.recv_multipart() == [b"A", b"x"]
    pub.send_multipart([b"A", b"y"])
    assert sub.recv_multipart() == [b"A", b"y"]


def test_where_subscribers_are_waited_for_values_are_kept_too(
    start: Start, context: Context
) -> None:
    forwarder = start("forwarder", *SIDES, "--last-value", "--on-full", "block", ready=True)
    pub = publisher(context, forwarder)
    pub.send_multipart([b"A", b"1"])
    until(lambda: counted(start, "last_values") == 1, "the value")
    assert subscriber(context, forwarder, b"A").recv_multipart() == [b"A", b"1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["streamer", "--last-value"], "only with a forwarder"),
        (["forwarder", "--last-value", "--backend-type", "PUB", "--frontend-type", "SUB"], "XPUB"),
        (["forwarder", "--last-value", "--drop", "x*"], "not together with routes"),
    ],
)
def test_it_is_refused_where_it_means_nothing(start: Start, words: list[str], said: str) -> None:
    program = start(*words, *SIDES)
    assert program.wait() == 2
    assert said in program.err.lower() or said in program.err


def test_a_forwarder_without_it_runs_as_before(start: Start, context: Context) -> None:
    forwarder = start("forwarder", *SIDES, ready=True)
    pub = context.socket(zmq.XPUB)
    pub.connect(forwarder.ready()["frontend"][0])
    assert not pub.poll(300)  # nothing is wanted
    asked = start("ctl", "forwarder", "status", "--json")
    assert asked.wait() == 0
    assert "last_value" not in json.loads(asked.out)["details"]
