"""Peers who hang up while the marks of a socket are changed: libzmq 4.3.5 told it to ends of
pipes that it had freed (issue 4524), and any peer could end a device by leaving in time."""

from __future__ import annotations

import pytest
from hostile.conftest import FREE
from support import rawpeer
from support.processes import Program, Start

PEERS = 8
DEVICES = {
    "streamer": (("streamer",), "PUSH", rawpeer.message(b"x")),
    "queue": (("queue",), "DEALER", rawpeer.message(b"", b"x")),
    "reliable queue": (("queue", "--reliable"), "DEALER", rawpeer.message(b"", b"x")),
    "forwarder": (("forwarder",), "PUB", rawpeer.message(b"x")),
}


def leave(program: Program, address: str, kind: str, said: bytes) -> None:
    """Peers who come together, say something, and hang up one after another."""
    peers = [rawpeer.shake_hands(address, kind) for _ in range(PEERS)]
    for peer in peers:
        peer.sendall(said)
        peer.close()
    assert program.process.poll() is None, program.err


@pytest.mark.parametrize("case", DEVICES)
def test_marks_change_while_peers_hang_up(start: Start, scale: int, case: str) -> None:
    words, kind, said = DEVICES[case]
    program = start(*words, "--frontend-bind", FREE, "--backend-bind", FREE, ready=True)
    address = program.ready()["frontend"][0]
    # From now on each newcomer is given the mark.
    changed = start("ctl", words[0], "set", "frontend.rcvhwm", "100")
    assert changed.wait() == 0, changed.err
    for _ in range(20 * scale):
        leave(program, address, kind, said)
    last = rawpeer.shake_hands(address, kind)
    last.close()
    assert program.interrupt() == 0, program.err
    assert "started again" not in program.err
