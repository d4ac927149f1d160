"""A sender that ends loses nothing to heartbeats: neither its own nor its peer's.

A peer that sends anything to a connection that was closed is answered with a
reset, which throws away what it had not read. Found with `seq 5000000` through
push and pull on a busy machine: the heartbeat after five seconds cost the tail.
"""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Start

COUNT = 60_000
ANY = "tcp://127.0.0.1:*"


def lines() -> bytes:
    return b"".join(b"%019d\n" % number for number in range(COUNT))


@pytest.mark.parametrize("beats", ["ours", "theirs"])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_slow_peer_with_heartbeats_gets_everything(
    start: Start, context: Any, tmp_path: Path, transport: str, beats: str
) -> None:
    (tmp_path / "in").write_bytes(lines())
    pull = context.socket(zmq.PULL)
    pull.rcvtimeo = 60_000
    if beats == "theirs":
        pull.set(zmq.HEARTBEAT_IVL, 20)
        pull.set(zmq.HEARTBEAT_TIMEOUT, 60_000)  # the machine may be busy
    where = "tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{tmp_path}/s"
    pull.bind(where)
    at = pull.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    interval = "20ms" if beats == "ours" else "0"
    words = ("-F", str(tmp_path / "in"), "--drain", "60s", "--set", f"heartbeat_ivl={interval}")
    push = start("push", "-c", at, *words, "--set", "heartbeat_timeout=60s")
    got = []
    while len(got) < COUNT:
        got.append(pull.recv())
        if len(got) % 1000 == 0:
            time.sleep(0.01)  # what makes it slow, not what is waited for
    assert b"".join(line + b"\n" for line in got) == lines()
    assert push.wait() == 0, push.err


def test_a_device_that_is_stopped_loses_nothing_either(start: Start, context: Any) -> None:
    sides_bound = ("--frontend-bind", ANY, "--backend-bind", ANY)
    streamer = start("streamer", *sides_bound, "--stats", "off", "--drain", "60s", ready=True)
    sides = streamer.ready()
    pull = context.socket(zmq.PULL)
    pull.rcvtimeo = 60_000
    pull.set(zmq.HEARTBEAT_IVL, 20)
    pull.set(zmq.HEARTBEAT_TIMEOUT, 60_000)
    pull.connect(sides["backend"][0])
    push = context.socket(zmq.PUSH)
    push.connect(sides["frontend"][0])
    for number in range(COUNT // 2):
        push.send(b"%d" % number)
    push.close(20_000)
    got = []
    while len(got) < COUNT // 2:
        got.append(pull.recv())
        if len(got) == 500:
            streamer.signal(signal.SIGTERM)
        if len(got) % 500 == 0:
            time.sleep(0.01)  # what makes it slow, not what is waited for
    assert got == [b"%d" % number for number in range(COUNT // 2)]
    assert streamer.wait() == 0, streamer.err


def test_a_peer_that_reads_nothing_is_not_waited_for_longer_than_the_drain(
    start: Start, context: Any
) -> None:
    pull = context.socket(zmq.PULL)
    pull.set(zmq.RCVHWM, 1)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    push = start(
        "push", "-c", f"tcp://127.0.0.1:{port}", "-D", "x" * 9000, "-n", "200", "--drain", "300ms"
    )
    assert push.wait() == 1
    assert push.err == "zmqdev: not all messages had left within 0.3s\n"


def test_a_silent_stranger_does_not_hold_up_the_end(start: Start, context: Any) -> None:
    push = start("push", "-b", "tcp://127.0.0.1:*", "-D", "x", "--drain", "30s", ready=True)
    port = int(push.ready()["socket"][0].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)):
        pull = context.socket(zmq.PULL)
        pull.connect(f"tcp://127.0.0.1:{port}")
        assert pull.recv() == b"x"
        assert push.wait(15) == 0, push.err
