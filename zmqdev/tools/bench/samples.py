"""Message counts over time, which tell a steady rate from a burst at the end.

While a sender sends, buffers along the way fill; once it stops and its core is free,
they empty. So a rate is measured between two moments at which everything ran.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

APART = 0.01
"""Least seconds between two marks."""
SETTLE = 0.1
"""First part of a run that does not count: connections warm up and buffers fill."""

Mark = tuple[float, int]


class Marks:
    """Records (monotonic seconds, total); both only grow."""

    def __init__(self) -> None:
        self._made: list[Mark] = []
        self._last: Mark | None = None
        self._due = 0.0

    def add(self, now: float, total: int) -> None:
        """Record the total, at most once per APART seconds."""
        self._last = (now, total)
        if now >= self._due:
            self._made.append(self._last)
            self._due = now + APART

    @property
    def all(self) -> tuple[Mark, ...]:
        """Return all marks, and always the very last one."""
        extra = [] if self._last is None or self._last in self._made[-1:] else [self._last]
        return (*self._made, *extra)


def total_at(marks: Sequence[Mark], at: float) -> float:
    """Return how many messages had come at a moment, interpolated between two marks.

    The first mark is the start.
    """
    place = bisect_right(marks, at, key=lambda mark: mark[0])
    if place == 0 or not marks:
        return float(marks[0][1]) if marks else 0.0
    if place == len(marks):
        return float(marks[-1][1])
    (before, fewer), (after, more) = marks[place - 1], marks[place]
    return fewer + (more - fewer) * (at - before) / (after - before)


def rate(receivers: Sequence[Sequence[Mark]], start: float, end: float) -> float:
    """Return the messages a second of all receivers together.

    `start` and `end` are the moments when the senders began and stopped. A run too
    short to have a middle is taken whole, from its start to the last mark.
    """
    last = max((marks[-1][0] for marks in receivers if marks), default=start)
    settled = start + SETTLE * (end - start)
    until = min(end, last)
    if until - settled < 10 * APART:
        total = sum(marks[-1][1] for marks in receivers if marks)
        return total / (last - start) if last > start else 0.0
    came = sum(total_at(marks, until) - total_at(marks, settled) for marks in receivers)
    return came / (until - settled)
