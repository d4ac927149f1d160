"""Numbered messages, made before the clock starts.

A message begins with its number modulo the length of the ring, so a sender only
takes slices, and a receiver tells from the first and the last message of a burst
whether all between have come. As long as fewer messages than the ring holds are
in flight, the whole number follows from the one before.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

NUMBER = struct.Struct("<q")
HELLO = NUMBER.pack(-1)
"""The number of a message that only finds out whether the way is open."""
SMALL, BURST, BURST_BYTES = 4096, 500, 256 << 10
MOST_BYTES = 32 << 20


class Ring:
    """Numbered messages of `size` bytes, twice `least` of them or more; slices go on for ever."""

    def __init__(self, size: int, least: int = 0) -> None:
        self.burst = max(1, min(BURST, BURST_BYTES // size))
        self.length = ring_length(size, least)
        rest = bytes(size - NUMBER.size)
        messages = [[NUMBER.pack(number) + rest] for number in range(self.length)]
        # Twice over, so that no slice has to be put together.
        self._messages = messages * 2

    def slice(self, start: int, count: int) -> list[list[bytes]]:
        """`count` messages from number `start` on; at most `burst`."""
        at = start % self.length
        return self._messages[at : at + min(count, self.burst)]


def ring_length(size: int, least: int = 0) -> int:
    """Receivers must come to the same as the sender."""
    return max(2, 2 * least, min(SMALL, MOST_BYTES // size), min(BURST, BURST_BYTES // size))


class Follower:
    """What a receiver of one sender knows: the number that comes next, and what it missed."""

    def __init__(self, length: int) -> None:
        self.length, self.next, self.breaks = length, 0, 0

    def take(self, burst: Sequence[Sequence[bytes]]) -> bool:
        """A burst that was received; whether it is complete. A hole anywhere in it is one break."""
        first, last = number_of(burst[0]), number_of(burst[-1])
        skipped = (first - self.next) % self.length
        span = (last - first) % self.length + 1
        breaks = bool(skipped) + (span != len(burst))
        self.breaks += breaks
        self.next += skipped + span
        return not breaks


def number_of(message: Sequence[bytes]) -> int:
    return int(NUMBER.unpack_from(message[0])[0])
