"""The greeting of ZMTP (RFC 15, 23, 37): version and mechanism.

ZMTP 3.x   ff 8*00 7f  major minor  mechanism[20]  as-server  31*00      64 bytes
ZMTP 2.0   ff 8*xx x|1  01  socket-type  identity frame
ZMTP 1.0   length 00 identity                     (libzmq 2.x: no signature at all)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
GREETING_BYTES = 64
# Signature and version: on receiving these, libzmq sends the rest of its greeting.
OPENING_BYTES = 12
MECHANISM_BYTES = 20
_MECHANISM = slice(12, 12 + MECHANISM_BYTES)
_AS_SERVER = 32
# The socket types by their numbers in ZMTP 2.0.
TYPES_2_0 = (
    *("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER"),
    *("ROUTER", "PULL", "PUSH", "XPUB", "XSUB"),
)


class Unread(Enum):
    """Why bytes are not a greeting, or not yet."""

    SHORT = "more bytes are needed"
    FOREIGN = "not ZMTP"


@dataclass(frozen=True)
class Greeting:
    """What a peer says first. `socket_type` is set for ZMTP 2.0 only."""

    major: int
    minor: int
    mechanism: str = "NULL"
    as_server: bool = False
    socket_type: str | None = None

    @property
    def version(self) -> str:
        """Return the version as `major.minor`."""
        return f"{self.major}.{self.minor}"


def build(mechanism: str = "NULL", *, as_server: bool = False, minor: int = 1) -> bytes:
    """Return the 64 bytes of a ZMTP 3 greeting; raises ValueError for a bad mechanism."""
    name = mechanism.encode("ascii")
    if not 1 <= len(name) <= MECHANISM_BYTES:
        raise ValueError(f"a mechanism has 1 to {MECHANISM_BYTES} characters")
    head = SIGNATURE + bytes((3, minor)) + name.ljust(MECHANISM_BYTES, b"\0")
    return head + bytes((as_server,)) + bytes(31)


def read(data: bytes) -> Greeting | Unread:
    """Parse a greeting from the bytes that have come so far."""
    if not data:
        return Unread.SHORT
    if data[0] != 0xFF:
        return _read_unsigned(data)
    if len(data) < 10:
        # Telnet negotiation begins with ff fb..fe; the length in a signature is never
        # that large.
        return Unread.SHORT if not any(data[1:8]) else Unread.FOREIGN
    if not data[9] & 1 or any(data[1:8]):
        return Unread.FOREIGN
    if len(data) < 11:
        return Unread.SHORT
    return _read_signed(data)


def _read_unsigned(data: bytes) -> Greeting | Unread:
    """Parse the opening of libzmq 2.x: its identity as a frame, 01 00 when there is none."""
    if len(data) < 2:
        return Unread.SHORT if data == b"\x01" else Unread.FOREIGN
    if data[1] != 0 or len(data) > 1 + data[0]:
        return Unread.FOREIGN
    if len(data) < 1 + data[0]:
        return Unread.SHORT
    return Greeting(1, 0)


def _read_signed(data: bytes) -> Greeting | Unread:
    revision = data[10]
    if revision == 0:
        return Greeting(1, 0)
    if len(data) < 12:
        return Unread.SHORT
    if revision == 1:
        return _read_2_0(data[11])
    if revision < 3:
        return Unread.FOREIGN
    if len(data) < GREETING_BYTES:
        return Unread.SHORT
    return _read_3(data)


def _read_2_0(number: int) -> Greeting | Unread:
    if number >= len(TYPES_2_0):
        return Unread.FOREIGN
    return Greeting(2, 0, socket_type=TYPES_2_0[number])


def _read_3(data: bytes) -> Greeting | Unread:
    name, _, padding = data[_MECHANISM].partition(b"\0")
    if padding.strip(b"\0") or not name or not all(33 <= byte < 127 for byte in name):
        return Unread.FOREIGN
    return Greeting(data[10], data[11], name.decode("ascii"), data[_AS_SERVER] == 1)
