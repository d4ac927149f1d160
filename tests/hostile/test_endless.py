"""Messages that never end, at every side of every device; and large ones that do.

A sender that has to keep step with the device's statistics is as fast as the device looks,
on a machine of any speed: so it can be said exactly how far it may come.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import until
from support.vitals import MEBIBYTE, memory

from zmqdev.security.unfinished import wire_size
from zmqdev.tools.probe.zmtp import Frame, encode

LIMIT = 2 * MEBIBYTE
WIRE = wire_size(LIMIT, 100)
WORDS = ("--limits-message-bytes", "2MiB", "--limits-message-frames", "100")
# Frames for a subscriber's side must be short.
PLACES = {
    "forwarder, a publisher": ("forwarder", "front", "PUB", 20_000),
    "forwarder, a subscriber": ("forwarder", "back", "SUB", 4000),
    "streamer, a sender": ("streamer", "front", "PUSH", 10_000),
    "streamer, a receiver": ("streamer", "back", "PULL", 20_000),
    "queue, a client": ("queue", "front", "DEALER", 20_000),
    "queue, a worker": ("queue", "back", "DEALER", 20_000),
}


def unending(size: int) -> bytes:
    """A frame of a message that goes on."""
    return encode(Frame(bytes(size), more=True))


def refused(here: Any) -> dict[str, int]:
    line = here.shown()
    return {side: line[f"{side}_refused"].get("unfinished", 0) for side in ("frontend", "backend")}


def in_step(here: Any, peer: socket.socket, frame: bytes, most: int) -> int:
    """Send until it is cut off, some frames for each line of statistics; how much was sent.

    Small steps when it may happen: a device that gets no processor time is no reason to fail.
    """
    sent = 0
    try:
        while sent < most and not any(refused(here).values()):
            step = 512 if sent < 2 * WIRE else 32
            chunk = frame * max(1, step * 1024 // len(frame))
            peer.sendall(chunk)
            sent += len(chunk)
            shown = here.shown()["uptime"]
            until(lambda seen=shown: here.shown()["uptime"] > seen, "another line")  # type: ignore[misc]
    except OSError:
        pass  # it noticed before the statistics did
    return sent


@pytest.mark.parametrize(
    ("name", "half"),
    [(name, "native") for name in sorted(PLACES)]
    + [("forwarder, a subscriber", "python"), ("streamer, a sender", "python")],
)
def test_a_message_without_end_costs_its_sender_the_connection(
    place: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, half: str
) -> None:
    monkeypatch.setenv("ZMQDEV_RELAY", half)
    kind, side, socket_type, size = PLACES[name]
    here = place(kind, *WORDS)
    with rawpeer.shake_hands(getattr(here, side), socket_type) as peer:
        sent = in_step(here, peer, unending(size), 5 * WIRE)
        until(lambda: sum(refused(here).values()) == 1, "it is counted")
    assert WIRE < sent <= 3 * WIRE
    assert refused(here)["frontend" if side == "front" else "backend"] == 1
    assert "an endless message" in here.program.err
    here.check_recovered()
    here.end()


@pytest.mark.parametrize("side", ["front", "back"])
def test_a_reliable_queue_has_no_room_for_it_either(place: Callable[..., Any], side: str) -> None:
    here = place("queue", "--reliable", *WORDS)
    with rawpeer.shake_hands(getattr(here, side), "DEALER") as peer:
        sent = in_step(here, peer, unending(20_000), 5 * WIRE)
        until(lambda: sum(refused(here).values()) == 1, "it is counted")
    assert WIRE < sent <= 3 * WIRE
    assert here.program.interrupt() == 0


@pytest.mark.parametrize("crowd", [6, 30])
def test_when_memory_is_short_the_longest_unfinished_messages_go(
    place: Callable[..., Any], crowd: int
) -> None:
    """None of them is as long as a message may be; all together they are too much."""
    here = place("streamer", "--limits-memory", "128MiB")
    frame = unending(64 * 1024)
    peers = [rawpeer.shake_hands(here.front, "PUSH") for _ in range(crowd)]
    most = 0
    while refused(here)["frontend"] < 3:
        for peer in peers:
            with suppress(OSError):
                peer.sendall(frame * (32 if most < 120 * MEBIBYTE else 4))
        shown = here.shown()["uptime"]
        until(lambda seen=shown: here.shown()["uptime"] > seen, "another line")  # type: ignore[misc]
        most = max(most, memory(here.pid))
    # Each sends 2 MiB between two looks.
    assert 64 * MEBIBYTE < most < (192 + 2 * crowd) * MEBIBYTE
    for peer in peers:
        peer.close()
    here.check_recovered()
    here.end()


def pressed(peer: socket.socket, data: bytes) -> bool:
    """Send what goes in now; whether the other side hung up."""
    try:
        peer.send(data)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def test_the_fastest_of_them_leaves_no_memory_behind(place: Callable[..., Any]) -> None:
    """Frames without a body, of which each costs the most."""
    here = place("streamer", *WORDS)
    chunk = unending(0) * MEBIBYTE
    with rawpeer.shake_hands(here.front, "PUSH") as peer:
        peer.setblocking(False)
        until(lambda: pressed(peer, chunk) or refused(here)["frontend"] == 1, "it is cut off")
    until(lambda: refused(here)["frontend"] == 1, "it is counted")
    here.check_recovered()
    here.end()


def replaced(here: Any, context: zmq.Context[Any]) -> None:
    """The good pair by one that keeps next to nothing itself."""
    here.near.close()
    here.far.close()
    until(lambda: not here.shown()["frontend_peers"] + here.shown()["backend_peers"], "they left")
    here.near, here.far = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    for good, address in ((here.near, here.front), (here.far, here.back)):
        good.hwm, good.linger = 2, 0
        good.rcvtimeo = good.sndtimeo = 30_000
        good.connect(address)


def test_large_messages_that_end_are_never_cut_off(
    place: Callable[..., Any], context: zmq.Context[Any]
) -> None:
    """As large and as many as can be, then behind a receiver that rests, then slowly."""
    here = place("streamer", *WORDS, "--set", "frontend.rcvhwm=4", "--set", "backend.sndhwm=4")
    replaced(here, context)
    frames = [b"head", bytes(LIMIT // 2 - 100), bytes(LIMIT // 2 - 100)]
    for _ in range(60):
        here.near.send_multipart(frames, copy=False)
        assert here.far.recv_multipart() == frames
    stalled = 0
    while here.near.poll(300, zmq.POLLOUT):
        here.near.send_multipart(frames, copy=False)
        stalled += 1
    assert stalled > 4, "the receiver rests, until nothing more goes in"
    for _ in range(stalled):
        assert here.far.recv_multipart() == frames
    with rawpeer.shake_hands(here.front, "PUSH") as slow:
        whole = rawpeer.message(*frames)
        for _ in range(3):
            for part in (whole[:900_000], whole[900_000:1_800_000]):
                slow.sendall(part)
                here.check()
            slow.sendall(whole[1_800_000:])
            assert here.far.recv_multipart() == frames
    assert refused(here) == {"frontend": 0, "backend": 0}
    here.end()
