"""Malformed greetings, handshakes, commands and frames by the thousand, at every side."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support import rawpeer
from support.processes import PATIENCE, Start, until
from support.vitals import descriptors

# Of each kind of device. A soak is a hundred times as long: more than a hundred thousand in all.
STORM = 400
ROUND = 100


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_rubbish_by_the_thousand_is_survived(
    place: Callable[..., Any], scale: int, kind: str
) -> None:
    here = place(kind)
    said = 0
    for seed in range(STORM * scale // ROUND):
        said += rawpeer.storm([here.front, here.back], rawpeer.malformed(ROUND, seed))
        here.check()
    assert said == STORM * scale
    here.check_recovered()
    until(lambda: here.shown()["frontend_failed_handshakes"] > 0, "they are counted")
    here.end()


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_half_open_connections_hold_nobody_up_and_go(
    place: Callable[..., Any], scale: int, kind: str
) -> None:
    here = place(kind)
    held = [rawpeer.connect(here.front) for _ in range(min(1000, 200 * scale))]
    here.check()
    until(lambda: descriptors(here.pid) >= here.descriptors + len(held) // 2, "they are there")
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
    """The first byte beyond it closes the connection; what fits is subscribed to (S1)."""
    here = place("forwarder")
    for size in (1, 100, 4000, 5000, 200_000, 1_000_000):
        peer = rawpeer.shake_hands(here.back, "SUB")
        with contextlib.suppress(ConnectionError):  # it may be over before the last byte
            peer.sendall(rawpeer.subscription(b"t" * size))
        assert hung_up(peer, 0.3) == (size > 4096), f"{size} bytes"
        peer.close()
        here.check()
    here.check_recovered()
    here.end()


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
