"""A frame above maxmsgsize: libzmq hangs up on its sender, and that is counted and said once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until
from support.shown import refused, shown

Context = zmq.Context[zmq.Socket[bytes]]
FREE = "tcp://127.0.0.1:*"
LIMIT = 1000
SAID = "above maxmsgsize"
KEPT: list[zmq.Socket[bytes]] = []  # one that is let go hangs up at once; a context closes them
# What is started, the type of a peer, the side that it comes to.
DEVICES = {
    "streamer": (("streamer",), zmq.PUSH, 0),
    "queue": (("queue",), zmq.DEALER, 0),
    "a reply at a queue": (("queue",), zmq.DEALER, 1),
    "reliable queue": (("queue", "--reliable"), zmq.DEALER, 0),
    "a worker at a reliable queue": (("queue", "--reliable"), zmq.DEALER, 1),
}


def send(context: Context, type_: int, address: str, body: bytes, at: Program) -> None:
    """By a peer that is seen first: what came and went before anybody looked has no cause."""
    before = at.err.count(" connected")
    peer = context.socket(type_)
    peer.linger = 0
    peer.reconnect_ivl = -1
    peer.connect(address)
    until(lambda: at.err.count(" connected") > before, "it is connected")
    peer.send(body)
    KEPT.append(peer)


@pytest.mark.parametrize("case", DEVICES)
def test_at_a_device(start: Start, context: Context, case: str) -> None:
    words, type_, side = DEVICES[case]
    name = ("frontend", "backend")[side]
    device = start(
        *(*words, "--frontend-bind", FREE, "--backend-bind", FREE, "-v"),
        *("--set", f"{name}.maxmsgsize={LIMIT}", "--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    place = device.ready()[name][0]
    for times in (1, 2):
        send(context, type_, place, b"x" * (LIMIT + 1), device)
        until(lambda times=times: refused(device, side).get("frame") == times, "it is counted")  # type: ignore[misc]
    until(lambda: SAID in device.err, "it is said")
    assert device.err.count(SAID) == 1
    assert shown(device)[f"{name}_refused"] == {"frame": 2}


@pytest.mark.parametrize(
    ("words", "type_"),
    [(("pull",), zmq.PUSH), (("worker",), zmq.DEALER), (("router",), zmq.DEALER)],
)
def test_at_an_endpoint(start: Start, context: Context, words: tuple[str, ...], type_: int) -> None:
    endpoint = start(
        *(*words, "-b", FREE, "-v", "--set", f"maxmsgsize={LIMIT}"),
        *("--stats", "json", "--stats-interval", "50ms"),
        ready=True,
    )
    send(context, type_, endpoint.ready()["socket"][0], b"x" * (LIMIT + 1), endpoint)
    until(lambda: SAID in endpoint.err, "it is said")

    def counted() -> bool:
        lines = [line for line in endpoint.err.splitlines() if line.startswith("{")]
        last: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return last.get("socket_refused") == {"frame": 1}

    until(counted, "it is counted")
    assert endpoint.err.count(SAID) == 1
