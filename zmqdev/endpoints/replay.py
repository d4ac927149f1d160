"""Sending a recording again at its own times: `pub|push|client -F day.jsonl --replay`.

Rules. Time is an argument.

- The gap between two messages is the recorded one, divided by the speed. There is no gap if the
  second message is older, because the clock was set or another file begins.
- Messages delayed by a short stall are sent at once. After a stall longer than MEMORY the rest is
  shifted by it, because one burst of all missed messages is not what was recorded.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from zmqdev.endpoints.feed import Messages, StreamFeed
from zmqdev.endpoints.form.format import Layout, Message
from zmqdev.endpoints.form.jsonline import decode_recorded
from zmqdev.endpoints.outer_feed import ChainFeed

MEMORY = 1.0
# Messages that are parsed ahead at a time, some milliseconds of work.
AHEAD = 512


class Timeline:
    """The times when messages are due, from the times in the recording."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start: float | None = None
        self._last: float | None = None  # as recorded
        self._offset = 0.0

    def offset(self, recorded: float) -> float:
        """Return the seconds from the first message to the next one, which was recorded then."""
        if self._last is not None:
            self._offset += max(0.0, recorded - self._last)
        self._last = recorded
        return self._offset

    def due(self, offset: float, now: float) -> float:
        """Return when the next message is due."""
        if self._start is None:
            self._start = now
        due = self._start + offset / self._speed
        if now - due > MEMORY:
            self._start += now - due
            due = now
        return due

    def passed(self, offset: float, now: float) -> bool:
        """Return whether a message after the next one is due as well."""
        assert self._start is not None
        return self._start + offset / self._speed <= now


class Recorded(NamedTuple):
    """A message read ahead, `offset` seconds after the first one, `size` bytes in its file."""

    offset: float
    recorded: float
    size: int
    message: Message


class RecordedFeed(StreamFeed):
    """JSON lines with times; `marks` has the time and the size of each message taken."""

    def __init__(
        self, descriptor: int, layout: Layout, name: str, count: int | None = None, limit: int = 0
    ) -> None:
        super().__init__(descriptor, layout, name, count, limit)
        self.marks: deque[tuple[float, int]] = deque()
        found = os.fstat(descriptor)
        self.size = found.st_size if stat.S_ISREG(found.st_mode) else None

    def _all(self, records: list[bytes]) -> Messages:
        messages: Messages = []
        for record in records:
            time, frames = decode_recorded(record)
            self.marks.append((time, len(record) + 1))
            messages.append(frames)
        return messages

    def _one(self, record: bytes) -> object:
        return decode_recorded(record)


class Replay:
    """A feed and its pace in one, see `Feed` and `Pacing`.

    While nothing is read ahead, one message counts as due, so that `take` is called. That call only
    reads ahead; then it is known what is due.
    """

    def __init__(
        self, feeds: Sequence[RecordedFeed], speed: float, count: int | None = None
    ) -> None:
        self.total = count
        self._feeds, self._chain = feeds, ChainFeed(feeds, count)
        self._timeline = Timeline(speed)
        self._speed = speed
        self._ahead: deque[Recorded] = deque()
        self._sent: Recorded | None = None  # the last one
        self._sent_bytes = 0
        self._sizes = [feed.size for feed in feeds]

    @property
    def ended(self) -> bool:
        """Whether all messages were taken."""
        return self._chain.ended and not self._ahead

    @property
    def ready(self) -> bool:
        """Whether a message is available without reading."""
        return bool(self._ahead) or self._chain.ready

    @property
    def waiting(self) -> int:
        """Return how many messages were read from a pipe; those of a file can be read again."""
        return 0 if self._whole else len(self._ahead) + self._chain.waiting

    @property
    def _whole(self) -> int:
        """Return the bytes of all files; 0 when one of them is a pipe."""
        return 0 if None in self._sizes else sum(size or 0 for size in self._sizes)

    def fileno(self) -> int | None:
        """Return the descriptor to poll while the feed is not ready."""
        return self._chain.fileno()

    def take(self, limit: int) -> Messages:
        """Return at most `limit` messages; when none is read ahead, read ahead only."""
        if not self._ahead:
            self._read_ahead()
            return []
        taken = [self._ahead.popleft() for _ in range(min(limit, len(self._ahead)))]
        if taken:
            self._sent = taken[-1]
            self._sent_bytes += sum(one.size for one in taken)
        return [one.message for one in taken]

    def _read_ahead(self) -> None:
        messages = self._chain.take(AHEAD)
        marks = [mark for feed in self._feeds for mark in feed.marks]
        for feed in self._feeds:
            feed.marks.clear()
        for message, (recorded, size) in zip(messages, marks, strict=True):
            offset = self._timeline.offset(recorded)
            self._ahead.append(Recorded(offset, recorded, size, message))

    def close(self) -> None:
        """Close the files."""
        self._chain.close()

    def due(self, now: float) -> int:
        """Return how many messages are due."""
        if not self._ahead:
            return 1
        if self._timeline.due(self._ahead[0].offset, now) > now:
            return 0
        behind = takewhile(lambda item: self._timeline.passed(item.offset, now), self._ahead)
        return sum(1 for _ in behind)

    def sent(self, count: int, now: float) -> None:
        """Do nothing: `take` has removed the messages."""

    def next(self, now: float) -> float:
        """Return when the next message is due."""
        return self._timeline.due(self._ahead[0].offset, now) if self._ahead else now

    def told(self) -> dict[str, float]:
        """Return `recorded`, the time in the recording.

        If all inputs are files, also `replayed`, the part that was sent, and `left`, in seconds.
        """
        if self._sent is None:
            return {"replayed": 0.0} if self._whole else {}
        found = {"recorded": self._sent.recorded}
        if self._whole:
            done = found["replayed"] = min(1.0, self._sent_bytes / self._whole)
            if done < 1:
                found["left"] = self._sent.offset / self._speed * (1 - done) / done
        return found
