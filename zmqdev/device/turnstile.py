"""How many newcomers a side takes in before those who came earlier are done with.

Each that comes and goes costs work: what its monitor tells is read; what a subscriber asks for is
counted, and when it goes libzmq walks over all topics to take out its own, so each end costs
more the more connections wait for theirs. Thousands a second left no time for messages. So a
listener has a number of places; each newcomer takes one, and new ones are given when nothing is
left to do for those before. Until then newcomers wait with the system, before any handshake (see
system/_gate.h).

The number doubles while all places are taken, and halves while connections end and a round costs
much. Those that come and stay are let in as fast as can be. It begins anew when few come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from zmqdev.system import libzmq
from zmqdev.system.libzmq import Keeper

# Places at first, and at most, by the keeper. What an end costs the data thread is not known
# before.
FIRST = {Keeper.DATA: 8, Keeper.MONITOR: 64}
MOST = {Keeper.DATA: 64, Keeper.MONITOR: 256}
LEAST = 1
# Seconds of a processor for one round with ends: above it fewer are let in.
LONG = 0.010
# How long it stays as it was after a round that cost much, or in which all places were taken.
CAREFUL = 1.0
# So long after all places were taken the next ones may be waiting.
CROWDED = 0.02


class Turnstile:
    """Of one side, for one of its keepers and in its thread. `listeners`: their descriptors."""

    def __init__(self, keeper: Keeper, listeners: Callable[[], tuple[int, ...]]) -> None:
        self._keeper, self._listeners = keeper, listeners
        self._first, self._most = FIRST[keeper], MOST[keeper]
        self._places = self._first
        self._work = 0.0
        self._ended = libzmq.ended()
        self._stays_until = self._crowded_until = 0.0

    @contextmanager
    def work(self) -> Iterator[None]:
        """What is done meanwhile is for those that came and went."""
        began = time.thread_time()
        try:
            yield
        finally:
            self._work += time.thread_time() - began

    def overran(self, seconds: float) -> None:
        """Something else took so much longer than it should: for those that went, if any did."""
        if libzmq.ended() != self._ended:
            self._work += max(0.0, seconds)

    @property
    def crowded(self) -> bool:
        """Whether newcomers wait, as far as is known: then the next round should come soon."""
        return time.monotonic() < self._crowded_until

    def caught_up(self, each: float = 0.0) -> None:
        """Nothing is left to do for them: the next ones may come. `each`: what one of them costs
        at least, in seconds, beside the work that is measured."""
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
