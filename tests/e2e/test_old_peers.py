"""Peers of ZMTP 1.0 and 2.0 are served as libzmq serves them, and refused with the reason."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq
from support import oldpeer, rawpeer
from support.oldpeer import VERSIONS, OldPeer
from support.processes import PATIENCE, Program, Start, until
from support.shown import shown

from zmqdev.security.passwords import make_line

Context = zmq.Context[zmq.Socket[bytes]]
FREE = "tcp://127.0.0.1:*"
RELAYS = ("native", "python")


def device(start: Start, kind: str, *words: str, relay: str = "native") -> Program:
    return start(
        *(kind, "--frontend-bind", FREE, "--backend-bind", FREE, "-v"),
        *("--stats", "json", "--interval", "50ms", *words),
        ready=True,
        env={"ZMQDEV_RELAY": relay},
    )


def places(program: Program) -> tuple[str, str]:
    ready = program.ready()
    return ready["frontend"][0], ready["backend"][0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("relay", RELAYS)
def test_a_queue_serves_an_old_client_and_an_old_worker(
    start: Start, version: str, relay: str
) -> None:
    queue = device(start, "queue", relay=relay)
    front, back = places(queue)
    worker = oldpeer.connect(back, "REP", version)
    client = oldpeer.connect(front, "REQ", version)
    client.send(b"", b"question")
    request = worker.read()
    assert request[-1] == b"question"
    worker.send(*request[:-1], b"answer")
    assert client.read() == [b"", b"answer"]
    until(lambda: shown(queue).get("frontend_peers") == 1, "the client is counted")
    until(lambda: shown(queue).get("backend_peers") == 1, "and the worker")
    assert "connected (ZMTP 2.0 or older)" in queue.err
    client.close()
    worker.close()
    until(lambda: shown(queue).get("backend_peers") == 0, "and their end")
    assert shown(queue)["frontend_failed_handshakes"] == 0
    assert queue.interrupt() == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["streamer", "forwarder"])
def test_messages_of_old_peers_go_through(
    start: Start, context: Context, kind: str, version: str
) -> None:
    running = device(start, kind)
    front, back = places(running)
    near, far = {"streamer": ("PUSH", "PULL"), "forwarder": ("PUB", "SUB")}[kind]
    taker = oldpeer.connect(back, far, version)
    if version == "2.0" and far == "SUB":
        taker.send(b"\x01")
    sender = oldpeer.connect(front, near, version)
    if near == "PUB":
        assert sender.read() == [b"\x01"], "the subscription came through"
    sender.send(b"one", b"more")
    assert taker.read() == [b"one", b"more"]
    assert running.interrupt() == 0


TOLD = "speaks ZMTP 2.0 or older, or no ZMTP; PLAIN, CURVE, allow and deny need 3.0"


def knock_until_told(device: Program, address: str, version: str) -> None:
    """Come again, as old libraries do. Where a peer has gone before the device could look at it
    there is less to tell."""
    end = time.monotonic() + PATIENCE
    while TOLD not in device.err:
        assert time.monotonic() < end, device.err
        with suppress(AssertionError, OSError):
            oldpeer.connect(address, "PUSH", version).read()
            raise RuntimeError("it was let in")
    assert "or the peer hung up" not in device.err


@pytest.mark.parametrize("version", VERSIONS)
def test_where_a_password_is_asked_for_an_old_peer_is_refused_with_the_reason(
    start: Start, tmp_path: Path, version: str
) -> None:
    users = tmp_path / "users"
    users.write_text(make_line("alice", b"sesame", ln=1) + "\n")
    users.chmod(0o600)
    streamer = device(start, "streamer", "--frontend-plain-users", str(users))
    knock_until_told(streamer, places(streamer)[0], version)
    assert streamer.interrupt() == 0


def test_where_networks_are_named_old_peers_are_refused_too(start: Start) -> None:
    streamer = device(start, "streamer", "--frontend-deny", "10.0.0.0/8")
    knock_until_told(streamer, places(streamer)[0], "2.0")
    assert streamer.interrupt() == 0


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(PATIENCE)
        yield made


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_peer_that_is_connected_to_is_waited_for(
    start: Start, server: socket.socket, version: str
) -> None:
    port = server.getsockname()[1]
    words = ("-c", f"tcp://127.0.0.1:{port}", "--wait-peers", "1", "-t", "20s", "-D", "hello")
    pusher = start("push", *words)
    peer = OldPeer(server.accept()[0], "PULL", version)
    assert peer.read() == [b"hello"]
    peer.close()
    assert pusher.wait() == 0, pusher.err


def test_a_wrong_pair_of_types_is_told_as_one(start: Start) -> None:
    streamer = device(start, "streamer")
    front, _ = places(streamer)

    def look() -> None:
        """Two lines of statistics later it has looked at its new connection."""
        lines = streamer.out.count(b"\n")
        until(lambda: streamer.out.count(b"\n") >= lines + 2, "statistics")

    with rawpeer.connect(front) as peer:
        rawpeer.greet_slowly(peer, "SUB", look)
        while peer.recv(4096):
            pass  # until it is hung up on
    told = "socket types that do not talk to each other;"
    until(lambda: told in streamer.err, "it is told")
    assert streamer.interrupt() == 0
