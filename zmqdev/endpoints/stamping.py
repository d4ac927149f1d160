"""A feed whose messages carry stamps: `pub|push|client --stamp`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from zmqdev.endpoints.feed import Feed, Messages
from zmqdev.endpoints.outer_feed import MappedFeed
from zmqdev.wire.stamp import SOURCE_BYTES, Stamp, stamped


class StampedFeed(MappedFeed):
    """Another feed, whose messages get a stamp when they are taken."""

    def __init__(self, feed: Feed, clock: Callable[[], int] = time.time_ns) -> None:
        super().__init__(feed, self._stamp)
        self._clock = clock
        self._source = os.urandom(SOURCE_BYTES)
        self._next = 0

    def _stamp(self, messages: Messages) -> Messages:
        now, source = self._clock(), self._source
        first, self._next = self._next, self._next + len(messages)
        return [
            stamped(frames, Stamp(source, number, now))
            for number, frames in enumerate(messages, first)
        ]
