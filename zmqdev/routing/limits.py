"""The counting conditions: a share of the matching messages, and a rate.

A share counts and uses no random numbers, so the same input gives the same output. A
rate is a token bucket that holds one second. With a key there is a bucket for each of
up to 65,536 keys; a new key replaces the oldest of eight neighbours.
"""

from __future__ import annotations

WHOLE = 10_000
"""A share of one, in hundredths of a percent."""
SLOTS, NEIGHBOURS = 65_536, 8


class ShareLimit:
    """Takes `part` of WHOLE messages, evenly spread."""

    def __init__(self, part: int) -> None:
        self.part = part
        self._due = 0

    def take(self) -> bool:
        """Whether to take the next message."""
        self._due += self.part
        if self._due < WHOLE:
            return False
        self._due -= WHOLE
        return True


class RateLimit:
    """Token buckets of `most` messages a second and as many at once. Times are in nanoseconds.

    All numbers are integers, so that both halves of the relay get the same result. A
    bucket is stored as the time at which it will be full again.
    """

    def __init__(self, most: int, each: int = 1_000_000_000) -> None:
        self.cost = each // most
        """Nanoseconds that one message takes from a bucket."""
        self.depth = self.cost * most
        self._full_at: dict[int, int] = {}
        self._slots: list[int | None] = []

    def take(self, now: int, key: int = 0) -> bool:
        """Whether a message at `now` is within the rate of its key (a hash of 64 bits)."""
        full_at = max(now, self._of(key, now))
        if full_at + self.cost - now > self.depth:
            return False
        self._full_at[key] = full_at + self.cost
        return True

    def _of(self, key: int, now: int) -> int:
        if key in self._full_at:
            return self._full_at[key]
        if not self._slots:
            self._slots = [None] * SLOTS
        place = self._place(key)
        old = self._slots[place]
        if old is not None:
            del self._full_at[old]
        self._slots[place] = key
        self._full_at[key] = now
        return now

    def _place(self, key: int) -> int:
        """Return a free slot among the key's neighbours, else the one used longest ago."""
        found = [(key + step) % SLOTS for step in range(NEIGHBOURS)]
        for place in found:
            if self._slots[place] is None:
                return place
        return min(found, key=lambda place: self._full_at[self._slots[place] or 0])
