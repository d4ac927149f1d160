"""The rows of a store in SQLite: their encoding, and a checksum for each.

SQLite finds few flipped bits by itself (70 of 1,500), so each row has a checksum over its values.
Frames of a body: four bytes of length, high byte first, and the frame.
"""

from __future__ import annotations

import struct
import zlib
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


def pack(body: tuple[bytes, ...]) -> bytes:
    return b"".join(part for frame in body for part in (_LENGTH.pack(len(frame)), frame))


def unpack(packed: bytes) -> tuple[bytes, ...]:
    """ValueError when it is not what `pack` makes."""
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
    """Of the values of a row; TypeError for a value that no row has."""
    crc = 0
    for value in values:
        crc = zlib.crc32(_bytes(value), crc)
    return crc


def _bytes(value: Any) -> bytes:
    if value is None:
        return b"\0"
    if isinstance(value, int):
        return b"i%d" % value
    if isinstance(value, float):
        return struct.pack(">d", value)
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    raise TypeError("neither a number nor bytes")


def request_row(kept: Kept) -> Row:
    row = (kept.key, kept.call, kept.service, kept.arrived, kept.attempts, pack(kept.body))
    return (*row, checksum(*row))


def reply_row(answer: Answer) -> Row:
    row = (answer.call, answer.until, answer.code.encode(), pack(answer.body))
    return (*row, checksum(*row))


def dead_row(dead: Dead) -> Row:
    row = (dead.key, dead.call, dead.service, dead.reason.encode(), dead.at, pack(dead.body))
    return (*row, checksum(*row))


def is_whole(row: Row) -> bool:
    """Whether the checksum, the last value, is that of the others."""
    try:
        return bool(checksum(*row[:-1]) == row[-1])
    except TypeError:
        return False


def kept_of(row: Row) -> Kept | None:
    """None when the row is damaged."""
    if not is_whole(row):
        return None
    key, call, service, arrived, attempts, body, _ = row
    return Kept(key, call, service, arrived, attempts, unpack(body))


def answer_of(row: Row) -> Answer | None:
    if not is_whole(row):
        return None
    call, until, code, body, _ = row
    return Answer(call, until, code.decode(), unpack(body))


def dead_of(row: Row) -> Dead | None:
    if not is_whole(row):
        return None
    key, call, service, reason, at, body, _ = row
    return Dead(key, call, service, reason.decode(), at, unpack(body))


def damaged_of(row: Row, at: float) -> Dead:
    """The dead letter of a request's row that is damaged, with what can be read of it."""
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
