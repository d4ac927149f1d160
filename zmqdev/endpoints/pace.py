"""Pacing: when messages are due at a given rate. Time is an argument.

Message k is due at start + k / rate. Due messages are sent in batches of at most `BATCH` seconds'
worth, so a high rate is a steady stream of small batches and not one burst a second. After a stall
the missed messages are sent at twice the rate. Those missed by more than `MEMORY` seconds are never
sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

BATCH = 0.010
MEMORY = 1.0


class Pacing(Protocol):
    """When messages are sent."""

    def due(self, now: float) -> int:
        """Return how many messages may be sent now."""

    def sent(self, count: int, now: float) -> None:
        """Record that `count` messages were sent."""

    def next(self, now: float) -> float:
        """Return when `due` will be above zero."""

    def told(self) -> dict[str, float]:
        """Return its progress as numbers of a snapshot."""


class Pace:
    """A steady pace of `rate` messages a second; the first one is due at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._batch = max(1, math.floor(rate * BATCH))
        self._start: float | None = None
        self._sent = 0  # since _start
        self._not_before = -math.inf

    def due(self, now: float) -> int:
        """Return how many messages may be sent now; at most one batch."""
        if self._start is None:
            self._start = now
        if now < self._not_before:
            return 0
        behind = self._behind(now)
        forgotten = behind - max(1, math.floor(self._rate * MEMORY))
        if forgotten > 0:  # a stall: the schedule starts anew
            self._start, self._sent, behind = now, 0, 1
        return min(behind, self._batch)

    def sent(self, count: int, now: float) -> None:
        """Record that `count` messages were sent."""
        self._sent += count
        still_behind = self._behind(now) > 0
        self._not_before = now + count / self._rate / 2 if still_behind and count else -math.inf

    def next(self, now: float) -> float:
        """Return when `due` will be above zero."""
        if self._start is None:
            return now
        return max(self._not_before, self._start + self._sent / self._rate)

    def told(self) -> dict[str, float]:
        """Return nothing: there is no progress to report."""
        return {}

    def _behind(self, now: float) -> int:
        assert self._start is not None
        # 1e-6 makes up for a rounding error when `now` is exactly the due time.
        return math.floor((now - self._start) * self._rate + 1e-6) + 1 - self._sent


class JitterPace:
    """Single messages, `interval` seconds apart, give or take up to `jitter`.

    `draw` returns a random number from 0 to 1. The first message is due at once.
    """

    def __init__(self, interval: float, jitter: float, draw: Callable[[], float]) -> None:
        self._interval, self._jitter, self._draw = interval, jitter, draw
        self._next = -math.inf

    def due(self, now: float) -> int:
        """Return 1 when a message may be sent now, else 0."""
        return 1 if now >= self._next else 0

    def sent(self, count: int, now: float) -> None:
        """Draw the time of the next message."""
        if count:
            self._next = now + self._interval + self._jitter * (2 * self._draw() - 1)

    def next(self, now: float) -> float:
        """Return when `due` will be above zero."""
        return max(now, self._next)

    def told(self) -> dict[str, float]:
        """Return nothing: there is no progress to report."""
        return {}
