"""Peers that speak ZMTP 1.0 and 2.0 by hand: libzmq 2 and 3, JeroMQ 0.3, NetMQ 3.

1.0   01 00 (identity), then frames: length with flags, flags, body
2.0   ff 8*00 01 7f, 01, socket type, identity frame, then frames: flags, length, body
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from support import rawpeer

NUMBERS = {"PUB": 1, "SUB": 2, "REQ": 3, "REP": 4, "DEALER": 5, "ROUTER": 6, "PULL": 7, "PUSH": 8}
VERSIONS = ("1.0", "2.0")
SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"
MORE = 1


@dataclass
class OldPeer:
    """One connection, made or accepted. It reads frames of at most 254 bytes."""

    connection: socket.socket
    type: str
    version: str
    _seen: bytes = field(default=b"")

    def __post_init__(self) -> None:
        self.connection.settimeout(60)
        if self.version == "1.0":
            self.connection.sendall(b"\x01\x00")
            # libzmq begins with its identity in the long form, which looks like a signature.
            assert self._read(10) == b"\xff" + bytes(7) + b"\x01\x7f"
            return
        # As libzmq 3 and JeroMQ do it: the version when that of the other side has come.
        self.connection.sendall(SIGNATURE)
        assert self._read(10)[:1] == b"\xff"
        assert self._read(1) >= b"\x01"
        self.connection.sendall(bytes([1, NUMBERS[self.type]]) + b"\0\0")
        self._read(1)  # its socket type
        assert self.read_frame() == (b"", False), "its identity"

    def send(self, *frames: bytes) -> None:
        last = len(frames) - 1
        self.connection.sendall(
            b"".join(self._encoded(body, at < last) for at, body in enumerate(frames))
        )

    def read(self) -> list[bytes]:
        """One message."""
        frames, more = [], True
        while more:
            body, more = self.read_frame()
            frames.append(body)
        return frames

    def read_frame(self) -> tuple[bytes, bool]:
        first, second = self._read(2)
        length, flags = (first - 1, second) if self.version == "1.0" else (second, first)
        return self._read(length), bool(flags & MORE)

    def close(self) -> None:
        self.connection.close()

    def _encoded(self, body: bytes, more: bool) -> bytes:
        if self.version == "1.0":
            return bytes([len(body) + 1, more]) + body
        return bytes([more, len(body)]) + body

    def _read(self, count: int) -> bytes:
        while len(self._seen) < count:
            data = self.connection.recv(4096)
            assert data, "the other side hung up"
            self._seen += data
        found, self._seen = self._seen[:count], self._seen[count:]
        return found


def connect(address: str, type_: str, version: str) -> OldPeer:
    """An old peer that connects."""
    return OldPeer(rawpeer.connect(address), type_, version)
