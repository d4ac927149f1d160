"""`--capture-prefix` on every kind of device: each copy says by which side it came in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Start, until

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]
FREE = "tcp://127.0.0.1:*"
PATIENCE = 30_000
HOOK = "def route(messages):\n    for message in messages:\n        yield 'backend', message\n"
# The words of a device, and the peers that it has here.
STREAMER, QUEUE, FORWARDER = (
    (zmq.PUSH, zmq.PULL),
    (zmq.DEALER, zmq.DEALER),
    (zmq.XPUB, zmq.SUB),
)
DEVICES = {
    "plain": (("streamer",), *STREAMER),
    "dropping": (("streamer", "--drop", "x*"), *STREAMER),
    "hook": (("streamer", "--routes", "hook.py"), *STREAMER),
    "hook with replies": (("queue", "--routes", "hook.py"), *QUEUE),
    "demand": (("streamer", "--demand"), zmq.PUSH, zmq.REQ),
    "spool": (("streamer", "--spool", "spool.db"), *STREAMER),
    "last value": (("forwarder", "--last-value", "10"), *FORWARDER),
    "on full block": (("forwarder", "--last-value", "10", "--on-full", "block"), *FORWARDER),
    "keep ids": (("queue", "--keep-ids"), zmq.DEALER, zmq.ROUTER),
    "reliable": (("queue", "--reliable"), zmq.DEALER, zmq.DEALER),
}


def opened(context: Context, type_: int) -> Socket:
    made = context.socket(type_)
    made.linger = 0
    made.rcvtimeo = made.sndtimeo = PATIENCE
    return made


def join(far: Socket) -> None:
    """What a peer of the backend says before it gets anything."""
    if far.type == zmq.SUB:
        far.subscribe(b"")
    elif far.type == zmq.REQ:
        far.send(b"ready")


@pytest.mark.parametrize("half", ["native", "python"])
@pytest.mark.parametrize("device", DEVICES)
def test_each_copy_says_by_which_side_it_came_in(
    start: Start, context: Context, tmp_path: Path, device: str, half: str
) -> None:
    words, near_type, far_type = DEVICES[device]
    (tmp_path / "hook.py").write_text(HOOK)
    words = tuple(str(tmp_path / word) if "." in word else word for word in words)
    copies, near, far = (opened(context, type_) for type_ in (zmq.SUB, near_type, far_type))
    copies.subscribe(b"")
    copies.bind(FREE)
    backend = ("--backend-bind", FREE)
    if device == "keep ids":
        far.bind(FREE)
        backend = ("--backend-connect", far.getsockopt_string(zmq.LAST_ENDPOINT))
    running = start(
        *(*words, "--frontend-bind", FREE, *backend, "--stats", "off"),
        *("--capture-connect", copies.getsockopt_string(zmq.LAST_ENDPOINT)),
        *("--capture-prefix", "in,out"),
        ready=True,
        env={"ZMQDEV_RELAY": half},
    )
    at = running.ready()
    near.connect(at["frontend"][0])
    if device != "keep ids":
        far.connect(at["backend"][0])
    if device == "reliable":
        far.send_multipart([b"", b"MDPW01", b"\x01", b"echo"])
    join(far)
    labels = set()

    def copied() -> bool:
        """A message, its copy, and the reply where there is one."""
        if far.type == zmq.SUB:
            far.subscribe(b"again")
            far.unsubscribe(b"again")
        first = [b"", b"MDPC01", b"echo"] if device == "reliable" else []
        near.send_multipart([*first, b"a question"])
        if not far.poll(100):
            return False
        came = far.recv_multipart()
        if near.type == zmq.DEALER:
            reply = [b"", b"MDPW01", b"\x03", *came[3:]] if device == "reliable" else came
            far.send_multipart(reply)
            if not near.poll(5000):
                return False
            near.recv_multipart()
        elif far.type == zmq.REQ:
            far.send(b"next")
        return bool(copies.poll(100))

    until(copied, "a copy has come")

    def all_told() -> bool:
        copied()
        while copies.poll(20):
            labels.add(copies.recv_multipart()[0])
        return labels >= {b"in", b"out"} if near.type in (zmq.DEALER, zmq.XPUB) else bool(labels)

    until(all_told, "copies of all ways have come")
    two_way: Any = {b"in", b"out"} if near.type in (zmq.DEALER, zmq.XPUB) else {b"in"}
    assert labels == two_way
