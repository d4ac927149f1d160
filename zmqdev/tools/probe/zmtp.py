"""ZMTP 3.x after the greeting (RFC 23, 37): frames, and the commands inside them.

frame     flags(1)  size(1 or 8)  body      flags: 1 more, 2 long, 4 command
command   name-size(1)  name  data
property  name-size(1)  name  value-size(4)  value
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MORE, LONG, COMMAND = 1, 2, 4
SHORT_LIMIT = 255
LONGEST_SIZE = (1 << 63) - 1
PING_CONTEXT_BYTES = 16

Properties = tuple[tuple[str, bytes], ...]


class Broken(ValueError):
    """The bytes are not ZMTP; nothing that follows on this connection can be read."""


@dataclass(frozen=True)
class Frame:
    """One frame: part of a message, or a command."""

    body: bytes
    more: bool = False
    command: bool = False


@dataclass(frozen=True)
class ZmtpCommand:
    """READY, ERROR, PING and the like; the meaning of `data` depends on the name."""

    name: str
    data: bytes = b""


def encode(frame: Frame) -> bytes:
    """Encode a frame, with a short size where possible."""
    flags = MORE * frame.more | COMMAND * frame.command
    if len(frame.body) > SHORT_LIMIT:
        return bytes((flags | LONG,)) + len(frame.body).to_bytes(8, "big") + frame.body
    return bytes((flags, len(frame.body))) + frame.body


def encode_command(command: ZmtpCommand) -> bytes:
    """Encode a command in its frame."""
    name = command.name.encode("ascii")
    return encode(Frame(bytes((len(name),)) + name + command.data, command=True))


class Decoder:
    """Turns bytes into whole frames; `limit` is the most bytes in the body of a frame."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete now.

        Raises Broken, after which the connection is unusable.
        """
        self._buffer += data
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        return frames

    def _take(self) -> Frame | None:
        if len(self._buffer) < 2:
            return None
        flags = self._buffer[0]
        if flags & ~(MORE | LONG | COMMAND) or flags & (MORE | COMMAND) == MORE | COMMAND:
            raise Broken(f"flags {flags:#04x} are none of ZMTP 3")
        start = 9 if flags & LONG else 2
        if len(self._buffer) < start:
            return None
        size = int.from_bytes(self._buffer[1:start], "big")
        if size > self._limit:
            raise Broken(f"a frame of {size} bytes, more than {self._limit}")
        if len(self._buffer) < start + size:
            return None
        body = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return Frame(body, bool(flags & MORE), bool(flags & COMMAND))


def read_command(body: bytes) -> ZmtpCommand:
    """Parse the body of a command frame; raises Broken."""
    size = body[0] if body else 0
    name = body[1 : 1 + size]
    if not size or len(name) < size or not name.isalnum() or not name.isascii():
        raise Broken("a command without a name")
    return ZmtpCommand(name.decode("ascii"), body[1 + size :])


def build_properties(properties: Iterable[tuple[str, bytes]]) -> bytes:
    """Encode the properties of READY and INITIATE."""
    return b"".join(_property(name.encode("ascii"), value) for name, value in properties)


def _property(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + len(value).to_bytes(4, "big") + value


def read_properties(data: bytes) -> Properties:
    """Parse properties in their order; raises Broken.

    Names are case-insensitive: use `lookup`.
    """
    found = []
    while data:
        size = data[0]
        name, sizes = data[1 : 1 + size], data[1 + size : 5 + size]
        length = int.from_bytes(sizes, "big")
        value, data = data[5 + size : 5 + size + length], data[5 + size + length :]
        if not size or len(sizes) < 4 or len(value) < length or not name.isascii():
            raise Broken("properties that end too soon")
        found.append((name.decode("ascii"), value))
    return tuple(found)


def lookup(properties: Properties, name: str) -> bytes | None:
    """Return the value of a property, ignoring the case of its name."""
    for have, value in properties:
        if have.lower() == name.lower():
            return value
    return None


def ready(socket_type: str, routing_id: bytes = b"") -> bytes:
    """Return the READY command of the NULL mechanism, in its frame."""
    properties = [("Socket-Type", socket_type.encode("ascii")), ("Identity", routing_id)]
    return encode_command(ZmtpCommand("READY", build_properties(properties)))


def ping(context: bytes, ttl_tenths: int = 0) -> bytes:
    """Return a ZMTP 3.1 PING in its frame; the peer answers with PONG and the same context."""
    if len(context) > PING_CONTEXT_BYTES:
        raise ValueError(f"a PING carries at most {PING_CONTEXT_BYTES} bytes")
    return encode_command(ZmtpCommand("PING", ttl_tenths.to_bytes(2, "big") + context))


def error_reason(data: bytes) -> str:
    """Return the text of an ERROR command; libzmq sends the ZAP status, such as `400`."""
    size = data[0] if data else 0
    return data[1 : 1 + size].decode("ascii", "replace")
