"""A receive mark of N is N messages, whatever the security mechanism."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import PATIENCE, Start, until

from zmqdev.security.passwords import make_line

Context = zmq.Context[zmq.Socket[bytes]]
FREE = "tcp://127.0.0.1:*"
COUNT = 30


@dataclass
class Secured:
    """What a side that binds says, and what a peer of it sets."""

    words: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def flags(self, side: str = "") -> list[str]:
        """For a side of a device, or for an endpoint."""
        return [word for key, value in self.words.items() for word in (f"--{side}{key}", value)]


def null(place: Path) -> Secured:
    return Secured()


def allowed(place: Path) -> Secured:
    return Secured({"allow": "127.0.0.0/8"})


def plain(place: Path) -> Secured:
    users = place / "users"
    users.write_text(make_line("alice", b"sesame", ln=1) + "\n")
    users.chmod(0o600)
    shown = {"plain_username": b"alice", "plain_password": b"sesame"}
    return Secured({"plain-users": str(users)}, shown)


def curve(place: Path) -> Secured:
    public, secret = zmq.curve_keypair()
    theirs, own = zmq.curve_keypair()
    file = place / "secret"
    file.write_bytes(secret)
    file.chmod(0o600)
    keys = place / "keys"
    keys.mkdir()
    (keys / "bob.key").write_text(f'curve\n    public-key = "{theirs.decode()}"\n')
    shown = {"curve_serverkey": public, "curve_publickey": theirs, "curve_secretkey": own}
    return Secured({"curve-secret": f"@{file}", "authorized-keys": str(keys)}, shown)


Makers = Callable[[Path], Secured]
MAKERS = pytest.mark.parametrize("make", [null, allowed, plain, curve])


def peer(context: Context, kind: int, address: str, options: dict[str, Any]) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.sndtimeo = socket.rcvtimeo = round(PATIENCE * 1000)
    for name, value in options.items():
        setattr(socket, name, value)
    socket.connect(address)
    return socket


@MAKERS
@pytest.mark.parametrize("mark", [1, 2, 3])
@pytest.mark.parametrize("relay", ["native", "python"])
def test_a_streamer_passes_all_with_any_mark(
    start: Start, context: Context, tmp_path: Path, make: Makers, mark: int, relay: str
) -> None:
    secured = make(tmp_path)
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--set", f"frontend.rcvhwm={mark}", *secured.flags("frontend-")),
        ready=True,
        env={"ZMQDEV_RELAY": relay},
    )
    ready = device.ready()
    push = peer(context, zmq.PUSH, ready["frontend"][0], secured.options)
    pull = peer(context, zmq.PULL, ready["backend"][0], {})
    for number in range(COUNT):
        push.send(b"%d" % number)
    assert [pull.recv() for _ in range(COUNT)] == [b"%d" % n for n in range(COUNT)]
    assert device.interrupt() == 0


@MAKERS
@pytest.mark.parametrize("reliable", [False, True])
def test_a_queue_answers_with_a_mark_of_one_on_both_sides(
    start: Start, context: Context, tmp_path: Path, make: Makers, reliable: bool
) -> None:
    secured = make(tmp_path)
    device = start(
        *("queue", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--set", "frontend.rcvhwm=1", "--set", "backend.rcvhwm=1"),
        *secured.flags("frontend-"),
        *secured.flags("backend-"),
        *(["--reliable"] if reliable else []),
        ready=True,
    )
    ready = device.ready()
    worker = peer(context, zmq.DEALER, ready["backend"][0], secured.options)
    client = peer(context, zmq.REQ, ready["frontend"][0], secured.options)
    if reliable:
        worker.send(b"\x01")
    for number in range(COUNT):
        client.send(b"%d" % number)
        request = worker.recv_multipart()
        while request == [b"\x02"]:  # a heartbeat
            request = worker.recv_multipart()
        worker.send_multipart([*request[:-1], b"re " + request[-1]])
        assert client.recv() == b"re %d" % number
    assert device.interrupt() == 0


@MAKERS
def test_a_mark_that_is_set_while_it_runs_is_the_same(
    start: Start, context: Context, tmp_path: Path, make: Makers
) -> None:
    secured = make(tmp_path)
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE),
        *secured.flags("frontend-"),
        ready=True,
    )
    ready = device.ready()
    changed = start("ctl", "streamer", "set", "frontend.rcvhwm", "1")
    assert changed.wait() == 0, changed.err
    push = peer(context, zmq.PUSH, ready["frontend"][0], secured.options)
    pull = peer(context, zmq.PULL, ready["backend"][0], {})
    for number in range(COUNT):
        push.send(b"%d" % number)
    assert [pull.recv() for _ in range(COUNT)] == [b"%d" % n for n in range(COUNT)]
    assert device.interrupt() == 0


@MAKERS
@pytest.mark.parametrize("kind", ["pull", "worker"])
def test_an_endpoint_that_binds_takes_all_with_a_mark_of_one(
    start: Start, context: Context, tmp_path: Path, make: Makers, kind: str
) -> None:
    secured = make(tmp_path)
    taker = start(kind, "-b", FREE, "--set", "rcvhwm=1", *secured.flags(), ready=True)
    address = taker.ready()["socket"][0]
    if kind == "worker":
        client = peer(context, zmq.REQ, address, secured.options)
        for number in range(COUNT):
            client.send(b"%d" % number)
            assert client.recv() == b"Processed: %d" % number
    else:
        push = peer(context, zmq.PUSH, address, secured.options)
        for number in range(COUNT):
            push.send(b"%d" % number)
        until(lambda: taker.out.count(b"\n") == COUNT, "all came")
    assert taker.interrupt() == 0
