"""A feed whose messages carry stamps: `pub|push|client --stamp`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from zmqdev.endpoints.feed import Feed, Messages
from zmqdev.wire.stamp import SOURCE_BYTES, Stamp, stamped


class StampedFeed:
    """Another feed, with a stamp on each message as it is taken up to be sent."""

    def __init__(self, feed: Feed, clock: Callable[[], int] = time.time_ns) -> None:
        self._feed, self._clock = feed, clock
        self._source = os.urandom(SOURCE_BYTES)
        self._next = 0

    @property
    def total(self) -> int | None:
        return self._feed.total

    @property
    def ended(self) -> bool:
        return self._feed.ended

    @property
    def ready(self) -> bool:
        return self._feed.ready

    @property
    def waiting(self) -> int:
        return self._feed.waiting

    def fileno(self) -> int | None:
        return self._feed.fileno()

    def take(self, limit: int) -> Messages:
        now, source = self._clock(), self._source
        taken = self._feed.take(limit)
        first, self._next = self._next, self._next + len(taken)
        return [
            stamped(frames, Stamp(source, number, now))
            for number, frames in enumerate(taken, first)
        ]

    def close(self) -> None:
        self._feed.close()
