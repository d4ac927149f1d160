"""Malformed greetings, handshakes, commands and frames by the thousand, at every side."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from support import rawpeer
from support.processes import PATIENCE, Start, until
from support.vitals import descriptors

# Of each kind of device. A soak is a hundred times as long: more than a hundred thousand in all.
STORM = 400
ROUND = 100
# Where networks are named nothing but ZMTP 3 is let in.
NAMED = ("--frontend-allow", "127.0.0.0/8", "--backend-allow", "127.0.0.0/8")


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_rubbish_by_the_thousand_is_survived(
    place: Callable[..., Any], scale: int, kind: str
) -> None:
    here = place(kind, *NAMED)
    said = 0
    for seed in range(STORM * scale // ROUND):
        said += rawpeer.storm([here.front, here.back], rawpeer.malformed(ROUND, seed))
        here.check()
    assert said == STORM * scale
    here.check_recovered()
    until(lambda: here.shown()["frontend_failed_handshakes"] > 0, "they are counted")
    here.end()


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_an_open_side_survives_rubbish_that_may_be_taken_for_old_messages(
    place: Callable[..., Any], kind: str
) -> None:
    """What does not begin like ZMTP 3 is ZMTP 1.0 to libzmq, where nothing is asked."""
    here = place(kind)
    assert rawpeer.storm([here.front, here.back], rawpeer.malformed(ROUND, 1)) == ROUND
    until(lambda: here.shown()["frontend_failed_handshakes"] > 0, "some have failed")
    assert here.program.process.poll() is None
    assert here.program.interrupt() == 0


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_half_open_connections_hold_nobody_up_and_go(
    place: Callable[..., Any], scale: int, kind: str
) -> None:
    here = place(kind)
    held = [rawpeer.connect(here.front) for _ in range(min(1000, 200 * scale))]
    here.check()
    # Counted when their time is over: on a busy machine that may be before all are made.
    until(lambda: here.shown()["frontend_failed_handshakes"] >= len(held), "they were there")
    until(lambda: descriptors(here.pid) <= here.descriptors + 4, "their handshake time is over")
    for peer in held:
        peer.close()
    here.check_recovered()
    here.end()


@pytest.mark.parametrize("kind", ["streamer", "queue"])
def test_a_header_that_promises_600_mib_costs_its_sender_the_connection(
    place: Callable[..., Any], kind: str
) -> None:
    here = place(kind)
    peer = rawpeer.shake_hands(here.front, {"streamer": "PUSH", "queue": "DEALER"}[kind])
    peer.sendall(b"\x02" + (600 << 20).to_bytes(8, "big") + b"x" * 1000)
    assert hung_up(peer)
    here.check_recovered()
    here.end()


def test_a_subscription_over_the_limit_costs_its_sender_the_connection(
    place: Callable[..., Any],
) -> None:
    """The first byte beyond it closes the connection; what fits is subscribed to."""
    here = place("forwarder")
    for size in (1, 100, 4000, 5000, 200_000, 1_000_000):
        peer = rawpeer.shake_hands(here.back, "SUB")
        with contextlib.suppress(ConnectionError):  # it may be over before the last byte
            peer.sendall(rawpeer.subscription(b"t" * size))
        too_long = size > 4096
        assert hung_up(peer, PATIENCE if too_long else 0.3) == too_long, f"{size} bytes"
        peer.close()
        here.check()
    here.check_recovered()
    here.end()


# Longer than any interval at which libzmq might look.
A_WHILE = 6.5


def test_who_resets_a_connection_that_is_not_read_stops_nobody(start: Start) -> None:
    """libzmq aborts at its next heartbeat, so there is none unless asked for (3937)."""
    anywhere = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
    kinds = (("streamer",), ("queue",), ("queue", "--reliable"))
    devices = [start(*kind, *anywhere, "--stats", "off", ready=True) for kind in kinds]
    streamer, queue, reliable = (device.ready() for device in devices)
    flood(rawpeer.shake_hands(streamer["frontend"][0], "PUSH"))
    flood(rawpeer.shake_hands(queue["frontend"][0], "DEALER"))
    # A newer peer of the same name takes the older one's place; nobody reads that one any more.
    first, _ = (rawpeer.shake_hands(reliable["backend"][0], "DEALER", b"name") for _ in range(2))
    flood(first)
    time.sleep(A_WHILE)  # what is tested, not what is waited for
    for device in devices:
        assert device.process.poll() is None, device.err
        assert device.interrupt() == 0


def flood(peer: socket.socket) -> None:
    """Send until nobody reads on, then die."""
    peer.settimeout(0.5)
    with contextlib.suppress(OSError):
        for _ in range(500):
            peer.sendall(rawpeer.message(b"", b"x" * 1000) * 100)
    rawpeer.reset(peer)


TOO_LONG = b"\x02" + (600 << 20).to_bytes(8, "big")
NOT_ZMTP = b"\xff" * 20
CONNECTING = {
    "pull": (("pull",), "-c", "PUSH"),
    "sub": (("sub",), "-c", "PUB"),
    "push": (("push", "-D", "x", "-i", "1m"), "-c", "PULL"),
    "client": (("client", "-D", "x", "-t", "1m"), "-c", "ROUTER"),
    "forwarder": (
        ("forwarder", "--backend-bind", "tcp://127.0.0.1:*"),
        "--frontend-connect",
        "PUB",
    ),
    "streamer": (("streamer", "--frontend-bind", "tcp://127.0.0.1:*"), "--backend-connect", "PULL"),
}


@pytest.mark.parametrize("said", [NOT_ZMTP, TOO_LONG], ids=["rubbish", "too long"])
@pytest.mark.parametrize("who", CONNECTING)
def test_a_connection_of_ours_that_meets_rubbish_is_made_again(
    start: Start, who: str, said: bytes
) -> None:
    """libzmq ends it and never tries again, whatever reconnect_ivl says."""
    words, flag, there = CONNECTING[who]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        program = start(*words, flag, f"tcp://127.0.0.1:{server.getsockname()[1]}")
        for _ in range(2):
            peer, _ = server.accept()
            with peer:
                assert rawpeer.greet(peer, there)
                peer.sendall(said)
                assert hung_up(peer)
        until(lambda: "not ZMTP, or longer than maxmsgsize" in program.err, "it is said")


def hung_up(peer: socket.socket, patience: float = 10.0) -> bool:
    """Whether the other side ends the connection in that time."""
    peer.settimeout(patience)
    try:
        while peer.recv(4096):
            continue
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True
