"""A stamp: the last frame of a message, with its source, number, time and checksum.

    magic[4] "ZQS1"  source[8]  sequence u64  time i64 (ns since 1970)  frames u16  crc32 u32

All numbers are big-endian. `frames` is the number of frames before the stamp that it
covers, so a routing id that a ROUTER puts in front does not matter. The checksum covers
these frames and the stamp before it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

MAGIC = b"ZQS1"
SOURCE_BYTES = 8
_HEAD = struct.Struct(">4s8sQqH")
_CHECKSUM = struct.Struct(">I")
STAMP_BYTES = _HEAD.size + _CHECKSUM.size
MOST_FRAMES = 0xFFFF


@dataclass(frozen=True)
class Stamp:
    """The content of a stamp. `time_ns` is the sender's clock."""

    source: bytes
    sequence: int
    time_ns: int


def stamped(frames: Sequence[bytes], stamp: Stamp) -> list[bytes]:
    """Return the message with its stamp; raises ValueError when it has too many frames."""
    if len(frames) > MOST_FRAMES:
        raise ValueError(f"a stamp speaks for at most {MOST_FRAMES} frames")
    head = _HEAD.pack(MAGIC, stamp.source, stamp.sequence, stamp.time_ns, len(frames))
    return [*frames, head + _CHECKSUM.pack(_checksum(frames, head))]


def read(message: Sequence[bytes]) -> Stamp | None:
    """Return the stamp of a message; None when it has none or was changed."""
    last = message[-1] if message else b""
    if len(last) != STAMP_BYTES:
        return None
    head = last[: _HEAD.size]
    magic, source, sequence, time_ns, count = _HEAD.unpack(head)
    if magic != MAGIC or count > len(message) - 1:
        return None
    body = message[len(message) - 1 - count : -1]
    if _CHECKSUM.unpack(last[_HEAD.size :])[0] != _checksum(body, head):
        return None
    return Stamp(source, sequence, time_ns)


def _checksum(frames: Sequence[bytes], head: bytes) -> int:
    """Return the checksum; it includes the lengths, so that ab,c differs from a,bc."""
    value = zlib.crc32(head)
    for frame in frames:
        value = zlib.crc32(frame, zlib.crc32(len(frame).to_bytes(8, "big"), value))
    return value
