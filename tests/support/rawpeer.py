"""Peers that speak ZMTP by hand, and those that speak it badly."""

from __future__ import annotations

import random
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from support.processes import PATIENCE

from zmqdev.tools.probe import greeting, zmtp
from zmqdev.tools.probe.zmtp import Frame, ZmtpCommand, encode, encode_command

TYPES = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")
# Connections open at once in a storm: below every limit, so that each gets its chance.
WIDTH = 64


def connect(address: str, timeout: float = 10.0) -> socket.socket:
    """A plain connection to a tcp address."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout)


def shake_hands(address: str, socket_type: str, routing_id: bytes = b"") -> socket.socket:
    """A connection whose NULL handshake is done.

    A device with much to do may not answer within its time for handshakes, and hang up.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        peer = connect(address)
        if greet(peer, socket_type, routing_id):
            return peer
        peer.close()
    raise AssertionError("the other side hangs up during the handshake")


def greet(peer: socket.socket, socket_type: str, routing_id: bytes = b"") -> bool:
    """Our half of a NULL handshake; whether the other side gave its own."""
    peer.sendall(greeting.build() + zmtp.ready(socket_type, routing_id))
    return _hears(peer, b"READY")


def greet_slowly(peer: socket.socket, socket_type: str, pause: Callable[[], object]) -> bool:
    """The same, with the READY only when the other side's greeting has come, and after a
    pause."""
    peer.sendall(greeting.build())
    if not _hears(peer, b"NULL"):
        return False
    pause()
    peer.sendall(zmtp.ready(socket_type, b""))
    with suppress(OSError):
        return _hears(peer, b"READY")
    return False


def reset(peer: socket.socket) -> None:
    """End it with a TCP reset, as a process that is killed with unread data does."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def _hears(peer: socket.socket, word: bytes) -> bool:
    seen = b""
    while word not in seen:
        data = peer.recv(4096)
        if not data:
            return False
        seen += data
    return True


def message(*frames: bytes) -> bytes:
    """A whole message as bytes on the wire."""
    last = len(frames) - 1
    return b"".join(encode(Frame(body, at < last)) for at, body in enumerate(frames))


def subscription(topic: bytes) -> bytes:
    """A subscription of ZMTP 3.0: a message."""
    return message(b"\x01" + topic)


Badness = Callable[[random.Random], bytes]


def _noise(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randrange(1, 300))


def _flipped(dice: random.Random) -> bytes:
    data = bytearray(greeting.build() + zmtp.ready(dice.choice(TYPES)))
    for _ in range(dice.randrange(1, 6)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def _cut_off(dice: random.Random) -> bytes:
    data = greeting.build() + zmtp.ready(dice.choice(TYPES))
    return data[: dice.randrange(1, len(data))]


def _http(dice: random.Random) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * dice.randrange(1, 4)


def _tls(dice: random.Random) -> bytes:
    return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(200)


def _zmtp_1(dice: random.Random) -> bytes:
    return b"\x01\x00" + dice.randbytes(dice.randrange(40))


def _zmtp_2(dice: random.Random) -> bytes:
    return b"\xff" + bytes(7) + b"\x01\x7f\x01" + dice.randbytes(dice.randrange(1, 40))


def _wrong_mechanism(dice: random.Random) -> bytes:
    name = dice.choice(("PLAIN", "CURVE", "GSSAPI", "X" * 20))
    return greeting.build(name) + encode_command(ZmtpCommand("HELLO", dice.randbytes(40)))


def _bad_ready(dice: random.Random) -> bytes:
    data = dice.choice((b"\xff", b"\x0bSocket-Type\xff\xff\xff\xff", dice.randbytes(60)))
    return greeting.build() + encode_command(ZmtpCommand("READY", data))


def _bad_command(dice: random.Random) -> bytes:
    command = encode(Frame(dice.randbytes(dice.randrange(30)), command=True))
    return greeting.build() + zmtp.ready(dice.choice(TYPES)) + command * 3


def _bad_frames(dice: random.Random) -> bytes:
    return greeting.build() + zmtp.ready(dice.choice(TYPES)) + dice.randbytes(200)


def _huge_promise(dice: random.Random) -> bytes:
    header = b"\x02" + (600 << 20).to_bytes(8, "big")
    return greeting.build() + zmtp.ready(dice.choice(TYPES)) + header + dice.randbytes(100)


def _bad_ping(dice: random.Random) -> bytes:
    ping = encode_command(ZmtpCommand("PING", dice.randbytes(dice.randrange(40))))
    return greeting.build() + zmtp.ready(dice.choice(TYPES)) + ping * 5


BADNESSES: tuple[Badness, ...] = (
    *(_noise, _flipped, _cut_off, _http, _tls, _zmtp_1, _zmtp_2, _wrong_mechanism),
    *(_bad_ready, _bad_command, _bad_frames, _huge_promise, _bad_ping),
)


def malformed(count: int, seed: int) -> Iterator[bytes]:
    """So many things that no good peer says, of every kind in turn."""
    dice = random.Random(seed)
    for number in range(count):
        yield BADNESSES[number % len(BADNESSES)](dice)


def storm(addresses: list[str], payloads: Iterator[bytes]) -> int:
    """Say each payload to one of the addresses in turn and hang up; how many were said."""
    said = 0
    batch: list[tuple[socket.socket, bytes]] = []
    for number, payload in enumerate(payloads):
        batch.append((connect(addresses[number % len(addresses)]), payload))
        if len(batch) == WIDTH:
            said += _say(batch)
            batch = []
    return said + _say(batch)


def _say(batch: list[tuple[socket.socket, bytes]]) -> int:
    """Send, read what answer there is, close; a reset is an answer too."""
    with selectors.DefaultSelector() as selector:
        for peer, payload in batch:
            with suppress(OSError):
                peer.sendall(payload)
            peer.setblocking(False)
            selector.register(peer, selectors.EVENT_READ)
        for key, _ in selector.select(0.02):
            with suppress(OSError):
                key.fileobj.recv(4096)  # type: ignore[union-attr]
    for peer, _ in batch:
        peer.close()
    return len(batch)
