"""Numbered messages, prepared before the clock starts.

Each message begins with its number modulo the length of the ring. So a sender only
takes slices, and a receiver sees from the first and last message of a burst whether all
between have come. While fewer messages are in flight than the ring holds, the full
number follows from the one before.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

NUMBER = struct.Struct("<q")
HELLO = NUMBER.pack(-1)
"""The number of a message that only tests whether the connection is open."""
SMALL, BURST, BURST_BYTES = 4096, 500, 256 << 10
MOST_BYTES = 32 << 20


class Ring:
    """A ring of numbered messages of `size` bytes, at least twice `least` of them."""

    def __init__(self, size: int, least: int = 0) -> None:
        self.burst = max(1, min(BURST, BURST_BYTES // size))
        self.length = ring_length(size, least)
        rest = bytes(size - NUMBER.size)
        messages = [[NUMBER.pack(number) + rest] for number in range(self.length)]
        # Stored twice, so that a slice that wraps around is contiguous too.
        self._messages = messages * 2

    def slice(self, start: int, count: int) -> list[list[bytes]]:
        """Return `count` messages from number `start` on, at most `burst`."""
        at = start % self.length
        return self._messages[at : at + min(count, self.burst)]


def ring_length(size: int, least: int = 0) -> int:
    """Return the length of the ring, which sender and receivers must agree on."""
    return max(2, 2 * least, min(SMALL, MOST_BYTES // size), min(BURST, BURST_BYTES // size))


class Follower:
    """Follows the numbers of one sender: the number that comes next, and the gaps so far."""

    def __init__(self, length: int) -> None:
        self.length, self.next, self.breaks = length, 0, 0

    def take(self, burst: Sequence[Sequence[bytes]]) -> bool:
        """Take a received burst; return whether it is complete.

        Gaps within a burst count as one break, a gap before it as another.
        """
        first, last = number_of(burst[0]), number_of(burst[-1])
        skipped = (first - self.next) % self.length
        span = (last - first) % self.length + 1
        breaks = bool(skipped) + (span != len(burst))
        self.breaks += breaks
        self.next += skipped + span
        return not breaks


def number_of(message: Sequence[bytes]) -> int:
    """Return the number at the start of a message."""
    return int(NUMBER.unpack_from(message[0])[0])
