"""Well-framed ZMTP that makes no sense, after a good handshake: at each side of each device and
endpoint, bound and connecting. `make fuzz` does it for longer; a seed tells a run."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import time
from collections.abc import Callable, Iterable

import pytest
from hostile.conftest import SCALE
from hostile.test_ping import BOUND, CONNECTING, accept
from support import rawpeer
from support.processes import PATIENCE, Program, Start, until

from zmqdev.tools.probe.zmtp import Frame, ZmtpCommand, encode, encode_command

# Connections for each side in `make test`, and what is said in each at most.
ROUNDS, PIECES = 6, 40
Piece = Callable[[random.Random], bytes]

COMMANDS = ("PING", "PONG", "READY", "ERROR", "SUBSCRIBE", "CANCEL", "JOIN", "LEAVE", "HELLO", "X")
WORDS = (
    *(b"MDPC01", b"MDPC02", b"MDPW01", b"MDPW02", b"mmi.service", b"echo", b"default", b"status"),
    *(b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06", b"\x07", b"", b"{}", b"stop?"),
    *(b"\x00\x00\x00\x00\x00", b"\x00\x6b\x8b\x45\x67", b"PAUSE?", b'{"verb": "config"}'),
)


def body(dice: random.Random) -> bytes:
    kind = dice.randrange(10)
    if kind < 5:
        return dice.choice(WORDS)
    if kind < 9:
        return dice.randbytes(dice.choice((0, 1, 4, 5, 8, 32, 33, 34, 255, 256, 300)))
    return dice.randbytes(dice.choice((1000, 8192, 70_000)))


def message(dice: random.Random) -> bytes:
    return rawpeer.message(*(body(dice) for _ in range(dice.choice((1, 1, 2, 3, 4, 5, 9, 60)))))


def unfinished(dice: random.Random) -> bytes:
    """Frames with MORE whose last one may never come."""
    return b"".join(encode(Frame(body(dice), more=True)) for _ in range(dice.randrange(1, 5)))


def subscription(dice: random.Random) -> bytes:
    return rawpeer.message(dice.choice((b"\x00", b"\x01")) + body(dice))


def command(dice: random.Random) -> bytes:
    return encode_command(ZmtpCommand(dice.choice(COMMANDS), body(dice)))


def bare_command(dice: random.Random) -> bytes:
    """A command without a name of its own, or one that is longer than it is."""
    return encode(Frame(body(dice), command=True))


def ping(dice: random.Random) -> bytes:
    return encode_command(
        ZmtpCommand("PING", dice.randbytes(dice.choice((0, 1, 2, 3, 18, 19, 40))))
    )


PIECE_KINDS: tuple[Piece, ...] = (
    *(message, message, message, unfinished, subscription, command, bare_command, ping),
)


def talk(peer: socket.socket, dice: random.Random) -> None:
    """Say it all, read what comes, hang up in one of the ways there are."""
    said = b"".join(dice.choice(PIECE_KINDS)(dice) for _ in range(dice.randrange(1, PIECES)))
    peer.setblocking(False)
    end = time.monotonic() + 0.5
    with contextlib.suppress(OSError):
        while said and time.monotonic() < end:
            readable, writable, _ = select.select([peer], [peer], [], 0.05)
            if readable and not peer.recv(65536):
                break
            if writable:
                said = said[peer.send(said[: dice.choice((1, 7, 64, 9000))]) :]
    if dice.random() < 0.5:
        rawpeer.reset(peer)
    else:
        peer.close()


def check(program: Program, seed: int) -> None:
    """It is the process that was started, and nothing of it broke."""
    trouble = ("Traceback", "Assertion", "started again", "defect")
    said = [word for word in trouble if word in program.err]
    assert program.process.poll() is None, f"seed {seed}: {program.process.poll()} {program.err}"
    assert not said, f"seed {seed}: {program.err}"


def halves(cases: Iterable[str]) -> list[tuple[str, str]]:
    """Each case with one half of the data path in turn; `make fuzz` takes both."""
    both = ("native", "python")
    if SCALE > 1:
        return [(case, half) for case in cases for half in both]
    return [(case, both[number % 2]) for number, case in enumerate(cases)]


@pytest.mark.parametrize(("case", "half"), halves(BOUND))
def test_sense_is_not_needed_at_a_side_that_binds(
    start: Start, scale: int, case: str, half: str
) -> None:
    words, side, kind = BOUND[case]
    program = start(*words, ready=True, env={"ZMQDEV_RELAY": half})
    address = program.ready()[side][0]
    for seed in range(ROUNDS * scale):
        talk(rawpeer.shake_hands(address, kind, b"" if seed % 3 else b"name"), random.Random(seed))
        check(program, seed)
    rawpeer.shake_hands(address, kind).close()
    check(program, -1)
    assert program.interrupt() == 0, program.err
    assert "Traceback" not in program.err


@pytest.mark.parametrize(("case", "half"), halves(CONNECTING))
def test_sense_is_not_needed_of_a_server(start: Start, scale: int, case: str, half: str) -> None:
    words, flag, kind = CONNECTING[case]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        program = start(*words, flag, address, env={"ZMQDEV_RELAY": half})
        for seed in range(ROUNDS * scale):
            talk(accept(server, program, kind), random.Random(1000 + seed))
            check(program, 1000 + seed)
        last = accept(server, program, kind)
        check(program, -1)
        last.close()
    program.interrupt()
    until(lambda: program.process.poll() is not None, "it ends")
    assert program.process.poll() in (0, 3), program.err
    assert "Traceback" not in program.err
