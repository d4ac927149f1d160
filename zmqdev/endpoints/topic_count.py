"""Counts and rates of messages by topic.

A topic is the first frame of several, or the text before the first blank of a single frame. The
rate of a topic is that of the last whole second.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

# Most topics that are counted separately, because peers choose the names.
MOST_TOPICS = 100_000
# Bytes of a topic that are kept.
LONGEST = 256
WINDOW = 1.0
OTHERS = b"(others)"


@dataclass
class TopicFlow:
    """The totals of one topic, and its rate in the last second."""

    name: bytes
    messages: int = 0
    bytes: int = 0
    rate: float = 0.0
    marked: int = 0  # messages at the last look


class TopicCount:
    """Counts by topic. Call `add` with bursts and `look` regularly, then read `top`."""

    def __init__(self, separator: bytes = b" ", most: int = MOST_TOPICS) -> None:
        self._separator, self._most = separator, most
        self._topics: dict[bytes, TopicFlow] = {}
        self._others = TopicFlow(OTHERS)
        self._first: float | None = None
        self._looked = 0.0
        self._last = 0.0

    def __len__(self) -> int:
        return len(self._topics)

    @property
    def seconds(self) -> float:
        """Return the seconds from the first message to the last look."""
        return 0.0 if self._first is None else self._last - self._first

    def add(self, messages: Sequence[Sequence[bytes]], now: float) -> None:
        """Count a burst of messages."""
        if self._first is None:
            self._first = self._looked = now
        self._last = now
        for frames in messages:
            flow = self._flow(self._name(frames))
            flow.messages += 1
            flow.bytes += sum(map(len, frames))

    def look(self, now: float) -> None:
        """Measure the rates if a second has passed."""
        if self._first is None:
            return
        self._last, past = now, now - self._looked
        if past < WINDOW:
            return
        self._looked = now
        for flow in chain(self._topics.values(), (self._others,)):
            flow.rate = (flow.messages - flow.marked) / past
            flow.marked = flow.messages

    def top(self, most: int | None = None) -> list[TopicFlow]:
        """Return the topics by number of messages, then by name.

        The last row is for all topics beyond the limit.
        """

        def order(flow: TopicFlow) -> tuple[int, bytes]:
            return -flow.messages, flow.name

        flows = self._topics.values()
        found = sorted(flows, key=order) if most is None else heapq.nsmallest(most, flows, order)
        return [*found, self._others] if self._others.messages else found

    def mean(self, flow: TopicFlow) -> float | None:
        """Return messages a second from the first message to the last look.

        It is None when no time has passed.
        """
        return flow.messages / self.seconds if self.seconds > 0 else None

    def plain(self, most: int) -> list[dict[str, Any]]:
        """Return the top topics as a snapshot holds them."""
        return [
            {
                "name": flow.name.decode(errors="replace"),
                "messages": flow.messages,
                "bytes": flow.bytes,
                "rate": round(flow.rate, 1),
            }
            for flow in self.top(most)
        ]

    def _name(self, frames: Sequence[bytes]) -> bytes:
        name = frames[0] if len(frames) > 1 else frames[0].partition(self._separator)[0]
        return name[:LONGEST]

    def _flow(self, name: bytes) -> TopicFlow:
        flow = self._topics.get(name)
        if flow is None:
            if len(self._topics) >= self._most:
                return self._others
            flow = self._topics[name] = TopicFlow(name)
        return flow
