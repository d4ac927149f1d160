"""A row of a spool: a burst of messages in a blob, with a checksum.

Head: the number of messages and of frames, four bytes each, low byte first. Then the number of
frames of each message, left out when it is the same for all; the size of each frame; the frames.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, pairwise

Message = Sequence[bytes]

VERSION = 1
APPLICATION = int.from_bytes(b"zmqs", "big")
TABLE = (
    "create table burst (key integer primary key, messages integer, bytes integer, body blob,"
    " crc integer)"
)
_HEAD = struct.Struct("<II")
# Bytes of a page, those for bodies of rows, and those that a row adds. A large body has its own
# pages.
_PAGE, _USABLE, _ROW = 4096, 4092, 48


@dataclass(frozen=True)
class Burst:
    """A row that was read.

    `messages` is None when the row is damaged. `count` is the number of messages that the row
    states. `cost` is its approximate bytes on disk.
    """

    key: int
    count: int
    cost: int
    messages: Sequence[Message] | None


@dataclass(frozen=True)
class Batch:
    """Messages as they came, and their bytes in a row."""

    messages: Sequence[Message]
    bytes: int
    frames: int


# Bytes that a frame adds to a row.
_HEADS = 8


def batch_of(messages: Sequence[Message]) -> Batch:
    """Make a batch of messages."""
    frames = list(chain.from_iterable(messages))
    return Batch(messages, sum(map(len, frames)) + _HEADS * len(frames), len(frames))


def joined(batches: Sequence[Batch], most: int, largest: int) -> list[Sequence[Message]]:
    """Join small batches, up to `most` messages and `largest` bytes."""
    rows: list[list[Message]] = []
    size = 0
    for batch in batches:
        size += batch.bytes
        if not rows or len(rows[-1]) + len(batch.messages) > most or size > largest:
            rows.append([])
            size = batch.bytes
        rows[-1] += batch.messages
    return list(rows)


def _packed(numbers: Sequence[int]) -> bytes:
    made = array("I", numbers)
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()


def _unpacked(body: bytes) -> array[int]:
    made = array("I", body)
    if sys.byteorder == "big":
        made.byteswap()
    return made


def pack(messages: Sequence[Message]) -> bytes:
    """Encode messages as the body of a row."""
    frames = list(chain.from_iterable(messages))
    plain = len(frames) == len(messages)
    counts = b"" if plain else _packed(list(map(len, messages)))
    sizes = _packed(list(map(len, frames)))
    return b"".join((_HEAD.pack(len(messages), len(frames)), counts, sizes, *frames))


def unpack(body: bytes) -> list[Message]:
    """Decode the body of a row; ValueError when it is malformed."""
    try:
        messages, total = _HEAD.unpack_from(body)
    except struct.error as error:
        raise ValueError("the head is cut off") from error
    plain, at = messages == total, _HEAD.size
    counts = [1] * messages if plain else _unpacked(body[at : at + 4 * messages])
    at += 0 if plain else 4 * messages
    sizes = _unpacked(body[at : at + 4 * total])
    at += 4 * total
    ends = list(accumulate(sizes, initial=at))
    if len(sizes) != total or sum(counts) != total or ends[-1] != len(body):
        raise ValueError("it is cut off")
    frames = [body[start:end] for start, end in pairwise(ends)]
    if plain:
        return list(zip(frames, strict=True))
    cuts = pairwise(accumulate(counts, initial=0))
    return [frames[start:end] for start, end in cuts]


def checksum(key: int, count: int, size: int, body: bytes) -> int:
    """Return the checksum of a row."""
    return zlib.crc32(body, zlib.crc32(b"%d:%d:%d:" % (key, count, size)))


def row_of(key: int, messages: Sequence[Message]) -> tuple[int, int, int, bytes, int]:
    """Make the row of messages."""
    body = pack(messages)
    size = len(body)
    return key, len(messages), size, body, checksum(key, len(messages), size, body)


def burst_of(row: tuple[object, ...]) -> Burst:
    """Decode a row; the result has no messages when the row is damaged."""
    key, count, size, body, crc = row
    assert isinstance(key, int)  # SQLite's own row number
    if not isinstance(count, int) or not isinstance(size, int):
        return Burst(key, 0, 0, None)
    damaged = Burst(key, max(0, count), cost(max(0, size)), None)
    if not isinstance(body, bytes) or checksum(key, count, size, body) != crc:
        return damaged
    try:
        return replace(damaged, messages=unpack(body))
    except ValueError:
        return damaged


def cost(size: int) -> int:
    """Return the approximate bytes in the file for a body of `size` bytes."""
    taken = size + _ROW
    return taken if taken < _USABLE // 2 else -(-taken // _USABLE) * _PAGE
