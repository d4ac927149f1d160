"""The rows of a store in SQLite: their encoding, and a checksum for each.

SQLite itself notices few flipped bits (70 of 1,500), so each row has a checksum over its values.
Frames of a body: four bytes of length, high byte first, then the frame.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

from zmqdev.broker.record import Answer, Dead, Kept

VERSION = 1
APPLICATION = int.from_bytes(b"zmqd", "big")
# Rows are inserted and deleted; only the number of attempts is ever changed.
TABLES = (
    "create table meta (name text primary key, value)",
    "create table request (key integer primary key, call blob, service blob, arrived real,"
    " attempts integer, body blob, crc integer)",
    "create table reply (call blob primary key, until real, code text, body blob, crc integer)",
    "create index reply_until on reply (until)",
    "create table dead (key integer primary key, call blob, service blob, reason text, at real,"
    " body blob, crc integer)",
    "insert into meta values ('rows', 0)",
)
Row = tuple[Any, ...]
_LENGTH = struct.Struct(">I")
_DOUBLE = struct.Struct(">d").pack


def pack(body: tuple[bytes, ...]) -> bytes:
    """Encode frames as one value."""
    return b"".join(part for frame in body for part in (_LENGTH.pack(len(frame)), frame))


def unpack(packed: bytes) -> tuple[bytes, ...]:
    """Decode a packed body into frames; ValueError when it is malformed."""
    frames, at = [], 0
    while at < len(packed):
        if at + _LENGTH.size > len(packed):
            raise ValueError("a length is cut off")
        [length] = _LENGTH.unpack_from(packed, at)
        at += _LENGTH.size + length
        if at > len(packed):
            raise ValueError("a frame is cut off")
        frames.append(packed[at - length : at])
    return tuple(frames)


def checksum(*values: Any) -> int:
    """Return the checksum of the values of a row; TypeError for a value that no row has."""
    try:
        return zlib.crc32(b"".join([_MADE[type(value)](value) for value in values]))
    except KeyError:
        raise TypeError("neither a number nor bytes") from None


# Encodes a value with its type, since a damaged value may have another type.
_MADE: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"\0",
    int: lambda value: b"i%d" % value,
    float: _DOUBLE,
    bytes: lambda value: b"%d:%b" % (len(value), value),
}


def request_row(kept: Kept) -> Row:
    """Return the row of a request."""
    row = (kept.key, kept.call, kept.service, kept.arrived, kept.attempts, pack(kept.body))
    return (*row, _of_request(*row))


def _of_request(
    key: Any, call: Any, service: Any, arrived: Any, attempts: Any, body: Any
) -> int | None:
    """Return the `checksum` of a request's values in half the time.

    A start may read a million. It is None for values that no request has.
    """
    numbers = type(key) is int and type(arrived) is float and type(attempts) is int
    if not (numbers and type(service) is bytes and type(body) is bytes):
        return None
    if call is not None and type(call) is not bytes:
        return None
    called = b"\0" if call is None else b"%d:%b" % (len(call), call)
    lead = (key, called, len(service), service, _DOUBLE(arrived), attempts, len(body))
    return zlib.crc32(body, zlib.crc32(b"i%d%b%d:%b%bi%d%d:" % lead))


def reply_row(answer: Answer) -> Row:
    """Return the row of an answer."""
    row = (answer.call, answer.until, answer.code.encode(), pack(answer.body))
    return (*row, checksum(*row))


def dead_row(dead: Dead) -> Row:
    """Return the row of a dead letter."""
    row = (dead.key, dead.call, dead.service, dead.reason.encode(), dead.at, pack(dead.body))
    return (*row, checksum(*row))


def is_whole(row: Row) -> bool:
    """Return whether the last value of a row is the checksum of the others."""
    try:
        return bool(checksum(*row[:-1]) == row[-1])
    except TypeError:
        return False


def kept_of(row: Row) -> Kept | None:
    """Return the request of a row; None when the row is damaged."""
    key, call, service, arrived, attempts, body, crc = row
    if crc is None or _of_request(key, call, service, arrived, attempts, body) != crc:
        return None
    return Kept(key, call, service, arrived, attempts, unpack(body))


def answer_of(row: Row) -> Answer | None:
    """Return the answer of a row; None when the row is damaged."""
    if not is_whole(row):
        return None
    call, until, code, body, _ = row
    return Answer(call, until, code.decode(), unpack(body))


def dead_of(row: Row) -> Dead | None:
    """Return the dead letter of a row; None when the row is damaged."""
    if not is_whole(row):
        return None
    key, call, service, reason, at, body, _ = row
    return Dead(key, call, service, reason.decode(), at, unpack(body))


def damaged_of(row: Row, at: float) -> Dead:
    """Make the dead letter of a damaged row, with the values that can be read."""
    key, call, service, _, _, body, _ = row
    left = (body,) if isinstance(body, bytes) else ()
    return Dead(
        key,
        call if isinstance(call, bytes) else None,
        service if isinstance(service, bytes) else b"",
        "damaged",
        at,
        left,
    )
