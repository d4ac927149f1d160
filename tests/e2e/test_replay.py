"""`--replay`: recorded messages go again, each when its time has come."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Start


def record(path: Path, *times: float) -> str:
    lines = [{"time": time, "frames": ["m", str(n)]} for n, time in enumerate(times)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.mark.parametrize("sender", ["push", "pub"])
def test_what_was_recorded_arrives_in_order_and_not_too_early(
    start: Start, tmp_path: Path, sender: str, context: zmq.Context[Any]
) -> None:
    socket = context.socket(zmq.PULL if sender == "push" else zmq.SUB)
    if sender == "pub":
        socket.subscribe(b"")
    socket.rcvtimeo = 60_000
    day = record(tmp_path / "day", 1e9, 1e9 + 0.4, 1e9 + 0.8)
    wait = "--wait-peers" if sender == "push" else "--wait-subscribers"
    words = ["-F", day, "--format", "json", "--replay", "2x", wait, "1"]
    program = start(sender, "-b", "tcp://127.0.0.1:*", *words, ready=True)
    began = time.monotonic()  # before the peer that the first message waits for
    socket.connect(program.ready()["socket"][0])
    for number in range(3):
        assert socket.recv_multipart() == [b"m", str(number).encode()]
    assert time.monotonic() - began >= 0.4
    assert program.wait() == 0, program.err


def test_a_client_asks_at_the_recorded_times(
    start: Start, tmp_path: Path, context: zmq.Context[Any]
) -> None:
    socket = context.socket(zmq.REP)
    socket.rcvtimeo = 60_000
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    day = record(tmp_path / "day", 0, 1e6, 2e6)
    arguments = ["-F", day, "--format", "json", "--replay", "max"]
    client = start("client", "-c", f"tcp://127.0.0.1:{port}", *arguments)
    for number in range(3):
        assert socket.recv_multipart() == [b"m", str(number).encode()]
        socket.send(b"ok")
    assert client.wait() == 0, client.err
    assert [json.loads(line)["frames"] for line in client.lines()] == [["ok"]] * 3


def test_a_recording_of_a_subscriber_is_replayed_by_a_pipe(
    start: Start, context: zmq.Context[Any]
) -> None:
    pub, pull = context.socket(zmq.XPUB), context.socket(zmq.PULL)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    pub.rcvtimeo = pull.rcvtimeo = 60_000
    sub = start("sub", "-c", f"tcp://127.0.0.1:{port}", "-n", "1000", "--format", "json")
    assert pub.recv() == b"\x01"
    for number in range(1000):
        pub.send_multipart([b"t", bytes([number % 256])])
    assert sub.wait() == 0, sub.err
    to = pull.bind_to_random_port("tcp://127.0.0.1")
    push = start("push", "-c", f"tcp://127.0.0.1:{to}", "--format", "json", "--replay")
    push.feed(sub.out)
    assert [pull.recv_multipart() for _ in range(1000)] == [
        [b"t", bytes([number % 256])] for number in range(1000)
    ]
    assert push.wait() == 0, push.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--replay"], "--replay: only JSON lines hold times; add --format json"),
        (
            ["--replay", "0x"],
            "--replay: a speed of 0 is out of range; it must be above zero, or max",
        ),
        (["--replay", "fast"], "--replay: expected a speed like 2x, 0.5x or max"),
        (
            ["--replay", "--format", "json", "--rate", "5"],
            "--replay: replay and rate cannot be given together",
        ),
    ],
)
def test_what_it_cannot_do_is_said_at_once(
    start: Start, tmp_path: Path, arguments: list[str], told: str
) -> None:
    push = start("push", "-F", record(tmp_path / "day", 1), *arguments)
    assert push.wait() == 2
    assert told in push.err


def test_a_file_without_times_is_named_with_its_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"time": 1, "body": "a"}\n{"body": "b"}\n')
    name = str(tmp_path / "x.jsonl")
    push = start("push", "-b", "tcp://127.0.0.1:*", "-F", name, "--format", "json", "--replay")
    assert push.wait() == 1
    assert f"{name}:2: it has no 'time'; record with `sub --format json`" in push.err
    assert len(push.err.splitlines()) <= 2
