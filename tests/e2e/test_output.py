"""What a receiver prints: its own form, some of the messages, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"


def address(program: Program) -> str:
    return program.ready()["socket"][0]


@pytest.fixture
def push(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    return context.socket(zmq.PUSH)


def test_output_has_the_form_that_was_asked_for(start: Start, push: zmq.Socket[bytes]) -> None:
    pull = start("pull", "-b", ANY, "-n", "2", "--output-format", r"%t=%p (%l)\n", ready=True)
    push.connect(address(pull))
    push.send_multipart([b"ACME", b"189.20"])
    push.send(b"alone")
    assert pull.wait() == 0, pull.err
    assert pull.lines() == ["ACME=189.20 (6)", "=alone (5)"]


def test_only_what_matches_is_printed_and_counted(start: Start, push: zmq.Socket[bytes]) -> None:
    pull = start("pull", "-b", ANY, "-n", "2", "--match", "ERR|WARN", ready=True)
    push.connect(address(pull))
    for line in (b"ok", b"an ERROR", b"ok", b"WARNING", b"ERR too late"):
        push.send(line)
    assert pull.wait() == 0, pull.err
    assert pull.lines() == ["an ERROR", "WARNING"]
    assert "passed over: 2" in pull.err


def test_it_ends_with_the_message_that_was_waited_for(
    start: Start, push: zmq.Socket[bytes]
) -> None:
    pull = start("pull", "-b", ANY, "--until-match", "done$", ready=True)
    push.connect(address(pull))
    for line in (b"one", b"two done", b"three"):
        push.send(line)
    assert pull.wait() == 0, pull.err
    assert pull.lines() == ["one", "two done"]


def test_a_match_that_does_not_come_is_status_3(start: Start, push: zmq.Socket[bytes]) -> None:
    pull = start("pull", "-b", ANY, "--until-match", "done", "-t", "300ms", ready=True)
    push.connect(address(pull))
    push.send(b"one")
    assert pull.wait() == 3
    assert "no message matched; 1 came" in pull.err


def test_each_message_goes_to_a_file_of_its_own(
    start: Start, push: zmq.Socket[bytes], tmp_path: Path
) -> None:
    place = tmp_path / "dump"
    words = ("--dump", str(place), "--dump-name", "{n}-{topic}")
    pull = start("pull", "-b", ANY, "-n", "3", *words, ready=True)
    push.connect(address(pull))
    for topic in (b"../../etc", b"ACME", b".hidden"):
        push.send_multipart([topic, bytes(range(256))])
    assert pull.wait() == 0, pull.err
    found = {path.name: path.read_bytes() for path in place.iterdir()}
    assert set(found) == {"0-.._.._etc", "1-ACME", "2-.hidden"}
    assert found["1-ACME"] == b"ACME " + bytes(range(256))


def test_a_topic_stands_before_each_message(start: Start, context: zmq.Context[Any]) -> None:
    pub = start("pub", "-b", ANY, "-T", r"a\tb", "-D", "{n}", "-i", "20ms", ready=True)
    sub = context.socket(zmq.SUB)
    sub.rcvtimeo = 60_000
    sub.subscribe(b"a\tb")
    sub.connect(address(pub))
    assert sub.recv_multipart()[0] == b"a\tb"


def test_a_prefix_may_hold_escapes(start: Start, context: zmq.Context[Any]) -> None:
    pub = context.socket(zmq.PUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    sub = start("sub", "-c", f"tcp://127.0.0.1:{port}", "-s", r"\x00\x01", "-n", "1")

    def came() -> bool:
        pub.send(b"other")
        pub.send(b"\x00\x01yes")
        return sub.process.poll() is not None

    until(came, "the message")
    assert sub.wait() == 0, sub.err
    assert sub.out == b"\x00\x01yes\n"
