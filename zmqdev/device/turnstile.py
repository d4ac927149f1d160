"""How many new connections a side accepts before earlier ones are dealt with.

A peer that comes and goes costs work: its monitor events are read, and subscriptions are counted.
When a subscriber leaves, libzmq searches all topics for its own, so each end costs more, the more
connections wait for theirs. Thousands of them a second would leave no time for messages. So a
listener has a number of places. Each new connection takes one, and new places are given when
nothing is left to do for the earlier connections. Until then connections wait in the system, before
any handshake (see system/_gate.h).

The number is doubled while all places are taken, and halved while connections end and a round is
expensive. So peers that stay are accepted as fast as possible. It is reset when few peers come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from zmqdev.system import libzmq
from zmqdev.system.libzmq import Keeper

# The first and the largest number of places, by keeper. The cost of an end for the data thread is
# not known in advance.
FIRST = {Keeper.DATA: 8, Keeper.MONITOR: 64}
MOST = {Keeper.DATA: 64, Keeper.MONITOR: 256}
LEAST = 1
# Seconds of processor time of a round with ends; above it, fewer connections are accepted.
LONG = 0.010
# Seconds for which the number is kept after an expensive round, or one with all places taken.
CAREFUL = 1.0
# Seconds after all places were taken in which more connections are probably waiting.
CROWDED = 0.02


class Turnstile:
    """The places of one side, for one of its keepers and used in its thread.

    `listeners` returns the descriptors of the listeners.
    """

    def __init__(self, keeper: Keeper, listeners: Callable[[], tuple[int, ...]]) -> None:
        self._keeper, self._listeners = keeper, listeners
        self._first, self._most = FIRST[keeper], MOST[keeper]
        self._places = self._first
        self._work = 0.0
        self._ended = libzmq.ended()
        self._stays_until = self._crowded_until = 0.0

    @contextmanager
    def work(self) -> Iterator[None]:
        """Count the time of the block as work for connections that came and went."""
        began = time.thread_time()
        try:
            yield
        finally:
            self._work += time.thread_time() - began

    def overran(self, seconds: float) -> None:
        """Count the excess time of something else as work, if any connections have ended."""
        if libzmq.ended() != self._ended:
            self._work += max(0.0, seconds)

    @property
    def crowded(self) -> bool:
        """Whether connections are probably waiting, so that the next round should come soon."""
        return time.monotonic() < self._crowded_until

    def caught_up(self, each: float = 0.0) -> None:
        """Give new places, as nothing is left to do for the earlier connections.

        `each` is the least cost of a connection in seconds, besides the measured work.
        """
        most = min(self._most, int(LONG / each)) if each else self._most
        places = max(LEAST, min(most, self._places))
        left = libzmq.let_in(self._listeners(), self._keeper, places)
        ended = libzmq.ended()
        costly = self._work > LONG and ended != self._ended
        self._adapt(left <= 0, costly, time.monotonic())
        self._work, self._ended = 0.0, ended

    def _adapt(self, taken: bool, costly: bool, now: float) -> None:
        if taken:
            self._crowded_until = now + CROWDED
        if costly:
            self._places = max(LEAST, self._places // 2)
        elif taken:
            self._places = min(self._most, self._places * 2)
        elif now >= self._stays_until:
            self._places = self._first
        if taken or costly:
            self._stays_until = now + CAREFUL
