"""The counting conditions: a share of the matching messages, and a rate.

A share counts up and takes no chances: the same input gives the same output. A rate is a token
bucket that holds one second; with a key there is one for each of up to 65,536 keys, and the
oldest of eight neighbours gives way to a new one.
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
        self._due += self.part
        if self._due < WHOLE:
            return False
        self._due -= WHOLE
        return True


class RateLimit:
    """Token buckets of `most` a second and of as many at once. Times are in nanoseconds.

    Integers throughout, so that both halves of the relay come to the same result: a bucket is
    the time at which it will be full again.
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
        """A free one of the key's neighbours, else the one whose bucket was used longest ago."""
        found = [(key + step) % SLOTS for step in range(NEIGHBOURS)]
        for place in found:
            if self._slots[place] is None:
                return place
        return min(found, key=lambda place: self._full_at[self._slots[place] or 0])
